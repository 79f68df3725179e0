"""Look from outside at a worker's session: cores and scheduling class of its threads, CPU time.

The kernel knows them, so nothing is asked of the worker. A thread could be elsewhere for the time
of an epoch only, so the parent looks while one is trained.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from bench.worker.measure import read_cpu_seconds

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
    processes = (leader, *_list_helpers(leader))
    for thread in (one for process in processes for one in _list_numbers(f"/proc/{process}/task")):
        with suppress(OSError):  # it has just ended
            if outside := os.sched_getaffinity(thread) - set(cores):
                numbers = ", ".join(map(str, sorted(outside)))
                return f"it left the cores it was given: a thread of it may run on {numbers}"
            scheduler = os.sched_getscheduler(thread) & ~_RESET_ON_FORK
            if scheduler not in fair or os.getpriority(os.PRIO_PROCESS, thread) < priority:
                return "it raised its scheduling priority. Run as any other process"
    return None


def read_session_cpu_seconds(leader: int) -> float:
    """Return the CPU seconds of a worker and of the other processes of its session.

    0.0 on macOS, where neither is known.
    """
    return read_cpu_seconds(leader) + read_helpers_cpu_seconds(leader)


def read_helpers_cpu_seconds(leader: int) -> float:
    """Return the CPU seconds of a session without those of its leader's own threads.

    Processes that have ended count when another one of the session has waited for them, in ticks
    of 10 ms. Source: ``cutime`` and ``cstime`` in proc_pid_stat(5).
    """
    helpers = list(_list_helpers(leader))
    ended = sum(_read_ended_cpu_seconds(process) for process in (leader, *helpers))
    return ended + sum(map(read_cpu_seconds, helpers))


def _read_ended_cpu_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:  # it has ended, or this is macOS
        return 0.0
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _list_helpers(leader: int) -> Iterator[int]:
    """Yield the other processes of the worker's session."""
    for process in _list_numbers("/proc"):
        with suppress(OSError):  # it has just ended
            if process != leader and os.getsid(process) == leader:
                yield process


def _list_numbers(folder: str) -> list[int]:
    try:
        # Before each command: pathlib takes three times as long.
        names = os.listdir(folder)  # noqa: PTH208 - see above
        return [int(name) for name in names if name.isdecimal()]
    except OSError:
        return []
