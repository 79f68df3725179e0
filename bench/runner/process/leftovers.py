"""Kill the processes that a worker left running."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from bench.runner.process.spec import CACHES

# The processes of a pool need a moment to notice that their master has gone; that is no fault.
GRACE_SECONDS = 0.5
# A command of a user's own keeps its variables, so it gets one more.
MARK = "SOFTMAX_BENCH_SCRATCH"
# The variables that the suite sets to folders below the scratch folder. PWD and the like do not
# count: a shell that has visited the folder has them, too.
_MARKS = (*CACHES, "PYTHONPATH", MARK)


def kill_leftovers(leader: int | None, scratch: Path, grace: float = GRACE_SECONDS) -> list[str]:
    """Kill the processes that a worker has left running, and return their names.

    These are the living processes of its session, and those that were given a folder below its
    scratch folder: a daemon leaves the session, but keeps its variables. ``Family`` finds one that
    clears them, too (bench/runner/process/placement.py).
    leader: the worker's process id, while it is not reaped; None where it is not known.
    grace: seconds in which the processes may end by themselves.
    """
    leftovers = list(_find_leftovers(leader, scratch))
    if leftovers and grace > 0:
        psutil.wait_procs(leftovers, timeout=grace)
        leftovers = list(_find_leftovers(leader, scratch))
    for process in leftovers:
        with suppress(psutil.Error):
            process.kill()
    return sorted(process.info["name"] for process in leftovers)


def _is_in_session(pid: int, leader: int | None) -> bool:
    try:
        return leader is not None and os.getsid(pid) == leader
    except OSError:  # it has ended, or the system does not tell
        return False


def _find_leftovers(leader: int | None, scratch: Path) -> Iterator[psutil.Process]:
    dead = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    for process in psutil.process_iter(["name", "status", "environ"]):
        if process.pid == leader or process.info["status"] in dead:
            continue
        variables = process.info["environ"] or {}  # None: another user's
        marked = any(variables.get(name, "").startswith(f"{scratch}/") for name in _MARKS)
        if marked or _is_in_session(process.pid, leader):
            yield process
