"""Decode JSON that somebody else may have written, and encode our own."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from bench.errors import UserError
from bench.records.schema import FORMAT

Kind = TypeVar("Kind")

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class DamagedError(ValueError):
    """A file does not hold what the suite writes; the text says why."""


def decode(
    data: bytes,
    kind: type[Kind],
    where: str,
    upgrade: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> Kind:
    """Decode JSON. Raises DamagedError, and UserError where a newer suite wrote it.

    upgrade: turns an object of an older format into one of the current format.
    """
    try:
        if upgrade is None:
            value = msgspec.json.decode(data, type=kind)
        else:
            value = msgspec.convert(upgrade(msgspec.json.decode(data, type=dict[str, Any])), kind)
    except UNREADABLE as error:
        refuse_newer(where, read_format(data))
        raise DamagedError(f"not a {getattr(kind, '__name__', 'Record')}: {error}") from error
    refuse_newer(where, getattr(value, "format", 0))
    return value


class _Versioned(msgspec.Struct):
    format: int = 0  # environments have none, their records do


def read_format(data: bytes) -> int:
    """Return the number of the format that a file or line names, or 0."""
    try:
        return msgspec.json.decode(data, type=_Versioned).format
    except UNREADABLE:
        return 0


def refuse_newer(where: str, version: int) -> None:
    """Raise UserError for a format that only a newer suite can read."""
    if version > FORMAT:
        raise UserError(f"{where}: format {version} is newer than this suite; update it")


def encode(value: Any) -> bytes:
    """Return the indented JSON of a file. Raises UserError for text that is no Unicode."""
    try:
        return msgspec.json.format(msgspec.json.encode(value)) + b"\n"
    except UnicodeEncodeError as error:  # half a surrogate pair, as in the name of a file
        raise UserError(f"{error.object!r} is no Unicode; rename it") from error
