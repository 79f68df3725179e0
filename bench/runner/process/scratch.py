"""The folder of a worker, and the processes that were given it: removed after the worker.

If this process is killed, the next run on the host removes both.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from bench.errors import UserError
from bench.runner.process.spec import CACHES

if TYPE_CHECKING:
    import psutil

# Beside each folder is a lock, which its owner holds: a folder whose lock is free is stale.
PREFIX = "softmax-bench-trial-"
_ROOM_BYTES = 2**24  # more than any trial writes
# The processes of a pool need a moment to notice that their master has gone; that is no fault.
GRACE_SECONDS = 0.5
# The variables that the harness sets to folders below the scratch folder. PWD and the like do not
# count: a shell that has visited the folder has them, too.
_MARKS = (*CACHES, "PYTHONPATH")


@contextmanager
def make_folder() -> Iterator[Path]:
    """Make the folder of a worker and hold its lock; remove both. Raises UserError."""
    made = Path(tempfile.gettempdir(), PREFIX + secrets.token_hex(4))
    lock = _lock(made)
    try:
        with report_write_errors():
            lock.acquire()
            made.mkdir(mode=0o700)
        yield made
    finally:
        _discard(made, lock)


def remove_stale_folders() -> None:
    """Remove the folders of runs that were killed on this host, and end the processes in them.

    Folders in use stay, and those of other users.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*.lock"):
        stale = path.with_suffix("")
        with suppress(OSError, Timeout):  # another user's, in use, or gone by now
            if path.lstat().st_uid == os.getuid():
                lock = _lock(stale)
                lock.acquire(timeout=0)
                kill_leftovers(None, stale, grace=0.0)
                _discard(stale, lock)


def _lock(folder: Path) -> FileLock:
    return FileLock(f"{folder}.lock", thread_local=False, fallback_to_soft=False)


def _discard(folder: Path, lock: FileLock) -> None:
    """Remove a folder, then its lock file, then release the lock."""
    _remove(folder)
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def _remove(folder: Path) -> None:
    """Remove a folder as far as possible; raise nothing.

    ``shutil`` opens a file and calls a function for each level; ``rm`` removes any depth.
    """
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            with suppress(OSError):
                subprocess.run(
                    [*command, folder],
                    check=False,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )


def kill_leftovers(leader: int | None, scratch: Path, grace: float = GRACE_SECONDS) -> list[str]:
    """Kill the processes that a worker has left running, and return their names.

    These are the living processes of its session, and those that were given a folder below its
    scratch folder: a daemon leaves the session, but keeps its variables.
    leader: the worker's process id, while it is not reaped; None where it is not known.
    grace: seconds in which the processes may end by themselves.
    """
    import psutil

    leftovers = list(_find_leftovers(leader, scratch))
    if leftovers and grace > 0:
        psutil.wait_procs(leftovers, timeout=grace)
        leftovers = list(_find_leftovers(leader, scratch))
    for process in leftovers:
        with suppress(psutil.Error):
            process.kill()
    return sorted(process.info["name"] for process in leftovers)


def _find_leftovers(leader: int | None, scratch: Path) -> "Iterator[psutil.Process]":
    import psutil

    for process in psutil.process_iter(["name", "status", "environ"]):
        if process.pid == leader or process.info["status"] in {
            psutil.STATUS_ZOMBIE,
            psutil.STATUS_DEAD,
        }:
            continue
        variables = process.info["environ"] or {}  # None: another user's
        marked = any(variables.get(name, "").startswith(f"{scratch}/") for name in _MARKS)
        try:
            in_session = leader is not None and os.getsid(process.pid) == leader
        except OSError:  # it has ended, or the system does not tell
            in_session = False
        if marked or in_session:
            yield process


def check_room() -> None:
    """Raise UserError if the disk is full: then a trial that failed is not at fault."""
    with report_write_errors(), tempfile.TemporaryFile() as stream:
        stream.write(bytes(_ROOM_BYTES))


@contextmanager
def report_write_errors() -> Iterator[None]:
    """Turn an OSError, such as a full disk, into a UserError that names the temporary folder."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write to {tempfile.gettempdir()}: {error.strerror}; free some of it, or set "
            "TMPDIR to a folder with room"
        ) from error
