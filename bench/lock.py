"""One measurement at a time: on a host whoever comes second waits, in a run's folder it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench import scratch
from bench.error import UserError

# Never by TMPDIR, which users, jobs and the workers of a cluster have each their own of.
PLACE = "/tmp/softmax-bench.lock"  # noqa: S108 - nothing is written to it


def path() -> Path:
    """Return the lock's place, the same for every user of the host.

    SOFTMAX_BENCH_LOCK names another: where jobs or containers have each a /tmp of their own, a file
    on the host's own disk that all of them see. Raises UserError where it depends on the folder.
    """
    found = Path(os.environ.get("SOFTMAX_BENCH_LOCK") or PLACE)
    if not found.is_absolute():
        raise UserError(f"SOFTMAX_BENCH_LOCK is {found}; give a whole path, such as {PLACE}")
    return found


class Lock:
    """The host's lock; the kernel gives it back when its holder ends, however it ends.

    What a holder that was killed has left on the host, the next one clears away.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def take(self) -> bool:
        """Take the lock if nobody has it, and tell whether it is ours."""
        taken = _taken(self._descriptor)
        if taken:
            scratch.sweep()
        return taken

    def wait(self) -> None:
        """Take the lock as soon as nobody has it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        scratch.sweep()


@contextmanager
def opened() -> Iterator[Lock]:
    """Open the host's lock, which is to be taken; it is given back at the end.

    Raises UserError where it cannot be opened.
    """
    try:
        descriptor = _open(place := path())
    except OSError as error:
        raise UserError(
            f"cannot open the host's lock {place}: {error.strerror}; set SOFTMAX_BENCH_LOCK to a "
            "file that whoever measures on this host can read"
        ) from error
    try:
        yield Lock(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def had() -> Iterator[None]:
    """Have the host for ourselves, however long that has to be waited for."""
    with opened() as host:
        host.wait()
        yield


@contextmanager
def of_folder(folder: Path) -> Iterator[None]:
    """Have a run's folder for ourselves: hosts may share it, as may those with other locks.

    Raises UserError where another process has it, or where it cannot be had.
    """
    descriptor = None
    try:
        # For writing, though nothing is: over NFS it is a lock of bytes, which asks for that.
        descriptor = os.open(folder / "run.json", os.O_RDWR | os.O_NOFOLLOW)
        taken = _taken(descriptor)
    except OSError as error:
        raise UserError(
            f"cannot write to {folder}: {error.strerror}; mend that and go on with --resume"
        ) from error
    try:
        if not taken:
            raise UserError(
                f"another process is measuring into {folder}; wait for its end, then --resume"
            )
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Take a lock if nobody has it, and tell whether it is ours."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(lock: Path) -> int:
    """Open the file without creating it first: Linux refuses O_CREAT on another user's in /tmp."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CREAT, 0o644)
        os.fchmod(descriptor, 0o644)  # whatever the umask: the next user has to read it
    with suppress(OSError):  # another user's
        os.utime(descriptor)  # what is old is cleared out of /tmp, locked or not
    return descriptor
