"""Frozen records of what was measured: one JSON object a line, raw values only.

A run is a folder: ``run.json`` (what was planned), ``environments/<id>.json``, ``trials.jsonl``
and ``params/<trial>.npy``. What is derived is derived on reading, in bench/summary.py.

Format 1: the first.
"""

import os
import shutil
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from bench.contract import Device, Objective
from bench.error import UserError

FORMAT = 1

Status = Literal["ok", "unavailable", "failed", "timeout", "out-of-memory", "interrupted"]
Kind = Literal["trial", "figure", "ceiling"]
Read = TypeVar("Read", bound=msgspec.Struct)


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is measured: everything that decides the number, but the machine and the software.

    epochs: the least number of timed epochs. interpreter: the Python given with ``--python``, or
    None for the suite's own. file, sha256: of an implementation that is somebody's own file.
    """

    implementation: str
    module: str
    framework: str
    extra: str
    objective: Objective
    style: Literal["idiomatic", "tuned", "own"]
    data: Literal["resident", "streamed", "own"]
    devices: tuple[Device, ...]
    workload: str
    device: Device
    batch_size: int
    threads: int
    samples: int
    epochs: int
    variables: dict[str, str] = {}
    interpreter: str | None = None
    file: str | None = None
    sha256: str | None = None

    @property
    def slug(self) -> str:
        """A name that differs wherever two cases of one run differ, and is safe as a file's."""
        return (
            f"{self.workload}-{self.implementation}-{self.device}"
            f"-b{self.batch_size}-t{self.threads}-n{self.samples}"
        )


class Trial(msgspec.Struct, frozen=True):
    """One case, once (or one figure of the textbook); the id is its own within the run."""

    id: str
    kind: Kind
    round: int
    case: Case


class Parity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the params were from the oracle's, relative to how far training moved them."""

    error: float
    tolerance: float
    passed: bool


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One trial and how it ended; seconds, bytes and joules as measured, in the order measured.

    ``started`` is UTC, ISO 8601. ``wall_seconds`` is what the parent saw of the child. Accuracies
    and losses have one value for each timed epoch, computed by the parent.
    """

    format: int
    kind: Kind
    run: str
    trial: str
    round: int
    started: str
    status: Status
    case: Case
    environment: str
    reason: str | None = None
    stderr_tail: str | None = None
    wall_seconds: float | None = None
    worker_seconds: float | None = None
    import_seconds: float | None = None
    setup_seconds: float | None = None
    reset_seconds: float | None = None
    first_epoch_seconds: float | None = None
    epoch_seconds: list[float] = []
    epoch_cpu_seconds: list[float] = []
    first_predict_seconds: float | None = None
    predict_seconds: list[float] = []
    validation_accuracy: list[float] = []
    validation_loss: list[float] = []
    test_accuracy: list[float] = []
    parity: Parity | None = None
    threads_in_force: float | None = None
    peak_rss_bytes: int | None = None
    peak_device_bytes: int | None = None
    energy_joules: float | None = None
    energy_absent: str | None = None
    figure_seconds: float | None = None
    figure: dict[str, float] = {}
    conditions: dict[str, float | None] = {}


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a trial ran: machine, software, the child's variables, the data's hashes."""

    id: str
    machine: dict[str, Any]
    software: dict[str, Any]
    suite: dict[str, Any]
    variables: dict[str, str]
    data: dict[str, Any]


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run set out to do: enough to go on with it after it was killed.

    rounds: of each workload. data: what ``--data`` said, or None. timeout: seconds a trial.
    """

    format: int
    run: str
    command: str
    created: str
    seed: int
    rounds: dict[str, int]
    cases: tuple[Case, ...]
    figures: tuple[Case, ...]
    timeout: float
    data: str | None = None


def create(folder: Path, run: Run) -> None:
    """Make the run's folder; raises UserError where it cannot be, or holds another run."""
    refuse_another_run(folder)
    try:
        (folder / "params").mkdir(parents=True, exist_ok=True)
        (folder / "environments").mkdir(exist_ok=True)
        _write(folder / "run.json", msgspec.json.format(msgspec.json.encode(run)))
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose --output") from error


def refuse_another_run(folder: Path) -> None:
    """Raise UserError where a folder holds a run already: nothing finished is ever lost."""
    if (folder / "run.json").exists() or (folder / "trials.jsonl").exists():
        raise UserError(f"{folder} holds another run; choose another --output, or add --resume")


def append(folder: Path, record: Record) -> None:
    """Add one record at the end, in one write, and have it on disk before returning."""
    with (folder / "trials.jsonl").open("ab") as stream:
        stream.write(msgspec.json.encode(record) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def keep_params(folder: Path, trial: str, handed_over: Path) -> Path:
    """Copy a trial's params into the run, whole or not at all; return where they are."""
    kept = folder / "params" / f"{trial}.npy"
    temporary = kept.with_suffix(".part")
    shutil.copyfile(handed_over, temporary)
    return temporary.replace(kept)


def add_environment(folder: Path, environment: Environment) -> None:
    """Keep an environment under its id; must come before the first record that names it."""
    path = folder / "environments" / f"{environment.id}.json"
    if not path.exists():
        _write(path, msgspec.json.format(msgspec.json.encode(environment)))


def read_run(folder: Path) -> Run:
    """Read what a run set out to do; raises UserError."""
    return _decode(folder / "run.json", Run)


def read_environments(folder: Path) -> dict[str, Environment]:
    """Read all environments of a run, by id; raises UserError."""
    found = [
        _decode(path, Environment) for path in sorted((folder / "environments").glob("*.json"))
    ]
    return {environment.id: environment for environment in found}


def read_records(folder: Path) -> list[Record]:
    """Read all records of a run in the order in which they were measured; raises UserError.

    A last line without its end was being written when the run was killed: it is not a record.
    """
    path = folder / "trials.jsonl"
    if not path.exists():
        return []
    *lines, _unfinished = path.read_bytes().split(b"\n")
    return [_record(path, number, line) for number, line in enumerate(lines, 1) if line]


def mend(folder: Path) -> None:
    """Cut off a last line that was never finished, so that the next record has its own line."""
    path = folder / "trials.jsonl"
    if path.exists():
        data = path.read_bytes()
        with path.open("r+b") as stream:
            stream.truncate(data.rfind(b"\n") + 1)


def _record(path: Path, number: int, line: bytes) -> Record:
    try:
        format_ = msgspec.json.decode(line, type=_Versioned).format
        if format_ > FORMAT:
            raise UserError(
                f"{path}:{number}: format {format_} is newer than this suite; update it"
            )
        return msgspec.json.decode(line, type=Record)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UserError(f"{path}:{number}: not a record: {error}; delete the line") from error


class _Versioned(msgspec.Struct):
    format: int


def _decode(path: Path, kind: type[Read]) -> Read:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise UserError(f"{path.parent} holds no run: there is no {path.name}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def _write(path: Path, data: bytes) -> None:
    """Write the whole file or nothing: a temporary name, then a rename."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(data + b"\n")
    temporary.replace(path)
