"""Look from outside at a worker and what it has started: cores, scheduling class, CPU time.

The kernel knows them, so nothing is asked of the worker. A thread could be elsewhere for the time
of an epoch only, so the parent looks while one is trained.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from bench.runner.process.session import leaders, read_schedstat
from bench.worker.measure import read_cpu_seconds

# Other classes take the processor from normal threads: first-in-first-out, round-robin, deadline.
_FAIR = {"SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE"}
_RESET_ON_FORK = 0x40000000  # a flag, see sched_getscheduler(2)
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36  # <linux/prctl.h>
_LIMITS = [number for name, number in vars(resource).items() if name.startswith("RLIMIT_")]


def _write_limits(limits: list[tuple[int, tuple[int, int]]]) -> None:
    for number, limit in limits:
        resource.setrlimit(number, limit)


# What a worker could change of its parent, with a name for it: how it is read and written.
_SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "priority": (partial(os.getpriority, 0, 0), partial(os.setpriority, 0, 0)),
    "limits": (
        lambda: [(number, resource.getrlimit(number)) for number in _LIMITS],
        _write_limits,
    ),
}
if sys.platform == "linux":
    _SETTINGS["cores"] = partial(os.sched_getaffinity, 0), partial(os.sched_setaffinity, 0)
    _SETTINGS["scheduling class"] = (
        lambda: (os.sched_getscheduler(0), os.sched_getparam(0)),
        lambda policy: os.sched_setscheduler(0, *policy),
    )
_HAS_CHILDREN = Path("/proc/thread-self/children").exists()  # else every process is looked at


class Family:
    """A worker and the processes that it has started, also those that left its session.

    Made before the worker is started: what was there by then is not its own. The parent adopts the
    orphans of its workers, so a chain of parents leads from each process to the worker or, if one
    of them has ended, to the parent itself. Of two workers that live at the same time, both have
    the orphans. Everything is empty or 0.0 on macOS, which has no /proc.
    leader: the worker's process id, set when it is known.
    """

    def __init__(self) -> None:
        self.leader = -1
        self._earlier = {*_list_numbers("/proc")}
        self._settings = {name: read() for name, (read, _) in _SETTINGS.items()}
        if sys.platform == "linux":
            prctl = ctypes.CDLL(None).prctl
            prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            # Its memory holds the next order: no process of the same user may read it.
            prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

    def find_change(self) -> str | None:
        """Return what the worker changed of this process, which later workers would inherit."""
        changed = [name for name, (read, _) in _SETTINGS.items() if read() != self._settings[name]]
        return f"it changed its parent's {' and '.join(changed)}" if changed else None

    def restore(self) -> None:
        """Let this process run as it did before the worker, as far as it may."""
        for name, (read, write) in _SETTINGS.items():
            if read() != self._settings[name]:
                with suppress(OSError, ValueError):  # without the right to raise it again
                    write(self._settings[name])

    def list_helpers(self) -> list[int]:
        """Return the ids of the processes other than the worker, zombies too."""
        orphans = [child for child in _list_children(os.getpid()) if _is_orphan(child)]
        pending, helpers = [*_list_children(self.leader), *orphans], dict[int, None]()
        while pending:
            process = pending.pop()
            if process not in {self.leader, *helpers} and process not in self._earlier:
                helpers[process] = None
                pending += _list_children(process)
        return list(helpers)

    def list_strays(self) -> list[str]:
        """Return the names of the living processes that have left the worker's session."""
        names = []
        for process in self.list_helpers():
            with suppress(OSError):  # it has just ended
                if os.getsid(process) != self.leader and _read_stat(process)[:1] != [b"Z"]:
                    names.append(Path(f"/proc/{process}/comm").read_text().strip())
        return sorted(names)

    def kill(self) -> None:
        """Kill and reap the processes that outlive the worker, and reap other ended orphans."""
        while helpers := self.list_helpers():
            for process in helpers:
                with suppress(OSError):
                    os.kill(process, signal.SIGKILL)
            for process in helpers:
                with suppress(OSError):  # not ours until its own parent is reaped
                    os.waitpid(process, 0)
        for process in filter(_is_orphan, _list_children(os.getpid())):
            with suppress(OSError):
                os.waitpid(process, os.WNOHANG)

    def read_cpu_seconds(self, *, first_thread: bool = False) -> float:
        """Return the CPU seconds of all processes. first_thread: of the worker's, only those of it.

        Those that have ended count when another one has waited for them, in ticks of 10 ms.
        Source: ``cutime`` and ``cstime`` in proc_pid_stat(5).
        """
        path = f"/proc/{self.leader}/schedstat"  # the worker first: its threads may be spinning
        leader_seconds = read_schedstat(path, 0) if first_thread else read_cpu_seconds(self.leader)
        helpers = self.list_helpers()
        ended = sum(_read_ended_cpu_seconds(process) for process in (self.leader, *helpers))
        return leader_seconds + ended + sum(map(read_cpu_seconds, helpers))

    def list_members(self) -> list[int]:
        """Return the ids of the worker and its helpers."""
        return [self.leader, *self.list_helpers()]

    def read_delay(self) -> float:
        """Return the seconds for which the family's threads and this one have waited for a core.

        Source: Linux, Documentation/scheduler/sched-stats.rst.
        """
        own = read_schedstat("/proc/thread-self/schedstat")
        return own + sum(sum(read_queues(process).values()) for process in self.list_members())

    def find_placement_fault(self, cores: Collection[int]) -> str | None:
        """Return how a thread runs as it was not allowed to, or None. cores: those allowed."""
        if not hasattr(os, "sched_getaffinity"):
            return None
        fair = {getattr(os, name) for name in _FAIR} | {os.sched_getscheduler(0)}
        priority = os.getpriority(os.PRIO_PROCESS, 0)
        for thread in (
            number for pid in self.list_members() for number in _list_numbers(f"/proc/{pid}/task")
        ):
            with suppress(OSError):  # it has just ended
                if outside := os.sched_getaffinity(thread) - set(cores):
                    numbers = ", ".join(map(str, sorted(outside)))
                    return f"it left the cores it was given: a thread of it may run on {numbers}"
                scheduler = os.sched_getscheduler(thread) & ~_RESET_ON_FORK
                if scheduler not in fair or os.getpriority(os.PRIO_PROCESS, thread) < priority:
                    return "it raised its scheduling priority. Run as any other process"
        return None


def read_queues(process: int) -> dict[str, float]:
    """Return the seconds for which each thread of a process has waited for a core."""
    folder = f"/proc/{process}/task"
    paths = [f"{folder}/{thread}/schedstat" for thread in _list_numbers(folder)]
    return {path: read_schedstat(path) for path in paths}


def _read_stat(process: int) -> list[bytes]:
    """Return the fields after the name: proc_pid_stat(5). Empty if the process has ended."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slower
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _list_children(process: int) -> list[int]:
    """Return the ids of a process's children: proc_pid_task_children(5).

    One of them may be missing from a look in which another one ends.
    """
    folder, children = f"/proc/{process}/task", list[int]()
    if not _HAS_CHILDREN:
        parent = b"%d" % process
        return [pid for pid in _list_numbers("/proc") if _read_stat(pid)[1:2] == [parent]]
    for thread in _list_numbers(folder):
        with suppress(OSError):  # it has just ended
            children += map(int, Path(f"{folder}/{thread}/children").read_bytes().split())
    return children


def _is_orphan(child: int) -> bool:
    """Return whether a child of this process was started by another one, in another session."""
    try:
        return child not in leaders and os.getsid(child) != os.getsid(0)
    except OSError:
        return False


def _read_ended_cpu_seconds(process: int) -> float:
    fields = _read_stat(process)
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _list_numbers(folder: str) -> list[int]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - pathlib takes three times as long
        return [int(name) for name in names if name.isdecimal()]
    except OSError:
        return []
