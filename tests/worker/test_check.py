"""The script of ``bench check``, with a trainer that records its calls."""

import numpy as np
import pytest

from bench.contract import SGD, Params, Problem
from bench.worker import check, guard, measure
from bench.worker.check import CheckRequest
from bench.worker.guard import ContractError
from bench.worker.workloads import CHECK_SEGMENTS, draw_order

SAMPLES = 8
START = {stretch: number for number, stretch in enumerate(CHECK_SEGMENTS, 1)}


@pytest.fixture
def problem():
    images = np.linspace(0, 1, SAMPLES * 3, dtype=np.float32).reshape(SAMPLES, 3)
    return Problem(images, np.arange(SAMPLES, dtype=np.int32) % 2, 2, 4, SGD(0.1))


class Book:
    """A trainer that adds one to its weights in each epoch, and writes down what it is asked."""

    def __init__(self, problem, device):
        self.calls = [("setup", device)]
        type(self).last = self

    def reset(self, params):
        self.weight = params.weight.copy()
        self.calls.append(("reset", float(self.weight[0, 0])))

    def train_epoch(self, samples):
        self.weight += 1
        self.calls.append(("epoch", tuple(samples)))
        return Params(self.weight.copy(), np.zeros(2, np.float32))

    def predict(self, images):
        self.calls.append(("predict", float(self.weight[0, 0]), images[:, 0].tolist()))
        return np.full(len(images), int(self.weight[0, 0]))


def asked(*, watch=False):
    starts = {
        stretch: Params(np.full((3, 2), 100 * number, np.float32), np.zeros(2, np.float32))
        for stretch, number in START.items()
    }
    tests = np.arange(30, dtype=np.float32).reshape(10, 3)
    return CheckRequest(starts, 42, tests, watch, guard.HarnessSnapshot())


def test_script_is_followed_in_order(problem):
    request = asked()
    measurement, params, labels = check.check_trainer(Book, problem, "cpu", request)
    forth, back = [3.0 * n for n in range(10)], [3.0 * n for n in range(9, -1, -1)]
    epochs = [("epoch", tuple(draw_order(42, epoch, SAMPLES))) for epoch in range(6)]
    assert Book.last.calls == [
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
    assert labels.tolist() == [205] * 10 + [300] * 10 + [301] * 17
    assert len(measurement.epoch_seconds) == len(measurement.epoch_cpu_seconds) == 7
    assert request.test_images[0, 0] == 0  # the script's own changes are made to a copy


def test_predictions_are_listed_with_their_params_and_images(problem):
    _, params, labels = check.check_trainer(Book, problem, "cpu", asked())
    epochs = [Params(each[:-1], each[-1]) for each in params]
    other = Params(np.full((3, 2), 300, np.float32), np.zeros(2, np.float32))
    shown = check.list_predictions(epochs, other, asked().test_images)
    expected = [int(weights.weight[0, 0]) for _, weights, images in shown for _ in images]
    assert labels.tolist() == expected
    assert [images[0, 0] for *_, images in shown] == [0, 0, 27, 27]


@pytest.mark.parametrize("watch", [True, False])
def test_idle_is_required_when_requested(problem, monkeypatch, watch):
    watched = []
    monkeypatch.setattr(check, "require_idle", lambda: watched.append(len(Book.last.calls)))
    check.check_trainer(Book, problem, "cpu", asked(watch=watch))
    # After the last epoch, before anything else is asked.
    assert watched == ([13] if watch else [])


def test_temporary_replacement_is_found(problem, monkeypatch):
    class Mends(Book):
        def reset(self, params):
            super().reset(params)
            monkeypatch.setattr(measure, "time_call", lambda call, *args: (call(*args), 0.0))

        def predict(self, images):
            monkeypatch.undo()
            return super().predict(images)

    with pytest.raises(ContractError, match=r"it replaced bench\.worker\.measure\.time_call"):
        check.check_trainer(Mends, problem, "cpu", asked())


@pytest.mark.parametrize("nth", [1, 3])
def test_changed_start_weights_are_a_fault(problem, nth):
    class Changes(Book):
        resets = 0

        def reset(self, params):
            super().reset(params)
            self.resets += 1
            if self.resets == nth:
                params.weight[0] += 1

    with pytest.raises(ContractError, match="changed the initial params that it received"):
        check.check_trainer(Changes, problem, "cpu", asked())


def test_images_change_within_the_same_array(problem):
    class Sees(Book):
        places = ()

        def predict(self, images):
            self.places += (images.__array_interface__["data"][0],)
            return super().predict(images)

    check.check_trainer(Sees, problem, "cpu", asked())
    assert len(Sees.last.places) == 4
    assert len(set(Sees.last.places)) == 1
