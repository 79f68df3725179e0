"""One trial from its request to its record: in a child of its own, judged and kept."""

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bench import (
    conditions,
    interpreters,
    machine,
    probe,
    regular,
    request,
    scratch,
    sizes,
    stop,
)
from bench.child import Child, Place, recorded
from bench.dataset import Dataset
from bench.judge import Judge, figure_fault, threads_fault, threads_in_force
from bench.launch import Outcome, launch
from bench.lines import refused
from bench.result import FORMAT, Case, Environment, Record, Trial
from bench.store import add_environment, append, keep_params

# What a child may say of itself, and nothing else: the rest of a record is the parent's.
_REPORTED = (
    "worker_seconds", "import_seconds", "setup_seconds", "reset_seconds", "first_epoch_seconds",
    "warmup_seconds", "epoch_seconds", "epoch_cpu_seconds", "first_predict_seconds",
    "predict_seconds", "peak_rss_bytes", "phase_rss_bytes", "peak_device_bytes",
    "device_conditions", "energy_joules", "energy_absent", "figure_seconds", "figure",
    "product_operations", "product_seconds", "read_bytes", "read_seconds", "chain_steps",
    "chain_seconds",
)  # fmt: skip


class Planned(Protocol):
    """What all trials of a run have in common: its name, the seed, seconds a trial may take."""

    @property
    def run(self) -> str:
        """The run's name."""

    @property
    def seed(self) -> int:
        """The seed of orders and weights."""

    @property
    def timeout(self) -> float:
        """Seconds that a process may take."""


class Runner:
    """Measures trials of one run: what they share is found out once.

    peers: the cases whose ceilings are probed. places: of a comparison in pairs, whose trials are
    as short as they can be and whose params are judged, but not kept: where each version is.
    memory_limit: bytes that a process may allocate.
    """

    def __init__(  # noqa: PLR0913 - what all trials of a run share
        self,
        folder: Path,
        planned: Planned,
        data: Dataset,
        *,
        peers: Sequence[Case] = (),
        places: Mapping[str, Place] | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self._folder = folder
        self._planned = planned
        self._data = data
        self._peers = peers
        self._places = places
        self._memory_limit = memory_limit
        self._judge = Judge(data.folder, data.classes, planned.seed)
        self._machine = machine.describe()
        self._suite = machine.suite()
        self._software: dict[str, dict[str, Any]] = {}

    def measure(self, trial: Trial) -> Record:
        """Run one trial to its end, whatever that is, and append its record.

        A signal is heard while its process is waited for; what has ended is judged and kept first.
        Raises UserError where nothing can be written, be it in the run's folder or the child's.
        """
        with stop.held():
            return self._measure(trial)

    def _measure(self, trial: Trial) -> Record:
        # Asked now: another Python may take its time to answer, which is no time to lose a trial.
        environment = self._environment(trial)
        started = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        before = conditions.read()
        try:
            values = self._values(trial)
        except KeyboardInterrupt:
            self._keep(trial, environment, {"started": started, "status": "interrupted"})
            raise
        values["conditions"] = conditions.between(before, conditions.read())
        return self._keep(trial, environment, {"started": started, **values})

    def _values(self, trial: Trial) -> dict[str, Any]:
        case = trial.case
        if case.device not in case.devices:
            reason = f"{case.implementation} runs on {' and '.join(case.devices)} only"
            return {"status": "unavailable", "reason": reason}
        if case.samples > (most := sizes.most_samples(self._data.features)):
            reason = f"{case.samples} samples: {most} are as many as this machine's memory holds"
            return {"status": "unavailable", "reason": reason}
        if case.threads > (cores := len(machine.usable_cores())):
            reason = f"{case.threads} threads: this machine lets us use {cores}"
            return {"status": "unavailable", "reason": reason}
        if fault := file_fault(case):
            return {"status": "failed", "reason": fault}
        with scratch.folder() as folder:
            outcome = launch(self._request(trial), self._child(trial), folder)
            values = _reported(outcome)
            if values["status"] == "ok":
                values |= self._judged(trial, values, folder)
        if values["status"] != "ok":
            scratch.check_room()  # without what the child wrote: a disk that it filled is its fault
            values["stderr_tail"] = outcome.stderr_tail or None
        return values

    def _request(self, trial: Trial) -> dict[str, Any]:
        case = trial.case
        if trial.kind != "ceiling":
            asked = request.training(trial.kind, case, self._data, self._planned.seed)
            return {**asked, **(request.brief(trial.slowdown) if self._places is not None else {})}
        most = sizes.most_samples(self._data.features)  # more are no trial either
        same = (one.samples for one in self._peers if one.samples <= most
                and (one.device, one.threads) == (case.device, case.threads))  # fmt: skip
        return request.ceiling(case, self._data.features, same)

    def _judged(self, trial: Trial, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Judge a trial that says it went well, and keep its params."""
        if trial.kind == "ceiling":
            return {}
        if trial.kind == "figure":
            fault = figure_fault(trial.case.implementation, values.get("figure", {}))
            return {"status": "failed" if fault else "ok", "reason": fault}
        params = folder / "params.npy"
        if not os.path.lexists(params):
            return {"status": "failed", "reason": "the process handed over no params"}
        seconds = values.get("epoch_seconds")
        judgement = self._judge.judge(trial.case, params, folder / "labels.npy", seconds)
        if self._places is None and judgement.parity is not None:  # what could be read, is kept
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

    def _keep(self, trial: Trial, environment: Environment, values: dict[str, Any]) -> Record:
        add_environment(self._folder, environment)
        record = _record(self._planned.run, trial, environment.id, values)
        append(self._folder, record)
        return record

    def _environment(self, trial: Trial) -> Environment:
        facts = {
            "machine": self._machine,
            "software": self._software_of(self._place(trial)),
            "suite": self._suite,
            "variables": recorded(self._child(trial)),
            "data": self._data.describe(),
        }
        return Environment(id=machine.fingerprint(facts), **facts)

    def _software_of(self, place: Place) -> dict[str, Any]:
        """Return what is installed where a trial runs; another interpreter is asked once."""
        if place.python not in self._software:
            own = place.python == Place().python
            found = machine.software() if own else probe.software(place)
            self._software[place.python] = found
        return self._software[place.python]

    def _place(self, trial: Trial) -> Place:
        if self._places is not None:
            return self._places[trial.version]
        return interpreters.place(trial.case)

    def _child(self, trial: Trial) -> Child:
        case = trial.case
        return Child(
            place=self._place(trial), threads=case.threads, device=case.device,
            variables=case.variables, timeout=self._planned.timeout,
            memory_limit=self._memory_limit,
        )  # fmt: skip


def file_fault(case: Case) -> str | None:
    """Say that somebody's own file is not the one that the plan was made with."""
    if case.file is None:
        return None
    try:
        same = regular.sha256(Path(case.file)) == case.sha256
    except OSError as error:
        return f"{case.file} cannot be read any more: {error.strerror}"
    return None if same else f"{case.file} has changed since the run was planned"


def _reported(outcome: Outcome) -> dict[str, Any]:
    """Take from the child's document what it may say, and nothing else."""
    values = {name: outcome.document[name] for name in _REPORTED if name in outcome.document}
    own = {"status": outcome.status, "reason": outcome.reason, "wall_seconds": outcome.wall_seconds}
    return values | own


def _record(run: str, trial: Trial, environment: str, values: dict[str, Any]) -> Record:
    """Put the record together; what no record may hold makes the trial a failed one."""
    own = {
        "format": FORMAT, "kind": trial.kind, "run": run, "trial": trial.id,
        "round": trial.round, "case": trial.case, "environment": environment,
        "version": trial.version, "slowdown": trial.slowdown,
    }  # fmt: skip
    try:
        record = msgspec.convert({**own, **values}, Record)
        reason = refused(record)
    except msgspec.ValidationError as error:
        reason = str(error)
    if reason is None:
        return record
    reason = f"the process left a result that is wrong: {reason}"
    kept = {"started": values["started"], "status": "failed", "reason": reason}
    return msgspec.convert({**own, **kept}, Record)
