"""Files that somebody else wrote: regular ones of no more than was expected, or an error."""

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

MOST_OF_A_PROGRAM = 2**24


def opened(path: Path, most: int, *, follow: bool = True) -> BinaryIO:
    """Open a file of ``most`` bytes at most, to be closed by the caller.

    Neither a pipe, which would be waited for, nor a device, which may have no end, is one. A child
    that leaves a link to some other file has left nothing: ``follow`` is for what a user names.
    Raises OSError, whose ``strerror`` says what the path is instead.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    stream = os.fdopen(os.open(path, flags), "rb")
    try:
        _refuse(os.fstat(stream.fileno()), most)
    except OSError:
        stream.close()
        raise
    return stream


def read(path: Path, most: int, *, follow: bool = True) -> bytes:
    """Read such a file; raises OSError. One that grows meanwhile is cut at ``most`` bytes."""
    with opened(path, most, follow=follow) as stream:
        return stream.read(most)


def sha256(path: Path) -> str:
    """Hash a program in such a file; raises OSError."""
    return hashlib.sha256(read(path, MOST_OF_A_PROGRAM)).hexdigest()


def _refuse(facts: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if facts.st_size > most:
        raise OSError(errno.EFBIG, f"it is larger than {most} bytes")
