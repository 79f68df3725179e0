"""The host's lock: one measurement at a time on a machine, whoever runs it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import UserError
from bench.runner.process import scratch

# Not below TMPDIR: users, jobs and the workers of a cluster may each have their own.
DEFAULT_PATH = "/tmp/softmax-bench.runner.lock"  # noqa: S108 - nothing is written to it
POLL_SECONDS = 0.25


def lock_path() -> Path:
    """Return the path of the lock, the same for every user of the host.

    SOFTMAX_BENCH_LOCK names another one: where jobs or containers have a /tmp each, a file on the
    host's own disk that all of them see. Raises UserError where it depends on the working folder.
    """
    place = Path(os.environ.get("SOFTMAX_BENCH_LOCK") or DEFAULT_PATH)
    if not place.is_absolute():
        raise UserError(f"SOFTMAX_BENCH_LOCK is {place}; give a whole path, such as {DEFAULT_PATH}")
    return place


class Lock:
    """The host's lock. The kernel releases it when its holder ends, even if it is killed.

    Whoever takes it removes what a killed holder has left on the host.
    """

    def __init__(self, place: Path) -> None:
        # Every user may open it. Never a soft lock, which would outlive a killed holder.
        self._lock = FileLock(place, mode=0o666, thread_local=False, fallback_to_soft=False)

    def take(self) -> bool:
        """Take the lock if nobody holds it; return whether it is ours. Raises UserError."""
        return self._acquire(0)

    def wait(self) -> None:
        """Take the lock as soon as nobody holds it. Raises UserError."""
        self._acquire(-1)

    def release(self) -> None:
        """Release the lock, if it is ours."""
        self._lock.release()

    def _acquire(self, timeout: float) -> bool:
        place = self._lock.lock_file
        try:
            self._lock.acquire(timeout=timeout, poll_interval=POLL_SECONDS)
        except Timeout:
            return False
        except OSError as error:
            raise UserError(
                f"cannot take the host's lock {place}: {error.strerror}; set SOFTMAX_BENCH_LOCK to "
                "a file that everybody who measures on this host can write to"
            ) from error
        with suppress(OSError):  # another user's
            os.utime(place)  # old files are deleted from /tmp, whether locked or not
        scratch.sweep()
        return True


@contextmanager
def open_host_lock() -> Iterator[Lock]:
    """Yield the host's lock, to be taken; release it at the end. Raises UserError."""
    lock = Lock(lock_path())
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def hold_host_lock() -> Iterator[None]:
    """Hold the host's lock, however long that has to be waited for. Raises UserError."""
    with open_host_lock() as host:
        host.wait()
        yield
