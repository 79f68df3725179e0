"""Decode untrusted JSON, and encode the JSON files of a run."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from bench.errors import UserError
from bench.records.schema import FORMAT

Kind = TypeVar("Kind")

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class DamagedError(ValueError):
    """A file does not hold what the suite writes. The text gives the reason."""


def decode(
    data: bytes,
    kind: type[Kind],
    where: str,
    upgrade: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> Kind:
    """Decode JSON. Raises DamagedError, or UserError if a newer suite wrote it.

    upgrade: converts an object of an older format to the current one.
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
    format: int = 0  # environments have no format number


def read_format(data: bytes) -> int:
    """Return the format number in a file or line, or 0 if there is none."""
    try:
        return msgspec.json.decode(data, type=_Versioned).format
    except UNREADABLE:
        return 0


def refuse_newer(where: str, version: int) -> None:
    """Raise UserError for a format that only a newer suite can read."""
    if version > FORMAT:
        raise UserError(f"{where}: format {version} is newer than this suite; update it")


def encode(value: Any) -> bytes:
    """Return indented JSON. Raises UserError for text that is not valid Unicode."""
    try:
        return msgspec.json.format(msgspec.json.encode(value)) + b"\n"
    except UnicodeEncodeError as error:  # an unpaired surrogate, as in a file name
        raise UserError(f"{error.object!r} is not valid Unicode; rename it") from error
