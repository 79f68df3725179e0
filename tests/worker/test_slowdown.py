"""A known slowdown: its size, and the epochs that have it."""

import numpy as np
import pytest

from bench.contract import Params
from bench.worker import slowdown
from bench.worker.slowdown import SlowedTrainer, burn, slow_down

ORDER = np.arange(4)


class Recorder:
    def __init__(self):
        self.calls = []

    def reset(self, params):
        self.calls.append(("reset", params))

    def train_epoch(self, order):
        self.calls.append(("train_epoch", order))
        return Params(np.ones((2, 2), np.float32), np.ones(2, np.float32))

    def predict(self, images):
        self.calls.append(("predict", images))
        return np.array([7])


@pytest.mark.parametrize(
    ("epochs", "share", "every", "reset", "burns"),
    [
        ([2.0, 0.5, 10.0], 0.2, 1, None, {1: 0.4, 2: 0.1, 3: 2.0}),
        ([1.0] * 7, 0.5, 3, None, {3: 0.5, 6: 0.5}),
        ([1.0] * 7, 0.5, 5, 2, {5: 0.5}),
    ],
)
def test_every_nth_epoch_whatever_is_reset_burns_a_share_of_its_time(
    monkeypatch, epochs, share, every, reset, burns
):
    burnt = {}
    monkeypatch.setattr(
        slowdown, "time_call", lambda call, order: (call(order), epochs[number - 1])
    )
    monkeypatch.setattr(slowdown, "burn", lambda seconds: burnt.update({number: seconds}))
    trainer = SlowedTrainer(Recorder(), share, every)
    for number in range(1, len(epochs) + 1):
        if number == reset:
            trainer.reset(None)
        trainer.train_epoch(ORDER)
    assert burnt == pytest.approx(burns)


def test_slowed_trainer_passes_arguments_and_results():
    recorder, arguments = Recorder(), []
    slowed = slow_down(lambda *given: arguments.append(given) or recorder, share=0.0, every=1)
    trainer = slowed("problem", "gpu")
    assert arguments == [("problem", "gpu")]
    assert trainer.train_epoch(ORDER).weight.shape == (2, 2)
    assert trainer.predict(ORDER) == [7]
    trainer.reset("params")
    assert recorder.calls == [("train_epoch", ORDER), ("predict", ORDER), ("reset", "params")]


def test_burn_reads_the_clock_without_sleeping(monkeypatch):
    ticks = iter([10.0, 10.0, 10.125, 10.24, 10.25, 99.0])
    monkeypatch.setattr(slowdown, "now", lambda: next(ticks))
    burn(0.25)
    assert next(ticks) == 99.0


def test_slowdown_lengthens_every_second_epoch_in_a_worker(driven):
    code = """
from bench.worker.slowdown import slow_down
from implementations.idiomatic import softmax_numpy
Trainer = slow_down(softmax_numpy.Trainer, share=9.0, every=2)
"""
    drive, outcome = driven(code, epochs=20, batch_size=8)
    assert outcome.status == "ok", outcome.reason
    seconds = drive.measurement.epoch_seconds
    assert len(seconds) == 20
    # Every second one takes ten times as long. No load slows all of the others down to a third.
    assert min(seconds[1::2]) > 3 * min(seconds[::2])
