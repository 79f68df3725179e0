"""Classes are counted, and the worst confusions are named."""

import numpy as np

from bench.report.sections import data as tables

NAMES = ("cat", "dog", "<b>")


def test_counts_has_every_class_in_every_part():
    labels = {"train": np.array([0] * 1000 + [2], np.int32), "test": np.array([1], np.int32)}
    table = tables.counts(labels, NAMES)
    assert table.headings == ("label", "class", "train", "test")
    assert table.lines == [
        ["0", "cat", "1,000", "0"],
        ["1", "dog", "0", "1"],
        ["2", "<b>", "1", "0"],
    ]
    assert table.numeric == {2, 3}


def test_confusions_names_the_worst_pairs_with_their_share_of_the_class():
    counted = np.array([[7, 2, 1], [0, 5, 5], [0, 0, 10]])
    table = tables.confusions(counted, NAMES)
    assert table.lines == [
        ["dog", "<b>", "5", "50 %"],
        ["cat", "dog", "2", "20 %"],
        ["cat", "<b>", "1", "10 %"],
    ]
    assert [line[2] for line in tables.confusions(counted, NAMES, most=1).lines] == ["5"]
    assert tables.confusions(np.diag([1, 2, 3]), NAMES).lines == []
