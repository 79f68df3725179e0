"""A JSON file of pytest-benchmark or pyperf as the side of a comparison."""

import gzip
import io
import json
import unicodedata
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bench.error import UserError
from bench.files import read_file
from bench.formats import reading_pyperf, reading_pytest_benchmark
from bench.gate.series import Side

_GZIP = b"\x1f\x8b"  # pyperf compresses what is to be named .gz
_MOST = 2**26  # bytes, as it is and unpacked: a hundred times what a large suite saves
_MOST_INSIDE = 1_000_000  # lists and objects: an empty one takes thirty times its bytes in memory
_LONGEST = 1_000  # characters of a name or a version
_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control characters, half a character, new lines
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
        found = side(str(path), document)
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError) as error:
        raise UserError(
            f"{path}: not as {tool} writes it: {error}; measure again, or name another file"
        ) from error
    _refuse_unreadable(found)
    return found


def _refuse_unreadable(side: Side) -> None:
    """Raise UserError for a name that is no line of text: it is shown, and put into other files."""
    for text in (*side.series, *side.software.values()):
        if len(text) > _LONGEST or not _NO_TEXT.isdisjoint(map(unicodedata.category, text)):
            raise UserError(f"{side.name}: {text!r:.40} is no line of text; name another file")


def _document(path: Path) -> Mapping[str, Any] | Any:
    """Decode the file as both tools do: NaN and a mark of the byte order are let through.

    A member that is there twice is refused: neither tool writes that, and readers differ in which
    one they take.
    An export of ours is refused: its medians, a process each, would be read as times of one.
    """
    data = _bytes(path)
    if not data.strip():
        raise UserError(f"{path} is empty; measure again, or name another file")
    if _OURS in data:
        raise UserError(f"{path} was exported from a run of this suite; name the run's folder")
    if data.count(b"{") + data.count(b"[") > _MOST_INSIDE:
        raise UserError(f"{path} holds more than {_MOST_INSIDE} lists; name another file")
    try:
        return json.loads(data.decode(json.detect_encoding(data)), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path}: damaged, or no JSON: {reason}; measure again, or name another file"
        ) from error


def _bytes(path: Path) -> bytes:
    """Read the file whole, and unpack it where it is compressed."""
    try:
        data = read_file(path, _MOST)
        if data.startswith(_GZIP):
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(_MOST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: damaged: {error}; measure again, or name another file") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; name another file") from error
    if len(data) > _MOST:
        raise UserError(f"{path} unpacks to more than {_MOST} bytes; name another file")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; raises ValueError where one is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member of an object is there twice")
    return found


def _neither(path: Path) -> UserError:
    return UserError(
        f"{path} is no file of pytest-benchmark or pyperf; name one that --benchmark-json or "
        "pyperf's --output wrote"
    )
