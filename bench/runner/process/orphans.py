"""Find and kill the processes that a worker started and did not end."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from bench.runner.process.spec import CACHES

# The processes of a pool need a moment to notice that their master has gone; that is no fault.
GRACE_SECONDS = 0.5
# The variables that the harness sets to folders below the scratch folder. PWD and the like do not
# count: a shell that has visited the folder has them, too.
_MARKS = (*CACHES, "PYTHONPATH")


def ended(leader: int | None, scratch: Path, grace: float = GRACE_SECONDS) -> list[str]:
    """Kill the processes that a worker has left running, and return their names.

    These are the living processes of its session, and those that were given a folder below its
    scratch folder: a daemon leaves the session, but keeps its variables.
    leader: the worker's process id, while it is not reaped; None where it is not known.
    grace: seconds in which the processes may end by themselves.
    """
    leftovers = list(_find(leader, scratch))
    if leftovers and grace > 0:
        psutil.wait_procs(leftovers, timeout=grace)
        leftovers = list(_find(leader, scratch))
    for process in leftovers:
        with suppress(psutil.Error):
            process.kill()
    return sorted(process.info["name"] for process in leftovers)


def _find(leader: int | None, scratch: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["name", "status", "environ"]):
        if process.pid == leader or process.info["status"] in {
            psutil.STATUS_ZOMBIE,
            psutil.STATUS_DEAD,
        }:
            continue
        variables = process.info["environ"] or {}  # None: another user's
        marked = any(variables.get(name, "").startswith(f"{scratch}/") for name in _MARKS)
        if marked or (leader is not None and _session(process.pid) == leader):
            yield process


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:  # it has ended, or the system does not tell
        return None
