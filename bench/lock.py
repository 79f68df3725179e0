"""One measurement at a time on a host: whoever comes second waits."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def path() -> Path:
    """Return the lock's place, the same for every user of the host."""
    return Path(tempfile.gettempdir()) / "softmax-bench.lock"


@contextmanager
def held(waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the host's lock; call ``waiting`` once if another run has it, then wait for it.

    The kernel gives the lock back when its holder dies, however it dies.
    """
    descriptor = _open(path())
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open(lock: Path) -> int:
    """Open the file without creating it first: Linux refuses O_CREAT on another user's in /tmp."""
    try:
        return os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CREAT, 0o644)
        os.fchmod(descriptor, 0o644)  # whatever the umask: the next user has to read it
        return descriptor
