"""Traces of the frameworks' profilers: files of Chrome's trace events, which Perfetto opens."""

import gzip
import io
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.records.files import MAX_BYTES, read_file
from bench.records.paths import hide_paths


class Trace(msgspec.Struct):
    """The events of a trace; its other members, such as the host's name, are left out."""

    traceEvents: list[dict[str, object]]  # noqa: N815 - the format's name


def name_trace(slug: str) -> str:
    """Return the name of the file of a case's trace."""
    return f"{slug}.json.gz"


def read_trace(path: Path, folders: Mapping[Path, str]) -> bytes:
    """Return a worker's trace as a run keeps it: gzip, without absolute paths of this machine.

    folders: as of ``hide_paths``. Raises OSError, EOFError, zlib.error, ValueError or
    msgspec.MsgspecError where it is no such trace or has no event.
    """
    with gzip.open(io.BytesIO(read_file(path, follow=False))) as stream:
        text = stream.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES // 2**20} MiB")
    trace = msgspec.json.decode(text, type=Trace)
    # Those of JAX end with an empty one.
    trace.traceEvents = [event for event in trace.traceEvents if event]
    if not trace.traceEvents:
        raise ValueError("it has no events")
    text = hide_paths(msgspec.json.encode(trace).decode(), folders).encode()
    return gzip.compress(text, mtime=0)
