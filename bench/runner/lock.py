"""Lock the host: one measurement at a time on a machine, for all users."""

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import UserError, clean_text, report_write_errors
from bench.runner.process import scratch
from bench.worker.measure import now

# Not below TMPDIR: users, jobs and the workers of a cluster may each have their own.
DEFAULT_PATH = "/tmp/softmax-bench.runner.lock"  # noqa: S108 - nothing is written to it
POLL_SECONDS = 0.25
USUAL = "Set SOFTMAX_BENCH_LOCK to a file that everybody who measures here can write to"
ANNOUNCE_SECONDS = 300.0


def find_lock_path() -> Path:
    """Return the path of the lock, the same for every user of the host.

    If each job or container has its own /tmp, SOFTMAX_BENCH_LOCK names a file on the host's disk
    that all of them see. Raises UserError for a relative path.
    """
    path = Path(os.environ.get("SOFTMAX_BENCH_LOCK") or DEFAULT_PATH)
    if not path.is_absolute():
        raise UserError(
            f"SOFTMAX_BENCH_LOCK is {path}. Give an absolute path, such as {DEFAULT_PATH}"
        )
    return path


def open_host_lock() -> FileLock:
    """Return the host's lock, not yet held. Raises UserError if its file cannot be opened."""
    path = find_lock_path()
    with report_write_errors(path, USUAL):
        # Where a file cannot be made, as in /proc, FileLock waits for ever.
        if path.exists():
            os.close(os.open(path, os.O_RDWR))
        else:
            path.touch()
            path.chmod(0o666)  # every user may open it
    # Never a soft lock, which would outlive a killed holder.
    return FileLock(path, mode=0o666, thread_local=False, fallback_to_soft=False)


@contextmanager
def hold_host_lock(progress: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Hold the host's lock in a block; wait for it first. Raises UserError.

    The kernel releases it when its holder ends, even if it is killed; the next holder removes what
    a killed one has left on the host. All workers of the block share one PTX cache.
    progress: gets a line if the lock is not free at once, and every five minutes.
    """
    lock = open_host_lock()
    try:
        begin, timeout = now(), 0.0
        while not _acquire(lock, timeout):
            progress(describe_wait(Path(lock.lock_file), now() - begin))
            timeout = ANNOUNCE_SECONDS
        with suppress(OSError):  # another user's
            os.utime(lock.lock_file)  # systems delete old files in /tmp, even locked ones
        scratch.remove_stale_folders()
        with scratch.make_folder() as folder, scratch.share_ptx_cache(folder):
            yield
    finally:
        lock.release()


def describe_wait(path: Path, seconds: float) -> str:
    """Say who holds a lock, as far as /proc shows it, and how long this process has waited."""
    holder = ""
    with suppress(OSError, StopIteration):
        status = path.stat()  # its holder touched it
        locks = map(str.split, Path("/proc/locks").read_text(encoding="ascii").splitlines())
        number = next(fields[4] for fields in locks if fields[5].endswith(f":{status.st_ino}"))
        command = Path("/proc", number, "cmdline").read_text("utf-8", "replace").split("\0")
        # The program and its verb: an option may hold a path or a password.
        words = [Path(word).name for word in takewhile(lambda text: text[:2] != "--", command)]
        since = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC).astimezone()
        holder = f" (process {number}, {clean_text(' '.join(words)):.60}, since {since:%H:%M})"
    return (
        f"another run is measuring on this machine{holder}; waiting for it, {seconds / 60:.0f} min "
        "until now. To measure beside it, on other cores, set SOFTMAX_BENCH_LOCK to another file"
    )


def _acquire(lock: FileLock, timeout: float) -> bool:
    with report_write_errors(lock.lock_file, USUAL):
        try:
            lock.acquire(timeout=timeout, poll_interval=POLL_SECONDS)
        except Timeout:
            return False
        return True
