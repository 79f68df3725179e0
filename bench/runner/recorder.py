"""Judge trials and write their records: one record for every trial, however it ended."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.data.dataset import Dataset
from bench.records import store, timestamps
from bench.records.jsonl import explain_rejection
from bench.records.paths import find_case_folders, hide_paths
from bench.records.schema import FORMAT, Case, Environment, Record, Trial
from bench.runner.executor import Executor, RunContext, TrialOutput
from bench.runner.parity.judge import (
    NO_TIMES,
    Judge,
    compute_threads_in_force,
    find_textbook_fault,
    find_threads_fault,
)
from bench.runner.process.spec import Installation


class Recorder:
    """Judge the trials of one run and write their records.

    keep_params: whether the params of judged trials are kept in the run's folder.
    """

    def __init__(
        self, folder: Path, context: RunContext, data: Dataset, *, keep_params: bool
    ) -> None:
        self._folder = folder
        self._run = context.run
        self._keep_params = keep_params
        self._judge = Judge(data.folder, data.classes, context.seed)

    def record(self, trial: Trial, environment: Environment, values: Mapping[str, Any]) -> Record:
        """Append a trial's record to the run. Raises UserError if it cannot be written."""
        store.add_environment(self._folder, environment)
        record = _assemble_record(self._run, trial, environment.id, values)
        store.append_record(self._folder, record)
        return record

    def record_interruption(self, trial: Trial, environment: Environment, started: str) -> Record:
        """Append that a trial was interrupted; it is still missing."""
        return self.record(trial, environment, {"started": started, "status": "interrupted"})

    def judge(self, trial: Trial, output: TrialOutput) -> dict[str, Any]:
        """Return the fields of a trial's record: what it reported, judged if it succeeded."""
        values = dict(output.values)
        if values["status"] == "ok" and output.folder is not None:
            values |= self._judge_success(trial, values, output.folder)
        if values["status"] != "ok":
            values["stderr_tail"] = output.stderr_tail or None
        return values

    def _judge_success(
        self, trial: Trial, values: Mapping[str, Any], folder: Path
    ) -> dict[str, Any]:
        if trial.kind == "roofline":
            return {}
        if trial.kind == "textbook":
            fault = find_textbook_fault(trial.case.implementation, values.get("quantities", {}))
            return {"status": "failed" if fault else "ok", "reason": fault}
        params = folder / "params.npy"
        if not os.path.lexists(params):
            return {"status": "failed", "reason": "the process returned no params"}
        seconds = values.get("epoch_seconds")
        judgement = self._judge.judge(trial.case, params, folder / "labels.npy", seconds)
        if self._keep_params and judgement.parity is not None:  # they could be read
            store.save_params(self._folder, trial.id, params)
        in_force = compute_threads_in_force(values)
        if in_force is None:
            return {"status": "failed", "reason": NO_TIMES}
        fault = judgement.fault or find_threads_fault(
            trial.case, in_force, sum(values["epoch_seconds"])
        )
        return {
            "status": "failed" if fault else "ok",
            "reason": fault,
            "threads_in_force": in_force,
            "parity": judgement.parity,
            "validation_accuracy": judgement.validation_accuracy,
            "validation_loss": judgement.validation_loss,
            "test_accuracy": judgement.test_accuracy,
        }


class Runner:
    """Measure trials of one run on this host and record them; arguments as of ``Executor``.

    The params of a comparison in pairs are judged, but not kept.
    """

    def __init__(
        self,
        folder: Path,
        context: RunContext,
        data: Dataset,
        *,
        peers: Sequence[Case] = (),
        places: Mapping[str, Installation] | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self._recorder = Recorder(folder, context, data, keep_params=places is None)
        self._executor = Executor(
            context, data, peers=peers, places=places, memory_limit=memory_limit
        )

    def measure(self, trial: Trial) -> Record:
        """Run one trial to its end, however it ends, and append its record.

        A trial that a signal interrupts is recorded as interrupted. Raises UserError if the run's
        folder or the worker's cannot be written.
        """
        # First of all: another Python may need long to describe itself.
        environment = self._executor.describe_environment(trial)
        started = timestamps.format_now()
        try:
            with self._executor.measure(trial) as output:
                values = self._recorder.judge(trial, output)
        except KeyboardInterrupt:
            self._recorder.record_interruption(trial, environment, started)
            raise
        return self._recorder.record(trial, environment, values)


def _assemble_record(run: str, trial: Trial, environment: str, values: Mapping[str, Any]) -> Record:
    """Return the record, without paths of this host. Invalid values fail the trial."""
    identity: dict[str, Any] = {
        "format": FORMAT,
        "kind": trial.kind,
        "run": run,
        "trial": trial.id,
        "round": trial.round,
        "case": trial.case,
        "environment": environment,
    }
    if trial.kind == "trial":
        identity |= {"version": trial.version, "slowdown": trial.slowdown}
    folders = find_case_folders(trial.case)
    try:
        record: Record = hide_paths(msgspec.convert({**identity, **values}, Record), folders)
        reason = explain_rejection(record)
    except msgspec.ValidationError as error:
        reason = str(error)
    if reason is None:
        return record
    failure = {
        "started": values["started"],
        "status": "failed",
        "reason": f"the process left a result that is wrong: {reason}",
    }
    failed: Record = msgspec.convert({**identity, **failure}, Record)
    return hide_paths(failed, folders)
