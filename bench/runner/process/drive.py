"""Drive a worker through a trial: hand over each order when its epoch begins, take what returns."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params
from bench.data.dataset import Dataset
from bench.records.schema import Case
from bench.runner.gpu import GpuMonitor, subtract_joules
from bench.runner.kernel import measure_kernel
from bench.runner.parity.draws import FIRST_EPOCH, WARM_UP, Draws
from bench.runner.parity.evidence import Evidence, Part, Prediction, join_params
from bench.runner.process.launch import Reply, Worker
from bench.runner.process.placement import read_session_cpu_seconds
from bench.worker import exchange
from bench.worker.data import read_labels
from bench.worker.exchange import ExchangeSize
from bench.worker.machine import list_usable_cores, read_peak_memory
from bench.worker.measure import now, pause
from bench.worker.workloads import WORKLOADS

# A trial times at least this many seconds of epochs: single short epochs are noisy.
TIMED_SECONDS: dict[Device, float] = {"cpu": 0.5, "gpu": 2.0}
# A GPU lowers its clocks when it is idle, so it trains this long untimed before that.
WARM_SECONDS: dict[Device, float] = {"cpu": 0.0, "gpu": 1.0}
PREDICT_SECONDS = 0.1
PREDICTIONS, MAX_PREDICTIONS = 5, 50  # to hand one over takes longer than to label one image
MAX_REPEATS = 200
# A worker's time is believed if the parent's is longer by no more than this many hand-overs, this
# many seconds, this share of it, and the time for which the two waited for a core. A hand-over is
# timed on a core that has slept; after an epoch its caches are cold, too.
HANDOVERS, ROOM_SECONDS, ROOM_SHARE = 1.5, 0.0003, 0.02
# A trial fails if the clocks differ by more than this share of its epochs. Less than that is also
# what a host takes from a guest, and the parent's time counts anyway.
MAX_DIFFERENCE = 0.1
PINGS = 10
# Epochs shorter than this, all together, do not tell how many cores they used.
MIN_SECONDS = 0.1
# Threads in force may be more than allowed by this: two clocks are not read at one moment.
MORE_THREADS = 0.1
# The threads of a BLAS spin for 0.1 to 0.2 s after their last product before they sleep.
SETTLE_SECONDS = 0.5
STEP_SECONDS = 0.002
WATCH_SECONDS = 1.0
IDLE_SHARE = 0.05

SELECT_COMMANDS: dict[Part, bytes] = {
    "test": exchange.SELECT_TEST,
    "training": exchange.SELECT_TRAINING,
}


@dataclass(slots=True)
class Measurement:
    """The raw values of one trial; their names give the unit.

    Seconds are the worker's where the parent's clock confirms them, else the parent's.
    handover_seconds: the parent's time of each timed epoch less the worker's. kernel_seconds: the
    reference kernel before each timed epoch, and after the last (bench/runner/kernel.py). Empty if
    the worker computed during more than half of them.
    epoch_cpu_seconds: of the worker's session, read from outside. phase_rss_bytes: the peak of the
    resident memory at the end of each phase. device_conditions: what a GPU was like before and
    after the timed epochs. energy_joules: of the GPU during them.
    """

    import_seconds: float = 0.0
    setup_seconds: float = 0.0
    reset_seconds: float = 0.0
    first_epoch_seconds: float = 0.0
    warmup_seconds: list[float] = field(default_factory=list)
    epoch_seconds: list[float] = field(default_factory=list)
    epoch_cpu_seconds: list[float] = field(default_factory=list)
    handover_seconds: list[float] = field(default_factory=list)
    kernel_seconds: list[float] = field(default_factory=list)
    first_predict_seconds: float | None = None
    predict_seconds: list[float] = field(default_factory=list)
    predict_one_seconds: list[float] = field(default_factory=list)
    peak_rss_bytes: int | None = None
    phase_rss_bytes: dict[str, int | None] = field(default_factory=dict)
    peak_device_bytes: int | None = None
    device_conditions: dict[str, float | None] = field(default_factory=dict)
    energy_joules: float | None = None


class Drive:
    """One trial, from the worker's start to its last prediction.

    watch_every_epoch: look in every timed epoch how the worker's threads run, not in one that is
    drawn. disputed_epochs: numbers of the timed epochs of which the parent's clock does not confirm
    the worker's time. clock_difference: the seconds by which the clocks differ in those epochs.
    disturbed_epochs: how many epochs of another worker it disturbed by computing meanwhile.
    """

    def __init__(
        self,
        worker: Worker,
        case: Case,
        draws: Draws,
        monitor: GpuMonitor | None = None,
        *,
        watch_every_epoch: bool = False,
    ) -> None:
        self.worker = worker
        self.case = case
        self.measurement = Measurement()
        self.disputed_epochs: list[int] = []
        self.clock_difference = 0.0
        self.disturbed_epochs = 0
        self._disturbed_kernels = 0
        self.draws = draws
        self._monitor = monitor
        self._handover = 0.0
        self._watch_every_epoch = watch_every_epoch
        self._looked_at = 1 + secrets.randbelow(case.epochs)
        self._last_elapsed = 0.0
        # A worker gets the last cores; the kernel runs on the last one.
        self._core = list_usable_cores()[-1]
        self._current: NDArray[np.float32] = worker.exchange.params.copy()
        features, classes = len(self._current) - 1, self._current.shape[1]
        workload = WORKLOADS[case.workload]
        self.evidence = Evidence(draws.draw_initial_params(workload, features, classes))

    def set_up(self) -> None:
        """Import, read the data, and create the Trainer."""
        call, measurement = self.worker.call, self.measurement
        self.worker.await_start()
        # Before the implementation's code is there.
        order = np.arange(self.case.samples)
        pings = []
        for _ in range(PINGS):
            self.settle()
            pings.append(call(exchange.PING, indices=order).elapsed)
        self._handover = median(pings)
        self.record_memory("start")
        measurement.import_seconds = self._confirm(call(exchange.IMPORT))[0]
        self.record_memory("import")
        call(exchange.READ_DATA)
        self.record_memory("data")
        measurement.setup_seconds = self._confirm(call(exchange.SET_UP))[0]
        self.record_memory("set-up")
        self.worker.look()

    def reset(self, params: Params) -> float:
        """Let training start again from params; return the seconds."""
        self._current = join_params(params)
        return self._confirm(self.worker.call(exchange.RESET, params=self._current))[0]

    def train(self, epoch: int, *, kernel: bool = False) -> tuple[Reply, float, bool]:
        """Train an epoch; return the reply, the seconds, and whether the two clocks agree."""
        order = self.draws.draw_order(epoch, self.case.samples)
        if kernel:
            self.time_kernel()
        look_after = None
        if epoch > FIRST_EPOCH and (self._watch_every_epoch or epoch == self._looked_at):
            look_after = secrets.SystemRandom().random() * self._last_elapsed
        reply = self.worker.call(exchange.TRAIN, indices=order, look_after=look_after)
        if look_after is not None and not reply.looked:  # it was shorter than the one before
            self._looked_at = epoch + 1
        self._last_elapsed = reply.elapsed
        self.evidence.params[epoch] = self._current = reply.params
        self.worker.call(exchange.COLLECT)
        return reply, *self._confirm(reply)

    def train_timed(self, epoch: int, *, kernel: bool = False) -> None:
        """Train an epoch that is timed."""
        reply, seconds, confirmed = self.train(epoch, kernel=kernel)
        self.measurement.epoch_seconds.append(seconds)
        self.measurement.epoch_cpu_seconds.append(reply.cpu_seconds)
        self.measurement.handover_seconds.append(max(0.0, reply.elapsed - seconds))
        if not confirmed:
            self.disputed_epochs.append(epoch)
            self.clock_difference += abs(reply.elapsed - reply.seconds)

    def train_first(self) -> None:
        """Train the first epoch; on a GPU more, until its clocks are up; then start again."""
        measurement = self.measurement
        measurement.reset_seconds = self.reset(self.evidence.initial)
        measurement.first_epoch_seconds = self.train(FIRST_EPOCH)[1]
        self.record_memory("first epoch")
        while sum(measurement.warmup_seconds) < WARM_SECONDS[self.case.device]:
            number = WARM_UP + len(measurement.warmup_seconds)
            measurement.warmup_seconds.append(self.train(number)[1])
            del self.evidence.params[number]
        self.reset(self.evidence.initial)

    def train_all(self, enough: float | None = None, *, kernel: bool = True) -> None:
        """Time the epochs of the case, and more until they took ``enough`` seconds.

        enough: None for TIMED_SECONDS.
        """
        enough = TIMED_SECONDS[self.case.device] if enough is None else enough
        with self.watch_gpu():
            seconds = self.measurement.epoch_seconds
            while len(seconds) < self.case.epochs or (
                len(seconds) < MAX_REPEATS and sum(seconds) < enough
            ):
                self.train_timed(len(seconds) + 1, kernel=kernel)
            if kernel:
                self.time_kernel()
                # They would show a slow machine, and so a fast program.
                if 2 * self._disturbed_kernels > len(self.measurement.kernel_seconds):
                    self.measurement.kernel_seconds.clear()
        self.end_epochs()

    def end_epochs(self) -> None:
        """Look at the worker's threads, and record the memory after the timed epochs."""
        self.worker.look()
        self.record_memory("epochs")
        self.measurement.peak_rss_bytes = self.measurement.phase_rss_bytes["epochs"]

    def predict(self, indices: NDArray[np.int64], part: Part = "test", when: str = "") -> float:
        """Let the worker label these images; return the seconds."""
        # Apart from the prediction, whose time it would exceed.
        self.worker.call(SELECT_COMMANDS[part], indices=indices)
        reply = self.worker.call(exchange.PREDICT)
        labels = reply.labels[: len(indices)]
        self.evidence.predictions.append(Prediction(when, self._current, part, indices, labels))
        return self._confirm(reply)[0]

    def repeat_predictions(self, draw: Callable[[], NDArray[np.int64]]) -> list[float]:
        """Time predictions until there are enough; return the seconds. draw: returns indices."""
        seconds: list[float] = []
        while len(seconds) < PREDICTIONS or (
            len(seconds) < MAX_PREDICTIONS and sum(seconds) < PREDICT_SECONDS
        ):
            seconds.append(self.predict(draw()))
        return seconds

    def predict_all(
        self, choose_training: Callable[[NDArray[np.float32]], NDArray[np.int64]]
    ) -> None:
        """Time predictions of all test images and of single ones; then ask for training images.

        The images come in another order every time, so that no answer can be repeated. The first
        call with one image is not timed: it may compile for this shape.
        choose_training: returns indices of training images whose labels these params get wrong: an
        implementation that looks labels up would get them right.
        """
        measurement, count = self.measurement, len(self.worker.exchange.labels)
        generator = np.random.default_rng()
        measurement.first_predict_seconds = self.predict(generator.permutation(count))
        measurement.predict_seconds = self.repeat_predictions(lambda: generator.permutation(count))
        self.record_memory("predictions")
        self.predict(generator.integers(count, size=1))
        measurement.predict_one_seconds = self.repeat_predictions(
            lambda: generator.integers(count, size=1)
        )
        wrong = choose_training(self._current)[:count]
        if len(wrong):
            self.predict(wrong, "training", "of training images")
        self.worker.call(exchange.VERIFY)

    def record_memory(self, phase: str) -> None:
        """Record the peak of the worker's resident memory at the end of a phase."""
        self.measurement.phase_rss_bytes[phase] = read_peak_memory(self.worker.pid)

    def time_kernel(self) -> None:
        """Time the reference kernel while the worker waits, and see whether it does."""
        self.settle()
        cpu, begin = self.read_cpu_seconds(), now()
        self.measurement.kernel_seconds.append(measure_kernel(self._core))
        if self.read_cpu_seconds() - cpu > IDLE_SHARE * (now() - begin):
            self._disturbed_kernels += 1

    def settle(self) -> None:
        """Sleep until the worker's threads have stopped spinning."""
        end, cpu = now() + SETTLE_SECONDS, self.read_cpu_seconds()
        while now() < end:
            pause(STEP_SECONDS)
            before, cpu = cpu, self.read_cpu_seconds()
            if cpu - before < IDLE_SHARE * STEP_SECONDS:
                return

    def read_cpu_seconds(self) -> float:
        """Return the CPU seconds of the worker's session until now."""
        return read_session_cpu_seconds(self.worker.pid)

    def judge_threads(self) -> tuple[float | None, str | None]:
        """Return the threads in force, and the fault if there were too many, or None.

        Threads in force are CPU seconds over wall seconds of all timed epochs, hand-overs included,
        as both are seen from outside. Too short epochs are no fault: threads that spin while the
        clocks are read count as much there as those that compute.
        """
        measurement, threads = self.measurement, self.case.threads
        seconds = sum(measurement.epoch_seconds) + sum(measurement.handover_seconds)
        cpu_seconds = sum(measurement.epoch_cpu_seconds)
        if not cpu_seconds:  # macOS has no such clock
            return None, None
        in_force = cpu_seconds / seconds
        if in_force <= threads + MORE_THREADS or seconds < MIN_SECONDS:
            return in_force, None
        return in_force, f"it used {in_force:.2f} threads where {threads} were allowed"

    def find_disturbance_fault(self) -> str | None:
        """Return the fault if the worker disturbed more than half of another's epochs, or None."""
        count, disturbed = len(self.measurement.epoch_seconds), self.disturbed_epochs
        if 2 * disturbed <= count:
            return None
        return (
            f"it keeps the CPU busy while the other side trains, in {disturbed} of {count} "
            "epochs. Let threads and processes stop before train_epoch returns"
        )

    def find_clock_fault(self) -> str | None:
        """Return the fault where the clocks disagree on more than half of the epochs, or None.

        A machine that stops for a moment disturbs an epoch or two, and one that is shared lengthens
        a few by some percent: those have the parent's time.
        """
        seconds, disputed = self.measurement.epoch_seconds, len(self.disputed_epochs)
        if 2 * disputed <= len(seconds) or self.clock_difference <= MAX_DIFFERENCE * sum(seconds):
            return None
        return f"its clock disagrees with the parent's in {disputed} of {len(seconds)} epochs"

    @contextmanager
    def watch_gpu(self) -> Iterator[None]:
        """Record energy and state of the GPU over the timed epochs."""
        monitor, measurement = self._monitor, self.measurement
        if monitor is None:
            yield
            return
        conditions_before, joules_before = monitor.read_conditions(), monitor.read_joules()
        yield
        joules, seconds = monitor.read_joules(), sum(measurement.epoch_seconds)
        measurement.energy_joules = subtract_joules(joules_before, joules, seconds)
        measurement.peak_device_bytes = monitor.read_peak_bytes()
        measurement.device_conditions = {
            "other_processes": monitor.other_processes,
            **{f"{name}_before": value for name, value in conditions_before.items()},
            **{f"{name}_after": value for name, value in monitor.read_conditions().items()},
        }

    def _confirm(self, reply: Reply) -> tuple[float, bool]:
        """Return the seconds of a command, and whether the parent's clocks confirm the worker's.

        Waiting for a core makes the parent's time longer, but not the worker's CPU time, which is
        at most what the allowed threads can use.
        """
        room = ROOM_SECONDS + HANDOVERS * self._handover + ROOM_SHARE * reply.elapsed
        handover = reply.elapsed - reply.seconds
        threads = self.case.threads + MORE_THREADS
        confirmed = (
            reply.seconds >= 0
            and 0 <= handover <= room + reply.delay
            and reply.cpu_seconds <= threads * (reply.seconds + room)
        )
        return (reply.seconds if confirmed else reply.elapsed), confirmed


def measure_exchange(case: Case, data: Dataset) -> ExchangeSize:
    """Return how much the parent and the worker of a case exchange."""
    images = len(read_labels(data.folder, "test"))
    return ExchangeSize(case.samples, images, data.features, data.classes)


def alternate(sides: Sequence[Drive], epochs: int) -> None:
    """Time epochs of two workers that live at the same time, in turn; coins decide who is first."""
    for side in sides:
        side.settle()
    for epoch in range(1, epochs + 1):
        first, second = secrets.SystemRandom().sample(sides, 2)
        for side, waiting in ((first, second), (second, first)):
            cpu, begin = waiting.read_cpu_seconds(), now()
            side.train_timed(epoch)
            if waiting.read_cpu_seconds() - cpu > IDLE_SHARE * (now() - begin):
                waiting.disturbed_epochs += 1
            side.settle()  # else its spinning threads would disturb the other one's epoch


def find_busy_fault(worker: Worker) -> str | None:
    """Return the fault of a worker that goes on computing after its last epoch, or None."""
    pause(SETTLE_SECONDS)
    before = read_session_cpu_seconds(worker.pid)
    pause(WATCH_SECONDS)
    share = (read_session_cpu_seconds(worker.pid) - before) / WATCH_SECONDS
    if share <= IDLE_SHARE:
        return None
    return (
        f"it keeps the CPU busy after an epoch has returned: {share:.0%} of a core "
        f"between {SETTLE_SECONDS:g} and {SETTLE_SECONDS + WATCH_SECONDS:g} s later"
    )
