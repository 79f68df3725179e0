"""JSON that somebody else may have made, read strictly: its own kind, whole, no key twice."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from bench.error import UserError
from bench.result import FORMAT

# Bytes of a file; the largest plan of a published run has a 200th of it.
MOST = 16 * 2**20

Read = TypeVar("Read")

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class DamagedError(ValueError):
    """What a file holds is not what the suite writes; the text says why."""


def decoded(data: bytes, kind: type[Read], where: str) -> Read:
    """Decode JSON; raises DamagedError, and UserError where it is of a newer format."""
    try:
        found = msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        refuse_newer(where, _format(data))
        raise DamagedError(f"not a {getattr(kind, '__name__', kind)}: {error}") from error
    refuse_newer(where, getattr(found, "format", 0))
    if twice := _twice(found, data):
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


def _twice(decoded: Any, data: bytes) -> str | None:
    """Return a key that an object has twice, of which each reader may take another.

    Raises DamagedError where it is nested too deep to tell.
    """
    try:
        # What is written again as it was has none; its layout another version may change.
        return None if msgspec.json.encode(decoded) == data else _repeated(data)
    except RecursionError as error:
        raise DamagedError(f"it is nested too deep: {error}") from error


def _repeated(data: bytes) -> str | None:
    found: list[str] = []

    def seen(pairs: Sequence[tuple[str, Any]]) -> None:
        names = Counter(name for name, _ in pairs)
        found.extend(name for name, count in names.items() if count > 1)

    json.loads(data, object_pairs_hook=seen)
    return found[0] if found else None
