"""Merge the parts of a run into a new folder, as the union of their trials."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.errors import UserError, report_write_errors
from bench.records import files, jsonl, layout, store, timestamps
from bench.records.files import is_file_name
from bench.records.schema import FORMAT, Environment, Record, Run

_HINT = "Leave one of the runs out"

Item = TypeVar("Item")
Sourced = dict[str, tuple[Item, Path]]  # values by name, with the folders that they come from


@dataclass(slots=True)
class MergedRun:
    """The union of a run's parts. repeated: number of records that several parts have."""

    runs: Sourced[Run] = field(default_factory=dict)
    environments: Sourced[Environment] = field(default_factory=dict)
    entropy: Sourced[str] = field(default_factory=dict)
    records: Sourced[Record] = field(default_factory=dict)
    parts: int = 0
    repeated: int = 0

    def add(self, folder: Path, run: Run) -> None:
        """Add a part. Raises UserError if it is damaged or contradicts another one."""
        self.parts += 1
        _unite(self.runs, f"run {run.run}", run, folder)
        for environment in store.read_environments(folder).values():
            _unite(self.environments, f"environment {environment.id}", environment, folder)
        for name, entropy in store.read_entropy(folder).items():
            _unite(self.entropy, f"entropy {name}", entropy, folder)
        for record in store.read_records(folder):
            # A trial is finished once, but may be interrupted several times.
            interrupted = record.status == "interrupted"
            name = jsonl.encode(record).decode() if interrupted else f"trial {record.trial}"
            self.repeated += _unite(self.records, name, record, folder)

    def write(self, folder: Path) -> None:
        """Write the run, with its records in the order of their start. Raises OSError."""
        folder.mkdir(exist_ok=True)
        for run, _ in self.runs.values():
            files.write_file(folder / layout.RUN_PLAN, jsonl.encode_json(run))
        for environment, _ in self.environments.values():
            store.add_environment(folder, environment)
        for entropy, _ in self.entropy.values():
            store.save_entropy(folder, entropy)
        lines = [
            (timestamps.parse_time(record.started), record.trial, jsonl.encode(record))
            for record, _ in self.records.values()
        ]
        files.write_file(folder / layout.TRIALS, b"".join(line for *_, line in sorted(lines)))
        for record, source in self.records.values():
            params = source / layout.PARAMS / f"{record.trial}.npy"
            if record.status != "interrupted" and os.path.lexists(params):
                store.save_params(folder, record.trial, files.read_file(params, follow=False))


def merge_runs(folders: Sequence[Path], output: Path) -> list[MergedRun]:
    """Write the union of runs, or of folders of runs, into a new folder.

    Parts of one run become one run. Several runs get a folder each in ``output``. Raises UserError,
    and writes nothing, if parts are damaged or contradict each other.
    """
    whole = _check_output(output, folders)
    parts: list[Path] = []
    for folder in folders:
        runs = layout.find_runs(folder)
        if not runs:
            raise UserError(f"{folder} holds no run. Name the folder of a run")
        parts += runs
    if len(parts) < 2:
        raise UserError("this is a single run. Name another RUN to merge it with")
    merged: dict[str, MergedRun] = {}
    for part in parts:
        run = msgspec.structs.replace(store.read_run(part), format=FORMAT)
        if not is_file_name(run.run):
            raise UserError(f"{part}: run {run.run!r:.80} cannot be a folder name. {_HINT}")
        merged.setdefault(run.run, MergedRun()).add(part, run)
    with report_write_errors(output, "Choose another --output"), files.new_folder(whole) as folder:
        for name, union in merged.items():
            try:
                union.write(folder if len(merged) == 1 else folder / name)
            except UserError as error:  # names the hidden folder, and how to resume a run
                raise error.__cause__ or error from None
    return list(merged.values())


def _check_output(output: Path, folders: Sequence[Path]) -> Path:
    """Return the resolved output folder. Raises UserError unless it is new or empty."""
    resolved = output.resolve()
    for folder in folders:
        if resolved.is_relative_to(folder.resolve()):
            raise UserError(f"{output} is in {folder}, which is only read. Choose another --output")
    if os.path.lexists(resolved) and not (resolved.is_dir() and not any(resolved.iterdir())):
        raise UserError(f"{output} already exists. Choose another --output")
    return resolved


def _unite(values: Sourced[Item], name: str, value: Item, folder: Path) -> bool:
    """Add a value; return whether it was known. Raises UserError if a different one was known."""
    before, source = values.setdefault(name, (value, folder))
    if before != value:
        raise UserError(f"{source} and {folder} have a different {name}. {_HINT}")
    return source != folder
