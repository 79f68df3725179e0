"""The folder that a worker runs in: removed afterwards, or by the next run if we are killed."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import UserError
from bench.runner.process import orphans

# Beside each folder is a lock, which its owner holds: a folder whose lock is free is stale.
PREFIX = "softmax-bench-trial-"
_PROBED = 2**24  # more than any trial of ours leaves there


@contextmanager
def folder() -> Iterator[Path]:
    """Make the folder of a worker and hold its lock; remove both. Raises UserError."""
    made = Path(tempfile.gettempdir(), PREFIX + secrets.token_hex(4))
    lock = _lock(made)
    try:
        with writing():
            lock.acquire()
            made.mkdir(mode=0o700)
        yield made
    finally:
        _discard(made, lock)


def sweep() -> None:
    """Remove the folders of runs that were killed on this host, and end the processes in them.

    Folders in use stay, and those of other users.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*.lock"):
        stale = path.with_suffix("")
        with suppress(OSError, Timeout):  # another user's, in use, or gone by now
            if path.lstat().st_uid == os.getuid():
                lock = _lock(stale)
                lock.acquire(timeout=0)
                orphans.ended(None, stale, grace=0.0)
                _discard(stale, lock)


def _lock(folder: Path) -> FileLock:
    return FileLock(f"{folder}.lock", thread_local=False, fallback_to_soft=False)


def _discard(folder: Path, lock: FileLock) -> None:
    """Remove a folder, then its lock, then release it: who waits for it tries again."""
    _remove(folder)
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def _remove(folder: Path) -> None:
    """Remove a folder with all in it; what cannot be removed stays, and nothing is raised.

    Python's own way opens a file and calls a function a level: rm goes down however deep it is.
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


def check_room() -> None:
    """Raise UserError where no child could hand over anything: that is no fault of a trial."""
    with writing(), tempfile.TemporaryFile() as stream:
        stream.write(bytes(_PROBED))


@contextmanager
def writing() -> Iterator[None]:
    """Turn a full disk below the folder for temporary files into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write to {tempfile.gettempdir()}: {error.strerror}; free some of it, or set "
            "TMPDIR to a folder with room"
        ) from error
