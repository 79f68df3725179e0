"""A run's folder: what is written as it is measured, and read again; nothing finished is lost.

``run.json`` (what was planned), ``environments/<id>.json``, ``trials.jsonl`` (one record a line,
appended) and ``params/<trial>.npy``. What is damaged is left out and said, or refused; before a run
goes on it is set aside, into ``damaged.jsonl`` or under ``environments/<id>.json.damaged``.
"""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench import arrays, collection, durable, environments, lines, regular, strict, trials
from bench.environments import plain
from bench.error import UserError, one_line
from bench.paths import hide_paths
from bench.result import MOST_ROUNDS, Environment, Record, Run
from bench.strict import DamagedError

# Of a plan: if they say what published ones do, their records just fit into trials.MOST.
MOST_TRIALS = 250_000

Read = TypeVar("Read", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What is whole of a run: its records in the order measured, its environments by their ids.

    faults: of everything that is left out the file and the reason, a line each.
    """

    records: Sequence[Record]
    environments: Mapping[str, Environment]
    faults: Sequence[str]


def create(folder: Path, plan: msgspec.Struct, name: str = "run.json") -> None:
    """Make the folder of a run, or of what else is planned in a file of another name.

    Raises UserError where it cannot be, or holds another run: one of two that begin at once; and
    for a plan that could not be read again.
    """
    refuse_another_run(folder)
    if isinstance(plan, Run) and _trials(plan) > MOST_TRIALS:
        raise UserError(f"it plans more than {MOST_TRIALS:,} trials; ask for fewer")
    with _writing(folder):
        for each in ("params", "environments") if name == "run.json" else ("environments",):
            (folder / each).mkdir(parents=True, exist_ok=True)
        try:
            durable.new(folder / name, document(hide_paths(plan)))
        except FileExistsError:
            raise _another(folder) from None
        durable.settle(folder.parent)


def refuse_another_run(folder: Path) -> None:
    """Raise UserError where a folder holds a run already: nothing finished is ever lost."""
    if (folder / "run.json").exists() or (folder / "trials.jsonl").exists():
        raise _another(folder)


def _another(folder: Path) -> UserError:
    return UserError(f"{folder} holds another run; choose another --output, or add --resume to run")


def append(folder: Path, record: Record) -> None:
    """Add one record at the end, and have all of it on disk before returning, or nothing."""
    _named("trial", record.trial)
    path, line = folder / trials.FILE, lines.encoded(record)
    with _writing(folder):
        if path.exists() and path.stat().st_size + len(line) > trials.MOST:
            most = trials.MOST // 2**20
            raise UserError(f"{path}: it would be larger than {most} MiB; begin another --output")
        durable.append(path, line)


def keep_params(folder: Path, trial: str, handed_over: Path) -> Path:
    """Copy a trial's params into the run.

    Raises FileNotFoundError where there are none, and OSError where what was handed over is no
    regular file or is larger than any params; UserError where they cannot be written.
    """
    data = regular.read(handed_over, arrays.MOST, follow=False)
    with _writing(folder):
        return durable.write(folder / "params" / f"{_named('trial', trial)}.npy", [data])


def add_environment(folder: Path, environment: Environment) -> None:
    """Keep an environment under its id; must come before the first record that names it."""
    path = folder / "environments" / f"{_named('environment', environment.id)}.json"
    if not path.exists():
        with _writing(folder):
            durable.write(path, [document(environment)])


def keep_looks(folder: Path, looks: Mapping[str, Sequence[int]]) -> None:
    """Keep after how many pairs each case of a comparison is looked at: planned as it begins."""
    with _writing(folder):
        durable.write(folder / "looks.json", [document(looks)])


def read_looks(folder: Path) -> dict[str, tuple[int, ...]]:
    """Read after how many pairs each case was to be looked at; raises UserError."""
    path = folder / "looks.json"
    if not path.exists():
        return {}
    try:
        return strict.decoded(_bytes(path), dict[str, tuple[int, ...]], str(path))
    except DamagedError as error:
        raise UserError(f"{path}: not the looks of a comparison: {error}; delete it") from error


def read_run(folder: Path) -> Run:
    """Read what a run set out to do; raises UserError."""
    found, path = read_plan(folder / "run.json", Run), folder / "run.json"
    lacking = {case.workload for case in found.cases} - found.rounds.keys()
    if lacking:
        raise UserError(f"{path}: it has no rounds of {' or '.join(sorted(lacking))}; delete it")
    if _trials(found) > MOST_TRIALS:
        raise UserError(f"{path}: it plans more than {MOST_TRIALS:,} trials; delete it")
    return found


def _trials(planned: Run) -> int:
    """Return how many trials a plan has at most."""
    most = MOST_ROUNDS if planned.precision else 0
    cases = sum(max(most, planned.rounds.get(case.workload, 0)) for case in planned.cases)
    return cases + planned.sweep_rounds * len(planned.sweep)


def read_plan(path: Path, kind: type[Read]) -> Read:
    """Read what was planned, of the kind that this file holds; raises UserError."""
    try:
        return strict.decoded(_bytes(path), kind, str(path))
    except DamagedError as error:
        raise UserError(f"{path}: {error}; delete it") from error


def read_environments(folder: Path) -> dict[str, Environment]:
    """Read all environments of a run, by id; raises UserError."""
    found, faults = environments.read(folder)
    if faults:
        raise UserError(f"{folder}/{faults[0]}; delete it")
    return found


def read_records(folder: Path) -> list[Record]:
    """Read all records of a run in the order in which they were measured.

    A last line without its end was being written when the run was killed: it is not a record.
    Raises UserError where anything is damaged: for what must be whole, as a comparison.
    """
    found = salvaged(folder)
    if found.faults:
        raise UserError(
            f"{folder}/{found.faults[0]}; delete it, or have run --resume measure it again"
        )
    return list(found.records)


def salvaged(folder: Path) -> Salvaged:
    """Read what is whole of a run, and say what is not.

    Raises UserError where a file cannot be read, is larger than it may be or of a newer format.
    """
    known, faults = environments.read(folder)
    records = []
    for line, found in trials.read(folder, known):
        if isinstance(found, Record):
            records.append(found)
        else:
            faults.append(f"{trials.FILE}:{line.number}: {found}")
    return Salvaged(records, known, [*map(one_line, faults)])


def mend(folder: Path) -> None:
    """Make a run ready to go on, where no other process writes; raises UserError.

    What was never finished is cut off or deleted; damaged lines go to damaged.jsonl, and damaged
    environments are set aside beside their places.
    """
    for each in ("params", "environments"):
        if (folder / each).is_symlink():
            raise UserError(f"{folder / each} is a link, which may lead elsewhere; copy the folder")
    with _writing(folder):
        for name in (".", "params", "environments"):
            durable.clear(folder / name)
        trials.mend(folder)  # first: what names a damaged environment is damaged with it
        environments.mend(folder)
        durable.append(folder / trials.FILE, b"")  # or nothing that is measured could be kept


def _bytes(path: Path) -> bytes:
    try:
        return regular.read(path, strict.MOST)
    except FileNotFoundError:
        collection.refuse(path.parent)
        raise UserError(f"{path.parent} holds no run: there is no {path.name}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def document(found: Any) -> bytes:
    """Return the JSON of a file; raises UserError for half a character, as a path may have."""
    try:
        return msgspec.json.format(msgspec.json.encode(found)) + b"\n"
    except UnicodeEncodeError as error:
        raise UserError(f"{error.object!r} is no Unicode; rename it") from error


def _named(what: str, name: str) -> str:
    """Return a name that is made a file's; raises UserError where it would be another's."""
    if plain(name):
        return name
    raise UserError(f"{what} {name[:80]!r} cannot be a file's name; choose a shorter, plain one")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn a full disk, or a folder that is nobody's to write, into one line."""
    try:
        yield
    except OSError as error:
        begun = (folder / "run.json").exists()
        what = "free some and go on" if error.errno in _FULL else "mend that and go on"
        hint = f"{what} with --resume --output {folder}" if begun else "choose --output"
        raise UserError(f"cannot write to {folder}: {error.strerror}; {hint}") from error


_FULL = {errno.ENOSPC, errno.EDQUOT}
