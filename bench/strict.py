"""Files that somebody else may have made, read strictly: regular, bounded, no key twice.

Whatever is wrong with one is an OSError or DamagedError, before memory is taken for it.
"""

import errno
import json
import os
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from bench.error import UserError
from bench.result import FORMAT

# Of a file that is read as a whole; the largest plan of a published run has a 200th of it.
MOST = 16 * 2**20

Read = TypeVar("Read")

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class DamagedError(ValueError):
    """What a file holds is not what the suite writes; the text says why."""


def opened(path: Path, most: int, *, follow: bool = True) -> BinaryIO:
    """Open a regular file of at most so many bytes; raises OSError, and waits for nobody.

    follow: whether a link is what it leads to; else it is refused.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    stream = os.fdopen(os.open(path, flags), "rb")
    found = os.fstat(stream.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_size <= most:
        return stream
    stream.close()
    if stat.S_ISREG(found.st_mode):
        raise OSError(errno.EFBIG, f"of {found.st_size} bytes it may have {most}", str(path))
    raise OSError(errno.EINVAL, "it is no regular file", str(path))


def read(path: Path, most: int = MOST, *, follow: bool = True) -> bytes:
    """Return what such a file holds; raises OSError, also where it grows meanwhile."""
    with opened(path, most, follow=follow) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes", str(path))
    return data


def decoded(data: bytes, kind: type[Read], where: str) -> Read:
    """Decode JSON; raises DamagedError, and UserError where it is of a newer format."""
    try:
        found = msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        refuse_newer(where, _format(data))
        raise DamagedError(f"not a {getattr(kind, '__name__', kind)}: {error}") from error
    refuse_newer(where, getattr(found, "format", 0))
    # What is written again as it was has no key twice; its layout another version may change.
    if msgspec.json.encode(found) != data and (twice := _twice(data)):
        raise DamagedError(f"it says {twice!r} twice")
    return found


def refuse_newer(where: str, version: int) -> None:
    """Raise UserError for what only a newer suite can read."""
    if version > FORMAT:
        raise UserError(f"{where}: format {version} is newer than this suite; update it")


def _format(data: bytes) -> int:
    """Return the format of what cannot be read otherwise; nought where it tells none."""
    try:
        return msgspec.json.decode(data, type=_Versioned).format
    except UNREADABLE:
        return 0


class _Versioned(msgspec.Struct):
    format: int = 0  # environments have none, their records do


def _twice(data: bytes) -> str | None:
    """Return a key that an object has twice, of which each reader may take another."""
    found: list[str] = []

    def seen(pairs: Sequence[tuple[str, Any]]) -> None:
        names = Counter(name for name, _ in pairs)
        found.extend(name for name, count in names.items() if count > 1)

    json.loads(data, object_pairs_hook=seen)
    return found[0] if found else None
