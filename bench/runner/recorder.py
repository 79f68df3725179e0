"""One trial from its beginning to its record: measured by a station, judged and kept here."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.data.dataset import Dataset
from bench.records import timestamps
from bench.records.jsonl import refused
from bench.records.paths import folders_of, hide_paths
from bench.records.schema import FORMAT, Case, Environment, Record, Trial
from bench.records.store import add_environment, append, keep_params
from bench.runner.executor import Executor, RunContext, TrialOutput
from bench.runner.parity.judge import Judge, textbook_fault, threads_fault, threads_in_force
from bench.runner.process.spec import Installation


class Recorder:
    """Judges the trials of one run and keeps their records, wherever they were measured.

    params: whether those that could be read are kept.
    """

    def __init__(self, folder: Path, planned: RunContext, data: Dataset, *, params: bool) -> None:
        self._folder = folder
        self._planned = planned
        self._params = params
        self._judge = Judge(data.folder, data.classes, planned.seed)

    def record(self, trial: Trial, environment: Environment, values: Mapping[str, Any]) -> Record:
        """Append a trial's record; raises UserError where it cannot be written."""
        add_environment(self._folder, environment)
        record = _record(self._planned.run, trial, environment.id, values)
        append(self._folder, record)
        return record

    def record_interruption(
        self, trial: Trial, environment: Environment, started: str, reason: str | None = None
    ) -> Record:
        """Append that a trial was begun and is still to be made."""
        values = {"started": started, "status": "interrupted", "reason": reason}
        return self.record(trial, environment, values)

    def judge(self, trial: Trial, left: TrialOutput) -> dict[str, Any]:
        """Return the values of a trial's record; where it says that it went well, judge it."""
        values = dict(left.values)
        if values["status"] == "ok" and left.folder is not None:
            values |= self._judged(trial, values, left.folder)
        if values["status"] != "ok":
            values["stderr_tail"] = left.stderr_tail or None
        return values

    def _judged(self, trial: Trial, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Judge a trial that says it went well, and keep its params."""
        if trial.kind == "ceiling":
            return {}
        if trial.kind == "figure":
            fault = textbook_fault(trial.case.implementation, values.get("figure", {}))
            return {"status": "failed" if fault else "ok", "reason": fault}
        params = folder / "params.npy"
        if not os.path.lexists(params):
            return {"status": "failed", "reason": "the process handed over no params"}
        seconds = values.get("epoch_seconds")
        judgement = self._judge.judge(trial.case, params, folder / "labels.npy", seconds)
        if self._params and judgement.parity is not None:  # what could be read, is kept
            keep_params(self._folder, trial.id, params)
        in_force = threads_in_force(values)
        if in_force is None:
            return {"status": "failed", "reason": "the process left a result without its epochs"}
        fault = judgement.fault or threads_fault(trial.case, in_force, sum(values["epoch_seconds"]))
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
    """Measures trials of one run on this host, and keeps them; arguments as of Station.

    The params of a comparison in pairs are judged, but not kept.
    """

    def __init__(
        self,
        folder: Path,
        planned: RunContext,
        data: Dataset,
        *,
        peers: Sequence[Case] = (),
        places: Mapping[str, Installation] | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self._recorder = Recorder(folder, planned, data, params=places is None)
        self._executor = Executor(
            planned, data, peers=peers, places=places, memory_limit=memory_limit
        )

    def measure(self, trial: Trial) -> Record:
        """Run one trial to its end, whatever that is, and append its record.

        A trial that a signal interrupts is recorded as interrupted. Raises UserError where the
        run's folder or the worker's cannot be written.
        """
        # Asked now: another Python may take its time to answer, which is no time to lose a trial.
        environment, started = self._executor.describe_environment(trial), timestamps.now()
        try:
            with self._executor.measure(trial) as left:
                values = self._recorder.judge(trial, left)
        except KeyboardInterrupt:
            self._recorder.record_interruption(trial, environment, started)
            raise
        return self._recorder.record(trial, environment, values)


def _record(run: str, trial: Trial, environment: str, values: Mapping[str, Any]) -> Record:
    """Return the record without paths of this host; a value that is invalid fails the trial."""
    own = {
        "format": FORMAT, "kind": trial.kind, "run": run, "trial": trial.id,
        "round": trial.round, "case": trial.case, "environment": environment,
        "version": trial.version, "slowdown": trial.slowdown,
    }  # fmt: skip
    folders = folders_of(trial.case)
    try:
        record = hide_paths(msgspec.convert({**own, **values}, Record), folders)
        reason = refused(record)
    except msgspec.ValidationError as error:
        reason = str(error)
    if reason is None:
        return record
    reason = f"the process left a result that is wrong: {reason}"
    kept = {"started": values["started"], "status": "failed", "reason": reason}
    return hide_paths(msgspec.convert({**own, **kept}, Record), folders)
