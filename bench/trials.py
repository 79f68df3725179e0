"""trials.jsonl as a whole: which of its lines are records of this run, and how it is mended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import msgspec

from bench import durable, environments, lines, regular, strict
from bench.error import UserError
from bench.lines import Line
from bench.result import Environment, Record
from bench.strict import DamagedError

FILE, ASIDE = "trials.jsonl", "damaged.jsonl"
# Some 266,000 trials of 2,020 bytes each, as published ones have on average.
MOST = 512 * 2**20
# So many damaged lines are named; a file with more is none of ours.
MOST_FAULTS = 1000
PLANS = ("run.json", "comparison.json", "calibration.json")


def read(folder: Path, known: Mapping[str, Environment]) -> Iterator[tuple[Line, Record | str]]:
    """Yield each line with its record, or with the reason why it is none of this run.

    known: the run's environments. A last line that was never finished is not a line. Raises
    UserError for what cannot be read, is of a newer format, too large or damaged all over.
    """
    path, run, seen, faults = folder / FILE, _run_of(folder), set[str](), 0
    try:
        with regular.opened(path, MOST) as stream:
            for line in lines.read(stream):
                if line.cut:
                    return
                found = _judged(line, f"{path}:{line.number}", run, seen, known)
                faults += isinstance(found, str)
                if faults > MOST_FAULTS:
                    raise UserError(
                        f"{path}: more than {MOST_FAULTS:,} of its lines are damaged: leave it out"
                    )
                yield line, found
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _judged(
    line: Line, where: str, run: str | None, seen: set[str], known: Mapping[str, Environment]
) -> Record | str:
    """Return a line's record, or why there is none; a trial is there once, but interrupted."""
    try:
        record = lines.decoded(line, where)
    except DamagedError as fault:
        return str(fault)
    if not environments.plain(record.trial):
        return f"trial {record.trial!r} cannot be a file's name"
    if run is not None and record.run != run:
        return f"a record of another run, {record.run!r}"
    if record.environment not in known:
        return f"its environment {record.environment!r} is missing or damaged"
    if record.status != "interrupted":
        if record.trial in seen:
            return f"trial {record.trial} is there already"
        seen.add(record.trial)
    return record


class _Named(msgspec.Struct):
    run: str


def _run_of(folder: Path) -> str | None:
    """Return the name of what was planned; None where no plan tells, which others refuse."""
    for name in PLANS:
        try:
            return msgspec.json.decode(regular.read(folder / name, strict.MOST), type=_Named).run
        except (OSError, *strict.UNREADABLE):
            continue
    return None


def mend(folder: Path) -> None:
    """Cut off a last line that was never finished, and set damaged ones aside: nothing is deleted.

    Raises OSError where that cannot be written, and what reading raises.
    """
    judged = list(_places(folder))
    whole = [(line.start, line.end) for line, good in judged if good]
    damaged = [line for line, good in judged if not good]
    path = folder / FILE
    if not damaged:
        if path.exists():
            durable.cut(path, whole[-1][1] if whole else 0)
        return
    with regular.opened(path, MOST) as stream:
        aside = _parts(stream, [(line.start, line.end) for line in damaged])
        durable.extend(folder / ASIDE, chain(aside, [b"\n"] * (not damaged[-1].finished)))
        durable.write(path, _parts(stream, whole))


def _places(folder: Path) -> Iterator[tuple[Line, bool]]:
    """Yield each line without what it says, and whether it is a record of this run."""
    known, _ = environments.read(folder)
    for line, found in read(folder, known):
        yield replace(line, data=b""), isinstance(found, Record)


def _parts(stream: BinaryIO, places: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """Read parts of a file, each in pieces that are no longer than a line may be."""
    for start, end in places:
        stream.seek(start)
        for place in range(start, end, lines.MOST):
            yield stream.read(min(end - place, lines.MOST))
