"""A trial as the parent drives it: with a stand-in for the worker."""

import itertools
import os
from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace
from support.records import NUMPY, case

from bench.contract import SGD, Problem
from bench.records.schema import TimedEpoch
from bench.runner import drive
from bench.runner.drive import Drive
from bench.runner.parity.draws import FIRST_EPOCH, NOISE_EPOCH, Draws, Epoch
from bench.runner.parity.evidence import join_params
from bench.runner.process.launch import Reply
from bench.worker import exchange
from bench.worker.exchange import Exchange, ExchangeSize, create_file
from bench.worker.workloads import WORKLOADS

DRAWS = Draws.make(42, 1)
UNTIMED = "it computed for 0.10 s untimed: in resets, or between epochs"
SAMPLES, IMAGES, FEATURES, CLASSES = 12, 5, 3, 2
SIZE = ExchangeSize(SAMPLES, IMAGES, FEATURES, CLASSES)
PIXELS = 2 * np.arange(SAMPLES * FEATURES, dtype=np.float32).reshape(SAMPLES, FEATURES) ** 2


class FakeWorker:
    """Executes each command at once: an epoch adds one to all params.

    times: by command, the seconds of each call; the last one stays.
    events: what was called, and what else a test adds.
    """

    def __init__(self, folder, **times):
        self.exchange = Exchange(create_file(folder, SIZE), SIZE)
        self.pid = os.getpid()
        self.folder = folder
        self.family = SimpleNamespace(
            read_cpu_seconds=lambda: self.used,
            read_delay=lambda: len(self.orders) / 8,
            list_helpers=list,
        )
        self.python_seconds, self.numpy_seconds = 0.02, 0.0
        self.busy, self.used = 1.0, 0.0  # threads in force, by the CPU clock, and that clock
        self.times = {name.encode(): list(values) for name, values in times.items()}
        self.events, self.orders, self.images, self.starts, self.looks = [], [], [], [], []

    def await_start(self):
        self.events.append("start")

    def read_work_seconds(self):
        return self.used

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
        elif command in {exchange.TRAIN, exchange.TRAIN_ON_NOISE}:
            if params is not None:
                memory.params[:] = params
            memory.params[:] += 1
            self.orders.append(indices.copy())
        elif command in {exchange.PREDICT, exchange.PREDICT_SINGLY}:
            images = memory.images[: memory.count[0]]
            memory.labels[: len(images)] = images.sum(axis=1)
            self.images.append(images.copy())
        values = self.times.get(command, [0.0 if command == exchange.PING else 0.25])
        elapsed = values.pop(0) if len(values) > 1 else values[0]
        self.used += self.busy * elapsed
        return Reply(
            elapsed,
            cpu_seconds=self.busy * elapsed,
            work_seconds=self.busy * elapsed,
            params=memory.params.copy(),
            labels=memory.labels.copy(),
        )


@pytest.fixture
def drives(tmp_path, monkeypatch):
    """Make drives of a fake worker that is idle; the kernel and the pauses take no time."""
    monkeypatch.setattr(drive, "pause", lambda _: None)

    def make(epochs=2, device="cpu", workload="sgd", monitor=None, **times):
        worker = FakeWorker(tmp_path, **times)
        changes = {"samples": SAMPLES, "epochs": epochs, "device": device, "workload": workload}
        of = case("numpy", **{**NUMPY, **changes})

        def measure_kernel(core):
            worker.events.append("kernel")
            return len(worker.events)

        monkeypatch.setattr(drive, "measure_kernel", measure_kernel)
        for part, images in (("test", PIXELS), ("train", -PIXELS)):
            np.save(tmp_path / f"{part}_images.npy", images)
            np.save(tmp_path / f"{part}_labels.npy", np.zeros(len(images), np.int32))
        return Drive(worker, of, DRAWS, tmp_path, monitor)

    return make


def run(of, **options):
    of.set_up()
    of.train_first()
    of.train_stretch()
    of.train_all(**options)
    of.predict_all(lambda _: np.array([], np.int64))
    return of.measurement


@pytest.mark.parametrize("heads", [0, 1])
def test_threads_are_looked_at_around_and_in_epochs(drives, monkeypatch, heads):
    drawn = []
    monkeypatch.setattr(drive.secrets, "randbelow", lambda sides: drawn.append(sides) or heads)
    of = drives(epochs=5, t=[2.0])
    run(of, enough=0.0)
    after_set_up, *during, after_epochs = of.worker.looks
    assert after_set_up is after_epochs is None
    assert drawn == [2] * 5  # of each epoch anew: earlier looks decide nothing
    assert len(during) == (5 if heads else 0)
    assert all(0 <= look < 2.0 for look in during)


def test_phases_are_driven_in_order(drives):
    times = {"d": [0.75], "i": [7.0], "s": [5.0], "r": [0.5, 9.0]}
    of = drives(epochs=2, t=[3.0, 8.0, 1.96, 2.0], p=[0.125], P=[1.0], **times)
    of.worker.busy, of.worker.numpy_seconds = 0.5, 10.0
    measurement = run(of)
    assert of.worker.events == [
        "start",
        *["."] * 3,
        *["d", "i", "s"],
        *["r", "t", "c", "t", "c"],
        *["r", "kernel", "t", "c"] * 2,
        "kernel",
        *["p"] * 8,
        *["P"] * 5,
        "v",
    ]
    assert (measurement.python_seconds, measurement.data_seconds) == (0.02, 0.75)
    assert (measurement.import_seconds, measurement.setup_seconds) == (17, 5)
    assert (measurement.reset_seconds, measurement.first_epoch_seconds) == (0.5, 3)
    assert measurement.epoch_seconds == [1.96, 2]
    assert measurement.epoch_cpu_seconds == [0.98, 1]
    assert measurement.epoch_delay_seconds == [0.125, 0.125]
    kernels = [n for n, event in enumerate(of.worker.events, 1) if event == "kernel"]
    assert of.kernel_seconds == kernels
    assert (measurement.first_predict_seconds, measurement.predict_seconds) == (0.125, [0.125] * 5)
    assert measurement.predict_one_seconds == [1.0] * 5
    assert measurement.warmup_seconds == []


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


def test_each_epoch_gets_its_own_order(drives):
    of = drives(epochs=3, device="gpu", t=[0.5], monitor=None)
    run(of, enough=0.0)
    parts = [("stretch", 3), ("warm-up", 2), ("timed", 3)]
    epochs = [Epoch(part, number + 1) for part, count in parts for number in range(count)]
    expected = [DRAWS.draw_order(epoch, SAMPLES) for epoch in epochs]
    assert np.array_equal(of.worker.orders, expected)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_stretch_and_each_timed_epoch_start_from_weights_of_their_own(drives, workload):
    of, known = drives(epochs=2, workload=workload), WORKLOADS[workload]
    run(of, enough=0.0)
    epochs = [FIRST_EPOCH, Epoch("timed", 1), Epoch("timed", 2)]
    starts = [DRAWS.draw_initial_params(known, FEATURES, CLASSES, epoch) for epoch in epochs]
    assert np.array_equal(of.worker.starts, [join_params(start) for start in starts])
    assert list(of.evidence.starts) == epochs
    for epoch, start in zip(epochs, starts, strict=True):
        assert np.array_equal(of.evidence.get_start(epoch).weight, start.weight)
    assert of.evidence.get_start(Epoch("stretch", 2)) is of.evidence.starts[FIRST_EPOCH]


def test_evidence_is_a_copy_of_what_came_back(drives):
    of = drives(epochs=3, device="gpu", t=[0.5])
    run(of, enough=0.0)
    of.worker.exchange.params[:] = of.worker.exchange.labels[:] = -1
    parts = [("stretch", 3), ("timed", 3)]  # none that warmed the GPU up
    epochs = [Epoch(part, number + 1) for part, count in parts for number in range(count)]
    assert list(of.evidence.params) == epochs
    assert [params.max() for params in of.evidence.params.values()] == [1, 2, 3, 1, 1, 1]
    last = of.evidence.params[epochs[-1]]
    for prediction in of.evidence.predictions:
        assert prediction.params is last
        assert np.array_equal(prediction.labels, PIXELS[prediction.indices].sum(axis=(0, 2)) / 2)
    assert len(of.evidence.predictions) == 13


def test_noise_is_written_when_the_trial_ends_and_trained_last(drives, tmp_path, monkeypatch):
    of, count = drives(epochs=2), itertools.count(1)
    monkeypatch.setattr(drive, "read_peak_memory", lambda _: next(count))
    run(of, enough=0.0)
    assert not (tmp_path / exchange.NOISE).exists()
    problem = Problem(np.zeros((SAMPLES, FEATURES), np.float32), np.zeros(SAMPLES), 2, 4, SGD(0.1))
    before = deepcopy(of.measurement)
    of.train_on_noise(problem)
    assert of.measurement == before  # nothing that is reported is of this epoch
    noise = DRAWS.draw_noise(problem)
    for name in ("images", "labels"):
        written = np.load(tmp_path / exchange.NOISE / f"train_{name}.npy")
        assert np.array_equal(written, getattr(noise, name))
    assert of.worker.events[-4:] == ["T", "c", "t", "c"]
    for order, number in zip(of.worker.orders[-2:], (1, 2), strict=True):
        assert np.array_equal(order, DRAWS.draw_order(Epoch("noise", number), noise.samples))
    assert of.evidence.params[NOISE_EPOCH].min() > 1.5
    assert NOISE_EPOCH in of.evidence.starts


@pytest.mark.parametrize(
    ("times", "kept"),
    [([0.2, 0.3, 0.1], True), ([0.2, 0.1, 0.1], False)],
)
def test_epochs_of_the_stretch_are_timed_where_they_are_long(drives, times, kept):
    of = drives(epochs=4, t=[1.0, *times, 7.0, 7.0, 7.0, 7.0])
    of.set_up()
    of.train_first()
    of.train_stretch(timed=True)
    of.train_all(enough=0.0)
    measurement = of.measurement
    assert measurement.epoch_seconds == (times if kept else [7.0] * 4)
    # Whatever else is measured of an epoch, too.
    counts = {len(getattr(measurement, name)) for name in TimedEpoch.__struct_fields__}
    assert counts == {len(measurement.epoch_seconds)} == {len(of.kernel_seconds) - 1}
    assert len(of.evidence.list_part("stretch")) == 4
    assert len(of.evidence.list_part("timed")) == (0 if kept else 4)


def test_stretch_of_a_gpu_is_not_timed(drives):
    of = drives(epochs=3, device="gpu", t=[1.0])
    of.set_up()
    of.train_first()
    of.train_stretch(timed=True)
    assert of.measurement.epoch_seconds == []


@pytest.mark.parametrize(("second", "count"), [(1.04, 2), (1.06, 3)])
def test_two_unlike_epochs_get_a_third(drives, second, count):
    of = drives(epochs=2, t=[5.0, 1.0, second, 1.0])
    of.set_up()
    of.train_first()
    of.train_all(enough=0.0)
    assert len(of.measurement.epoch_seconds) == count


# ----- the parent's clock


@pytest.mark.parametrize(("busy", "shortest"), [(0.25, 0.3), (0.5, 0.4), (2.0, 0.8), (0.0, 0.3)])
def test_least_hand_over_is_subtracted_but_never_cpu_time(drives, busy, shortest):
    of = drives(epochs=3, t=[1.0, 1.0, 1.0, 2.0, 2.0, 0.8], p=[1.0], **{".": [9.0, 0.75, 0.85]})
    of.worker.exchange.seconds[:], of.worker.busy = 0.25, busy  # a ping computes for a while
    measurement = run(of, enough=0.0)
    assert measurement.ping_seconds == 0.5
    assert measurement.first_epoch_seconds == min(1.0, max(0.5, busy))
    longest = max(1.5, min(2.0, 2 * busy))
    assert measurement.epoch_seconds == pytest.approx([longest, longest, shortest])
    assert measurement.predict_seconds == [min(1.0, max(0.5, busy))] * 5


def test_time_stays_as_it_was_where_no_hand_over_or_clock_explains_it():
    reply = SimpleNamespace(elapsed=0.25, cpu_seconds=0.0)
    assert drive.subtract(reply, 0.5, threads=1) == 0.25


# ----- how many


@pytest.mark.parametrize(
    ("device", "least", "epoch", "epochs"),
    [
        ("cpu", 1, 0.125, 3),  # 0.25 s are too few, 0.375 s enough
        ("cpu", 1, 0.15, 2),  # exactly 0.3 s
        ("cpu", 5, 0.2, 5),
        ("cpu", 1, 0.001, 200),
        ("cpu", 201, 0.2, 201),
        ("gpu", 1, 0.25, 8),
    ],
)
def test_epochs_repeat_until_count_and_time_suffice(drives, device, least, epoch, epochs):
    of = drives(epochs=least, device=device, t=[epoch])
    measurement = run(of)
    assert len(measurement.epoch_seconds) == len(measurement.epoch_cpu_seconds) == epochs
    assert [epoch.number for epoch in of.evidence.list_part("timed")] == [*range(1, epochs + 1)]
    assert len(of.evidence.list_part("stretch")) == least
    brief = drives(epochs=least, device=device, t=[epoch])
    assert len(run(brief, enough=0.0).epoch_seconds) == least


@pytest.mark.parametrize(("epoch", "warm_ups"), [(0.3, 4), (1 / 512, 512)])
def test_gpu_warms_up_a_second_before_timed_epochs(drives, epoch, warm_ups):
    of = drives(epochs=7, device="gpu", t=[epoch])
    measurement = run(of, enough=0.0)
    assert measurement.warmup_seconds == [epoch] * warm_ups
    assert measurement.first_epoch_seconds == epoch
    calls = "".join(event for event in of.worker.events if event in {"r", "t"})
    assert calls == "r" + "t" * (7 + warm_ups) + "rt" * 7


@pytest.mark.parametrize(("each", "predictions"), [(0.05, 5), (1 / 64, 7), (1e-6, 50)])
def test_predictions_repeat_until_count_and_time_suffice(drives, each, predictions):
    of = drives(p=[each])
    measurement = run(of, enough=0.0)
    assert len(measurement.predict_seconds) == predictions
    assert len(measurement.predict_one_seconds) == 5


# ----- predictions


def test_predictions_are_of_averages_of_other_pairs_each_time_and_then_of_single_ones(drives):
    of = drives(p=[1e-6], P=[0.02])
    run(of, enough=0.0)
    images, singles = of.worker.images[:51], of.worker.images[51:]
    mean = PIXELS[:IMAGES].mean(axis=0)
    assert all(np.allclose(averages.mean(axis=0), mean) for averages in images)
    assert len({averages.tobytes() for averages in images}) > 20
    # Two calls that are not timed with the others, then as many images as take a fiftieth second.
    sizes = [len(averages) for averages in singles]
    assert sizes == [1, 1, 5, 5, 5, 5, 5]
    assert of.measurement.predict_one_seconds == pytest.approx([0.02 / 5] * 5)
    slow = drives(p=[1.0], P=[1.0])
    run(slow, enough=0.0)
    assert [len(averages) for averages in slow.worker.images[-5:]] == [1] * 5


def test_what_computes_while_images_are_written_is_in_the_time_of_their_labels(drives, monkeypatch):
    of, write = drives(p=[0.25]), Exchange.write_averages

    def label_ahead(*arguments):
        of.worker.used += 0.5
        write(*arguments)

    monkeypatch.setattr(Exchange, "write_averages", label_ahead)
    run(of, enough=0.0)
    assert of.case.threads == 1
    assert of.measurement.predict_seconds == [0.75] * 5


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
    assert seen[0] is of.evidence.params[Epoch("timed", 2)]
    last = of.evidence.predictions[-1]
    part, end = ("training", ["p", "v"]) if asked else ("test", ["P", "v"])
    assert (last.part, of.worker.events[-2:]) == (part, end)
    assert not asked or last.indices.tolist() == [asked, asked]
    assert not asked or np.array_equal(of.worker.images[-1], -PIXELS[asked])
    assert of.measurement.predict_seconds == [0.25] * 5  # this one is not timed
    assert of.measurement.predict_one_seconds == [0.25] * 5


# ----- what is read from outside


@pytest.mark.parametrize(
    ("cpu", "wall", "ping", "threads", "fault"),
    [
        ([0.07, 0.12], [0.05, 0.05], 0.0, 1.9, None),
        ([0.21], [0.1], 0.0, 2.1, None),
        ([0.211], [0.1], 0.0, 2.11, "it used 2.11 threads where 2 were allowed"),
        ([0.211], [0.1], 0.1, 1.055, None),
        ([0.247], [0.0999], 0.0, 2.472, None),  # too short to judge
        ([0.0], [1.0], 0.0, 0.0, None),  # it waits, which is no fault
    ],
)
def test_threads_in_force_are_cpu_over_wall_seconds(
    drives, monkeypatch, cpu, wall, ping, threads, fault
):
    of = drives()
    monkeypatch.setattr(drive, "list_usable_cores", lambda: [0, 1, 2])
    of.case = replace(of.case, threads=2)
    of.measurement.epoch_cpu_seconds, of.measurement.epoch_seconds = cpu, wall
    of.measurement.ping_seconds = ping
    assert of.judge_threads() == (pytest.approx(threads, rel=1e-3), fault)
    monkeypatch.setattr(drive, "list_usable_cores", lambda: [0, 1])  # no more than these
    assert of.judge_threads() == (pytest.approx(threads, rel=1e-3), None)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("resets", "seconds", "fault"),
    [
        # Three resets, and a stretch of two epochs that took 1 s more than two timed ones.
        ([0.5, 0.038], 1.099, None),
        ([0.5, 0.039], 1.102, UNTIMED),
        # No reset has what another one did not need.
        ([0.5, 0.0, 0.0, 0.106], 1.101, UNTIMED),
    ],
)
def test_work_while_nothing_is_timed_is_in_the_start(drives, threads, resets, seconds, fault):
    of = drives(epochs=3, t=[3.0, 1.0, 2.0, 1.0], r=resets, c=[0.0])
    of.case = replace(of.case, threads=threads)
    if threads > 1:  # others may spin
        of.worker.family.read_cpu_seconds = lambda: 1e6
    measurement = run(of, enough=0.0)
    assert measurement.untimed_cpu_seconds == pytest.approx(seconds)
    assert of.judge_threads()[1] == fault


def test_checks_after_the_epochs_that_warm_a_gpu_up_are_allowed(drives):
    of = drives(epochs=2, device="gpu", t=[0.01], r=[0.0], c=[0.0045])
    run(of, enough=0.0)
    assert len(of.measurement.warmup_seconds) == 100
    assert of.judge_threads()[1] is None


def test_nothing_is_known_of_threads_where_there_is_no_cpu_clock(drives, monkeypatch):
    monkeypatch.setattr(drive.sys, "platform", "darwin")
    of = drives(epochs=1)
    run(of)
    assert of.judge_threads() == (None, None)


def test_memory_is_that_of_the_worker_and_its_helpers_at_the_end_of_each_phase(drives, monkeypatch):
    of, count = drives(), itertools.count(1)
    of.worker.family.list_helpers = lambda: [-1, -2]  # the second one has ended
    peaks = {os.getpid(): lambda: next(count), -1: lambda: 100, -2: lambda: None}
    monkeypatch.setattr(drive, "read_peak_memory", lambda pid: peaks[pid]())
    measurement = run(of, enough=0.0)
    phases = ["start", "data", "import", "set-up", "first epoch", "epochs", "predictions"]
    assert list(measurement.phase_rss_bytes) == phases
    assert list(measurement.phase_rss_bytes.values()) == [100 + n for n in range(1, 8)]
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
    of = drives(epochs=3, device="gpu", t=[epoch], monitor=monitor)
    monitor.worker = of.worker
    measurement = run(of, enough=0.0)
    before = 3 + warm_ups  # the stretch
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
        clock.read_cpu_seconds, clock.list_helpers = lambda: clock.cpu, list
        clock.read_delay = lambda: 0.0
        return clock

    return fix


@pytest.mark.parametrize(
    ("used", "pauses"),
    [([], 1), ([0.00009], 1), ([0.00011], 2), ([0.002] * 3, 4), ([0.002] * 1000, 250)],
)
def test_worker_settles_when_it_computes_no_more(drives, cpu, used, pauses):
    of = drives()
    of.worker.family = clock = cpu(*used)
    of.settle()
    # It is waited for at most half a second.
    assert len(clock.pauses) == pytest.approx(pauses, abs=1 if pauses == 250 else 0)


@pytest.mark.parametrize(("disturbed", "kept"), [(0, True), (2, True), (3, False)])
def test_kernels_during_which_the_worker_computes_do_not_count(
    drives, cpu, monkeypatch, disturbed, kept
):
    of = drives(epochs=3)
    of.worker.family = clock = cpu()
    used = iter([0.06] * disturbed + [0.04] * (4 - disturbed))

    def measure_kernel(_):
        clock.time += 1.0
        clock.cpu += next(used)
        return 1.0

    monkeypatch.setattr(drive, "measure_kernel", measure_kernel)
    run(of, enough=0.0)
    assert of.kernel_seconds == ([1.0] * 4 if kept else [])


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
    found = drive.find_busy_fault(SimpleNamespace(family=clock))
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
        self.measurement = drive.Measurement()

    def read_cpu_seconds(self):
        self.cpu += next(self.busy, 0.0)
        return self.cpu

    def settle(self):
        self.turns.append((self.name, "settles"))

    def train_timed(self, epoch):
        self.turns.append((self.name, epoch.number))


def test_epochs_alternate_and_no_side_trains_twice_in_a_row():
    turns = []
    drive.alternate([Side("a", turns), Side("b", turns)], 3)
    trained = [turn for turn in turns if turn[1] != "settles"]
    assert trained == [(name, number) for number in (1, 2, 3) for name in "ab"]
    # Both are at rest before the first epoch, and a side before any other epoch begins.
    assert turns[:2] == [("a", "settles"), ("b", "settles")]
    for number, (name, what) in enumerate(turns):
        if what != "settles":
            assert turns[number + 1] == (name, "settles")


def test_least_hand_over_is_subtracted_from_both_sides_of_a_pair(drives):
    sides = [drives(t=[2.0], **{".": [ping]}) for ping in (0.25, 0.75)]
    for side in sides:
        side.worker.busy = 0.5
        side.set_up()
        assert side.worker.events.count(".") == 3
    drive.alternate(sides, 2)
    assert [side.measurement.epoch_seconds for side in sides] == [[1.75, 1.75]] * 2


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
