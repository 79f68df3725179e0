"""A known slowdown: its size, and the epochs that have it."""

import numpy as np
import pytest

from bench.contract import Params
from bench.runner.process.spec import ChildSpec
from bench.worker import slowdown
from bench.worker.slowdown import SlowedTrainer, burn, slow_down

ORDER = np.arange(4)


class Clock:
    """A clock that moves only where somebody works."""

    def __init__(self):
        self.seconds = 100.0

    def timed(self, call, *arguments):
        before = self.seconds
        return call(*arguments), self.seconds - before


class Worker:
    """A Trainer whose epochs take what the test says, and that keeps what it was asked."""

    def __init__(self, clock, epochs):
        self.clock = clock
        self.epochs = list(epochs)
        self.asked = []

    def reset(self, params):
        self.asked.append(("reset", params))

    def train_epoch(self, order):
        self.asked.append(("train_epoch", order))
        self.clock.seconds += self.epochs.pop(0)
        return Params(np.ones((2, 2), np.float32), np.ones(2, np.float32))

    def predict(self, images):
        self.asked.append(("predict", images))
        return np.array([7])


@pytest.fixture
def burnt(monkeypatch):
    """Burn epochs of so many seconds with a slowdown in them; what was burnt after each."""

    def run(epochs, share, every, resets=()):
        clock, burns = Clock(), []
        monkeypatch.setattr(slowdown, "time_call", clock.timed)
        monkeypatch.setattr(slowdown, "burn", lambda seconds: burns.append((number, seconds)))
        trainer = SlowedTrainer(Worker(clock, epochs), share, every)
        for number in range(1, len(epochs) + 1):
            if number in resets:
                trainer.reset(None)
            trainer.train_epoch(ORDER)
        return burns

    return run


def test_every_epoch_burns_a_share_of_its_time(burnt):
    burns = burnt([2.0, 0.5, 10.0], 0.2, 1)
    assert burns == [(1, pytest.approx(0.4)), (2, pytest.approx(0.1)), (3, pytest.approx(2.0))]


def test_only_every_nth_epoch_burns(burnt):
    assert burnt([1.0] * 7, 0.5, 3) == [(3, 0.5), (6, 0.5)]


def test_reset_restarts_the_count_of_epochs(burnt):
    # The warm-up epoch is one, then comes the reset: without it, the fourth would burn.
    assert burnt([1.0] * 7, 0.5, 5, resets=[2]) == [(6, 0.5)]


def test_slowed_trainer_passes_arguments_and_results():
    worker = Worker(Clock(), [1.0])
    trainer = slow_down(lambda problem, device: worker, {"share": 0.0, "every": 1})(
        "problem", "cpu"
    )
    assert trainer.train_epoch(ORDER).weight.shape == (2, 2)
    assert trainer.predict(ORDER) == [7]
    trainer.reset("params")
    names, values = zip(*worker.asked, strict=True)
    assert names == ("train_epoch", "predict", "reset")
    assert values[0] is values[1] is ORDER
    assert values[2] == "params"


def test_slowed_trainer_gets_problem_and_device():
    asked = []
    slow_down(lambda *given: asked.append(given), {"share": 0.1, "every": 2})("problem", "gpu")
    assert asked == [("problem", "gpu")]


def test_no_slowdown_returns_the_implementation():
    assert slow_down(Worker, None) is Worker


def test_burn_reads_the_clock_without_sleeping(monkeypatch):
    ticks = iter([10.0, 10.0, 10.125, 10.24, 10.25, 99.0])
    monkeypatch.setattr(slowdown, "now", lambda: next(ticks))
    burn(0.25)
    assert next(ticks) == 99.0


def test_slowdown_doubles_every_second_epoch_in_a_worker(launched):
    outcome = launched(
        child=ChildSpec(timeout=240, threads=1),
        brief=True,
        epochs=20,
        samples=1440,
        batch_size=2,
        slowdown={"share": 1.0, "every": 2},
    )
    assert outcome.status == "ok", outcome.reason
    seconds = outcome.document["epoch_seconds"]
    assert len(seconds) == 20
    # Every second one burns as long as it trains. Minima do not depend on what else is running.
    assert min(seconds[1::2]) > 1.5 * min(seconds[::2])
