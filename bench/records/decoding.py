"""Decode untrusted JSON with clean texts, and encode the JSON files of a run."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from bench.errors import UserError, clean_text
from bench.records.schema import FORMAT

Kind = TypeVar("Kind")

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

# In JSON: the characters that ``clean_text`` replaces, in UTF-8 or escaped. Most files have none.
_UNCLEAN = re.compile(
    rb"\\[bfnrtu]|\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|"
    rb"\xef\xbf[\xbe\xbf]"
)


class DamagedError(ValueError):
    """A file does not hold what the suite writes. The text gives the reason."""


def decode(
    data: bytes,
    kind: type[Kind],
    upgrade: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> Kind:
    """Decode a JSON object. Raises DamagedError.

    All its texts, keys included, are cleaned by ``clean_text``.
    upgrade: converts an object of an older format to the current one.
    """
    try:
        if upgrade is None and not _UNCLEAN.search(data):
            return msgspec.json.decode(data, type=kind)
        document = clean_texts(msgspec.json.decode(data, type=dict[str, Any]))
        return msgspec.convert(upgrade(document) if upgrade else document, kind)
    except UNREADABLE as error:
        raise DamagedError(f"not a {getattr(kind, '__name__', 'Record')}: {error}") from error


def clean_texts(value: Any) -> Any:
    """Return what JSON decodes to with every text in it cleaned by ``clean_text``."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(key): clean_texts(item) for key, item in value.items()}
    return list(map(clean_texts, value)) if isinstance(value, list | tuple) else value


class _Versioned(msgspec.Struct):
    format: int = 0  # environments have no format number


def read_format(data: bytes, where: str) -> int:
    """Return the format number in a file or line, 0 if there is none.

    Raises UserError for a format that only a newer suite can read.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).format
    except UNREADABLE:
        return 0
    if version > FORMAT:
        raise UserError(f"{where}: format {version} is newer than this suite. Update it")
    return version


def encode(value: Any) -> bytes:
    """Return indented JSON. Raises UserError for text that is not valid Unicode."""
    try:
        return msgspec.json.format(msgspec.json.encode(value)) + b"\n"
    except UnicodeEncodeError as error:  # an unpaired surrogate, as in a file name
        raise UserError(f"{error.object!r} is not valid Unicode. Rename it") from error
