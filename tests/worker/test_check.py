"""The calls of ``bench check`` to a trainer that records them; faults: see tests/runner/parity."""

import numpy as np
import pytest

from bench.contract import SGD, Params, Problem
from bench.worker import check
from bench.worker.guard import SuiteSnapshot
from bench.worker.measure import Request
from bench.worker.workloads import CHECK_SEGMENTS, draw_order

SAMPLES = 8
TEST_IMAGES = np.arange(30, dtype=np.float32).reshape(10, 3)


class Recorder:
    """A trainer that adds one to its weights in each epoch, and records its calls."""

    def __init__(self, problem, device):
        self.calls = [("setup", device)]
        type(self).last = self

    def reset(self, params):
        self.weight = params.weight.copy()
        self.calls.append(("reset", float(self.weight[0, 0])))

    def train_epoch(self, order):
        self.weight += 1
        self.calls.append(("epoch", tuple(order)))
        return Params(self.weight.copy(), np.zeros(2, np.float32))

    def predict(self, images):
        self.calls.append(("predict", float(self.weight[0, 0]), images[:, 0].tolist()))
        return np.full(len(images), int(self.weight[0, 0]))


def run_check(*, watch=False):
    images = np.linspace(0, 1, SAMPLES * 3, dtype=np.float32).reshape(SAMPLES, 3)
    problem = Problem(images, np.arange(SAMPLES, dtype=np.int32) % 2, 2, 4, SGD(0.1))
    starts = {
        segment: Params(np.full((3, 2), 100 * number, np.float32), np.zeros(2, np.float32))
        for number, segment in enumerate(CHECK_SEGMENTS, 1)
    }
    request = Request(starts[CHECK_SEGMENTS[0]], 42, 5, TEST_IMAGES, SuiteSnapshot())
    return check.check_trainer(Recorder, problem, "cpu", request, starts, watch=watch)


def test_calls_are_made_in_order():
    measurement, params, labels = run_check()
    forth, back = TEST_IMAGES[:, 0].tolist(), TEST_IMAGES[::-1, 0].tolist()
    epochs = [("epoch", tuple(draw_order(42, epoch, SAMPLES))) for epoch in range(6)]
    assert Recorder.last.calls == [
        ("setup", "cpu"),
        ("reset", 100),
        epochs[0],
        ("reset", 200),
        *epochs[1:],
        ("predict", 205, forth),
        ("reset", 300),
        ("predict", 300, forth),
        epochs[1],
        ("predict", 301, back),
        ("predict", 301, back[:7]),
    ]
    assert params[:, 0, 0].tolist() == [101, 201, 202, 203, 204, 205, 301]
    assert len(measurement.epoch_seconds) == len(measurement.epoch_cpu_seconds) == 7
    assert TEST_IMAGES[0, 0] == 0  # the reversed images are a copy
    other = Params(np.full((3, 2), 300, np.float32), np.zeros(2, np.float32))
    epochs = [Params(epoch[:-1], epoch[-1]) for epoch in params]
    predictions = check.list_predictions(epochs, other, TEST_IMAGES)
    expected = [int(weights.weight[0, 0]) for _, weights, images in predictions for _ in images]
    assert labels.tolist() == expected == [205] * 10 + [300] * 10 + [301] * 17
    assert [images[0, 0] for *_, images in predictions] == [0, 0, 27, 27]


@pytest.mark.parametrize("watch", [True, False])
def test_idle_is_required_when_requested(monkeypatch, watch):
    calls = []
    monkeypatch.setattr(check, "require_idle", lambda: calls.append(len(Recorder.last.calls)))
    run_check(watch=watch)
    # After the last epoch, before anything else is requested.
    assert calls == ([13] if watch else [])
