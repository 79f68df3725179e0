"""The parent's loop: every trial of a plan in a child of its own, judged and kept."""

import datetime as dt
import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench import conditions, lock, machine, plan, probe, request, sizes, summary
from bench.dataset import Dataset
from bench.judge import Judge, figure_fault, threads_fault, threads_in_force
from bench.launch import Child, Outcome, launch, recorded
from bench.measure import now
from bench.result import FORMAT, Case, Environment, Record, Run, Trial
from bench.store import add_environment, append, keep_params, mend, read_records


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another run has the host; this one waits for it."""


@dataclass(frozen=True, slots=True)
class Importing:
    """The frameworks are imported once, unrecorded, so that the first trial reads no cold disk."""

    name: str


@dataclass(frozen=True, slots=True)
class Started:
    """Trial ``number`` of ``total`` begins; ``left`` are all that are still to be made, with it."""

    trial: Trial
    number: int
    total: int
    left: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A trial ended and its record is on disk."""

    record: Record
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Spent:
    """The budget would not last for the next trial; so many are left."""

    left: int


Event = Waiting | Importing | Started | Ended | Spent

# What a child may say of itself, and nothing else: the rest of a record is the parent's.
_REPORTED = (
    "worker_seconds", "import_seconds", "setup_seconds", "reset_seconds", "first_epoch_seconds",
    "epoch_seconds", "epoch_cpu_seconds", "first_predict_seconds", "predict_seconds",
    "peak_rss_bytes", "phase_rss_bytes", "energy_joules", "energy_absent", "figure_seconds",
    "figure", "product_operations", "product_seconds", "read_bytes", "read_seconds", "chain_steps",
    "chain_seconds",
)  # fmt: skip


def perform(folder: Path, run: Run, data: Dataset) -> Iterator[Event]:
    """Measure all trials of the run that have no record yet; an event before and after each.

    The rounds that a precision takes are known only when the first stage is measured, so that
    what is missing is asked for again when all of it has been made.
    """
    with lock.opened() as host:
        if not host.take():
            yield Waiting()
            host.wait()
        # What is done is read only now: the run that had the host may have been this very one.
        mend(folder)
        begun, records = now(), read_records(folder)
        yield from _imports(missing(run, records))
        runner = _Runner(folder, run, data)
        while left := missing(run, records):
            total = len(plan.trials(run, summary.wanted(records, run)))
            for place, trial in enumerate(plan.before_the_sweep(run, left)):
                if run.budget is not None and now() - begun + _last(trial, records) > run.budget:
                    yield Spent(len(left) - place)
                    return
                number = total - len(left) + place + 1
                yield Started(trial, number, total, tuple(left[place:]))
                records.append(runner.measure(trial))
                yield Ended(records[-1], number, total)


def missing(run: Run, records: Iterable[Record]) -> list[Trial]:
    """Return the trials that have no record, as far as they are known, in their order."""
    kept = [record for record in records if record.status != "interrupted"]
    done = {record.trial for record in kept}
    planned = plan.trials(run, summary.wanted(kept, run))
    return [trial for trial in planned if trial.id not in done]


def _last(trial: Trial, records: Iterable[Record]) -> float:
    """Seconds that the longest trial of the same case has taken, nought where there was none."""
    same = (record for record in records if record.case == trial.case)
    return max((record.wall_seconds or 0.0 for record in same), default=0.0)


def _imports(trials: list[Trial]) -> Iterator[Event]:
    seen: set[str] = set()
    for case in (trial.case for trial in trials):
        used = set(plan.distributions(case) or [case.module])
        if not used <= seen:
            seen |= used
            yield Importing(case.implementation)
            probe.framework(case)


class _Runner:
    """Measures trials of one run: what they share is found out once."""

    def __init__(self, folder: Path, run: Run, data: Dataset) -> None:
        self._folder = folder
        self._run = run
        self._data = data
        self._judge = Judge(data.folder, data.classes, run.seed)
        self._machine = machine.describe()
        self._software = machine.software()
        self._suite = machine.suite()

    def measure(self, trial: Trial) -> Record:
        """Run one trial to its end, whatever that is, and append its record."""
        started = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        before = conditions.read()
        try:
            values = self._values(trial)
        except KeyboardInterrupt:
            self._keep(trial, {"started": started, "status": "interrupted"})
            raise
        values["conditions"] = conditions.between(before, conditions.read())
        return self._keep(trial, {"started": started, **values})

    def _values(self, trial: Trial) -> dict[str, Any]:
        case = trial.case
        if case.device not in case.devices:
            reason = f"{case.implementation} runs on {' and '.join(case.devices)} only"
            return {"status": "unavailable", "reason": reason}
        if case.samples > (most := sizes.most_samples(self._data.features)):
            reason = f"{case.samples} samples: {most} are as many as this machine's memory holds"
            return {"status": "unavailable", "reason": reason}
        if fault := _file_fault(case):
            return {"status": "failed", "reason": fault}
        with tempfile.TemporaryDirectory(prefix="softmax-bench-") as name:
            scratch = Path(name)
            asked = self._request(trial)
            outcome = launch(asked, _child(case, self._run.timeout), scratch)
            values = _reported(outcome)
            if values["status"] == "ok":
                values |= self._judged(trial, values, scratch)
            if values["status"] != "ok":
                values["stderr_tail"] = outcome.stderr_tail or None
            return values

    def _request(self, trial: Trial) -> dict[str, Any]:
        case = trial.case
        if trial.kind != "ceiling":
            return request.training(trial.kind, case, self._data, self._run.seed)
        peers = (*self._run.cases, *self._run.sweep)
        most = sizes.most_samples(self._data.features)  # more are no trial either
        same = (one.samples for one in peers if one.samples <= most
                and (one.device, one.threads) == (case.device, case.threads))  # fmt: skip
        return request.ceiling(case, self._data.features, same)

    def _judged(self, trial: Trial, values: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
        """Judge a trial that says it went well, and keep its params."""
        if trial.kind == "ceiling":
            return {}
        if trial.kind == "figure":
            fault = figure_fault(trial.case.implementation, values.get("figure", {}))
            return {"status": "failed" if fault else "ok", "reason": fault}
        try:
            kept = keep_params(self._folder, trial.id, scratch / "params.npy")
        except FileNotFoundError:
            return {"status": "failed", "reason": "the process handed over no params"}
        judgement = self._judge.judge(trial.case, kept, scratch / "labels.npy")
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

    def _keep(self, trial: Trial, values: dict[str, Any]) -> Record:
        environment = self._environment(trial.case)
        add_environment(self._folder, environment)
        record = _record(self._run.run, trial, environment.id, values)
        append(self._folder, record)
        return record

    def _environment(self, case: Case) -> Environment:
        facts = {
            "machine": self._machine,
            "software": self._software,
            "suite": self._suite,
            "variables": recorded(_child(case, self._run.timeout)),
            "data": self._data.describe(),
        }
        return Environment(id=machine.fingerprint(facts), **facts)


def _file_fault(case: Case) -> str | None:
    """Say that somebody's own file is not the one that the plan was made with."""
    if case.file is None:
        return None
    try:
        same = hashlib.sha256(Path(case.file).read_bytes()).hexdigest() == case.sha256
    except OSError as error:
        return f"{case.file} cannot be read any more: {error.strerror}"
    return None if same else f"{case.file} has changed since the run was planned"


def _child(case: Case, timeout: float) -> Child:
    return Child(
        threads=case.threads, device=case.device, variables=case.variables, timeout=timeout
    )


def _reported(outcome: Outcome) -> dict[str, Any]:
    """Take from the child's document what it may say, and nothing else."""
    values = {name: outcome.document[name] for name in _REPORTED if name in outcome.document}
    own = {"status": outcome.status, "reason": outcome.reason, "wall_seconds": outcome.wall_seconds}
    return values | own


def _record(run: str, trial: Trial, environment: str, values: dict[str, Any]) -> Record:
    """Put the record together; what a child said in the wrong type makes the trial a failed one."""
    own = {
        "format": FORMAT, "kind": trial.kind, "run": run, "trial": trial.id,
        "round": trial.round, "case": trial.case, "environment": environment,
    }  # fmt: skip
    try:
        return msgspec.convert({**own, **values}, Record)
    except msgspec.ValidationError as error:
        reason = f"the process left a result that is wrong: {error}"
        kept = {"started": values["started"], "status": "failed", "reason": reason}
        return msgspec.convert({**own, **kept}, Record)
