"""The clocks: the parent's, the worker's note, and another process's CPU time."""

import sys
from collections.abc import Callable
from time import clock_gettime_ns, perf_counter_ns, sleep
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params, Trainer
from bench.worker.guard import copy_params

if TYPE_CHECKING:
    from bench.worker.exchange import Exchange

T = TypeVar("T")


def now() -> float:
    """Return seconds on the monotonic clock, which parent and worker share."""
    return perf_counter_ns() / 1e9


def pause(seconds: float) -> None:
    """Sleep."""
    sleep(seconds)


def read_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, all its threads together, read from outside.

    0.0 where the process has ended, and where no such clock exists (macOS).
    Source: clock_getcpuclockid(3) and the kernel's posix-timers.h; /proc knows ticks of 10 ms only.
    """
    if sys.platform != "linux":
        return 0.0
    try:
        return clock_gettime_ns((~pid << 3) | 2) / 1e9
    except OSError:
        return 0.0


def time_call(call: Callable[..., T], *args: Any) -> tuple[T, float]:
    """Call a function between two reads of the clock; return its result and the seconds."""
    start = perf_counter_ns()
    result = call(*args)
    end = perf_counter_ns()
    return result, (end - start) / 1e9


def time_epoch(
    trainer: Trainer, order: NDArray[np.int64], exchange: "Exchange"
) -> tuple[Params, float]:
    """Train over an order and put the params into the exchange; return them and the seconds.

    The clock stops when the params are in the parent's memory. It runs while the method is looked
    up: an attribute can compute, too. Raises ContractError where the params are none.
    """
    start = perf_counter_ns()
    params = trainer.train_epoch(order)
    copy_params(params, exchange.params)
    end = perf_counter_ns()
    return params, (end - start) / 1e9
