"""Files that are on the disk, whole, when a function returns; raises OSError where they are not.

What a file holds is on the disk; its name is, where the file system can do that for a folder:
where it cannot, or fails at it, nothing is said. None is written through a link: the folder may be
somebody's, and a link lead out of it.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_OWN = os.O_NOFOLLOW | os.O_CLOEXEC
_ADDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _OWN
# File systems without links answer with one of these.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
# What _written calls a file until it is whole.
_TEMPORARY = re.compile(r".+\.\d+\.part", re.DOTALL)


def write(path: Path, parts: Iterable[bytes]) -> Path:
    """Write the whole file or nothing: a temporary name, then a rename."""
    temporary = _written(path, parts)
    try:
        temporary.replace(path)
    except OSError:  # a folder has this name
        temporary.unlink(missing_ok=True)
        raise
    settle(path.parent)
    return path


def new(path: Path, data: bytes) -> None:
    """Write a file that is not there: of several that try, all but one get FileExistsError."""
    temporary = _written(path, [data])
    try:
        _name(temporary, path)
    except FileNotFoundError as error:
        if not path.exists():
            raise
        # Whoever was first has cleared the folder meanwhile of what was not whole.
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
    settle(path.parent)


def append(path: Path, data: bytes) -> None:
    """Add all of it at the end, in one write, or nothing."""
    descriptor = os.open(path, _ADDING, 0o666)
    try:
        before = os.fstat(descriptor).st_size
        _add(descriptor, data, before)
    finally:
        os.close(descriptor)
    if not before:
        settle(path.parent)


def _add(descriptor: int, data: bytes, before: int) -> None:
    try:
        written = os.write(descriptor, data)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        raise
    if written < len(data):  # as much as there was room for
        os.ftruncate(descriptor, before)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def extend(path: Path, parts: Iterable[bytes]) -> None:
    """Add parts of any length at the end; on a full disk some of them may be there."""
    with os.fdopen(os.open(path, _ADDING, 0o666), "ab") as stream:
        _flushed(stream, parts)
    settle(path.parent)


def cut(path: Path, size: int) -> None:
    """Cut a file to so many bytes."""
    with os.fdopen(os.open(path, os.O_RDWR | _OWN), "r+b") as stream:
        if os.fstat(stream.fileno()).st_size > size:
            stream.truncate(size)
            os.fsync(stream.fileno())


def clear(folder: Path) -> None:
    """Delete what was being written into a folder by a process that is dead, and nothing else."""
    for path in folder.glob("*.part"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink()


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Make a folder whole or not at all, where none is or an empty one.

    What is written into the one that is yielded, beside the place, is there when all of it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)  # of another process that had this number
    temporary.mkdir()
    try:
        yield temporary
        settle(temporary)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    settle(path.parent)


def settle(folder: Path) -> None:
    """Have the names in a folder on disk, where its file system can; that it failed is not said."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written(path: Path, parts: Iterable[bytes]) -> Path:
    """Write a file beside its place, under a name that no other process takes."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        temporary.unlink(missing_ok=True)  # of another process that had this number
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OWN, 0o666)
        with os.fdopen(descriptor, "wb") as stream:
            _flushed(stream, parts)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return temporary


def _name(temporary: Path, path: Path) -> None:
    """Give a file its name where nothing has it; where there are no links, whatever has it."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        temporary.rename(path)


def _flushed(stream: BinaryIO, parts: Iterable[bytes]) -> None:
    stream.writelines(parts)
    stream.flush()
    os.fsync(stream.fileno())
