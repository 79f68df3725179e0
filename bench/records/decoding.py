"""Decode JSON that somebody else may have written, and encode our own."""

from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from bench.errors import UserError
from bench.records.schema import FORMAT

Kind = TypeVar("Kind")

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class DamagedError(ValueError):
    """A file does not hold what the suite writes; the text says why."""


def decode(data: bytes, kind: type[Kind], where: str) -> Kind:
    """Decode JSON. Raises DamagedError, and UserError where a newer suite wrote it."""
    try:
        value = msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        with suppress(*UNREADABLE):
            refuse_newer(where, msgspec.json.decode(data, type=_Versioned).format)
        raise DamagedError(f"not a {getattr(kind, '__name__', kind)}: {error}") from error
    refuse_newer(where, getattr(value, "format", 0))
    return value


class _Versioned(msgspec.Struct):
    format: int = 0  # environments have none, their records do


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
