"""Decode untrusted JSON with clean texts; write, check and repair the lines of ``trials.jsonl``.

A line is the JSON of a record. Its last member is ``"check"``: eight hexadecimal digits, the CRC-32
of the JSON without it. Formats 1 to 4 have no checksum. All later formats have it, so that a
damaged line is not mistaken for one of a newer format.
"""

import datetime as dt
import re
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from bench.errors import UserError, clean_text, make_read_error
from bench.records import files
from bench.records.files import is_file_name
from bench.records.layout import DAMAGED, PLANS, TRIALS
from bench.records.schema import (
    FORMAT,
    MAX_RECORD_BYTES,
    OLDEST_FORMAT,
    AnyRecord,
    CommandRecord,
    RooflineRecord,
    TextbookRecord,
    TimedEpoch,
    TraceRecord,
    TrialRecord,
)

Decoded = TypeVar("Decoded")

_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

# In JSON: the characters that ``clean_text`` replaces, in UTF-8 or escaped. Most files have none.
_UNCLEAN = re.compile(
    rb"\\[bfnrtu]|\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|"
    rb"\xef\xbf[\xbe\xbf]|##|::"
)
# The resolution of the clock: no epoch can be shorter.
MIN_SECONDS = 1e-9

_CHECK = re.compile(rb',"check":"([0-9a-f]{8})"\}$')


# ----- JSON


class DamagedError(ValueError):
    """A file does not hold what the suite writes. The text gives the reason."""


def decode_json(data: bytes, kind: type[Decoded]) -> Decoded:
    """Decode a JSON object. Raises DamagedError.

    All its texts, keys included, are cleaned by ``clean_text``.
    """
    try:
        if not _UNCLEAN.search(data):
            return msgspec.json.decode(data, type=kind)
        return msgspec.convert(clean_texts(msgspec.json.decode(data)), kind)
    except _UNREADABLE as error:
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
    except _UNREADABLE:
        return
    if version > FORMAT:
        raise UserError(f"{where}: format {version} is newer than this suite. Update it")
    if 0 < version < OLDEST_FORMAT:
        raise UserError(f"{where}: format {version} is older than this suite reads. Measure anew")


def encode_json(value: Any) -> bytes:
    """Return indented JSON. Raises UserError for text that is not valid Unicode."""
    try:
        return msgspec.json.format(msgspec.json.encode(value)) + b"\n"
    except UnicodeEncodeError as error:  # an unpaired surrogate, as in a file name
        fault = f"{error.object!r} is not valid Unicode. Rename it, or set LC_ALL=C.UTF-8"
        raise UserError(fault) from error


# ----- lines


def encode(record: AnyRecord) -> bytes:
    """Return the line of a record, with its newline."""
    try:
        data = msgspec.json.encode(record)
    except UnicodeEncodeError:  # an unpaired surrogate, in a worker's text or a file name
        data = msgspec.json.encode(clean_texts(msgspec.to_builtins(record)))
    return b'%s,"check":"%08x"}\n' % (data[:-1], zlib.crc32(data))


def decode(line: bytes, where: str) -> AnyRecord:
    """Return the record of a line without its newline, with the current format number.

    where: the name of the line in messages. Raises DamagedError, or UserError if only another suite
    can read it.
    """
    check = _CHECK.search(line)
    if check:
        line = line[: check.start()] + b"}"
        if int(check[1], 16) != zlib.crc32(line):
            raise DamagedError("was changed after it was written")
    check_format(line, where)
    record: AnyRecord = decode_json(line, cast("Any", AnyRecord))
    if not check:
        raise DamagedError("was changed after it was written: it has no checksum")
    if record.status == "ok" and not _is_complete(record):
        raise DamagedError("its status is ok, but numbers are missing")
    parity = record.parity if isinstance(record, TrialRecord) else None
    if parity and parity.passed != (parity.error <= parity.tolerance):
        raise DamagedError("its parity contradicts itself")
    try:
        valid = 1970 <= dt.datetime.fromisoformat(record.started).year < 9999
    except ValueError:
        valid = False
    if not valid:
        raise DamagedError("its start is not a valid time")
    return msgspec.structs.replace(record, format=FORMAT)


def read_lines(
    folder: Path, environments: Collection[str]
) -> Iterator[tuple[bytes, AnyRecord | str]]:
    """Yield every line with its record, or with the reason why it is not a record of this run.

    environments: the ids of the run's environments. A last line without a newline was torn when the
    run was killed, and is skipped. Raises UserError if the file cannot be read or a newer suite
    wrote it.
    """
    path, run, finished = folder / TRIALS, _run_name(folder), set[str]()
    try:
        data = files.read_file(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise make_read_error(path, error) from error
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            record = decode(line, f"{path}:{number}")
            _check_membership(record, run, finished, environments)
        except DamagedError as error:
            yield line + b"\n", f"{TRIALS}:{number}: {error}"
        else:
            if record.status != "interrupted":
                finished.add(record.trial)
            yield line + b"\n", record


def _check_membership(
    record: AnyRecord, run: str | None, finished: Collection[str], environments: Collection[str]
) -> None:
    """Raise DamagedError if a record does not belong to this run, or is a duplicate."""
    if not is_file_name(record.trial):
        raise DamagedError(f"trial {record.trial!r} cannot be a file name")
    if run is not None and record.run != run:
        raise DamagedError(f"it belongs to another run, {record.run!r}")
    if record.environment not in environments:
        raise DamagedError(f"its environment {record.environment!r} is missing or damaged")
    if record.status != "interrupted" and record.trial in finished:
        raise DamagedError(f"trial {record.trial} is already recorded")


class _Plan(msgspec.Struct):
    run: str


def _run_name(folder: Path) -> str | None:
    """Return the name of the run, or None if no plan is readable, which other readers report."""
    for name in PLANS:
        try:
            return decode_json(files.read_file(folder / name), _Plan).run
        except (OSError, DamagedError):
            continue
    return None


def repair_lines(folder: Path, environments: Collection[str]) -> None:
    """Delete a torn last line, and move damaged lines to damaged.jsonl.

    Raises OSError if a file cannot be written, and UserError as ``read_lines`` does.
    """
    path = folder / TRIALS
    if not path.exists():
        return
    lines = list(read_lines(folder, environments))
    undamaged = b"".join(line for line, record in lines if isinstance(record, AnyRecord))
    if damaged := b"".join(line for line, record in lines if isinstance(record, str)):
        files.append(folder / DAMAGED, damaged)
    if len(undamaged) != path.stat().st_size:
        files.write_file(path, undamaged)


def explain_rejection(record: AnyRecord) -> str | None:
    """Return why readers would reject a record if it were written, or None."""
    line = encode(record)
    if len(line) > MAX_RECORD_BYTES:
        return f"it has {len(line)} bytes, more than the limit of {MAX_RECORD_BYTES}"
    try:
        decode(line[:-1], "a record")
    except DamagedError as error:
        return str(error)
    return None


def _is_complete(record: AnyRecord) -> bool:
    """Return whether a record has all numbers that tables show and that rates are computed from."""
    match record:
        case TextbookRecord() | TraceRecord():
            return True
        case CommandRecord(values=values):
            times = (*record.iteration_seconds, *record.kernel_seconds)
            return bool(values) and min(times, default=1) >= MIN_SECONDS
        case TrialRecord(case=case):
            judged = [parity for parity in (record.parity, record.noise_parity) if parity]
            scored = min(len(record.validation_accuracy), len(record.test_accuracy))
            others = *record.kernel_seconds, *record.predict_seconds, *record.predict_one_seconds
            epochs = {len(getattr(record, name)) for name in TimedEpoch.__struct_fields__}
            return (
                epochs <= {0, len(record.epoch_seconds)}  # older records lack some of the lists
                and 0 < case.batch_size <= case.samples
                and case.threads > 0
                and min(record.epoch_seconds, default=0) >= MIN_SECONDS
                and min(others, default=1) >= MIN_SECONDS
                and case.epochs > 0
                # Pairs, several models and lean trials are judged by parity alone.
                and (
                    record.alternated
                    or case.many
                    or record.stretch_epochs == 1
                    or case.epochs <= scored
                )
                and all(parity.passed for parity in judged)
            )
        case RooflineRecord():
            # Reads are empty if no number of samples fits into the memory, chains on a CPU.
            times = (
                *record.product_seconds,
                *record.read_seconds,
                *record.chain_seconds,
                *record.kernel_seconds,
            )
            amounts = (record.product_operations or 0, *record.read_bytes)
            return (
                bool(record.product_seconds)
                and min(times) >= MIN_SECONDS
                and min(amounts) > 0
                and len(record.read_bytes) == len(record.read_seconds)
                and (not record.chain_seconds or (record.chain_steps or 0) > 0)
            )
