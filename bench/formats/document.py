"""JSON documents as files hold them."""

import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.error import UserError
from bench.files import read_file, write_file

Kind = TypeVar("Kind")

_MOST = 2**26  # bytes


def text(document: Any) -> str:
    """Lay out what other tools read: plain ASCII, and no number that JSON has none of."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def read(path: Path, kind: type[Kind], tool: str) -> Kind:
    """Read a file of a tool; raises UserError in one line where it cannot be, or is none."""
    try:
        content = read_file(path, _MOST)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; name a JSON file") from error
    if not content.strip():
        raise UserError(f"{path} is empty; save it again with {tool}")
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(
            f"{path} is no file of {tool}, or damaged: {error}; save it again"
        ) from error


def save(path: Path, document: str) -> Path:
    """Write a document, in place of an earlier one; raises UserError where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
            path.write_text(document, encoding="utf-8")  # a pipe or a device is not replaced
        else:
            write_file(path, document.encode())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose --output") from error
    return path
