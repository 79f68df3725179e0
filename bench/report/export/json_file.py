"""Write JSON documents for other tools."""

import json
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.records.files import write_file


def render_json(document: Any) -> str:
    """Return a document as ASCII; raises ValueError for a number that JSON cannot hold."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def save_json(path: Path, document: str) -> Path:
    """Write a document, replacing an earlier one; raises UserError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
            path.write_text(document, encoding="utf-8")  # a pipe or a device is not replaced
        else:
            write_file(path, document.encode())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose --output") from error
    return path
