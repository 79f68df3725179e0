"""The folder of a worker: made before it starts, removed after it.

If this process is killed, the next run on the host removes the folder.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bench import errors
from bench.runner.process.leftovers import kill_leftovers

# Beside each folder is a lock, which its owner holds: a folder whose lock is free is stale.
PREFIX = "softmax-bench-trial-"
_ROOM_BYTES = 2**24  # more than any trial writes


@contextmanager
def make_folder(folder: Path | None = None) -> Iterator[Path]:
    """Make the folder of a worker and hold its lock; remove both. Raises UserError.

    folder: of an earlier worker, which is taken if it has been removed; None for a new one.
    """
    if folder is None or folder.exists():
        folder = Path(tempfile.gettempdir(), PREFIX + secrets.token_hex(4))
    lock = _lock(folder)
    try:
        with report_write_errors():
            lock.acquire()
            folder.mkdir(mode=0o700)
        yield folder
    finally:
        _discard(folder, lock)


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
    """Remove a folder as far as possible, then its lock file, then release the lock."""
    with suppress(RecursionError):  # folders nested too deeply stay
        shutil.rmtree(folder, ignore_errors=True)
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def check_room() -> None:
    """Raise UserError if the disk is full: then a trial that failed is not at fault."""
    with report_write_errors(), tempfile.TemporaryFile() as stream:
        stream.write(bytes(_ROOM_BYTES))


def report_write_errors() -> AbstractContextManager[None]:
    """Turn an OSError, such as a full disk, into a UserError that names the temporary folder."""
    more = ", or set TMPDIR to a folder on another disk"
    return errors.report_write_errors(tempfile.gettempdir(), "Free some space there", more)
