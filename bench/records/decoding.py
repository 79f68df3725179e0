"""Decode untrusted JSON with clean texts, and encode the JSON files of a run."""

import re
from typing import Any, TypeVar

import msgspec

from bench.errors import UserError, clean_text
from bench.records.schema import FORMAT, OLDEST_FORMAT

Kind = TypeVar("Kind")

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

# In JSON: the characters that ``clean_text`` replaces, in UTF-8 or escaped. Most files have none.
_UNCLEAN = re.compile(
    rb"\\[bfnrtu]|\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|"
    rb"\xef\xbf[\xbe\xbf]|##|::"
)


class DamagedError(ValueError):
    """A file does not hold what the suite writes. The text gives the reason."""


def decode(data: bytes, kind: type[Kind]) -> Kind:
    """Decode a JSON object. Raises DamagedError.

    All its texts, keys included, are cleaned by ``clean_text``.
    """
    try:
        if not _UNCLEAN.search(data):
            return msgspec.json.decode(data, type=kind)
        return msgspec.convert(clean_texts(msgspec.json.decode(data)), kind)
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


def check_format(data: bytes, where: str) -> None:
    """Raise UserError if the format in a file or line is one that only another suite can read."""
    try:
        version = msgspec.json.decode(data, type=_Versioned).format
    except UNREADABLE:
        return
    if version > FORMAT:
        raise UserError(f"{where}: format {version} is newer than this suite. Update it")
    if 0 < version < OLDEST_FORMAT:
        raise UserError(f"{where}: format {version} is older than this suite reads. Measure anew")


def encode(value: Any) -> bytes:
    """Return indented JSON. Raises UserError for text that is not valid Unicode."""
    try:
        return msgspec.json.format(msgspec.json.encode(value)) + b"\n"
    except UnicodeEncodeError as error:  # an unpaired surrogate, as in a file name
        fault = f"{error.object!r} is not valid Unicode. Rename it, or set LC_ALL=C.UTF-8"
        raise UserError(fault) from error
