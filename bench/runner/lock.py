"""Lock the host: one measurement at a time on a machine, for all users."""

import os
from collections.abc import Callable, Iterator
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

    If each job or container has its own /tmp, SOFTMAX_BENCH_LOCK names a file on the host's disk
    that all of them see. Raises UserError for a relative path.
    """
    path = Path(os.environ.get("SOFTMAX_BENCH_LOCK") or DEFAULT_PATH)
    if not path.is_absolute():
        raise UserError(
            f"SOFTMAX_BENCH_LOCK is {path}; give an absolute path, such as {DEFAULT_PATH}"
        )
    return path


class Lock:
    """The host's lock. The kernel releases it when its holder ends, even if it is killed.

    Taking it removes what a killed holder has left on the host.
    """

    def __init__(self, path: Path) -> None:
        # Every user may open it. Never a soft lock, which would outlive a killed holder.
        self._lock = FileLock(path, mode=0o666, thread_local=False, fallback_to_soft=False)

    def take(self) -> bool:
        """Take the lock if it is free; return whether it was. Raises UserError."""
        return self._acquire(0)

    def wait(self) -> None:
        """Take the lock as soon as it is free. Raises UserError."""
        self._acquire(-1)

    def release(self) -> None:
        """Release the lock if it is ours."""
        self._lock.release()

    def _acquire(self, timeout: float) -> bool:
        path = self._lock.lock_file
        try:
            self._lock.acquire(timeout=timeout, poll_interval=POLL_SECONDS)
        except Timeout:
            return False
        except OSError as error:
            raise UserError(
                f"cannot take the host's lock {path}: {error.strerror}; set SOFTMAX_BENCH_LOCK to "
                "a file that everybody who measures on this host can write to"
            ) from error
        with suppress(OSError):  # another user's
            os.utime(path)  # systems delete old files in /tmp, even locked ones
        scratch.remove_stale_folders()
        return True


@contextmanager
def open_host_lock() -> Iterator[Lock]:
    """Yield the host's lock, not yet taken; release it at the end. Raises UserError."""
    lock = Lock(lock_path())
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def hold_host_lock(report_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the host's lock in a block; report before waiting for it. Raises UserError."""
    with open_host_lock() as host:
        if not host.take():
            report_wait()
            host.wait()
        yield
