"""The only clock: measure one trial of one case, in the worker."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter_ns, process_time_ns, sleep
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Trainer
from bench.worker import guard, machine
from bench.worker.gpu import GpuMonitor
from bench.worker.workloads import FIRST_EPOCH, WARM_UP, draw_order

T = TypeVar("T")

# A trial times at least this many seconds of epochs: single short epochs are noisy.
TIMED_SECONDS: dict[Device, float] = {"cpu": 0.5, "gpu": 2.0}
# A GPU lowers its clocks when it is idle, so it trains this long untimed before that.
WARM_SECONDS: dict[Device, float] = {"cpu": 0.0, "gpu": 1.0}
PREDICT_SECONDS = 0.1
PREDICTIONS = 5
MAX_REPEATS = 200
YOUNG = 1  # generations 0 and 1 of the collector
# The threads of a BLAS spin for 0.1 to 0.2 s after their last product before they sleep.
SETTLE_SECONDS = 0.3
WATCH_SECONDS = 1.0
IDLE_SHARE = 0.05


def now() -> float:
    """Return seconds on the monotonic clock, which parent and worker share."""
    return perf_counter_ns() / 1e9


def time_call(call: Callable[..., T], *args: Any) -> tuple[T, float]:
    """Call a function between two reads of the clock; return its result and the seconds."""
    start = perf_counter_ns()
    result = call(*args)
    end = perf_counter_ns()
    return result, (end - start) / 1e9


@dataclass(slots=True)
class Measurement:
    """The raw values of one trial; their names give the unit.

    between_seconds: everything that is no phase. Phases and this must add up to the time that the
    parent sees.
    phase_rss_bytes: the peak of the resident memory at the end of each phase.
    device_conditions: what a GPU was like before and after the timed epochs.
    energy_joules: of the GPU during the timed epochs.
    """

    between_seconds: float = 0.0
    setup_seconds: float = 0.0
    reset_seconds: float = 0.0
    first_epoch_seconds: float = 0.0
    warmup_seconds: list[float] = field(default_factory=list)
    epoch_seconds: list[float] = field(default_factory=list)
    epoch_cpu_seconds: list[float] = field(default_factory=list)
    first_predict_seconds: float = 0.0
    predict_seconds: list[float] = field(default_factory=list)
    peak_rss_bytes: int | None = None
    phase_rss_bytes: dict[str, int | None] = field(default_factory=dict)
    peak_device_bytes: int | None = None
    device_conditions: dict[str, float | None] = field(default_factory=dict)
    energy_joules: float | None = None

    def call_between(self, call: Callable[..., T], *args: Any) -> T:
        """Call a function between the phases and add its time to ``between_seconds``."""
        result, seconds = time_call(call, *args)
        self.between_seconds += seconds
        return result

    def record_memory(self, phase: str) -> None:
        """Record the peak of the resident memory at the end of a phase."""
        self.phase_rss_bytes[phase] = machine.read_peak_memory()

    def record_gpu(self, monitor: GpuMonitor, when: str) -> None:
        """Record the state of the GPU, and the memory that the process has taken so far."""
        self.peak_device_bytes = monitor.read_peak_bytes()
        for name, value in monitor.read_conditions().items():
            self.device_conditions[f"{name}_{when}"] = value
        self.device_conditions["other_processes"] = monitor.other_processes


@dataclass(frozen=True, slots=True)
class Request:
    """What one trial is asked to do, beside its problem and its device.

    snapshot: the suite before the implementation was loaded.
    brief: exactly ``epochs`` epochs and one prediction. ``bench ab`` compares minima, so both sides
    need the same number of epochs.
    monitor: of the GPU that trains; None on the CPU.
    """

    initial: Params
    seed: int
    epochs: int
    test_images: NDArray[np.float32]
    snapshot: guard.SuiteSnapshot
    brief: bool = False
    monitor: GpuMonitor | None = None


def measure(
    implementation: Callable[[Problem, Device], Trainer],
    problem: Problem,
    device: Device,
    request: Request,
) -> tuple[Measurement, NDArray[np.float32], NDArray[np.int64]]:
    """Measure set-up, reset, first epoch, epochs and predictions, each timed separately.

    Returns the measurement, the params of the first and of every timed epoch as float32
    (1 + epochs, features + 1, classes) with the bias as the last row, and the labels (n,) int64
    that the last weights predicted.
    Raises Unavailable as the implementation does, ContractError where it breaks the contract.
    """
    measurement = Measurement()
    call_between, monitor = measurement.call_between, request.monitor
    trainer, measurement.setup_seconds = time_call(implementation, problem, device)
    call_between(measurement.record_memory, "set-up")
    returned = guard.ReturnedParams(problem)
    initial = Params(request.initial.weight.copy(), request.initial.bias.copy())
    _, measurement.reset_seconds = time_call(trainer.reset, initial)
    order = call_between(draw_order, request.seed, FIRST_EPOCH, problem.samples)
    params, measurement.first_epoch_seconds = time_call(trainer.train_epoch, order)
    call_between(returned.take, params)
    call_between(measurement.record_memory, "first epoch")
    while sum(measurement.warmup_seconds) < WARM_SECONDS[device]:
        number = WARM_UP + len(measurement.warmup_seconds)
        order = call_between(draw_order, request.seed, number, problem.samples)
        measurement.warmup_seconds.append(time_call(trainer.train_epoch, order)[1])
    call_between(trainer.reset, initial)
    call_between(gc.collect)
    if monitor:
        call_between(measurement.record_gpu, monitor, "before")
        before = call_between(monitor.read_joules)
    min_seconds = 0.0 if request.brief else TIMED_SECONDS[device]
    _time_epochs(trainer, request, measurement, returned, problem.samples, min_seconds=min_seconds)
    if monitor:
        after = call_between(monitor.read_joules)
        if before is not None and after is not None:
            measurement.energy_joules = after - before
        call_between(measurement.record_gpu, monitor, "after")
    call_between(measurement.record_memory, "epochs")
    measurement.peak_rss_bytes = measurement.phase_rss_bytes["epochs"]
    labels = _time_predictions(trainer, request, measurement)
    call_between(measurement.record_memory, "predictions")
    guard.require_unchanged("the initial params that it received", request.initial, initial)
    return measurement, call_between(returned.stack), labels


def _time_epochs(
    trainer: Trainer,
    request: Request,
    measurement: Measurement,
    returned: guard.ReturnedParams,
    samples: int,
    *,
    min_seconds: float,
) -> None:
    """Time the epochs that were asked for, and more until they took ``min_seconds``."""
    epoch = 0
    while epoch < request.epochs or (
        epoch < MAX_REPEATS and sum(measurement.epoch_seconds) < min_seconds
    ):
        epoch += 1
        order = measurement.call_between(draw_order, request.seed, epoch, samples)
        params = time_epoch(trainer, order, measurement)
        measurement.call_between(returned.take, params)
        # After every epoch: a clock could be slow in one epoch and be repaired in another.
        measurement.call_between(request.snapshot.check_clock)


def time_epoch(trainer: Trainer, order: NDArray[np.int64], measurement: Measurement) -> Any:
    """Time one epoch, wall and CPU, and return its params.

    The garbage of the last epoch is collected before it, young generations only: a full collection
    walks through all objects of a framework, and the epoch would start with cold caches.
    Raises ContractError where the implementation changed the order.
    """
    copy = order.copy()
    measurement.call_between(gc.collect, YOUNG)
    cpu = process_time_ns()
    params, seconds = time_call(trainer.train_epoch, copy)
    measurement.epoch_cpu_seconds.append((process_time_ns() - cpu) / 1e9)
    measurement.epoch_seconds.append(seconds)
    guard.require_unchanged("the order that it received", [order], [copy])
    return params


def _time_predictions(
    trainer: Trainer, request: Request, measurement: Measurement
) -> NDArray[np.int64]:
    """Time predictions of all test images in one batch, host to host; return the last labels."""
    images = request.test_images
    measurement.call_between(gc.collect)
    labels, measurement.first_predict_seconds = time_call(trainer.predict, images)
    seconds = measurement.predict_seconds
    while not request.brief and len(seconds) < MAX_REPEATS:
        if len(seconds) >= PREDICTIONS and sum(seconds) >= PREDICT_SECONDS:
            break
        labels, last_seconds = time_call(trainer.predict, images)
        seconds.append(last_seconds)
    return guard.copy_labels(labels, images)


def require_idle() -> None:
    """Sleep, and raise ContractError where this process goes on computing."""
    sleep(SETTLE_SECONDS)
    before = process_time_ns()
    sleep(WATCH_SECONDS)
    share = (process_time_ns() - before) / 1e9 / WATCH_SECONDS
    if share > IDLE_SHARE:
        raise guard.ContractError(
            f"it keeps the CPU busy after an epoch has returned: {share:.0%} of a core "
            f"between {SETTLE_SECONDS:g} and {SETTLE_SECONDS + WATCH_SECONDS:g} s later"
        )
