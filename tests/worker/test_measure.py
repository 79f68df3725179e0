"""One trial in this process, with a fake clock and a trainer that records its calls."""

import dataclasses
import gc

import numpy as np
import pytest

from bench.contract import SGD, Params, Problem
from bench.worker import guard, measure, workloads
from bench.worker.guard import ContractError, SuiteSnapshot
from bench.worker.measure import Request

SAMPLES = 8


class Clock:
    """Stands still until something is said to have taken time."""

    def __init__(self):
        self.nanoseconds = 0
        self.cpu = 0

    def spend(self, seconds, cpu=0.0):
        self.nanoseconds += round(seconds * 1e9)
        self.cpu += round(cpu * 1e9)


@pytest.fixture
def clock(monkeypatch, quick_collector):
    clock = Clock()
    monkeypatch.setattr(measure, "perf_counter_ns", lambda: clock.nanoseconds)
    monkeypatch.setattr(measure, "process_time_ns", lambda: clock.cpu)
    monkeypatch.setattr(gc, "collect", lambda *_: 0)  # slow where tests have much in memory
    return clock


@pytest.fixture
def problem():
    images = np.linspace(0, 1, SAMPLES * 3, dtype=np.float32).reshape(SAMPLES, 3)
    return Problem(images, np.arange(SAMPLES, dtype=np.int32) % 2, 2, 4, SGD(0.1))


def make_request(epochs=2):
    initial = Params(np.full((3, 2), 7, np.float32), np.full(2, 7, np.float32))
    return Request(initial, 42, epochs, np.zeros((5, 3), np.float32), SuiteSnapshot())


def make_trainer(clock, seconds=1.0, predict_seconds=0.05):
    """Make a Trainer class that writes down its calls; each kind of call takes its own time."""

    class Trainer:
        def __init__(self, problem, device):
            self.calls.append(("setup", device))
            clock.spend(1000)

        def reset(self, params):
            self.calls.append(("reset", float(params.weight[0, 0])))
            self.trained = 0
            clock.spend(100)

        def train_epoch(self, order):
            self.calls.append(("epoch",))
            self.orders.append(order.copy())
            self.trained += 1
            clock.spend(seconds, cpu=seconds / 2)
            weight = np.full((3, 2), self.trained, np.float32)
            return Params(weight, np.array([10, 20], np.float32) + self.trained)

        def predict(self, images):
            self.calls.append(("predict", images.shape))
            clock.spend(predict_seconds)
            return np.full(len(images), self.calls.count(("predict", images.shape)))

    Trainer.calls, Trainer.orders = [], []
    return Trainer


def test_phases_are_timed_in_order(clock, problem):
    trainer = make_trainer(clock, seconds=3)
    measurement, _, labels = measure.measure(trainer, problem, "cpu", make_request(epochs=2))
    assert trainer.calls == [
        ("setup", "cpu"),
        ("reset", 7),
        ("epoch",),
        ("reset", 7),
        ("epoch",),
        ("epoch",),
        *[("predict", (5, 3))] * 6,
    ]
    assert (measurement.setup_seconds, measurement.reset_seconds) == (1000, 100)
    assert (measurement.first_epoch_seconds, measurement.epoch_seconds) == (3, [3, 3])
    assert measurement.epoch_cpu_seconds == [1.5, 1.5]
    assert (measurement.first_predict_seconds, measurement.predict_seconds) == (0.05, [0.05] * 5)
    assert measurement.between_seconds == 100  # the second reset
    assert labels.tolist() == [6] * 5  # those of the last prediction
    assert measurement.warmup_seconds == []


class Monitor:
    """A monitor that counts how often it was read, and what had been trained by then."""

    other_processes = 1

    def __init__(self, trainer):
        self.trainer = trainer
        self.readings = []

    def read_conditions(self):
        self.readings.append(len(self.trainer.orders))
        return {"celsius": 40.0 + len(self.readings), "heat_seconds": None}

    def read_peak_bytes(self):
        return 1000 * len(self.trainer.orders)

    def read_joules(self):
        return 7.0 + len(self.trainer.orders)


def make_monitored(trainer, epochs=2, *, brief=False):
    return dataclasses.replace(make_request(epochs), brief=brief, monitor=Monitor(trainer))


@pytest.mark.parametrize(("seconds", "warm_ups", "brief"), [(0.3, 4, False), (1 / 512, 512, True)])
def test_gpu_warms_up_a_second_before_timed_epochs(clock, problem, seconds, warm_ups, brief):
    trainer = make_trainer(clock, seconds=seconds)
    request = make_monitored(trainer, epochs=7, brief=brief)
    measurement, params, _ = measure.measure(trainer, problem, "gpu", request)
    assert measurement.warmup_seconds == [seconds] * warm_ups
    assert measurement.first_epoch_seconds == seconds
    assert measurement.epoch_seconds == [seconds] * 7
    calls = [("reset", 7), *[("epoch",)] * (1 + warm_ups), ("reset", 7), ("epoch",)]
    assert trainer.calls[1:][: len(calls)] == calls
    assert len(params) == 1 + 7


def test_every_epoch_has_an_order_of_its_own(clock, problem):
    trainer = make_trainer(clock, seconds=0.5)
    measure.measure(trainer, problem, "gpu", make_monitored(trainer, epochs=200))
    numbers = [0, 1001, 1002, *range(1, 201)]
    expected = [workloads.draw_order(42, number, SAMPLES) for number in numbers]
    assert np.array_equal(trainer.orders, expected)


def test_gpu_is_read_around_the_timed_epochs(clock, problem):
    trainer = make_trainer(clock, seconds=1)
    request = make_monitored(trainer, epochs=3)
    measurement, *_ = measure.measure(trainer, problem, "gpu", request)
    assert request.monitor.readings == [2, 5]  # the first epoch and one of warm-up, and three more
    assert measurement.device_conditions == {
        "celsius_before": 41,
        "heat_seconds_before": None,
        "celsius_after": 42,
        "heat_seconds_after": None,
        "other_processes": 1,
    }
    assert measurement.peak_device_bytes == 5000
    assert measurement.energy_joules == 3


def test_params_are_stacked_with_bias_as_last_row(clock, problem):
    _, params, _ = measure.measure(make_trainer(clock), problem, "cpu", make_request(epochs=2))
    assert (params.shape, params.dtype) == ((3, 4, 2), np.float32)
    # The trainer counts epochs since its reset: the first one, then one and two again.
    assert params[:, :-1].tolist() == [[[n, n]] * 3 for n in (1, 1, 2)]
    assert params[:, -1].tolist() == [[10 + n, 20 + n] for n in (1, 1, 2)]


@pytest.mark.parametrize(
    ("device", "least", "seconds", "epochs"),
    [
        ("cpu", 1, 0.2, 3),  # 0.4 s are too few, 0.6 s enough
        ("cpu", 1, 0.25, 2),  # exactly half a second
        ("cpu", 5, 0.2, 5),
        ("cpu", 1, 0.001, 200),
        ("cpu", 201, 0.2, 201),
        ("gpu", 1, 0.25, 8),
    ],
)
def test_epochs_repeat_until_count_and_time_suffice(clock, problem, device, least, seconds, epochs):
    trainer = make_trainer(clock, seconds=seconds)
    measurement, params, _ = measure.measure(trainer, problem, device, make_request(least))
    assert len(measurement.epoch_seconds) == len(measurement.epoch_cpu_seconds) == epochs
    assert len(params) == 1 + epochs


@pytest.mark.parametrize(("seconds", "predictions"), [(0.05, 5), (1 / 64, 7), (1e-6, 200)])
def test_predictions_repeat_until_count_and_time_suffice(clock, problem, seconds, predictions):
    trainer = make_trainer(clock, predict_seconds=seconds)
    measurement, _, _ = measure.measure(trainer, problem, "cpu", make_request())
    assert len(measurement.predict_seconds) == predictions


def test_garbage_is_collected_before_every_epoch(clock, problem, monkeypatch):
    trainer = make_trainer(clock)
    monkeypatch.setattr(gc, "collect", lambda *young: trainer.calls.append(("collect", *young)))
    measure.measure(trainer, problem, "cpu", make_request(epochs=2))
    order = [call if call[0] == "collect" else call[0] for call in trainer.calls]
    whole, young = ("collect",), ("collect", 1)
    timed = [whole, young, "epoch", young, "epoch", whole, *["predict"] * 6]
    assert order == ["setup", "reset", "epoch", "reset", *timed]
    assert gc.isenabled()


def test_peak_memory_is_that_of_the_epochs(clock, problem, monkeypatch):
    trainer = make_trainer(clock)

    def read_peak_memory():
        trainer.calls.append(("memory",))
        return 12345

    monkeypatch.setattr(measure.machine, "read_peak_memory", read_peak_memory)
    measurement, _, _ = measure.measure(trainer, problem, "cpu", make_request(epochs=2))
    assert (measurement.energy_joules, measurement.peak_rss_bytes) == (None, 12345)
    names = [call[0] for call in trainer.calls]
    assert names[names.index("predict") - 3 :][:3] == ["epoch", "epoch", "memory"]


def test_time_call_reads_the_clock_around_one_call(clock):
    def call(first, second):
        clock.spend(2)
        return first + second

    clock.spend(50.5)
    assert measure.time_call(call, 3, 4) == (7, 2)
    assert measure.now() == 52.5


@pytest.mark.parametrize(
    ("settling", "watched", "fine"),
    [(0.3, 0.0, True), (0.0, 0.05, True), (0.0, 0.06, False)],
    ids=["settles", "edge", "computes on"],
)
def test_computing_while_idle_is_a_fault(clock, monkeypatch, settling, watched, fine):
    cpu, slept = iter([settling, watched]), []

    def sleep(seconds):
        slept.append(seconds)
        clock.spend(seconds, cpu=next(cpu))

    monkeypatch.setattr(measure, "sleep", sleep)
    if fine:
        measure.require_idle()
    else:
        with pytest.raises(ContractError, match=r"returned: 6% of a core between 0\.3 and 1\.3 s"):
            measure.require_idle()
    assert slept == [0.3, 1.0]


def test_all_work_of_the_suite_is_between_seconds(clock, problem, monkeypatch):
    def slow(owner, name, seconds):
        real = getattr(owner, name)

        def call(*arguments):
            clock.spend(seconds)
            return real(*arguments)

        monkeypatch.setattr(owner, name, call)

    slow(gc, "collect", 10**9)
    slow(measure, "draw_order", 10**3)
    slow(guard.ReturnedParams, "take", 10**4)
    slow(guard.ReturnedParams, "stack", 10**5)
    slow(guard.SuiteSnapshot, "check_clock", 10**6)
    slow(measure.machine, "read_peak_memory", 10**7)
    measurement, _, _ = measure.measure(make_trainer(clock), problem, "cpu", make_request(epochs=2))
    # Each digit says how often; the 100 are the second reset. Garbage is collected after it, before
    # both epochs and before the predictions.
    assert measurement.between_seconds == 4_042_133_100
    assert measurement.epoch_seconds == [1, 1]


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_changed_initial_params_are_a_fault(clock, problem, part):
    class Trainer(make_trainer(clock)):
        def reset(self, params):
            getattr(params, part)[0] += 1
            super().reset(params)

    with pytest.raises(ContractError, match="changed the initial params"):
        measure.measure(Trainer, problem, "cpu", make_request())
