"""trials.jsonl: one record a line, each with a checksum, appended as it is measured.

A line is the record's JSON whose last member is ``"check"``: eight hexadecimal digits, the CRC-32
of the JSON without it. Before format 5 there was no checksum; a later format keeps it, so that a
changed line is not taken for a newer one.
"""

import datetime as dt
import re
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec

from bench.errors import UserError
from bench.records import decoding, files
from bench.records.decoding import UNREADABLE, DamagedError
from bench.records.environments import is_file_name
from bench.records.schema import (
    FORMAT,
    MAX_RECORD_BYTES,
    Record,
    RooflineRecord,
    TextbookRecord,
    TrialRecord,
)

FILE, ASIDE = "trials.jsonl", "damaged.jsonl"
PLANS = ("run.json", "comparison.json", "calibration.json")
# A shorter time is none of an epoch: the clock has a resolution of nanoseconds.
MIN_SECONDS = 1e-9

_CHECK = re.compile(rb',"check":"([0-9a-f]{8})"\}$')


def encode(record: Record) -> bytes:
    """Return the line of a record, with its newline."""
    try:
        data = msgspec.json.encode(record)
    except UnicodeEncodeError:  # half a surrogate pair, as a worker or the name of a file may have
        data = msgspec.json.encode(_replace_surrogates(msgspec.to_builtins(record)))
    return b'%s,"check":"%08x"}\n' % (data[:-1], zlib.crc32(data))


def decode(line: bytes, where: str) -> Record:
    """Return the record of a line without its newline, in today's format.

    Raises DamagedError, and UserError where a newer suite wrote it.
    """
    check = _CHECK.search(line)
    if check:
        line = line[: check.start()] + b"}"
        if int(check[1], 16) != zlib.crc32(line):
            raise DamagedError("was changed after it was written")
    version = decoding.read_format(line)
    upgrade = _upgrade if version < 6 else None
    record: Record = decoding.decode(line, cast("Any", Record), where, upgrade)
    if version >= 5 and not check:
        raise DamagedError("was changed after it was written: it lacks its check")
    if reason := find_fault(record):
        raise DamagedError(reason)
    return msgspec.structs.replace(record, format=FORMAT)


def _upgrade(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of formats 1 to 5 with the names of format 6."""
    names = {"figure_seconds": "program_seconds", "figure": "quantities"}
    kinds = {"figure": "textbook", "ceiling": "roofline"}
    kind = str(record.get("kind"))
    renamed = {names.get(name, name): value for name, value in record.items()}
    return {**renamed, "kind": kinds.get(kind, kind)}


def read_lines(folder: Path, environments: Collection[str]) -> Iterator[tuple[bytes, Record | str]]:
    """Yield each line with its record, or with the reason why it is no record of this run.

    environments: the ids of those that the run has. A last line without its newline was being
    written when the run was killed, and is dropped. Raises UserError for a file that cannot be read
    or that a newer suite wrote.
    """
    path, run, finished = folder / FILE, _run_name(folder), set[str]()
    try:
        data = files.read_file(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            record = decode(line, f"{path}:{number}")
            _check_place(record, run, finished, environments)
        except DamagedError as error:
            yield line + b"\n", f"{FILE}:{number}: {error}"
        else:
            if record.status != "interrupted":
                finished.add(record.trial)
            yield line + b"\n", record


def _check_place(
    record: Record, run: str | None, finished: Collection[str], environments: Collection[str]
) -> None:
    """Raise DamagedError for a record that does not belong to this run, or not once more."""
    if not is_file_name(record.trial):
        raise DamagedError(f"trial {record.trial!r} cannot be a file's name")
    if run is not None and record.run != run:
        raise DamagedError(f"a record of another run, {record.run!r}")
    if record.environment not in environments:
        raise DamagedError(f"its environment {record.environment!r} is missing or damaged")
    if record.status != "interrupted" and record.trial in finished:
        raise DamagedError(f"trial {record.trial} is there already")


class _Plan(msgspec.Struct):
    run: str


def _run_name(folder: Path) -> str | None:
    """Return the name of the run, or None without a readable plan, which others refuse."""
    for name in PLANS:
        try:
            return msgspec.json.decode(files.read_file(folder / name), type=_Plan).run
        except (OSError, *UNREADABLE):
            continue
    return None


def repair_lines(folder: Path, environments: Collection[str]) -> None:
    """Drop a torn last line, and move damaged lines to damaged.jsonl: nothing else is deleted.

    Raises OSError where that cannot be written, and what reading raises.
    """
    path = folder / FILE
    if not path.exists():
        return
    lines = list(read_lines(folder, environments))
    whole = b"".join(line for line, record in lines if isinstance(record, Record))
    if damaged := b"".join(line for line, record in lines if isinstance(record, str)):
        files.append(folder / ASIDE, damaged)
    if len(whole) != path.stat().st_size:
        files.write_file(path, whole)


def find_fault(record: Record) -> str | None:
    """Return what a record lacks that a table or an export would show, or None."""
    if record.status == "ok" and not _is_complete(record):
        return "an ok record without all its numbers"
    parity = record.parity if isinstance(record, TrialRecord) else None
    if parity and parity.passed != (parity.error <= parity.tolerance):
        return "its parity contradicts itself"
    return None if is_valid_time(record.started) else "began at no time"


def explain_rejection(record: Record) -> str | None:
    """Return why no reader would take a record if it were written, or None."""
    line = encode(record)
    if len(line) > MAX_RECORD_BYTES:
        return f"it has {len(line)} bytes, where a record has {MAX_RECORD_BYTES} at most"
    try:
        decode(line[:-1], "a record")
    except DamagedError as error:
        return str(error)
    return None


def is_valid_time(text: str) -> bool:
    """Return whether a trial may have begun at this time."""
    try:
        return 1970 <= dt.datetime.fromisoformat(text).year < 9999
    except ValueError:
        return False


def _is_complete(record: Record) -> bool:
    match record:
        case TrialRecord():
            return _is_complete_trial(record)
        case RooflineRecord():
            return _is_complete_roofline(record)
        case TextbookRecord():
            return True


def _is_complete_trial(record: TrialRecord) -> bool:
    """Return whether a trial has the times and accuracies that a table shows, and a valid size."""
    case = record.case
    judged = min(len(record.validation_accuracy), len(record.test_accuracy))
    sized = 0 < case.batch_size <= case.samples and case.threads > 0
    timed = min(record.epoch_seconds, default=0) >= MIN_SECONDS
    passed = record.parity is None or record.parity.passed
    return sized and timed and passed and 0 < case.epochs <= judged


def _is_complete_roofline(record: RooflineRecord) -> bool:
    """Return whether a probe has its times, and the amounts that they are divided by.

    It read nothing where no number of samples fits into the memory.
    """
    times = (*record.product_seconds, *record.read_seconds, *record.chain_seconds)
    counts = (record.product_operations or 0, *record.read_bytes)
    stepped = not record.chain_seconds or (record.chain_steps or 0) > 0
    paired = len(record.read_bytes) == len(record.read_seconds)
    measured = bool(record.product_seconds) and min(times) >= MIN_SECONDS and min(counts) > 0
    return measured and stepped and paired


def _replace_surrogates(value: Any) -> Any:
    """Put a question mark where half a surrogate pair was."""
    if isinstance(value, dict):
        return {_replace_surrogates(key): _replace_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_surrogates(item) for item in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
