"""One trial in this process, with a fake clock and a trainer that records its calls."""

import gc

import numpy as np
import pytest

from bench.contract import SGD, Params, Problem
from bench.worker import guard, measure, workloads
from bench.worker.guard import ContractError, HarnessSnapshot
from bench.worker.measure import Measurement, Request

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
    monkeypatch.setattr(
        gc, "collect", lambda *_: 0
    )  # takes its time where a suite has much in memory
    return clock


@pytest.fixture
def problem():
    images = np.linspace(0, 1, SAMPLES * 3, dtype=np.float32).reshape(SAMPLES, 3)
    return Problem(images, np.arange(SAMPLES, dtype=np.int32) % 2, 2, 4, SGD(0.1))


def make_request(epochs=2):
    initial = Params(np.full((3, 2), 7, np.float32), np.full(2, 7, np.float32))
    return Request(initial, 42, epochs, np.zeros((5, 3), np.float32), HarnessSnapshot())


def make_trainer(clock, seconds=1.0, **replaced):
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
            clock.spend(0.05)
            return np.arange(len(images))

    Trainer.calls, Trainer.orders = [], []
    for name, function in replaced.items():
        setattr(Trainer, name, function)
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
    assert labels.tolist() == [0, 1, 2, 3, 4]


def test_epoch_n_uses_order_n(clock, problem):
    trainer = make_trainer(clock)
    measure.measure(trainer, problem, "cpu", make_request(epochs=3))
    expected = [workloads.draw_order(42, epoch, SAMPLES) for epoch in range(4)]
    assert np.array_equal(trainer.orders, expected)
    assert len({tuple(order) for order in trainer.orders}) == 4


class Meter:
    """A watch that counts how often it was asked, and what had been trained by then."""

    other_processes = 1

    def __init__(self, trainer):
        self.trainer = trainer
        self.seen = []

    def read_conditions(self):
        self.seen.append(len(self.trainer.orders))
        return {"celsius": 40.0 + len(self.seen), "throttle": None}

    def read_peak_bytes(self):
        return 1000 * len(self.trainer.orders)

    def read_energy(self):
        return len(self.trainer.orders)

    def read_energy_since(self, before):
        return float(len(self.trainer.orders) - before), None


def make_watched(trainer, epochs=2, *, brief=False):
    made = make_request(epochs)
    return Request(made.initial, 42, epochs, made.test_images, made.snapshot, brief, Meter(trainer))


def test_short_epochs_warm_a_gpu_as_long_as_long_ones(clock, problem):
    trainer = make_trainer(clock, seconds=0.002)
    measurement, *_ = measure.measure(trainer, problem, "gpu", make_watched(trainer))
    assert 500 <= len(measurement.warmup_seconds) <= 501
    assert sum(measurement.warmup_seconds) >= 1


@pytest.mark.parametrize("brief", [False, True])
def test_gpu_warms_up_a_second_before_timed_epochs(clock, problem, brief):
    trainer = make_trainer(clock, seconds=0.3)
    request = make_watched(trainer, epochs=7, brief=brief)
    measurement, params, _ = measure.measure(trainer, problem, "gpu", request)
    assert measurement.warmup_seconds == [0.3] * 4  # three were 0.9 s
    assert (measurement.first_epoch_seconds, measurement.epoch_seconds) == (0.3, [0.3] * 7)
    calls = [("epoch",)] * 5
    assert trainer.calls[1:9] == [("reset", 7), *calls, ("reset", 7), ("epoch",)]
    assert len(params) == 1 + 7


def test_warm_up_orders_are_used_by_no_other_epoch(clock, problem, monkeypatch):
    monkeypatch.setattr(workloads, "draw_order", None)  # what is asked for is what measure imported
    numbers = []
    monkeypatch.setattr(
        measure,
        "draw_order",
        lambda _, number, samples: numbers.append(number) or np.arange(samples),
    )
    trainer = make_trainer(clock, seconds=0.5)
    measure.measure(trainer, problem, "gpu", make_watched(trainer, epochs=200))
    assert numbers == [0, 1001, 1002, *range(1, 201)]


def test_cpu_is_not_warmed_up(clock, problem):
    trainer = make_trainer(clock, seconds=0.1)
    measurement, *_ = measure.measure(trainer, problem, "cpu", make_request())
    assert measurement.warmup_seconds == []


def test_gpu_is_read_around_the_timed_epochs(clock, problem):
    trainer = make_trainer(clock, seconds=1)
    request = make_watched(trainer, epochs=3)
    measurement, *_ = measure.measure(trainer, problem, "gpu", request)
    assert request.monitor.seen == [2, 5]  # the first epoch and one of warm-up, and three more
    assert measurement.device_conditions == {
        "celsius_before": 41,
        "throttle_before": None,
        "celsius_after": 42,
        "throttle_after": None,
        "other_processes": 1,
    }
    assert measurement.peak_device_bytes == 5000
    assert (measurement.energy_joules, measurement.energy_absent) == (3, None)


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
        ("cpu", 200, 0.2, 200),
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
    def predict(self, images):
        clock.spend(seconds)
        return np.zeros(len(images), np.int64)

    trainer = make_trainer(clock, predict=predict)
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


def test_time_between_phases_is_recorded(clock, problem, monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda *_: clock.spend(10))
    measurement, _, _ = measure.measure(make_trainer(clock), problem, "cpu", make_request(epochs=2))
    # The second reset; then the collector after it, before both epochs and before the predictions.
    assert measurement.between_seconds == 100 + 4 * 10
    assert measurement.epoch_seconds == [1, 1]


def test_peak_memory_is_that_of_the_epochs(clock, problem, monkeypatch):
    trainer = make_trainer(clock)
    calls = trainer.calls
    monkeypatch.setattr(
        measure.machine, "read_peak_memory", lambda: calls.append(("memory",)) or 12345
    )
    measurement, _, _ = measure.measure(trainer, problem, "cpu", make_request(epochs=2))
    assert (measurement.energy_joules, measurement.energy_absent, measurement.peak_rss_bytes) == (
        None,
        None,
        12345,
    )
    names = [call[0] for call in calls]
    assert names[names.index("predict") - 3 :][:3] == ["epoch", "epoch", "memory"]


def test_time_call_reads_the_clock_around_one_call(clock):
    def call(first, second):
        clock.spend(2)
        return first + second

    clock.spend(50)
    assert measure.time_call(call, 3, 4) == (7, 2)


def returning(params):
    def train_epoch(self, order):
        return params

    return train_epoch


WEIGHT, BIAS = np.zeros((3, 2), np.float32), np.zeros(2, np.float32)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ((WEIGHT, BIAS), "train_epoch must return Params, not tuple"),
        (None, "train_epoch must return Params, not NoneType"),
        (Params(WEIGHT.astype(float), BIAS), "return the weight as a float32 NumPy array"),
        (Params(WEIGHT, BIAS.astype("f2")), "return the bias as a float32 NumPy array"),
        (Params(WEIGHT.tolist(), BIAS), "return the weight as a float32 NumPy array"),
        (Params(WEIGHT.T, BIAS), r"returned a weight of \(2, 3\), not \(3, 2\)"),
        (Params(WEIGHT, BIAS[None]), r"returned a bias of \(1, 2\), not \(2,\)"),
    ],
)
def test_params_of_wrong_kind_or_shape_are_a_fault(clock, problem, params, message):
    trainer = make_trainer(clock, train_epoch=returning(params))
    with pytest.raises(ContractError, match=message):
        measure.measure(trainer, problem, "cpu", make_request())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(4, np.int64), "an array of 5 labels"),
        (np.zeros((5, 1), np.int64), "an array of 5 labels"),
        ([0] * 5, "an array of 5 labels"),
        (np.zeros(5, np.int32), "int64 labels, not int32"),
        (np.zeros(5), "int64 labels, not float64"),
    ],
)
def test_labels_of_wrong_type_or_shape_are_a_fault(clock, problem, labels, message):
    trainer = make_trainer(clock, predict=lambda self, images: labels)
    with pytest.raises(ContractError, match=message):
        measure.measure(trainer, problem, "cpu", make_request())


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_params_changed_after_return_are_a_fault(clock, problem, part):
    live = {"weight": WEIGHT.copy(), "bias": BIAS.copy()}

    def train_epoch(self, order):
        clock.spend(1)
        live[part] += 1
        return Params(**live)

    trainer = make_trainer(clock, train_epoch=train_epoch)
    with pytest.raises(ContractError, match="that it had returned"):
        measure.measure(trainer, problem, "cpu", make_request())


def test_non_finite_params_may_be_returned_twice(clock, problem):
    params = Params(np.full((3, 2), np.nan, np.float32), BIAS)

    def train_epoch(self, order):
        clock.spend(1)
        return params

    trainer = make_trainer(clock, train_epoch=train_epoch)
    _, stack, _ = measure.measure(trainer, problem, "cpu", make_request())
    assert np.isnan(stack[:, :-1]).all()


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_changed_initial_params_are_a_fault(clock, problem, part):
    def reset(self, params):
        getattr(params, part)[0] += 1
        self.trained = 0

    trainer = make_trainer(clock, reset=reset)
    request = make_request()
    with pytest.raises(ContractError, match="changed the initial params that it received"):
        measure.measure(trainer, problem, "cpu", request)
    assert (request.initial.weight == 7).all()
    assert (request.initial.bias == 7).all()


def test_changed_order_is_a_fault(clock, problem):
    def train_epoch(self, order):
        clock.spend(1)
        order.sort()
        return Params(WEIGHT.copy(), BIAS.copy())

    trainer = make_trainer(clock, train_epoch=train_epoch)
    with pytest.raises(ContractError, match="changed the order that it received"):
        measure.measure(trainer, problem, "cpu", make_request())


def test_measurement_starts_empty():
    assert Measurement().epoch_seconds == []
    assert Measurement().energy_joules is None


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


def test_now_is_in_seconds(clock):
    clock.spend(2.5)
    assert measure.now() == 2.5


def test_all_harness_work_is_between_seconds(clock, problem, monkeypatch):
    def slow(owner, name, seconds):
        real = getattr(owner, name)

        def call(*arguments):
            clock.spend(seconds)
            return real(*arguments)

        monkeypatch.setattr(owner, name, call)

    slow(measure, "draw_order", 10**3)
    slow(guard.ReturnedParams, "take", 10**4)
    slow(guard.ReturnedParams, "stack", 10**5)
    slow(guard.HarnessSnapshot, "check_clock", 10**6)
    slow(measure.machine, "read_peak_memory", 10**7)
    measurement, _, _ = measure.measure(make_trainer(clock), problem, "cpu", make_request(epochs=2))
    # Each digit says how often; the 100 are the reset.
    assert measurement.between_seconds == 42_133_100
    assert measurement.epoch_seconds == [1, 1]


def test_requested_epochs_may_exceed_most_repeats(clock, problem):
    trainer = make_trainer(clock)
    measurement, _, _ = measure.measure(trainer, problem, "cpu", make_request(epochs=201))
    assert len(measurement.epoch_seconds) == 201


def test_labels_are_those_of_the_last_prediction(clock, problem):
    def predict(self, images):
        clock.spend(1)
        self.calls.append(("predict",))
        return np.full(len(images), self.calls.count(("predict",)))

    trainer = make_trainer(clock, predict=predict)
    measurement, _, labels = measure.measure(trainer, problem, "cpu", make_request())
    assert labels.tolist() == [1 + len(measurement.predict_seconds)] * 5


def test_replaced_clock_is_found_after_its_epoch(clock, problem, monkeypatch):
    trainer = make_trainer(clock)
    real = trainer.train_epoch

    def train_epoch(self, order):
        monkeypatch.setattr(measure, "MAX_REPEATS", 200 if self.orders[1:] else 1)
        return real(self, order)

    trainer.train_epoch = train_epoch
    with pytest.raises(ContractError, match=r"it replaced bench\.worker\.measure\.MAX_REPEATS"):
        measure.measure(trainer, problem, "cpu", make_request())
    assert len(trainer.orders) == 2
