"""What a classifier learns, shown by the oracle's weights."""

import numpy as np
import pytest
from support.data import idx_files, write_idx
from support.records import case, ok, run, write

from bench.data import dataset, idx
from bench.report.load import load_run
from bench.report.sections.setting.data import count_confusion, find_draws
from bench.runner.parity.draws import Draws
from bench.runner.parity.oracle import Solution


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Ten test images of one white pixel each, whose position is their label."""
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    images = np.zeros((10, 16), np.uint8)
    np.fill_diagonal(images, 255)
    tests = {
        idx.TEST_IMAGES: images.reshape(10, 4, 4),
        idx.TEST_LABELS: np.arange(10, dtype=np.uint8),
    }
    write_idx(tmp_path / "pixels", {**idx_files(samples=50, side=4), **tests})
    return dataset.find(str(tmp_path / "pixels"))


def test_confusion_counts_labels_by_row_and_predictions_by_column(data):
    next_class = np.roll(np.eye(16, 10), 1, axis=1)
    next_class[9] = np.eye(10)[4]
    counts = count_confusion(Solution(next_class, np.zeros(10)), data)
    assert [tuple(cell) for cell in np.argwhere(counts)] == [
        *((label, label + 1) for label in range(9)),
        (9, 4),
    ]
    assert counts.sum() == 10
    constant = count_confusion(Solution(next_class, 9.0 * np.eye(10)[7]), data)
    assert constant[:, 7].tolist() == [1] * 10


def test_weights_are_those_of_a_round_that_was_trained_to_its_end(tmp_path):
    three = dict.fromkeys(("validation_accuracy", "test_accuracy"), [0.8] * 3)
    odd, short, whole = Draws("no number"), Draws("1" * 32), Draws("2" * 32)
    records = [ok(case(), 1, entropy=odd.id), ok(case(epochs=3), 2, entropy=short.id, **three)]
    folder = write(tmp_path / "run", run(case()), *records, ok(case(), 3, entropy=whole.id))
    assert find_draws(load_run(folder), case()) is None
    (folder / "entropy").mkdir()
    for draws in (odd, short, whole):
        (folder / "entropy" / f"{draws.id}.txt").write_text(draws.entropy)
    assert find_draws(load_run(folder), case()) == whole
