"""Write and read the folder of a run.

bench/records/layout.py names its files. Damaged records and environments are skipped and reported,
or raise UserError. Before a run is resumed they are set aside, in ``damaged.jsonl`` or as
``<id>.json.damaged``.
"""

import datetime as dt
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from filelock import Timeout

from bench.errors import UserError, join_lines, make_read_error, report_write_errors
from bench.records import environments, files, jsonl, schema
from bench.records.files import is_file_name
from bench.records.jsonl import DamagedError, check_format, decode_json, encode_json
from bench.records.layout import (
    ENTROPY,
    ENVIRONMENTS,
    LOCK,
    PAIRED_PLANS,
    PARAMS,
    RUN_PLAN,
    TRIALS,
)
from bench.records.paths import hide_paths
from bench.records.schema import AnyRecord, CommandRecord, Environment, Record, Run

RESULTS = Path("results")  # where runs and comparisons are written
MAX_ENTROPY_BYTES = 64

Plan = TypeVar("Plan")


@dataclass(frozen=True, slots=True)
class RunContents:
    """The undamaged part of a run: records in the order measured, environments by id.

    faults: a line for each record or file that was skipped, with the reason. commands: the records
    of processes of a command.
    """

    records: Sequence[Record]
    environments: Mapping[str, Environment]
    faults: Sequence[str]
    commands: Sequence[CommandRecord] = ()


# ----- writing


def make_run_name(kind: str = "") -> tuple[str, str]:
    """Return a name that no other run has, and the time in it as ISO 8601 text."""
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y%m%d-%H%M%S}-{kind}{secrets.token_hex(2)}", now.isoformat(timespec="seconds")


def check_writable(folder: Path) -> None:
    """Refuse a folder that holds another run or cannot be written, before anything is measured."""
    reject_used_folder(folder)
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {folder}. Choose another --output")


def create_run(folder: Path, plan: msgspec.Struct, name: str = RUN_PLAN) -> None:
    """Create the folder of a run, or of another plan, which has its own file name.

    Raises UserError if the folder cannot be written or holds another run.
    """
    reject_used_folder(folder)
    data = encode_json(hide_paths(plan))  # may raise UserError, before anything is written
    with _report_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        files.sync_folders(*folder.resolve().parents)  # any of them may be new
        with lock_folder(folder):
            reject_used_folder(folder)  # another process may have been faster
            files.write_file(folder / name, data)


def reject_used_folder(folder: Path) -> None:
    """Raise UserError if a folder holds a run."""
    if (folder / RUN_PLAN).exists() or (folder / TRIALS).exists():
        raise UserError(
            f"{folder} holds another run. Choose another --output (only `softmax-bench run` can "
            "continue one, with --resume)"
        )


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock a run's folder against other processes, on this host and on others.

    Raises UserError if another process holds the lock, or if it cannot be acquired.
    """
    with ExitStack() as stack:
        with _report_write_errors(folder):
            try:
                stack.enter_context(files.hold(folder / LOCK))
            except Timeout:
                raise UserError(
                    f"another process is measuring into {folder}. Wait for its end, then --resume"
                ) from None
        yield


def is_locked(folder: Path) -> bool:
    """Return whether a process is writing into a folder."""
    try:
        if (folder / LOCK).exists():
            with files.hold(folder / LOCK):
                pass
    except OSError as error:  # or a killed process left it where nobody can write now
        return isinstance(error, Timeout)
    return False


def append_record(folder: Path, record: AnyRecord) -> None:
    """Append a record, and return when it is on the disk. Raises UserError."""
    _file_name("trial", record.trial)
    path, line = folder / TRIALS, jsonl.encode(record)
    with _report_write_errors(folder):
        if path.exists() and path.stat().st_size + len(line) > files.MAX_BYTES:
            limit = files.MAX_BYTES // 2**20
            raise UserError(f"{path} would be larger than {limit} MiB. Choose another --output")
        files.append(path, line)


@dataclass(frozen=True, slots=True)
class Recorder:
    """What appends the records of one run to its folder."""

    folder: Path
    run: str

    def append(
        self,
        identity: Mapping[str, Any],
        environment: Environment,
        values: Mapping[str, Any],
        folders: Mapping[Path, str],
    ) -> AnyRecord:
        """Append the record of a process with its environment, without paths; return it.

        identity: kind, trial, round, case, version and started, which are known whatever the
        process leaves. values: the other fields; if they are invalid, the process has failed.
        folders: see ``hide_paths``. Raises UserError.
        """
        known = {
            "format": schema.FORMAT,
            "run": self.run,
            "environment": environment.id,
            **identity,
        }
        try:
            record: AnyRecord = hide_paths(msgspec.convert({**values, **known}, AnyRecord), folders)
            reason = jsonl.explain_rejection(record)
        except msgspec.ValidationError as error:
            reason = str(error)
        if reason is not None:
            failure = f"the process left a result that is wrong: {reason}"
            failed = {**known, "status": "failed", "reason": failure}
            record = hide_paths(msgspec.convert(failed, AnyRecord), folders)
        add_environment(self.folder, environment)
        append_record(self.folder, record)
        return record


def save_params(folder: Path, trial: str, data: bytes) -> None:
    """Write a trial's params, the content of a ``.npy`` file. Raises UserError."""
    _write(folder, f"{PARAMS}/{_file_name('trial', trial)}.npy", data)


def identify_entropy(entropy: str) -> str:
    """Return the id of a round's entropy, from which it cannot be computed."""
    return hashlib.sha256(entropy.encode()).hexdigest()[:12]


def save_entropy(folder: Path, entropy: str) -> None:
    """Write the entropy of a round under its id, when the round is over. Raises UserError."""
    _write(folder, f"{ENTROPY}/{identify_entropy(entropy)}.txt", entropy.encode())


def read_entropy(folder: Path) -> dict[str, str]:
    """Return the entropy of the rounds that are over, by id. Raises UserError."""
    entropies = {}
    for path in sorted((folder / ENTROPY).glob("*.txt")):
        entropy = _read(path, MAX_ENTROPY_BYTES).decode("ascii", "replace")
        if identify_entropy(entropy) != path.stem:
            raise UserError(f"{path} holds other entropy than its name says. Delete it")
        entropies[path.stem] = entropy
    return entropies


def add_environment(folder: Path, environment: Environment) -> None:
    """Write an environment under its id, before the first record that names it."""
    name = f"{ENVIRONMENTS}/{_file_name('environment', environment.id)}.json"
    if not (folder / name).exists():
        _write(folder, name, encode_json(environment))


def save_looks(folder: Path, looks: Mapping[str, Sequence[int]]) -> None:
    """Write the numbers of pairs after which each case of a comparison is tested."""
    _write(folder, "looks.json", encode_json(looks))


def _write(folder: Path, name: str, data: bytes) -> None:
    """Write a file of a run's folder, or of a folder in it that may be new. Raises UserError."""
    with _report_write_errors(folder):
        (folder / name).parent.mkdir(exist_ok=True)
        files.sync_folders(folder)
        files.write_file(folder / name, data)


def repair_run(folder: Path) -> None:
    """Prepare a run to be resumed, while no other process writes to it. Raises UserError.

    Temporary files and a torn last line are deleted. Damaged records and environments are set
    aside.
    """
    reject_links(folder)
    with _report_write_errors(folder):
        # Repair records first, because those of a damaged environment count as damaged.
        jsonl.repair_lines(folder, environments.read_undamaged(folder)[0].keys())
        environments.set_damaged_aside(folder)
        for part in (".", PARAMS, ENTROPY, ENVIRONMENTS):
            files.remove_unfinished(folder / part)
        files.append(folder / TRIALS, b"")  # fail now if no record could be written


# ----- reading


def reject_links(folder: Path) -> None:
    """Raise UserError if there is a link in a folder: it would let a stranger's run name a file."""
    for parent, folders, names in os.walk(folder):
        for path in (Path(parent, name) for name in (*folders, *names)):
            if path.is_symlink():
                raise UserError(f"{path} is a link, which may lead elsewhere. Copy what it names")


def read_run(folder: Path) -> Run:
    """Read the plan of a run. Raises UserError."""
    run = read_plan(folder / RUN_PLAN, Run)
    if fault := run.find_fault():
        raise UserError(f"{folder / RUN_PLAN}: {fault}. Delete it")
    return run


def read_plan(path: Path, kind: type[Plan]) -> Plan:
    """Read a plan of this kind. Raises UserError, also if there is a link in its folder."""
    reject_links(path.parent)
    data = _read(path)
    check_format(data, str(path))
    try:
        return decode_json(data, kind)
    except DamagedError as error:
        raise UserError(f"{path}: {error}. Delete it") from error


def read_looks(folder: Path) -> dict[str, schema.Looks]:
    """Read the numbers of pairs after which each case is tested. Raises UserError."""
    path = folder / "looks.json"
    looks = read_plan(path, dict[str, schema.Looks]) if path.exists() else {}
    if any(list(counts) != sorted({*counts}) for counts in looks.values()):
        raise UserError(f"{path}: its numbers of pairs do not ascend. Delete it")
    return looks


def read_environments(folder: Path) -> dict[str, Environment]:
    """Read all environments of a run, by id. Raises UserError if one is damaged."""
    undamaged, faults = environments.read_undamaged(folder)
    if faults:
        raise UserError(f"{folder}/{faults[0]}. Delete it")
    return undamaged


def read_records(folder: Path) -> list[Record]:
    """Read all records of a run in the order in which they were measured.

    Raises UserError if anything is damaged: for callers that need the whole run.
    """
    return list(read_whole(folder).records)


def read_commands(folder: Path) -> list[CommandRecord]:
    """Read the records of a command in the order in which they were measured, as read_records."""
    return list(read_whole(folder).commands)


def read_whole(folder: Path) -> RunContents:
    """Read a run of which nothing is damaged. Raises UserError."""
    contents = read_contents(folder)
    if contents.faults:
        again = ", or measure it again with run --resume" if (folder / RUN_PLAN).exists() else ""
        raise UserError(f"{folder}/{contents.faults[0]}. Delete it{again}")
    return contents


def read_contents(folder: Path) -> RunContents:
    """Read the undamaged part of a run, and list what was skipped.

    Raises UserError if a file is a link, cannot be read, is too large or has a newer format.
    """
    reject_links(folder)
    undamaged, faults = environments.read_undamaged(folder)
    records: list[Record] = []
    commands: list[CommandRecord] = []
    for _, record in jsonl.read_lines(folder, undamaged.keys()):
        if isinstance(record, str):
            faults.append(record)
        elif isinstance(record, CommandRecord):
            commands.append(record)
        else:
            records.append(record)
    if len({record.case.slug for record in records}) > 1_000:  # a report compares every two
        raise UserError(f"{folder} has records of more than 1,000 cases. Leave some out")
    return RunContents(records, undamaged, [join_lines(fault) for fault in faults], commands)


def _read(path: Path, limit: int = files.MAX_BYTES) -> bytes:
    try:
        return files.read_file(path, limit)
    except FileNotFoundError:
        reason = f"{path.parent} holds no run: there is no {path.name}"
        remedy = "Name the folder of a run"
        if any((path.parent / plan).exists() for plan in PAIRED_PLANS):
            reason = f"{path.parent} holds a comparison in pairs, no run"
            remedy = "Read it with softmax_bench.load, or print it with softmax-bench report"
        raise UserError(f"{reason}. {remedy}") from None
    except OSError as error:
        raise make_read_error(path, error) from error


def _file_name(what: str, name: str) -> str:
    """Return a name if it is a safe file name. Raises UserError otherwise."""
    if is_file_name(name):
        return name
    raise UserError(f"{what} {name[:80]!r} cannot be a file name. Choose a shorter, plain one")


def _report_write_errors(folder: Path) -> AbstractContextManager[None]:
    """Raise UserError in place of OSError: the disk is full, or the folder is not writable."""
    if (folder / RUN_PLAN).exists():
        return report_write_errors(folder, more=f" and continue with --resume --output {folder}")
    return report_write_errors(folder, "Choose another --output")
