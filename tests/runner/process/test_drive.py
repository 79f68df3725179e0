"""A trial as the parent drives it: with a stand-in for the worker."""

import itertools
import os
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace
from support.records import NUMPY, case

from bench.records.schema import TrialRecord
from bench.runner.parity.draws import Draws
from bench.runner.parity.evidence import join_params
from bench.runner.process import drive
from bench.runner.process.drive import Drive
from bench.runner.process.launch import Reply
from bench.worker import exchange
from bench.worker.exchange import Exchange, ExchangeSize, create_file
from bench.worker.workloads import WORKLOADS

DRAWS = Draws.make(42, 1)
SAMPLES, IMAGES, FEATURES, CLASSES = 12, 5, 3, 2
SIZE = ExchangeSize(SAMPLES, IMAGES, FEATURES, CLASSES)
NAN, INFINITY = float("nan"), float("inf")


class FakeWorker:
    """Executes each command at once: an epoch adds one to all params.

    times: by command, (seconds, elapsed, delay) of each call; the last one stays. events: what was
    called, and what else a test adds.
    """

    def __init__(self, folder, **times):
        self.exchange = Exchange(create_file(folder, SIZE), SIZE)
        self.pid = os.getpid()
        self.busy = 1.0  # threads in force, by the CPU clock
        self.looked = True
        self.times = {name.encode(): list(values) for name, values in times.items()}
        self.events, self.orders, self.images, self.starts, self.looks = [], [], [], [], []

    def await_start(self):
        self.events.append("start")

    def look(self):
        self.looks.append(None)

    def call(self, command, indices=None, params=None, look_after=None):
        self.events.append(command.decode())
        if look_after is not None:
            self.looks.append(look_after)
        memory = self.exchange
        if command == exchange.RESET:
            memory.params[:] = params
            self.starts.append(params.copy())
        elif command == exchange.TRAIN:
            memory.params[:] += 1
            self.orders.append(indices.copy())
        elif command in {exchange.SELECT_TEST, exchange.SELECT_TRAINING}:
            memory.labels[: len(indices)] = indices + 100
            self.images.append(indices.copy())
        values = self.times.get(command, [(0.25, 0.25, 0.0)])
        seconds, elapsed, delay = values.pop(0) if len(values) > 1 else values[0]
        return Reply(
            seconds,
            elapsed,
            delay,
            cpu_seconds=self.busy * seconds,
            params=memory.params.copy(),
            labels=memory.labels.copy(),
            looked=self.looked,
        )


def seconds(value):
    """Return the time of a call on which both clocks agree."""
    return (value, value, 0.0)


@pytest.fixture
def drives(tmp_path, monkeypatch):
    """Make drives of a fake worker that is idle; the kernel and the pauses take no time."""
    monkeypatch.setattr(drive, "pause", lambda _: None)
    monkeypatch.setattr(drive, "read_session_cpu_seconds", lambda _: 0.0)

    def make(
        epochs=2, device="cpu", workload="sgd", monitor=None, *, watch_every_epoch=False, **times
    ):
        worker = FakeWorker(tmp_path, **times)
        changes = {"samples": SAMPLES, "epochs": epochs, "device": device, "workload": workload}
        of = case("numpy", **{**NUMPY, **changes})

        def measure_kernel(core):
            worker.events.append("kernel")
            return len(worker.events)

        monkeypatch.setattr(drive, "measure_kernel", measure_kernel)
        return Drive(worker, of, DRAWS, monitor, watch_every_epoch=watch_every_epoch)

    return make


def run(of, **options):
    of.set_up()
    of.train_first()
    of.train_all(**options)
    of.predict_all(lambda _: np.array([], np.int64))
    return of.measurement


@pytest.mark.parametrize(("watch_every_epoch", "looks"), [(False, 1), (True, 5)])
def test_threads_are_looked_at_after_set_up_during_and_after_epochs(
    drives, watch_every_epoch, looks
):
    of = drives(epochs=5, t=[seconds(2.0)], watch_every_epoch=watch_every_epoch)
    run(of, enough=0.0)
    after_set_up, *during, after_epochs = of.worker.looks
    assert after_set_up is after_epochs is None
    assert len(during) == looks
    assert all(0 <= look < 2.0 for look in during)


def test_look_that_came_too_late_is_made_in_the_next_epoch(drives, monkeypatch):
    monkeypatch.setattr(drive.secrets, "randbelow", lambda _: 2)  # the third epoch
    of = drives(epochs=5, t=[seconds(2.0)])
    of.worker.looked = False
    run(of, enough=0.0)
    assert len(of.worker.looks) == 2 + 3  # in epochs three to five


def test_phases_are_driven_in_order(drives):
    times = {"i": [seconds(7.0)], "s": [seconds(5.0)], "r": [seconds(0.5), seconds(9.0)]}
    of = drives(epochs=2, t=[seconds(3.0), seconds(1.0), seconds(2.0)], p=[seconds(0.125)], **times)
    of.worker.busy = 0.5
    measurement = run(of)
    assert of.worker.events == [
        "start",
        *["."] * 10,
        *["i", "d", "s"],
        *["r", "t", "c", "r"],
        *["kernel", "t", "c", "kernel", "t", "c", "kernel"],
        *["l", "p"] * 12,
        "v",
    ]
    assert (measurement.import_seconds, measurement.setup_seconds) == (7, 5)
    assert (measurement.reset_seconds, measurement.first_epoch_seconds) == (0.5, 3)
    assert measurement.epoch_seconds == [1, 2]
    assert measurement.epoch_cpu_seconds == [0.5, 1]
    kernels = [n for n, event in enumerate(of.worker.events, 1) if event == "kernel"]
    assert measurement.kernel_seconds == kernels
    assert (measurement.first_predict_seconds, measurement.predict_seconds) == (0.125, [0.125] * 5)
    assert measurement.predict_one_seconds == [0.125] * 5
    assert measurement.warmup_seconds == []
    assert asdict(measurement).keys() <= {*TrialRecord.__struct_fields__}


def test_worker_settles_before_each_kernel(drives, monkeypatch):
    monkeypatch.setattr(Drive, "settle", lambda of: of.worker.events.append("settles"))
    of = drives(epochs=2)
    run(of, enough=0.0)
    events = of.worker.events
    assert [events[n - 1] for n, event in enumerate(events) if event == "kernel"] == ["settles"] * 3


def test_kernel_runs_on_the_workers_last_core(drives, monkeypatch):
    monkeypatch.setattr(drive, "list_usable_cores", lambda: [2, 5, 7])
    of, cores = drives(), []
    monkeypatch.setattr(drive, "measure_kernel", lambda core: cores.append(core) or 1.0)
    run(of)
    assert cores == [7, 7, 7]


def test_each_epoch_gets_the_order_of_its_number(drives):
    of = drives(epochs=3, device="gpu", t=[seconds(0.5)], monitor=None)
    run(of, enough=0.0)
    numbers = [0, 1001, 1002, 1, 2, 3]
    expected = [DRAWS.draw_order(number, SAMPLES) for number in numbers]
    assert np.array_equal(of.worker.orders, expected)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_training_starts_twice_from_the_weights_of_the_round(drives, workload):
    of = drives(epochs=2, workload=workload)
    run(of, enough=0.0)
    initial = DRAWS.draw_initial_params(WORKLOADS[workload], FEATURES, CLASSES)
    assert np.array_equal(of.worker.starts, [join_params(initial)] * 2)
    assert np.array_equal(of.evidence.initial.weight, initial.weight)


def test_evidence_is_a_copy_of_what_came_back(drives):
    of = drives(epochs=3, device="gpu", t=[seconds(0.5)])
    run(of, enough=0.0)
    of.worker.exchange.params[:] = of.worker.exchange.labels[:] = -1
    assert list(of.evidence.params) == [0, 1, 2, 3]  # none that warmed the GPU up
    assert [params.max() for params in of.evidence.params.values()] == [1, 1, 2, 3]
    last = of.evidence.params[3]
    for prediction in of.evidence.predictions:
        assert prediction.params is last
        assert np.array_equal(prediction.labels, prediction.indices + 100)
    assert len(of.evidence.predictions) == 12


# ----- clocks


FAULT = "its clock disagrees with the parent's in 2 of 2 epochs"
HANDOVER = 0.001  # of each ping; three of them are allowed for, and half a millisecond


@pytest.mark.parametrize(
    ("reported", "elapsed", "delay", "believed"),
    [
        (1.0, 1.0, 0.0, True),
        (1.0, 1.0222, 0.0, True),
        (1.0, 1.0224, 0.0, False),
        (1.0, 1.0734, 0.05, False),
        (1.0, 1.0732, 0.05, True),
        (0.1, 1.0, 0.0, False),
        (0.0, 1.0, 0.0, False),
        (-0.0001, 0.001, 0.0, False),
        (1.0001, 1.0, 0.0, False),
        (NAN, 1.0, 0.0, False),
        (INFINITY, 1.0, 0.0, False),
        (-INFINITY, 1.0, 0.0, False),
    ],
)
def test_parents_clock_bounds_the_workers(drives, reported, elapsed, delay, believed):
    pings = {".": [(0.0, HANDOVER, 0.0)]}
    time = (reported, elapsed, delay)
    of = drives(epochs=1, i=[time], s=[time], r=[time], t=[time], p=[time], **pings)
    measurement = run(of, enough=0.0)
    expected = reported if believed else elapsed
    singles = ("import", "setup", "reset", "first_epoch", "first_predict")
    assert {getattr(measurement, f"{name}_seconds") for name in singles} == {expected}
    assert measurement.epoch_seconds == [expected]
    assert set(measurement.predict_seconds) == {expected}
    assert measurement.handover_seconds == [pytest.approx(elapsed - expected)]
    assert of.disputed_epochs == ([] if believed else [1])


def test_time_that_is_shorter_than_the_cpu_time_is_not_believed(drives):
    # The delay of a busy machine would excuse it.
    time = (0.1, 1.0, 0.9)
    of = drives(epochs=2, t=[time])
    of.worker.busy = 1.05
    assert run(of, enough=0.0).epoch_seconds == [0.1, 0.1]
    of = drives(epochs=2, t=[time])
    of.worker.busy = 10
    assert run(of, enough=0.0).epoch_seconds == [1.0, 1.0]
    assert of.disputed_epochs == [1, 2]


def test_handover_is_the_median_of_the_pings(drives):
    pings = [(0.0, 9.0, 0.0)] * 4 + [(0.0, HANDOVER, 0.0)] * 6
    of = drives(epochs=2, t=[seconds(1.0), (1.0, 1.0224, 0.0), (1.0, 1.0222, 0.0)], **{".": pings})
    run(of, enough=0.0)
    assert of.disputed_epochs == [1]


@pytest.mark.parametrize(("wrong", "fault"), [(0, None), (2, None), (3, "in 3 of 4 epochs")])
def test_clocks_that_disagree_on_more_than_half_of_the_epochs_are_a_fault(drives, wrong, fault):
    times = [seconds(1.0)] * (5 - wrong) + [(0.1, 1.0, 0.0)] * wrong
    of = drives(epochs=4, t=times)
    assert run(of, enough=0.0).epoch_seconds == [1.0] * 4
    assert (of.find_clock_fault() or "").endswith(fault or "")
    assert (of.find_clock_fault() is None) == (fault is None)


@pytest.mark.parametrize(
    ("reported", "fault"),
    [(0.91, None), (0.89, FAULT), (1.09, None), (1.11, FAULT), (NAN, FAULT), (-INFINITY, FAULT)],
)
def test_clocks_that_differ_by_less_than_a_tenth_are_no_fault(drives, reported, fault):
    # A host that takes a core for some milliseconds lengthens the parent's time of a short epoch.
    of = drives(epochs=2, t=[(reported, 1.0, 0.0)], **{".": [(0.0, HANDOVER, 0.0)]})
    assert run(of, enough=0.0).epoch_seconds == [1.0, 1.0]
    assert of.disputed_epochs == [1, 2]
    assert of.find_clock_fault() == fault


# ----- how many


@pytest.mark.parametrize(
    ("device", "least", "epoch", "epochs"),
    [
        ("cpu", 1, 0.2, 3),  # 0.4 s are too few, 0.6 s enough
        ("cpu", 1, 0.25, 2),  # exactly half a second
        ("cpu", 5, 0.2, 5),
        ("cpu", 1, 0.001, 200),
        ("cpu", 201, 0.2, 201),
        ("gpu", 1, 0.25, 8),
    ],
)
def test_epochs_repeat_until_count_and_time_suffice(drives, device, least, epoch, epochs):
    of = drives(epochs=least, device=device, t=[seconds(epoch)])
    measurement = run(of)
    assert len(measurement.epoch_seconds) == len(measurement.epoch_cpu_seconds) == epochs
    assert len(measurement.handover_seconds) == epochs
    assert list(of.evidence.params) == list(range(epochs + 1))
    brief = drives(epochs=least, device=device, t=[seconds(epoch)])
    assert len(run(brief, enough=0.0).epoch_seconds) == least


@pytest.mark.parametrize(("epoch", "warm_ups"), [(0.3, 4), (1 / 512, 512)])
def test_gpu_warms_up_a_second_before_timed_epochs(drives, epoch, warm_ups):
    of = drives(epochs=7, device="gpu", t=[seconds(epoch)])
    measurement = run(of, enough=0.0)
    assert measurement.warmup_seconds == [epoch] * warm_ups
    assert measurement.first_epoch_seconds == epoch
    calls = "".join(event for event in of.worker.events if event in {"r", "t"})
    assert calls == "r" + "t" * (1 + warm_ups) + "r" + "t" * 7


@pytest.mark.parametrize(("each", "predictions"), [(0.05, 5), (1 / 64, 7), (1e-6, 50)])
def test_predictions_repeat_until_count_and_time_suffice(drives, each, predictions):
    of = drives(p=[seconds(each)])
    measurement = run(of, enough=0.0)
    assert len(measurement.predict_seconds) == len(measurement.predict_one_seconds) == predictions


# ----- predictions


def test_predictions_are_of_all_test_images_in_another_order_and_then_of_one(drives):
    of = drives(p=[seconds(1e-6)])
    run(of, enough=0.0)
    images, single = of.worker.images[:51], of.worker.images[51:]
    assert len(single) == 51  # the first is not timed
    assert {len(indices) for indices in single} == {1}
    assert 1 < len({int(indices[0]) for indices in single}) <= IMAGES
    assert all(sorted(order) == list(range(IMAGES)) for order in images)
    assert len({order.tobytes() for order in images}) > 20  # of 120
    other = drives(p=[seconds(1e-6)])
    run(other, enough=0.0)
    assert not np.array_equal(images, other.worker.images[:201])


@pytest.mark.parametrize(
    ("wrong", "asked"), [([7, 3], [7, 3]), (list(range(9)), list(range(IMAGES))), ([], None)]
)
def test_training_images_are_those_that_the_weights_get_wrong(drives, wrong, asked):
    of, seen = drives(), []
    of.set_up()
    of.train_first()
    of.train_all(0.0)
    of.predict_all(lambda params: seen.append(params) or np.array(wrong, np.int64))
    assert len(seen) == 1
    assert seen[0] is of.evidence.params[2]
    last = of.evidence.predictions[-1]
    select = ("training", "L") if asked else ("test", "l")
    assert (last.part, of.worker.events[-3:]) == (select[0], [select[1], "p", "v"])
    assert not asked or last.indices.tolist() == asked
    assert of.measurement.predict_seconds == [0.25] * 5  # this one is not timed
    assert of.measurement.predict_one_seconds == [0.25] * 5


# ----- what is read from outside


@pytest.mark.parametrize(
    ("cpu", "wall", "handover", "threads", "fault"),
    [
        ([0.07, 0.12], [0.05, 0.05], 0.0, 1.9, None),
        ([0.21], [0.1], 0.0, 2.1, None),
        ([0.211], [0.1], 0.0, 2.11, "it used 2.11 threads where 2 were allowed"),
        ([0.211], [0.1], 0.1, 1.055, None),
        ([0.247], [0.0999], 0.0, 2.472, None),  # too short to judge
        ([0.0, 0.0], [0.5, 0.5], 0.0, None, None),  # no such clock
    ],
)
def test_threads_in_force_are_cpu_over_wall_seconds(drives, cpu, wall, handover, threads, fault):
    of = drives()
    of.case = replace(of.case, threads=2)
    of.measurement.epoch_cpu_seconds, of.measurement.epoch_seconds = cpu, wall
    of.measurement.handover_seconds = [handover / 2] * 2
    assert of.judge_threads() == (threads and pytest.approx(threads, rel=1e-3), fault)


def test_memory_is_the_workers_at_the_end_of_each_phase(drives, monkeypatch):
    of, count = drives(), itertools.count(1)
    monkeypatch.setattr(drive, "read_peak_memory", lambda pid: (pid, next(count)))
    measurement = run(of, enough=0.0)
    phases = ["start", "import", "data", "set-up", "first epoch", "epochs", "predictions"]
    assert list(measurement.phase_rss_bytes) == phases
    assert list(measurement.phase_rss_bytes.values()) == [(os.getpid(), n) for n in range(1, 8)]
    assert measurement.peak_rss_bytes == measurement.phase_rss_bytes["epochs"]


class Monitor:
    """A monitor that counts how often it was read, and what had been trained by then."""

    other_processes = 1

    def __init__(self):
        self.readings = []

    def read_conditions(self):
        self.readings.append(len(self.worker.orders))
        return {"celsius": 40.0 + len(self.readings), "throttle": None}

    def read_peak_bytes(self):
        return 1000 * len(self.worker.orders)

    def read_joules(self):
        return 7.0 + len(self.worker.orders)


@pytest.mark.parametrize(
    ("epoch", "joules"),
    [(1.0, 3), (0.6, None)],  # 1.8 s are too short for the counter of energy
)
def test_gpu_is_read_around_the_timed_epochs(drives, epoch, joules):
    monitor, warm_ups = Monitor(), 1 if epoch == 1.0 else 2
    of = drives(epochs=3, device="gpu", t=[seconds(epoch)], monitor=monitor)
    monitor.worker = of.worker
    measurement = run(of, enough=0.0)
    before = 1 + warm_ups  # the first epoch
    assert monitor.readings == [before, before + 3]
    assert measurement.device_conditions == {
        "celsius_before": 41,
        "throttle_before": None,
        "celsius_after": 42,
        "throttle_after": None,
        "other_processes": 1,
    }
    assert measurement.peak_device_bytes == 1000 * (before + 3)
    assert measurement.energy_joules == joules


@pytest.fixture
def cpu(monkeypatch):
    """A clock that only pauses move, and a worker that computes for these seconds in each."""

    def fix(*used):
        clock, remaining = SimpleNamespace(time=10.0, cpu=5.0, pauses=[]), iter(used)

        def pause(seconds):
            clock.pauses.append(seconds)
            clock.time += seconds
            clock.cpu += next(remaining, 0.0)

        monkeypatch.setattr(drive, "now", lambda: clock.time)
        monkeypatch.setattr(drive, "pause", pause)
        monkeypatch.setattr(drive, "read_session_cpu_seconds", lambda _: clock.cpu)
        return clock

    return fix


@pytest.mark.parametrize(
    ("used", "pauses"),
    [([], 1), ([0.00009], 1), ([0.00011], 2), ([0.002] * 3, 4), ([0.002] * 1000, 250)],
)
def test_worker_settles_when_it_computes_no_more(drives, cpu, used, pauses):
    of = drives()
    clock = cpu(*used)
    of.settle()
    # It is waited for at most half a second.
    assert len(clock.pauses) == pytest.approx(pauses, abs=1 if pauses == 250 else 0)


@pytest.mark.parametrize(("disturbed", "kept"), [(0, True), (2, True), (3, False)])
def test_kernels_during_which_the_worker_computes_do_not_count(
    drives, cpu, monkeypatch, disturbed, kept
):
    of, clock = drives(epochs=3), cpu()
    used = iter([0.06] * disturbed + [0.04] * (4 - disturbed))

    def measure_kernel(_):
        clock.time += 1.0
        clock.cpu += next(used)
        return 1.0

    monkeypatch.setattr(drive, "measure_kernel", measure_kernel)
    assert run(of, enough=0.0).kernel_seconds == [1.0] * 4 * kept


@pytest.mark.parametrize(
    ("settling", "watched", "fault"),
    [
        (0.5, 0.0, None),
        (0.0, 0.05, None),
        (0.5, 0.06, "returned: 6% of a core between 0.5 and 1.5"),
    ],
)
def test_worker_that_computes_while_it_should_wait_is_restless(cpu, settling, watched, fault):
    clock = cpu(settling, watched)
    found = drive.find_busy_fault(SimpleNamespace(pid=1))
    assert clock.pauses == [0.5, 1.0]
    assert (found is None) if fault is None else (fault in found)


# ----- two workers


class Side:
    """A drive that records its turns in a list of both.

    busy: CPU seconds of each reading since the one before.
    """

    def __init__(self, name, turns, busy=()):
        self.name, self.turns = name, turns
        self.disturbed_epochs, self.cpu, self.busy = 0, 1.0, iter(busy)

    def read_cpu_seconds(self):
        self.cpu += next(self.busy, 0.0)
        return self.cpu

    def settle(self):
        self.turns.append((self.name, "settles"))

    def train_timed(self, epoch):
        self.turns.append((self.name, epoch))


def test_epochs_alternate_in_a_random_order_and_both_have_as_many():
    turns = []
    drive.alternate([Side("a", turns), Side("b", turns)], 200)
    trained = [turn for turn in turns if turn[1] != "settles"]
    pairs = list(zip(trained[::2], trained[1::2], strict=True))
    assert [{*pair} for pair in pairs] == [{("a", n), ("b", n)} for n in range(1, 201)]
    firsts = [pair[0][0] for pair in pairs]
    assert 50 < firsts.count("a") < 150  # outside once in 10**12
    # Both are at rest before the first epoch, and a side before any other epoch begins.
    assert turns[:2] == [("a", "settles"), ("b", "settles")]
    for number, (name, what) in enumerate(turns):
        if what != "settles":
            assert turns[number + 1] == (name, "settles")


@pytest.mark.parametrize(("busy", "count"), [(0.04, 0), (0.06, 4)])
def test_waiting_side_is_restless_in_epochs_in_which_it_computes(monkeypatch, busy, count):
    # Nobody computes between the epochs; one takes a second.
    clock = itertools.count()
    monkeypatch.setattr(drive, "now", lambda: next(clock))
    side, other = Side("a", []), Side("b", [], busy=[0.0, busy] * 4)
    drive.alternate([side, other], 4)
    assert (side.disturbed_epochs, other.disturbed_epochs) == (0, count)


@pytest.mark.parametrize(("epochs", "fault"), [(0, None), (2, None), (3, "in 3 of 4 epochs")])
def test_computing_in_more_than_half_of_anothers_epochs_is_a_fault(drives, epochs, fault):
    of = drives(epochs=4)
    run(of, enough=0.0)
    of.disturbed_epochs = epochs
    assert (of.find_disturbance_fault() is None) == (fault is None)
    assert (fault or "") in (of.find_disturbance_fault() or "")


def test_exchange_has_room_for_the_data_of_a_case(digits, make_case):
    size = drive.measure_exchange(make_case(samples=320), digits)
    assert size == ExchangeSize(samples=320, images=357, features=64, classes=10)
