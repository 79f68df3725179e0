"""The clocks: the monotonic one, and another process's CPU time."""

import sys
from collections.abc import Callable
from time import clock_gettime_ns, perf_counter_ns, sleep
from typing import Any, TypeVar

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
