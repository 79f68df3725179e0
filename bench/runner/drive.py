"""Drive a worker through a trial: hand over each order when its epoch begins, take what returns."""

import math
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem
from bench.data.dataset import Dataset
from bench.planning.cases import MODEL_COPIES
from bench.records.schema import Case, Measurement, TimedEpoch
from bench.runner.host.gpu import GpuMonitor, subtract_joules
from bench.runner.host.kernel import measure_kernel
from bench.runner.parity.draws import FIRST_EPOCH, NOISE_EPOCH, Draws, Epoch
from bench.runner.parity.evidence import Evidence, ImagePart, Labelling, join_params
from bench.runner.process.launch import Reply, Worker
from bench.runner.process.scratch import report_scratch_errors
from bench.runner.process.spec import ChildSpec, request_training
from bench.worker import exchange
from bench.worker.data import read, read_labels, read_samples
from bench.worker.exchange import ExchangeSize
from bench.worker.machine import list_usable_cores, read_peak_memory
from bench.worker.measure import now, pause
from bench.worker.workloads import count_models, get_workload

# A trial times at least this many seconds of epochs: single short epochs are noisy.
TIMED_SECONDS: dict[Device, float] = {"cpu": 0.3, "gpu": 2.0}
# Where an epoch takes at least this long, the epochs of the stretch are timed, and no others.
LONG_EPOCH = 0.125
# Two timed epochs that differ by more than this share get a third: Keras's second is slow at times.
MAX_DIFFERENCE = 0.05
# A GPU lowers its clocks when it is idle, so it trains this long untimed before that.
WARM_SECONDS: dict[Device, float] = {"cpu": 0.0, "gpu": 1.0}
PREDICT_SECONDS = 0.1
PREDICTIONS, MAX_PREDICTIONS = 5, 50
MAX_REPEATS = 200
# Of several models, an epoch keeps two of the copies of params for which a plan has memory.
MAX_REPEATS_OF_MANY = MODEL_COPIES // 4
PINGS = 3
# Epochs shorter than this, all together, do not tell how many cores they used.
MIN_SECONDS = 0.1
# Threads in force may be more than allowed by this: two clocks are not read at one moment.
MORE_THREADS = 0.1
# The threads of a BLAS spin for 0.1 to 0.2 s after their last product before they sleep.
SETTLE_SECONDS = 0.5
STEP_SECONDS = 0.002
WATCH_SECONDS = 1.0
# CPU seconds of a trial between its timed commands, and of each epoch, for a reset and our checks,
# which are allowed beside them. JAX's rows need 1.2 ms on the digits, and 3.8 ms beside programs
# that empty the caches: over 200 short epochs, 2 ms accused them. Several models have 2 ms each.
MAX_UNTIMED, RESET_CPU, MODEL_CPU = 0.1, 0.005, 0.002
IDLE_SHARE = 0.05


class Drive:
    """One trial, from the worker's start to its last prediction.

    data: the folder of the data set. pings: seconds of the hand-overs of earlier processes of the
    run with as many samples and threads; its own are added. disturbed_epochs: how many epochs of
    another worker it disturbed by computing meanwhile.
    """

    def __init__(
        self,
        worker: Worker,
        case: Case,
        draws: Draws,
        data: Path,
        monitor: GpuMonitor | None = None,
        *,
        pings: list[float] | None = None,
    ) -> None:
        self.worker = worker
        self.case = case
        self.measurement = Measurement()
        self.kernel_seconds: list[float] = []  # see ``BaseRecord``
        self.disturbed_epochs = 0
        self._disturbed_kernels = 0
        self.draws = draws
        self._data = data
        self._pings = [] if pings is None else pings
        self.evidence = Evidence()
        self._monitor = monitor
        self._workload = get_workload(case.workload)
        self._last_elapsed = 0.0
        # CPU seconds: until the import was over, of commands after it that are accounted for, and
        # of none: all that was seen, and what exceeds the allowance.
        self._begin_cpu = self._timed_cpu = self._seen_cpu = self._untimed_cpu = 0.0
        self._stretch_cpu: list[float] = []
        self._epoch_cpu: list[float] = []  # of the timed epochs
        # A worker gets the last cores; the kernel runs on the last one.
        self._core = list_usable_cores()[-1]
        self._current: NDArray[np.float32] = worker.exchange.params.copy()

    def set_up(self) -> None:
        """Read the data, import, and create the Trainer.

        The data first: whatever a program does after its import is in its cold start.
        """
        call, measurement = self.worker.call, self.measurement
        self.worker.await_start()
        measurement.python_seconds = self.worker.python_seconds
        measurement.ping_seconds = self._time_pings()
        self.record_memory("start")
        measurement.data_seconds = self._subtract_ping(call(exchange.READ_DATA))
        self.record_memory("data")
        seconds = self._subtract_ping(call(exchange.IMPORT))
        measurement.import_seconds = self.worker.numpy_seconds + seconds
        self._begin_cpu, self._timed_cpu = self.worker.read_work_seconds(), 0.0
        self.record_memory("import")
        measurement.setup_seconds = self._subtract_ping(call(exchange.SET_UP))
        self.record_memory("set-up")
        self.worker.look()

    def reset(self, epoch: Epoch, params: Params | None = None) -> Reply:
        """Let an epoch start from params, by default those drawn for it."""
        if params is None:
            params = self._draw_start(epoch)
        self.evidence.starts[epoch] = params
        self._current = join_params(params)
        return self.worker.call(exchange.RESET, params=self._current)

    def train(self, epoch: Epoch, look_after: float | None = None) -> Reply:
        """Train an epoch."""
        order = self.draws.draw_order(epoch, self.case.samples)
        reply = self.worker.call(exchange.TRAIN, indices=order, look_after=look_after)
        self._last_elapsed = reply.elapsed
        self.evidence.params[epoch] = self._current = reply.params
        self.worker.call(exchange.COLLECT)
        return reply

    def train_timed(self, epoch: Epoch, *, kernel: bool = False) -> None:
        """Train an epoch that is timed: from weights of its own, unless it is of the stretch."""
        if epoch.part == "timed":
            self.reset(epoch)
        if kernel:
            self.time_kernel()
        read_delay = self.worker.family.read_delay
        delay = read_delay()
        reply = self.train(epoch, self._draw_look())
        self._epoch_cpu.append(reply.work_seconds)
        self.measurement.add_epoch(
            TimedEpoch(
                epoch_seconds=self._subtract_ping(reply),
                epoch_cpu_seconds=reply.cpu_seconds,
                epoch_delay_seconds=max(0.0, read_delay() - delay),
            )
        )
        self._count_untimed()

    def _count_untimed(self) -> None:
        """Count what was computed since the last epoch while nothing was timed, if it is much."""
        seen = self.worker.read_work_seconds() - self._begin_cpu - self._timed_cpu
        allowed = max(RESET_CPU, MODEL_CPU * self._workload.models)
        self._untimed_cpu += max(0.0, seen - self._seen_cpu - allowed)
        self._seen_cpu = seen

    def _draw_look(self) -> float | None:
        """Return after how many seconds of an epoch the parent looks; None for not in it.

        In every second epoch, at any moment of one as long as the last: earlier looks say nothing
        of later ones.
        """
        if secrets.randbelow(2):
            return secrets.SystemRandom().random() * self._last_elapsed
        return None

    def train_first(self) -> None:
        """Train the first epoch; on a GPU more, until its clocks are up."""
        measurement = self.measurement
        measurement.reset_seconds = self._subtract_ping(self.reset(FIRST_EPOCH))
        measurement.first_epoch_seconds = self._subtract_ping(self.train(FIRST_EPOCH))
        measurement.stretch_epochs = 1
        self.record_memory("first epoch")

    def train_stretch(self, *, timed: bool = False) -> None:
        """Go on from the first epoch to as many as the case has.

        timed: time these epochs, and keep the times if they are long: no others follow then.
        """
        if not self._workload.is_scored:  # which these epochs are for
            return
        epochs = [FIRST_EPOCH._replace(number=number) for number in range(2, self.case.epochs + 1)]
        timed &= self.case.device == "cpu"  # a GPU has to be warm
        for epoch in epochs:
            if timed:
                self.train_timed(epoch, kernel=True)
            else:
                self._stretch_cpu.append(self.train(epoch).work_seconds)
                self._timed_cpu += self._stretch_cpu[-1]
                self._count_untimed()
        measurement = self.measurement
        measurement.stretch_epochs += len(epochs)
        if timed and epochs:
            measurement.stretch_timed = median(measurement.epoch_seconds) >= LONG_EPOCH
            if not measurement.stretch_timed:
                self._stretch_cpu, self._epoch_cpu = self._epoch_cpu, []
                measurement.forget_epochs()
                self.kernel_seconds.clear()
                self._disturbed_kernels = 0

    def warm_up(self) -> None:
        """Train a GPU, untimed, until its clocks are up."""
        measurement = self.measurement
        while sum(measurement.warmup_seconds) < WARM_SECONDS[self.case.device]:
            epoch = Epoch("warm-up", 1 + len(measurement.warmup_seconds))
            measurement.warmup_seconds.append(self._subtract_ping(self.train(epoch)))
            self._count_untimed()
            del self.evidence.params[epoch]

    def train_all(self, enough: float | None = None, *, kernel: bool = True) -> None:
        """Time the epochs of the case, and more until they took ``enough`` seconds.

        None where those of the stretch were timed. enough: None for TIMED_SECONDS.
        """
        enough = TIMED_SECONDS[self.case.device] if enough is None else enough
        self.warm_up()
        with self.watch_gpu():
            seconds = self.measurement.epoch_seconds
            most = MAX_REPEATS_OF_MANY if self._workload.models else MAX_REPEATS
            while not self.measurement.stretch_timed and (
                len(seconds) < self.case.epochs
                or (len(seconds) < most and sum(seconds) < enough)
                or (len(seconds) == 2 and max(seconds) > (1 + MAX_DIFFERENCE) * min(seconds))
            ):
                self.train_timed(Epoch("timed", len(seconds) + 1), kernel=kernel)
            if kernel:
                self.time_kernel()
                # They would show a slow machine, and so a fast program.
                if 2 * self._disturbed_kernels > len(self.kernel_seconds):
                    self.kernel_seconds.clear()
        self.end_epochs()

    def end_epochs(self) -> None:
        """Look at the worker's threads, and record the memory and untimed work until now.

        Untimed is what runs between commands, resets after the first and the collection of garbage
        if they are long, and what the stretch took above as many timed epochs.
        """
        measurement = self.measurement
        if sys.platform == "linux":  # elsewhere there is no such clock
            self._count_untimed()
            typical = median(self._epoch_cpu or [0.0])
            excess = max(0.0, sum(self._stretch_cpu) - len(self._stretch_cpu) * typical)
            measurement.untimed_cpu_seconds = self._untimed_cpu + excess
        self.worker.look()
        self.record_memory("epochs")
        measurement.peak_rss_bytes = measurement.phase_rss_bytes["epochs"]

    def train_on_noise(self, problem: Problem) -> None:
        """End with untimed epochs on noise, by a second Trainer. problem: that of the case.

        The noise is written now: no worker can know it before. The last epoch is judged, because a
        Trainer could be exact in its first one.
        """
        noise = self.draws.draw_noise(problem)
        folder = self.worker.folder / exchange.NOISE
        with report_scratch_errors():
            folder.mkdir()
            np.save(folder / "train_images.npy", noise.images)
            np.save(folder / "train_labels.npy", noise.labels)
        start = self.evidence.starts[NOISE_EPOCH] = self._draw_start(NOISE_EPOCH)
        for number in range(1, 1 + NOISE_EPOCH.number):
            order = self.draws.draw_order(Epoch("noise", number), noise.samples)
            if number == 1:
                params = join_params(start)
                reply = self.worker.call(exchange.TRAIN_ON_NOISE, indices=order, params=params)
            else:
                reply = self.worker.call(exchange.TRAIN, indices=order)
            self.worker.call(exchange.COLLECT)
        self.evidence.params[NOISE_EPOCH] = reply.params

    def predict(
        self,
        indices: NDArray[np.int64],
        part: ImagePart = "test",
        when: str = "",
        command: bytes = exchange.PREDICT,
    ) -> float:
        """Let the worker label averages of these pairs of images (2, n); return the seconds.

        New pixels each time: a program that remembers the label of each image gains nothing. They
        are written before the time begins, which they would exceed, so what computes meanwhile is
        in the time.
        """
        if not self._workload.predicts:
            return 0.0
        if part == "test":
            images, _ = read(self._data, "test", mapped=True)
        else:
            images, _ = read_samples(self._data, self.case.samples, mapped=True)
        first, second = images[indices[0]], images[indices[1]]
        work = self.worker.read_work_seconds()
        self.worker.exchange.write_averages(first, second)
        early = self.worker.read_work_seconds() - work
        reply = self.worker.call(command)
        labels = reply.labels[: indices.shape[1]]
        self.evidence.predictions.append(Labelling(when, self._current, part, indices, labels))
        return self._subtract_ping(reply) + early / self.case.threads

    def predict_all(
        self, choose_training: Callable[[NDArray[np.float32]], NDArray[np.int64]]
    ) -> None:
        """Time predictions of as many images as the test set has, and of single ones.

        The images are averages of other pairs every time, so that no answer can be repeated. The
        first call with one image is not timed: it may compile for this shape. One such call is
        shorter than a hand-over, so many are timed together. Last it asks for training images.
        choose_training: returns indices of training images whose labels these params get wrong: an
        implementation that looks labels up would get them right.
        """
        if not self._workload.predicts:
            self.worker.call(exchange.VERIFY)
            return
        measurement, count = self.measurement, len(self.worker.exchange.labels)
        generator = np.random.default_rng()

        def draw(size: int) -> NDArray[np.int64]:
            return np.stack([generator.permutation(count)[:size] for _ in range(2)])

        measurement.first_predict_seconds = self.predict(draw(count))
        seconds = measurement.predict_seconds
        while len(seconds) < PREDICTIONS or (
            len(seconds) < MAX_PREDICTIONS and sum(seconds) < PREDICT_SECONDS
        ):
            seconds.append(self.predict(draw(count)))
        self.record_memory("predictions")
        self.predict(draw(1))
        each = self.predict(draw(1))
        for _ in range(PREDICTIONS):
            size = max(1, min(count, int(PREDICT_SECONDS / PREDICTIONS / each)))
            each = self.predict(draw(size), command=exchange.PREDICT_SINGLY) / size
            measurement.predict_one_seconds.append(each)
        wrong = choose_training(self._current)[:count]
        if len(wrong):
            self.predict(np.stack([wrong, wrong]), "training", "of training images")
        self.worker.call(exchange.VERIFY)

    def record_memory(self, phase: str) -> None:
        """Record the peak of the resident memory at the end of a phase: of all processes."""
        pids = (self.worker.pid, *self.worker.family.list_helpers())
        peaks = [peak for peak in map(read_peak_memory, pids) if peak is not None]
        self.measurement.phase_rss_bytes[phase] = sum(peaks) if peaks else None

    def time_kernel(self) -> None:
        """Time the reference kernel while the worker waits, and see whether it does."""
        self.settle()
        cpu, begin = self.read_cpu_seconds(), now()
        self.kernel_seconds.append(measure_kernel(self._core))
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
        """Return the CPU seconds of the worker and what it started, until now."""
        return self.worker.family.read_cpu_seconds()

    def judge_threads(self) -> tuple[float | None, str | None]:
        """Return the threads in force, and the fault of too many or of untimed work, or None.

        Threads in force are CPU seconds over wall seconds of all timed epochs, hand-overs included,
        as both are seen from outside. Too short epochs are no fault: threads that spin while the
        clocks are read count as much there as those that compute, and so does a slow hand-over. Nor
        is a trial with all cores: nothing can use more, so a larger number is the clocks'.
        """
        measurement, threads = self.measurement, self.case.threads
        epochs = len(measurement.epoch_seconds)
        seconds = sum(measurement.epoch_seconds) + epochs * (measurement.ping_seconds or 0.0)
        if not epochs or sys.platform != "linux":  # there is no such clock
            return None, None
        in_force = sum(measurement.epoch_cpu_seconds) / seconds
        if self._untimed_cpu > MAX_UNTIMED:
            untimed = f"{self._untimed_cpu:.2f} s untimed"
            return in_force, f"it computed for {untimed}: in resets, or between epochs"
        most = math.inf if threads >= len(list_usable_cores()) else threads + MORE_THREADS
        if seconds < MIN_SECONDS or in_force <= most:
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

    def _draw_start(self, epoch: Epoch) -> Params:
        rows, classes = self._current.shape[-2:]
        return self.draws.draw_initial_params(self._workload, rows - 1, classes, epoch)

    def _time_pings(self) -> float:
        """Time hand-overs of an order before the implementation is there; return the least seconds.

        The least of the run: on a busy machine the others have waited for a core.
        """
        order = np.arange(self.case.samples)
        for _ in range(PINGS):
            self.settle()
            reply = self.worker.call(exchange.PING, indices=order)
            self._pings.append(reply.elapsed - float(self.worker.exchange.seconds[0]))
        return min(self._pings)

    def _subtract_ping(self, reply: Reply) -> float:
        self._timed_cpu += reply.work_seconds
        return subtract(reply, self.measurement.ping_seconds or 0.0, self.case.threads)


def subtract(reply: Reply, ping: float, threads: int) -> float:
    """Return the seconds of a command by the parent's clock, less a hand-over.

    Never less than the CPU seconds that it used, over its threads, and never more than what
    elapsed: this hand-over may have been shorter than any that was timed.
    """
    seconds = max(reply.elapsed - ping, min(reply.elapsed, reply.cpu_seconds / threads))
    return seconds if seconds > 0 else reply.elapsed  # where there is no CPU clock


def measure_exchange(case: Case, data: Dataset) -> ExchangeSize:
    """Return how much the parent and the worker of a case exchange."""
    images = len(read_labels(data.folder, "test"))
    models = count_models(case.workload)
    return ExchangeSize(case.samples, images, data.features, data.classes, models)


def make_worker(case: Case, data: Dataset, child: ChildSpec, folder: Path) -> Worker:
    """Return a worker that will train a case in this folder."""
    return Worker(request_training(case, data), child, folder, measure_exchange(case, data))


def alternate(sides: Sequence[Drive], epochs: int) -> None:
    """Time epochs of two workers that live at the same time, in turn; the first begins each turn.

    So no epoch comes right after one of the same process: it may be shorter than others.
    The least hand-over of both is subtracted on either side: their difference is noise.
    """
    ping = min(side.measurement.ping_seconds or 0.0 for side in sides)
    for side in sides:
        side.measurement.ping_seconds = ping
        side.settle()
    for epoch in range(1, epochs + 1):
        for side, waiting in zip(sides, reversed(sides), strict=True):
            cpu, begin = waiting.read_cpu_seconds(), now()
            side.train_timed(Epoch("timed", epoch))
            if waiting.read_cpu_seconds() - cpu > IDLE_SHARE * (now() - begin):
                waiting.disturbed_epochs += 1
            side.settle()  # else its spinning threads would disturb the other one's epoch


def find_busy_fault(worker: Worker) -> str | None:
    """Return the fault of a worker that goes on computing after its last epoch, or None."""
    pause(SETTLE_SECONDS)
    before = worker.family.read_cpu_seconds()
    pause(WATCH_SECONDS)
    share = (worker.family.read_cpu_seconds() - before) / WATCH_SECONDS
    if share <= IDLE_SHARE:
        return None
    return (
        f"it keeps the CPU busy after an epoch has returned: {share:.0%} of a core "
        f"between {SETTLE_SECONDS:g} and {SETTLE_SECONDS + WATCH_SECONDS:g} s later"
    )
