"""A known slowdown: its size, and the epochs that have it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from studies import slowdown
from studies.slowdown import SlowedTrainer, burn, slow_down

from bench.contract import Params
from bench.worker.measure import now_cpu

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
    burnt, readings = {}, iter([reading for seconds in epochs for reading in (5.0, 5.0 + seconds)])
    monkeypatch.setattr(slowdown, "now_cpu", lambda: next(readings))
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


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_burnt_share_is_one_of_cpu_time_beside_a_busy_loop():
    recorder, usable = Recorder(), os.sched_getaffinity(0)
    recorder.train_epoch = lambda _: burn(0.02)
    os.sched_setaffinity(0, {min(usable)})  # that of the loop, too
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as loop:
        try:
            begin, trainer = now_cpu(), SlowedTrainer(recorder, share=0.02, every=1)
            for _ in range(25):
                trainer.train_epoch(ORDER)
            share = (now_cpu() - begin) / (25 * 0.02) - 1
        finally:
            loop.kill()
            os.sched_setaffinity(0, usable)
    assert share > 0.019  # of elapsed time it would be half
