"""Measure single trials on this host, each in a new process; judge and record them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bench.data.dataset import Dataset
from bench.records import environments, store, timestamps
from bench.records.files import hash_file
from bench.records.jsonl import explain_rejection
from bench.records.paths import find_case_folders, hide_paths
from bench.records.schema import FORMAT, REPORTED, Case, Environment, Record, Trial
from bench.runner import machine
from bench.runner.cases import compute_max_samples
from bench.runner.parity.judge import (
    Judge,
    find_textbook_fault,
    judge_threads,
)
from bench.runner.process import interpreters, preflight, scratch, spec
from bench.runner.process.launch import launch
from bench.runner.process.outcome import Outcome
from bench.runner.process.spec import ChildSpec, Installation, redact_variables
from bench.worker.machine import list_software, list_usable_cores


class RunContext(Protocol):
    """What all trials of a run share."""

    @property
    def run(self) -> str:
        """The run's name."""

    @property
    def seed(self) -> int:
        """The seed of the sample orders and initial weights."""

    @property
    def timeout(self) -> float:
        """Seconds that a process may take."""


class Runner:
    """Measure trials of one run on this host, judge them, and append their records to its folder.

    peers: cases of the run; a roofline probe reads as many images as they do. installations: of the
    versions of a comparison in pairs, whose trials are as short as possible; their params are not
    kept.
    """

    def __init__(
        self,
        folder: Path,
        context: RunContext,
        data: Dataset,
        *,
        peers: Sequence[Case] = (),
        installations: Mapping[str, Installation] | None = None,
    ) -> None:
        self._folder = folder
        self._context = context
        self._data = data
        self._peers = peers
        self._installations = installations
        self._judge = Judge(data.folder, data.classes, context.seed)
        self._machine = machine.describe()
        self._suite = machine.describe_suite()
        self._software: dict[str, dict[str, Any]] = {}

    def measure(self, trial: Trial) -> Record:
        """Run one trial to its end, however it ends, and append its record.

        A trial that a signal interrupts is recorded as interrupted, and is still missing. Raises
        UserError if the run's folder or the worker's cannot be written.
        """
        # First of all: another Python may need long to describe itself.
        child = self._specify_child(trial)
        environment = self._describe_environment(child)
        started = timestamps.format_now()
        try:
            values = self._run(trial, child)
        except KeyboardInterrupt:
            self._append(trial, environment, {"started": started, "status": "interrupted"})
            raise
        return self._append(trial, environment, {"started": started, **values})

    def _run(self, trial: Trial, child: ChildSpec) -> dict[str, Any]:
        """Return the fields of a trial's record: what its process reported, judged."""
        if reason := self._explain_unavailable(trial.case):
            return {"status": "unavailable", "reason": reason}
        if fault := find_file_fault(trial.case):
            return {"status": "failed", "reason": fault}
        with scratch.make_folder() as folder:
            before = machine.read_conditions()
            outcome = launch(self._build_request(trial), child, folder)
            conditions = machine.compare_readings(before, machine.read_conditions())
            # A worker reports these fields and no others: the parent fills in the rest.
            names = REPORTED[trial.kind] & outcome.document.keys()
            values = {
                **{name: outcome.document[name] for name in names},
                "status": outcome.status,
                "reason": outcome.reason,
                "wall_seconds": outcome.wall_seconds,
                "conditions": conditions,
            }
            if outcome.status == "ok":
                values |= self._judge_outcome(trial, outcome, folder)
        if outcome.status != "ok":
            scratch.check_room()  # if the disk is full even without its files: UserError
        if values["status"] != "ok":
            values["stderr_tail"] = outcome.stderr_tail or None
        return values

    def _judge_outcome(self, trial: Trial, outcome: Outcome, folder: Path) -> dict[str, Any]:
        """Return the fields that the parent adds to what a successful process reported."""
        if trial.kind == "roofline":
            return {}
        if trial.kind == "textbook":
            quantities = outcome.document.get("quantities", {})
            fault = find_textbook_fault(trial.case.implementation, quantities)
            return {"status": "failed" if fault else "ok", "reason": fault}
        params = folder / "params.npy"
        if not os.path.lexists(params):
            return {"status": "failed", "reason": "the process returned no params"}
        seconds = outcome.document.get("epoch_seconds")
        judgement = self._judge.judge(trial.case, params, folder / "labels.npy", seconds)
        if self._installations is None and judgement.parity is not None:  # they could be read
            store.save_params(self._folder, trial.id, params)
        threads, threads_fault = judge_threads(trial.case, outcome.document)
        if threads is None:
            return {"status": "failed", "reason": threads_fault}
        fault = judgement.fault or threads_fault
        return {
            "status": "failed" if fault else "ok",
            "reason": fault,
            "threads_in_force": threads,
            "parity": judgement.parity,
            "validation_accuracy": judgement.validation_accuracy,
            "test_accuracy": judgement.test_accuracy,
        }

    def _append(self, trial: Trial, environment: Environment, values: Mapping[str, Any]) -> Record:
        """Append a trial's record to the run, without paths of this host.

        Invalid values fail the trial.
        """
        identity: dict[str, Any] = {
            "format": FORMAT,
            "kind": trial.kind,
            "run": self._context.run,
            "trial": trial.id,
            "round": trial.round,
            "case": trial.case,
            "environment": environment.id,
            "started": values["started"],
        }
        if trial.kind == "trial":
            identity |= {"version": trial.version, "slowdown": trial.slowdown}
        folders = find_case_folders(trial.case)
        try:
            record: Record = hide_paths(msgspec.convert({**identity, **values}, Record), folders)
            reason = explain_rejection(record)
        except msgspec.ValidationError as error:
            reason = str(error)
        if reason is not None:
            failure = f"the process left a result that is wrong: {reason}"
            failed = {**identity, "status": "failed", "reason": failure}
            record = hide_paths(msgspec.convert(failed, Record), folders)
        store.add_environment(self._folder, environment)
        store.append_record(self._folder, record)
        return record

    def _explain_unavailable(self, case: Case) -> str | None:
        """Return why a case cannot be measured on this host, or None."""
        if case.device not in case.devices:
            return f"{case.implementation} runs on {' and '.join(case.devices)} only"
        if case.samples > (most := compute_max_samples(self._data.features)):
            return f"{case.samples} samples: this machine's memory holds {most} at most"
        if case.threads > (cores := len(list_usable_cores())):
            return f"{case.threads} threads: only {cores} cores are usable on this machine"
        return None

    def _build_request(self, trial: Trial) -> dict[str, Any]:
        case = trial.case
        if trial.kind != "roofline":
            training = spec.request_training(trial.kind, case, self._data, self._context.seed)
            if self._installations is not None:
                training |= spec.pair_options(trial.slowdown)
            return training
        most = compute_max_samples(self._data.features)  # trials with more are unavailable
        samples = (
            peer.samples
            for peer in self._peers
            if peer.samples <= most and (peer.device, peer.threads) == (case.device, case.threads)
        )
        return spec.request_roofline(case, self._data.features, samples)

    def _specify_child(self, trial: Trial) -> ChildSpec:
        case = trial.case
        if self._installations is not None:
            installation = self._installations[trial.version]
        else:
            installation = interpreters.find_installation(case)
        return ChildSpec(
            installation=installation,
            threads=case.threads,
            device=case.device,
            variables=case.variables,
            timeout=self._context.timeout,
        )

    def _describe_environment(self, child: ChildSpec) -> Environment:
        """Return the environment of a trial; raises UserError if another Python does not answer."""
        python = child.installation.python
        if python not in self._software:  # another interpreter than ours is asked once
            ours = python == Installation().python
            self._software[python] = (
                list_software() if ours else preflight.read_software(child.installation)
            )
        facts = {
            "machine": self._machine,
            "software": self._software[python],
            "suite": self._suite,
            "variables": redact_variables(child),
            "data": self._data.describe(),
        }
        return environments.make_environment(facts)


def find_file_fault(case: Case) -> str | None:
    """Return how a user's own file differs from the planned one, or None."""
    if case.file is None:
        return None
    try:
        unchanged = hash_file(Path(case.file)) == case.sha256
    except OSError as error:
        return f"{case.file} cannot be read any more: {error.strerror}"
    return None if unchanged else f"{case.file} has changed since the run was planned"
