"""A run's folder: what is written as it is measured, and read again; nothing finished is lost.

``run.json`` (what was planned), ``environments/<id>.json``, ``trials.jsonl`` (one record a line,
appended) and ``params/<trial>.npy``.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.error import UserError
from bench.result import FORMAT, Environment, Kind, Record, Run

Read = TypeVar("Read", bound=msgspec.Struct)


def create(folder: Path, plan: msgspec.Struct, name: str = "run.json") -> None:
    """Make the folder of a run, or of what else is planned in a file of another name.

    Raises UserError where it cannot be, or holds another run.
    """
    refuse_another_run(folder)
    with _writing(folder):
        for each in ("params", "environments") if name == "run.json" else ("environments",):
            (folder / each).mkdir(parents=True, exist_ok=True)
    _write(folder / name, msgspec.json.format(msgspec.json.encode(plan)) + b"\n")


def refuse_another_run(folder: Path) -> None:
    """Raise UserError where a folder holds a run already: nothing finished is ever lost."""
    if (folder / "run.json").exists() or (folder / "trials.jsonl").exists():
        raise UserError(
            f"{folder} holds another run; choose another --output, or add --resume to run"
        )


def append(folder: Path, record: Record) -> None:
    """Add one record at the end, in one write, and have it on disk before returning."""
    with _writing(folder), (folder / "trials.jsonl").open("ab") as stream:
        stream.write(msgspec.json.encode(record) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def keep_params(folder: Path, trial: str, handed_over: Path) -> Path:
    """Copy a trial's params into the run; raises FileNotFoundError where there are none."""
    return _write(folder / "params" / f"{trial}.npy", handed_over.read_bytes())


def read_params(folder: Path, trial: str) -> NDArray[np.float32] | None:
    """Read a trial's params, float32 of three dimensions; None where no such are kept.

    The trial's id comes from a record: one that names a file elsewhere has no params here.
    """
    if Path(trial).name != trial:
        return None
    try:
        with (folder / "params" / f"{trial}.npy").open("rb") as stream:
            array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    except (OSError, ValueError):
        return None
    return array if array.dtype == np.float32 and array.ndim == 3 else None


def add_environment(folder: Path, environment: Environment) -> None:
    """Keep an environment under its id; must come before the first record that names it."""
    path = folder / "environments" / f"{environment.id}.json"
    if not path.exists():
        _write(path, msgspec.json.format(msgspec.json.encode(environment)) + b"\n")


def keep_looks(folder: Path, looks: Mapping[str, Sequence[int]]) -> None:
    """Keep after how many pairs each case of a comparison is looked at: planned as it begins."""
    _write(folder / "looks.json", msgspec.json.format(msgspec.json.encode(looks)) + b"\n")


def read_looks(folder: Path) -> dict[str, tuple[int, ...]]:
    """Read after how many pairs each case was to be looked at; raises UserError."""
    path = folder / "looks.json"
    if not path.exists():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, tuple[int, ...]])
    except msgspec.MsgspecError as error:
        raise UserError(f"{path}: not the looks of a comparison: {error}; delete it") from error


def read_run(folder: Path) -> Run:
    """Read what a run set out to do; raises UserError."""
    return read_plan(folder / "run.json", Run)


def read_plan(path: Path, kind: type[Read]) -> Read:
    """Read what was planned, of the kind that this file holds; raises UserError."""
    return _read(path, kind)


def read_environments(folder: Path) -> dict[str, Environment]:
    """Read all environments of a run, by id; raises UserError."""
    found = [_read(path, Environment) for path in sorted((folder / "environments").glob("*.json"))]
    return {environment.id: environment for environment in found}


def read_records(folder: Path) -> list[Record]:
    """Read all records of a run in the order in which they were measured; raises UserError.

    A last line without its end was being written when the run was killed: it is not a record.
    """
    path = folder / "trials.jsonl"
    try:
        with path.open("rb") as lines:
            return [_record(f"{path}:{number}", line) for number, line in enumerate(lines, 1)
                    if line.endswith(b"\n") and line != b"\n"]  # fmt: skip
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def mend(folder: Path) -> None:
    """Cut off a last line that was never finished, so that the next record has its own line."""
    path = folder / "trials.jsonl"
    if path.exists():
        with _writing(folder), path.open("r+b") as stream:
            stream.truncate(stream.read().rfind(b"\n") + 1)


def _record(where: str, line: bytes) -> Record:
    record = _decode(where, line, Record)
    if record.status == "ok" and not _WHOLE[record.kind](record):
        raise UserError(f"{where}: an ok {record.kind} without all its numbers; delete it")
    return record


def _trained(record: Record) -> bool:
    """Tell whether a trial has the times and accuracies that a table shows, at a size there is."""
    case = record.case
    judged = min(len(record.validation_accuracy), len(record.test_accuracy))
    sized = 0 < case.batch_size <= case.samples and case.threads > 0
    return sized and min(record.epoch_seconds, default=0) > 0 and 0 < case.epochs <= judged


def _probed(record: Record) -> bool:
    """Tell whether a probe has its times, and what they are divided by.

    It read nothing where no number of samples fits into the memory.
    """
    times = (*record.product_seconds, *record.read_seconds, *record.chain_seconds)
    counts = (record.product_operations or 0, *record.read_bytes)
    stepped = not record.chain_seconds or (record.chain_steps or 0) > 0
    paired = len(record.read_bytes) == len(record.read_seconds)
    return bool(record.product_seconds) and min(times + counts) > 0 and stepped and paired


_WHOLE: dict[Kind, Callable[[Record], bool]] = {
    "trial": _trained, "ceiling": _probed, "figure": lambda _: True,
}  # fmt: skip


def _read(path: Path, kind: type[Read]) -> Read:
    try:
        return _decode(str(path), path.read_bytes(), kind)
    except FileNotFoundError:
        raise UserError(f"{path.parent} holds no run: there is no {path.name}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _decode(where: str, data: bytes, kind: type[Read]) -> Read:
    try:
        found = msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _refuse_newer(where, _format(data))
        raise UserError(f"{where}: not a {kind.__name__}: {error}; delete it") from error
    _refuse_newer(where, getattr(found, "format", 0))
    return found


def _refuse_newer(where: str, version: int) -> None:
    if version > FORMAT:
        raise UserError(f"{where}: format {version} is newer than this suite; update it")


def _format(data: bytes) -> int:
    """Return the format of what cannot be read otherwise; nought where it tells none."""
    try:
        return msgspec.json.decode(data, type=_Versioned).format
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0


class _Versioned(msgspec.Struct):
    format: int = 0  # environments have none, their records do


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn a full disk, or a folder that is nobody's to write, into one line."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose --output") from error


def _write(path: Path, data: bytes) -> Path:
    """Write the whole file or nothing: a temporary name, then a rename."""
    temporary = path.with_name(path.name + ".part")
    with _writing(path.parent):
        temporary.write_bytes(data)
        return temporary.replace(path)
