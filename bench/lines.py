"""One line of trials.jsonl: a record and its check, written and read.

A line is the record's JSON whose last member is ``"check"``: eight hexadecimal digits, the CRC-32
of the JSON without it. Whatever flips a bit of it, or cuts it, is found. Before format 5 there was
none; a later format keeps it, so that a changed line is not taken for a newer one.
"""

import datetime as dt
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from bench import strict
from bench.result import Kind, Record
from bench.strict import DamagedError

# The largest that was published has a hundredth of it.
MOST = 2**20
# What is shorter is no time of an epoch.
LEAST_SECONDS = 1e-9

_CHECK = re.compile(rb',"check":"([0-9a-f]{8})"\}')


@dataclass(frozen=True, slots=True)
class Line:
    """Where a line lies in its file, in bytes, and what it says: of one too long its beginning.

    number: from 1. data: without the newline. finished: whether it has one.
    """

    number: int
    start: int
    end: int
    data: bytes
    finished: bool

    @property
    def cut(self) -> bool:
        """Tell whether this is what a killed run leaves: the beginning of a line, at most all."""
        found = _CHECK.search(self.data)
        return not self.finished and (found is None or found.end() == len(self.data))


def read(stream: BinaryIO) -> Iterator[Line]:
    """Read a file line by line, however long one is, in the memory of the longest allowed."""
    number = start = 0
    while part := stream.readline(MOST + 1):
        data, end = part, start + len(part)
        while not part.endswith(b"\n") and (part := stream.readline(MOST + 1)):
            end += len(part)
        number += 1
        finished = (part or data).endswith(b"\n")
        yield Line(number, start, end, data.removesuffix(b"\n"), finished)
        start = end


def encoded(record: Record) -> bytes:
    """Return the line of a record, its newline included."""
    try:
        data = msgspec.json.encode(record)
    except UnicodeEncodeError:  # half a character, which a child or a file's name may have
        data = msgspec.json.encode(_whole_characters(msgspec.to_builtins(record)))
    return b'%s,"check":"%08x"}\n' % (data[:-1], zlib.crc32(data))


def decoded(line: Line, where: str) -> Record:
    """Return a line's record; raises DamagedError, and UserError where it is of a newer format."""
    if line.end - line.start > MOST:
        raise DamagedError(f"of {line.end - line.start} bytes, where a line has {MOST} at most")
    data, found = line.data, _CHECK.search(line.data)
    if found and found.end() == len(data):
        data = data[: found.start()] + b"}"
        if int(found[1], 16) != zlib.crc32(data):
            raise DamagedError("was changed after it was written")
    record = strict.decoded(data, Record, where)
    if record.format >= 5 and not found:
        raise DamagedError("was changed after it was written: it lacks its check")
    if reason := fault(record):
        raise DamagedError(reason)
    return record


def refused(record: Record) -> str | None:
    """Say why no reader would take a record if it were written, or nothing."""
    data = encoded(record)
    try:
        decoded(Line(1, 0, len(data), data[:-1], finished=True), "a record")
    except DamagedError as error:
        return str(error)
    return None


def fault(record: Record) -> str | None:
    """Say what a record lacks that a table or an export would show, or nothing."""
    if record.status == "ok" and not _WHOLE[record.kind](record):
        return f"an ok {record.kind} without all its numbers"
    if record.parity and record.parity.passed != (record.parity.error <= record.parity.tolerance):
        return "its parity contradicts itself"
    return None if is_time(record.started) else "began at no time"


def is_time(text: str) -> bool:
    """Tell whether a record may have begun then."""
    try:
        return 1970 <= dt.datetime.fromisoformat(text).year < 9999
    except ValueError:
        return False


def _trained(record: Record) -> bool:
    """Tell whether a trial has the times and accuracies that a table shows, at a size there is."""
    case = record.case
    judged = min(len(record.validation_accuracy), len(record.test_accuracy))
    sized = 0 < case.batch_size <= case.samples and case.threads > 0
    timed = min(record.epoch_seconds, default=0) >= LEAST_SECONDS
    passed = record.parity is None or record.parity.passed
    return sized and timed and passed and 0 < case.epochs <= judged


def _probed(record: Record) -> bool:
    """Tell whether a probe has its times, and what they are divided by.

    It read nothing where no number of samples fits into the memory.
    """
    times = (*record.product_seconds, *record.read_seconds, *record.chain_seconds)
    counts = (record.product_operations or 0, *record.read_bytes)
    stepped = not record.chain_seconds or (record.chain_steps or 0) > 0
    paired = len(record.read_bytes) == len(record.read_seconds)
    told = bool(record.product_seconds) and min(times) >= LEAST_SECONDS and min(counts) > 0
    return told and stepped and paired


_WHOLE: dict[Kind, Callable[[Record], bool]] = {
    "trial": _trained, "ceiling": _probed, "figure": lambda _: True,
}  # fmt: skip


def _whole_characters(found: Any) -> Any:
    """Put a question mark where half a character was."""
    if isinstance(found, dict):
        return {_whole_characters(key): _whole_characters(each) for key, each in found.items()}
    if isinstance(found, list | tuple):
        return [_whole_characters(each) for each in found]
    return found.encode(errors="replace").decode() if isinstance(found, str) else found
