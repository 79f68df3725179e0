"""The only clock: one trial of one case, inside the child process.

Needs the standard library, NumPy and the implementation, nothing else.
"""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter_ns, process_time_ns, sleep
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Trainer
from bench.worker import guard, machine
from bench.worker.gpu import GpuMonitor
from bench.worker.workloads import FIRST_EPOCH, WARM_UP, draw_order

# A trial times at least so many seconds of epochs: short epochs are noisy one by one.
TIMED_SECONDS: dict[Device, float] = {"cpu": 0.5, "gpu": 2.0}
# So long a GPU trains untimed before that: idle, it lowers its clocks.
WARM_SECONDS: dict[Device, float] = {"cpu": 0.0, "gpu": 1.0}
PREDICT_SECONDS = 0.1
PREDICTIONS = 5
MOST_REPEATS = 200
YOUNG = 1  # generations 0 and 1 of the collector
# The threads of a BLAS spin for 0.1 to 0.2 s after their last product before they sleep.
SETTLE_SECONDS = 0.3
WATCH_SECONDS = 1.0
IDLE_SHARE = 0.05


def now() -> float:
    """Seconds on the monotonic clock, which parent and child share on Linux and macOS."""
    return perf_counter_ns() / 1e9


def time_call(call: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    """Call once between two reads of the clock; return the result and the seconds."""
    start = perf_counter_ns()
    result = call(*args)
    end = perf_counter_ns()
    return result, (end - start) / 1e9


@dataclass(slots=True)
class Measurement:
    """The raw values of one trial, in seconds unless the name says bytes or joules.

    ``between_seconds`` is everything that is not a phase, timed as they are: phases and what lies
    between them must add up to the time that the parent saw.
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
    energy_absent: str | None = None

    def mark(self, phase: str) -> None:
        """Note the peak of the resident memory at the end of a phase."""
        self.phase_rss_bytes[phase] = machine.peak_rss_bytes()


@dataclass(frozen=True, slots=True)
class Request:
    """What one trial is asked to do, beside its problem and device.

    untouched: the suite as it was before the implementation was loaded.
    brief: exactly so many epochs, and one prediction: of two versions in turn, the more processes
    the better, and both must have as many epochs, or the lesser of more would be the less.
    watch: of the GPU that it trains on; None on the CPU.
    """

    initial: Params
    seed: int
    epochs: int
    test_images: NDArray[np.float32]
    untouched: guard.HarnessSnapshot
    brief: bool = False
    watch: GpuMonitor | None = None


def measure(
    implementation: Callable[[Problem, Device], Trainer],
    problem: Problem,
    device: Device,
    request: Request,
) -> tuple[Measurement, NDArray[np.float32], NDArray[np.int64]]:
    """Measure set-up, reset, first epoch, epochs and predictions, each on its own clock.

    Returns the measurement, the params of the first and of every timed epoch as float32
    (1 + epochs, features + 1, classes) with the bias as the last row, and the labels (n,) int64
    that the last weights predicted.
    Raises Unavailable as the implementation does, FaultError where it breaks the contract.
    """
    found = Measurement()
    trainer, found.setup_seconds = time_call(implementation, problem, device)
    _between(found, found.mark, "set-up")
    handed = guard.ReturnedParams(problem)
    given = Params(request.initial.weight.copy(), request.initial.bias.copy())
    _, found.reset_seconds = time_call(trainer.reset, given)
    first = _between(found, draw_order, request.seed, FIRST_EPOCH, problem.samples)
    params, found.first_epoch_seconds = time_call(trainer.train_epoch, first)
    _between(found, handed.take, params)
    _between(found, found.mark, "first epoch")
    _warm_up(trainer, problem.samples, request, WARM_SECONDS[device], found)
    _between(found, trainer.reset, given)
    _between(found, gc.collect)
    _between(found, _look, request.watch, found, "before")
    before = _between(found, request.watch.energy) if request.watch else None
    least_seconds = 0.0 if request.brief else TIMED_SECONDS[device]
    for epoch in _epochs(found, least_seconds, request.epochs):
        samples = _between(found, draw_order, request.seed, epoch, problem.samples)
        _between(found, handed.take, time_epoch(trainer, samples, found))
        # Between any two epochs, or a clock could be slow in one and be put right in another.
        _between(found, request.untouched.check_clock)
    if request.watch:
        found.energy_joules, found.energy_absent = _between(
            found, request.watch.energy_since, before
        )
    _between(found, _look, request.watch, found, "after")
    _between(found, found.mark, "epochs")
    found.peak_rss_bytes = found.phase_rss_bytes["epochs"]
    labels = _predict(trainer, request, found)
    _between(found, found.mark, "predictions")
    guard.require_unchanged("the initial params it was given", request.initial, given)
    return found, _between(found, handed.stack), labels


def _warm_up(
    trainer: Trainer, samples: int, request: Request, seconds: float, found: Measurement
) -> None:
    """Train untimed for so many seconds, over orders of their own; what they took is kept."""
    while sum(found.warmup_seconds) < seconds:
        number = WARM_UP + len(found.warmup_seconds)
        given = _between(found, draw_order, request.seed, number, samples)
        found.warmup_seconds.append(time_call(trainer.train_epoch, given)[1])


def _look(watch: GpuMonitor | None, found: Measurement, when: str) -> None:
    """Note how the GPU does, and how much of its memory the process has come to hold by then."""
    if watch is None:
        return
    found.peak_device_bytes = watch.peak_bytes()
    found.device_conditions |= {f"{name}_{when}": each for name, each in watch.reading().items()}
    found.device_conditions["other_processes"] = watch.other_processes


def _between(found: Measurement, call: Callable[..., Any], *args: Any) -> Any:
    """Do what is no phase; its time is kept all the same."""
    result, seconds = time_call(call, *args)
    found.between_seconds += seconds
    return result


def _epochs(found: Measurement, seconds: float, least: int) -> Iterator[int]:
    """Number the timed epochs from 1, until enough of them and enough time are measured."""
    for epoch in range(1, max(least, MOST_REPEATS) + 1):
        if epoch > least and sum(found.epoch_seconds) >= seconds:
            return
        yield epoch


def time_epoch(trainer: Trainer, samples: NDArray[np.int64], found: Measurement) -> Any:
    """Time one epoch, wall and CPU; what the last one left to the collector is done before it.

    Only the young generations: a whole collection walks through all that a framework has in
    memory, and the epoch after it would begin with none of its data in the caches.
    Returns what train_epoch returned; raises FaultError where it changed the order.
    """
    given = samples.copy()
    _between(found, gc.collect, YOUNG)
    cpu = process_time_ns()
    params, seconds = time_call(trainer.train_epoch, given)
    found.epoch_cpu_seconds.append((process_time_ns() - cpu) / 1e9)
    found.epoch_seconds.append(seconds)
    guard.require_unchanged("the order it was given", [samples], [given])
    return params


def _predict(trainer: Trainer, request: Request, found: Measurement) -> NDArray[np.int64]:
    """Time the predictions of all test images in one batch, host to host."""
    images = request.test_images
    _between(found, gc.collect)
    labels, found.first_predict_seconds = time_call(trainer.predict, images)
    while len(found.predict_seconds) < MOST_REPEATS and not request.brief:
        enough = sum(found.predict_seconds) >= PREDICT_SECONDS
        if enough and len(found.predict_seconds) >= PREDICTIONS:
            break
        labels, seconds = time_call(trainer.predict, images)
        found.predict_seconds.append(seconds)
    return guard.copy_labels(labels, images)


def require_idle() -> None:
    """Sleep, and raise FaultError where this process computes on, though nothing was asked."""
    sleep(SETTLE_SECONDS)
    before = process_time_ns()
    sleep(WATCH_SECONDS)
    share = (process_time_ns() - before) / 1e9 / WATCH_SECONDS
    if share > IDLE_SHARE:
        raise guard.ContractError(
            f"it keeps the CPU busy after an epoch has returned: {share:.0%} of a core "
            f"between {SETTLE_SECONDS:g} and {SETTLE_SECONDS + WATCH_SECONDS:g} s later"
        )
