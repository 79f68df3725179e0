"""Look from outside at how a worker's threads run: on which cores, and in which scheduling class.

The kernel tells it of every thread, so nothing is asked of the worker. A thread could be elsewhere
for the time of an epoch only, so the parent looks while one is trained.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

# Other classes take the processor from normal threads: first-in-first-out, round-robin, deadline.
_FAIR = {"SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE"}
_RESET_ON_FORK = 0x40000000  # a flag, see sched_getscheduler(2)


def find_placement_fault(leader: int, cores: Collection[int]) -> str | None:
    """Return how a thread of a worker's session runs as it was not allowed to, or None.

    leader: the worker's process id. cores: those that it was given. Nothing is known on macOS.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    fair = {getattr(os, name) for name in _FAIR} | {os.sched_getscheduler(0)}
    priority = os.getpriority(os.PRIO_PROCESS, 0)
    for thread in _list_threads(leader):
        with suppress(OSError):  # it has just ended
            if outside := os.sched_getaffinity(thread) - set(cores):
                numbers = ", ".join(map(str, sorted(outside)))
                return f"it left the cores it was given: a thread of it may run on {numbers}"
            scheduler = os.sched_getscheduler(thread) & ~_RESET_ON_FORK
            if scheduler not in fair or os.getpriority(os.PRIO_PROCESS, thread) < priority:
                return "it raised its scheduling priority; run as any other process"
    return None


def _list_threads(leader: int) -> Iterator[int]:
    """Yield the threads of the worker, then those of the other processes of its session."""
    yield from _list_numbers(f"/proc/{leader}/task")
    for process in _list_numbers("/proc"):
        with suppress(OSError):
            if process != leader and os.getsid(process) == leader:
                yield from _list_numbers(f"/proc/{process}/task")


def _list_numbers(folder: str) -> list[int]:
    try:
        return [int(path.name) for path in Path(folder).iterdir() if path.name.isdecimal()]
    except OSError:
        return []
