"""The oracle's params show what a classifier learns, from the run's seed and the data alone."""

import numpy as np
import pytest
from support.data import idx_files, write_idx
from support.records import case

from bench.analysis import weights
from bench.contract import SGD, Params, Problem
from bench.data import dataset, idx
from bench.runner.parity import oracle
from bench.runner.parity.oracle import Solution
from bench.worker.data import read
from bench.worker.workloads import draw_order

SEED = 7


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


@pytest.mark.parametrize(("epochs", "compared"), [(2, 2), (100, 5)])
def test_train_gives_the_oracle_after_the_last_compared_epoch(data, epochs, compared):
    trained = weights.train_oracle(case(epochs=epochs, batch_size=8, samples=40), SEED, data)
    problem = Problem(*read(data.folder, "train"), 10, 8, SGD(0.05))
    zeros = Params(np.zeros((16, 10), np.float32), np.zeros(10, np.float32))
    orders = [draw_order(SEED, epoch, 40) for epoch in range(1, compared + 1)]
    expected = oracle.train(problem, zeros, orders)[-1]
    assert np.array_equal(trained.weight, expected.weight)
    assert np.array_equal(trained.bias, expected.bias)


def test_confusion_counts_labels_by_row_and_predictions_by_column(data):
    next_class = np.roll(np.eye(16, 10), 1, axis=1)
    next_class[9] = np.eye(10)[4]
    counts = weights.count_confusion(Solution(next_class, np.zeros(10)), data)
    assert [tuple(cell) for cell in np.argwhere(counts)] == [
        *((label, label + 1) for label in range(9)),
        (9, 4),
    ]
    assert counts.sum() == 10
    constant = weights.count_confusion(Solution(next_class, 9.0 * np.eye(10)[7]), data)
    assert constant[:, 7].tolist() == [1] * 10
