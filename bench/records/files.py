"""Read untrusted files, and write files durably.

Only regular files up to a size limit are read. Files are replaced atomically or appended to. Data
are on the disk when the function returns. Links are not followed, because they could lead out of
the folder. All functions raise OSError.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

# Size limit of a file in a run's folder. 5,000 trials of 200 epochs take half of it.
MAX_BYTES = 256 * 2**20
# Limit of a file name in bytes, less the suffixes that we append.
MAX_NAME = 200

_UNFINISHED = re.compile(r".+\.\d+\.part", re.DOTALL)


# ----- reading


def read_file(path: Path, limit: int = MAX_BYTES, *, follow: bool = True) -> bytes:
    """Read a regular file of at most ``limit`` bytes, without waiting for pipes.

    follow: follow links. Use it for paths that a user gave, never for files that a worker wrote.
    Raises OSError with the reason as ``strerror``.
    """
    more = os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | more)) as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if status.st_size > limit:
            raise OSError(errno.EINVAL, f"it is larger than {limit} bytes")
        # Not the limit: read() would allocate that much. A larger file has just grown.
        return stream.read(status.st_size)


def is_file_name(name: str) -> bool:
    """Return whether a text from a record is a safe file name: it cannot leave its folder."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= MAX_NAME and name[0] != "." and not {"/", "\0"} & set(name)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a regular file, in hexadecimal. Raises OSError."""
    return hashlib.sha256(read_file(path)).hexdigest()


# ----- writing


def write_file(path: Path, data: bytes) -> Path:
    """Replace a file atomically, by renaming a temporary file in the same folder."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        temporary.unlink(missing_ok=True)  # a killed process with this id left it
        with temporary.open("xb") as stream:
            _write(stream, data)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folders(path.parent)
    return path


def append(path: Path, data: bytes) -> None:
    """Append all of ``data``, or leave the file unchanged."""
    more = os.O_NOFOLLOW
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags | more, 0o666)) as stream:
        before = os.fstat(stream.fileno()).st_size
        try:
            _write(stream, data)
        except OSError:
            os.truncate(path, before)
            raise
    if not before:
        sync_folders(path.parent)


def _write(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)
    stream.flush()
    os.fsync(stream.fileno())


def remove_unfinished(folder: Path) -> None:
    """Delete the temporary files that a killed process left in a folder; flush its other names."""
    for path in folder.glob("*.part"):
        if _UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink()
    sync_folders(folder)


@contextmanager
def hold(path: Path, timeout: float = 0) -> Iterator[None]:
    """Hold a lock file in a block, then delete it. Raises Timeout if another process holds it.

    timeout: seconds to wait for it, or -1 without an end. The kernel releases it when its holder is
    killed: a soft lock would become stale.
    """
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    lock.acquire(timeout=timeout)
    try:
        yield
    finally:
        # Before the release: a process that has just opened the file retries with a new one.
        path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Create a folder with all of its files, or not at all. An empty folder is replaced.

    Yields a temporary folder, which is renamed to ``path`` at the end. One process at a time.
    """
    temporary = path.with_name(f".{path.name}.part")
    path.parent.stat()  # FileLock would make it
    with ExitStack() as stack:
        try:
            stack.enter_context(hold(path.with_name(f".{path.name}.lock")))
        except Timeout:
            raise OSError(errno.EBUSY, "another process is writing it") from None
        shutil.rmtree(temporary, ignore_errors=True)  # a killed process left it
        temporary.mkdir()
        try:
            yield temporary
            sync_folders(temporary)
            temporary.rename(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folders(*path.resolve().parents)  # any of them may be new


def sync_folders(*folders: Path) -> None:
    """Flush the names in folders to the disk, where that is allowed and supported."""
    for folder in folders:
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
