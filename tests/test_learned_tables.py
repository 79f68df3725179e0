"""Classes are counted, and what is confused and what differs is said in numbers."""

import numpy as np
from fixtures_records import case

from bench.learned import Learned
from bench.report import learned as tables

NAMES = ("cat", "dog", "<b>")


def of(name, *predicted, **changes):
    return Learned(case(name, **changes), np.zeros((4, 3), np.float32), np.array(predicted))


def test_every_class_is_counted_in_every_part():
    labels = {"train": np.array([0] * 1000 + [2], np.int32), "test": np.array([1], np.int32)}
    table = tables.counts(labels, NAMES)
    assert table.headings == ("label", "class", "train", "test")
    assert table.lines == [["0", "cat", "1,000", "0"], ["1", "dog", "0", "1"],
                           ["2", "<b>", "1", "0"]]  # fmt: skip
    assert table.numeric == {2, 3}


def test_each_row_says_how_many_images_it_puts_elsewhere_than_the_first():
    found = [of("a", 0, 1, 2, 2), of("b", 0, 1, 1, 0, objective="one-vs-rest")]
    table = tables.differences(found, np.array([0, 1, 2, 0], np.int32))
    assert table.title == "Test images, of 4"
    assert table.lines == [["a", "0.7500", "0"], ["b (one-vs-rest)", "0.7500", "2"]]
    assert "into another class than a does" in table.note
    (on_gpu,) = tables.differences([of("a", 0, device="gpu")], np.array([0], np.int32)).lines
    assert on_gpu[0] == "a (gpu)"


def test_the_worst_confusions_are_named_with_their_share_of_the_class():
    counted = np.array([[7, 2, 1], [0, 5, 5], [0, 0, 10]])
    table = tables.confusions(counted, NAMES)
    assert table.lines == [["dog", "<b>", "5", "50 %"], ["cat", "dog", "2", "20 %"],
                           ["cat", "<b>", "1", "10 %"]]  # fmt: skip
    assert [line[2] for line in tables.confusions(counted, NAMES, most=1).lines] == ["5"]
    assert tables.confusions(np.diag([1, 2, 3]), NAMES).lines == []


def test_it_is_said_on_how_many_images_all_of_one_problem_agree():
    same = [of("a", 0, 1, 2, 2), of("b", 0, 1, 2, 2)]
    other = of("c", 1, 0, 0, 0, objective="one-vs-rest")
    assert tables.agreement([*same, other]) == [
        "All 2 softmax classifiers put every one of the 4 test images into the same class."
    ]
    torn = [of("d", 1, 1, 2, 2), of("e", 0, 0, 2, 2)]
    assert tables.agreement([*same, *torn]) == [
        "All 4 softmax classifiers put all but 2 of the 4 test images into the same class."
    ]
    assert tables.agreement([same[0], other]) == []
