"""The folder of a worker, made before it starts and removed after it, and the processes it leaves.

If this process is killed, the next run on the host removes the folder.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import psutil

from bench import errors
from bench.records import files

# The folders below the scratch folder that these variables name.
CACHES = {
    "HOME": "home",
    "KERAS_HOME": "keras",
    "TMPDIR": "tmp",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "CUDA_CACHE_PATH": "cuda",
    "NUMBA_CACHE_DIR": "numba",
    "XDG_CACHE_HOME": "xdg",
}
# The processes of a pool need a moment to notice that their master has gone; that is no fault.
GRACE_SECONDS = 0.5
# A command of a user's own keeps its variables, so it gets one more.
MARK = "SOFTMAX_BENCH_SCRATCH"
# The variables that the suite sets to folders below the scratch folder. PWD and the like do not
# count: a shell that has visited the folder has them, too.
_MARKS = (*CACHES, "PYTHONPATH", MARK)
# Beside each folder is a lock, which its owner holds: a folder whose lock is free is stale.
PREFIX = "softmax-bench-trial-"
_ROOM_BYTES = 2**24  # more than any trial writes
# The folder of ``share_ptx_cache``, or None outside of its block.
ptx_cache: ContextVar[Path | None] = ContextVar("ptx_cache", default=None)


@contextmanager
def make_folder(folder: Path | None = None) -> Iterator[Path]:
    """Make the folder of a worker and hold its lock; remove both. Raises UserError.

    folder: of an earlier worker, which is taken if it has been removed; None for a new one.
    """
    if folder is None or folder.exists():
        # TMPDIR may be relative, and a worker runs in another folder.
        folder = Path(tempfile.gettempdir()).absolute() / (PREFIX + secrets.token_hex(4))
    with ExitStack() as stack:
        with report_scratch_errors():
            stack.enter_context(_hold(folder, timeout=-1))
            folder.mkdir(mode=0o700)
        yield folder


def remove_stale_folders() -> None:
    """Remove the folders of runs that were killed on this host, and end the processes in them.

    Folders in use stay, and those of other users.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*.lock"):
        stale = path.with_suffix("")
        with suppress(OSError):  # another user's, in use, or gone by now
            if path.lstat().st_uid == os.getuid():
                with _hold(stale):
                    kill_leftovers(None, stale, grace=0.0)


@contextmanager
def share_ptx_cache(folder: Path) -> Iterator[None]:
    """Let the workers that are started in a block share what the CUDA driver's compiler caches.

    Where a framework has no code for a GPU, the driver compiles its PTX as kernels are loaded,
    which can take minutes. With an empty cache in every worker, set-up and first epoch would
    measure that. Source:
    https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html
    """
    token = ptx_cache.set(folder)
    try:
        yield
    finally:
        ptx_cache.reset(token)


@contextmanager
def _hold(folder: Path, timeout: float = 0) -> Iterator[None]:
    """Hold a folder's lock in a block, then remove the folder as far as possible."""
    with files.hold(Path(f"{folder}.lock"), timeout):
        try:
            yield
        finally:
            with suppress(RecursionError):  # folders nested too deeply stay
                shutil.rmtree(folder, ignore_errors=True)


def check_room() -> None:
    """Raise UserError if the disk is full: then a trial that failed is not at fault."""
    with report_scratch_errors(), tempfile.TemporaryFile() as stream:
        stream.write(bytes(_ROOM_BYTES))


def report_scratch_errors() -> AbstractContextManager[None]:
    """Turn an OSError, such as a full disk, into a UserError that names the temporary folder."""
    more = ", or set TMPDIR to a folder on another disk"
    return errors.report_write_errors(tempfile.gettempdir(), "Free some space there", more)


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
        return os.getsid(pid) == leader
    except OSError:  # it has ended, or the system does not tell
        return False


def _find_leftovers(leader: int | None, scratch: Path) -> Iterator[psutil.Process]:
    dead = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    for process in psutil.process_iter(["name", "status", "environ"]):
        if process.pid == leader:
            continue
        if process.info["status"] in dead:
            if _is_in_session(process.pid, leader):
                with suppress(OSError):  # its parent lives
                    os.waitpid(process.pid, os.WNOHANG)
            continue
        variables = process.info["environ"] or {}  # None: another user's
        marked = any(variables.get(name, "").startswith(f"{scratch}/") for name in _MARKS)
        if marked or _is_in_session(process.pid, leader):
            yield process
