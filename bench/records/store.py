"""A run's folder: what is written while it is measured, and read again. Nothing finished is lost.

``run.json`` (the plan), ``environments/<id>.json``, ``trials.jsonl`` (one record a line, appended)
and ``params/<trial>.npy``. Damaged records and environments are left out and reported, or refused.
Before a run goes on they are set aside: in ``damaged.jsonl`` or as ``<id>.json.damaged``.
"""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.errors import UserError, one_line
from bench.records import collection, environments, files, jsonl
from bench.records.decoding import DamagedError, decode, encode
from bench.records.environments import is_file_name
from bench.records.paths import hide_paths
from bench.records.schema import Environment, Record, Run, TrialRecord

LOCK = "run.lock"

Plan = TypeVar("Plan", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class RunContents:
    """The undamaged part of a run: records in the order measured, environments by their ids.

    faults: a line for everything that is left out, with the file and the reason.
    """

    records: Sequence[Record]
    environments: Mapping[str, Environment]
    faults: Sequence[str]


# ----- writing


def create_run(folder: Path, plan: msgspec.Struct, name: str = "run.json") -> None:
    """Make the folder of a run, or of another plan that has its own file name.

    Raises UserError where the folder cannot be written or holds another run already.
    """
    reject_used_folder(folder)
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with lock_folder(folder):
            reject_used_folder(folder)  # another process may have been faster
            for part in ("params", "environments") if name == "run.json" else ("environments",):
                (folder / part).mkdir(exist_ok=True)
            files.write_file(folder / name, encode(hide_paths(plan)))
        files.sync_folder(folder.parent)


def reject_used_folder(folder: Path) -> None:
    """Raise UserError where a folder holds a run already."""
    if (folder / "run.json").exists() or (folder / jsonl.FILE).exists():
        raise UserError(
            f"{folder} holds another run; choose another --output, or add --resume to run"
        )


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other processes from writing into a run's folder, also those on other hosts.

    Raises UserError where another process has the lock, or where it cannot be taken.
    """
    from filelock import FileLock, Timeout  # only where something is measured

    # Never a soft lock: the kernel has to release it when its holder is killed.
    held = FileLock(folder / LOCK, thread_local=False, fallback_to_soft=False)
    with _writing(folder):
        try:
            held.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"another process is measuring into {folder}; wait for its end, then --resume"
            ) from None
    try:
        yield
    finally:
        # Still held, so that whoever has just opened it tries again with a new file.
        (folder / LOCK).unlink(missing_ok=True)
        held.release()


def append_record(folder: Path, record: Record) -> None:
    """Append one record, and return when all of it is on the disk. Raises UserError."""
    _file_name("trial", record.trial)
    path, line = folder / jsonl.FILE, jsonl.encode(record)
    with _writing(folder):
        if path.exists() and path.stat().st_size + len(line) > files.MAX_BYTES:
            limit = files.MAX_BYTES // 2**20
            raise UserError(f"{path} would be larger than {limit} MiB; begin another --output")
        files.append(path, line)


def save_params(folder: Path, trial: str, handed_over: Path) -> Path:
    """Copy a trial's params into the run.

    Raises FileNotFoundError where there are none, OSError where they are no regular file or too
    large, and UserError where they cannot be written.
    """
    data = files.read_file(handed_over, follow=False)
    with _writing(folder):
        return files.write_file(folder / "params" / f"{_file_name('trial', trial)}.npy", data)


def add_environment(folder: Path, environment: Environment) -> None:
    """Write an environment under its id, before the first record that names it."""
    path = folder / "environments" / f"{_file_name('environment', environment.id)}.json"
    if not path.exists():
        with _writing(folder):
            files.write_file(path, encode(environment))


def save_looks(folder: Path, looks: Mapping[str, Sequence[int]]) -> None:
    """Write after how many pairs each case of a comparison is looked at."""
    with _writing(folder):
        files.write_file(folder / "looks.json", encode(looks))


def repair_run(folder: Path) -> None:
    """Prepare a run to go on, while no other process writes to it. Raises UserError.

    Unfinished files and a torn last line are dropped; damaged records and environments are set
    aside.
    """
    for part in ("params", "environments"):
        if (folder / part).is_symlink():
            raise UserError(f"{folder / part} is a link, which may lead elsewhere; copy the folder")
    with _writing(folder):
        for part in (".", "params", "environments"):
            files.remove_unfinished(folder / part)
        # First the records: those that name a damaged environment are damaged, too.
        jsonl.repair_lines(folder, environments.read_undamaged(folder)[0].keys())
        environments.set_damaged_aside(folder)
        files.append(folder / jsonl.FILE, b"")  # fails now where no record could be written


# ----- reading


def read_run(folder: Path) -> Run:
    """Read the plan of a run. Raises UserError."""
    path = folder / "run.json"
    run = read_plan(path, Run)
    if lacking := {case.workload for case in run.cases} - run.rounds.keys():
        raise UserError(f"{path}: it has no rounds of {' or '.join(sorted(lacking))}; delete it")
    return run


def read_plan(path: Path, kind: type[Plan]) -> Plan:
    """Read a plan of this kind. Raises UserError."""
    try:
        return decode(_read(path), kind, str(path))
    except DamagedError as error:
        raise UserError(f"{path}: {error}; delete it") from error


def read_looks(folder: Path) -> dict[str, tuple[int, ...]]:
    """Read after how many pairs each case was to be looked at. Raises UserError."""
    path = folder / "looks.json"
    if not path.exists():
        return {}
    try:
        return decode(_read(path), dict[str, tuple[int, ...]], str(path))
    except DamagedError as error:
        raise UserError(f"{path}: not the looks of a comparison: {error}; delete it") from error


def read_environments(folder: Path) -> dict[str, Environment]:
    """Read all environments of a run, by id. Raises UserError where one is damaged."""
    known, faults = environments.read_undamaged(folder)
    if faults:
        raise UserError(f"{folder}/{faults[0]}; delete it")
    return known


def read_records(folder: Path) -> list[Record]:
    """Read all records of a run in the order in which they were measured.

    Raises UserError where anything is damaged: for what needs the whole run, as a comparison does.
    """
    salvage = read_contents(folder)
    if salvage.faults:
        raise UserError(
            f"{folder}/{salvage.faults[0]}; delete it, or have run --resume measure it again"
        )
    return list(salvage.records)


def read_trials(folder: Path) -> list[TrialRecord]:
    """Read all records of a comparison or a calibration, whose trials are all of cases.

    Raises UserError where anything is damaged.
    """
    return [record for record in read_records(folder) if isinstance(record, TrialRecord)]


def read_contents(folder: Path) -> RunContents:
    """Read the undamaged part of a run, and say what was left out.

    Raises UserError where a file cannot be read, is too large or of a newer format.
    """
    known, faults = environments.read_undamaged(folder)
    records = []
    for _, record in jsonl.read_lines(folder, known.keys()):
        if isinstance(record, Record):
            records.append(record)
        else:
            faults.append(record)
    return RunContents(records, known, [one_line(fault) for fault in faults])


def _read(path: Path) -> bytes:
    try:
        return files.read_file(path)
    except FileNotFoundError:
        collection.reject_collection(path.parent)
        raise UserError(f"{path.parent} holds no run: there is no {path.name}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _file_name(what: str, name: str) -> str:
    """Return a name that becomes a file's. Raises UserError where it would name another file."""
    if is_file_name(name):
        return name
    raise UserError(f"{what} {name[:80]!r} cannot be a file's name; choose a shorter, plain one")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn a full disk, or a folder that cannot be written, into a UserError."""
    try:
        yield
    except OSError as error:
        begun = (folder / "run.json").exists()
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        what = "free some and go on" if full else "mend that and go on"
        hint = f"{what} with --resume --output {folder}" if begun else "choose --output"
        raise UserError(f"cannot write to {folder}: {error.strerror}; {hint}") from error
