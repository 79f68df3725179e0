"""A JSON file of pytest-benchmark or pyperf as the side of a comparison."""

import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bench.error import UserError
from bench.formats import reading_pyperf, reading_pytest_benchmark
from bench.gate.series import Side

_GZIP = b"\x1f\x8b"  # pyperf compresses what is to be named .gz
_OURS = b'"softmax_bench_machine"'  # bench/formats/pytest_benchmark.py and pyperf.py write it


def read(path: Path) -> Side:
    """Read what either tool wrote; raises UserError where it is neither's, damaged or empty."""
    document = _document(path)
    if not isinstance(document, dict):
        raise _neither(path)
    if reading_pytest_benchmark.recognised(document):
        tool, side = "pytest-benchmark", reading_pytest_benchmark.side
    elif reading_pyperf.recognised(document):
        tool, side = "pyperf", reading_pyperf.side
    else:
        raise _neither(path)
    try:
        return side(str(path), document)
    except msgspec.ValidationError as error:
        raise UserError(
            f"{path}: not as {tool} writes it: {error}; measure again, or name another file"
        ) from error


def _document(path: Path) -> Mapping[str, Any] | Any:
    """Decode the file as both tools do: NaN and a mark of the byte order are let through.

    An export of ours is refused: its medians, a process each, would be read as times of one.
    """
    data = _bytes(path)
    if not data.strip():
        raise UserError(f"{path} is empty; measure again, or name another file")
    if _OURS in data:
        raise UserError(f"{path} was exported from a run of this suite; name the run's folder")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path}: damaged, or no JSON: {reason}; measure again, or name another file"
        ) from error


def _bytes(path: Path) -> bytes:
    """Read the file whole, and unpack it where it is compressed."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP) else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: damaged: {error}; measure again, or name another file") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; name another file") from error


def _neither(path: Path) -> UserError:
    return UserError(
        f"{path} is no file of pytest-benchmark or pyperf; name one that --benchmark-json or "
        "pyperf's --output wrote"
    )
