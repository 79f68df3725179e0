"""What measures on this host: a child for each trial; nothing is judged or kept here."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_args

from bench.data.dataset import Dataset
from bench.records import environments, timestamps
from bench.records.files import hash_file
from bench.records.schema import REPORTED, Case, Environment, Status, Trial
from bench.runner import machine as host
from bench.runner import sizes
from bench.runner.process import interpreters, preflight, scratch, spec
from bench.runner.process.launch import launch
from bench.runner.process.outcome import Outcome
from bench.runner.process.spec import ChildSpec, Installation, redact_variables
from bench.worker import machine


class RunContext(Protocol):
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


@dataclass(frozen=True, slots=True)
class TrialOutput:
    """What a trial left on its host.

    values: of its record, unjudged. stderr_tail: what its process said at the end. folder: where
    its params and labels lie, if it handed any over; None where no process was begun.
    """

    values: dict[str, Any]
    stderr_tail: str = ""
    folder: Path | None = None


# What the station adds to a measurement. The rest of a record comes from whoever judges it.
_SEEN = ("status", "reason", "wall_seconds", "started", "conditions")
_ENDS = tuple(status for status in get_args(Status) if status != "interrupted")


class Executor:
    """Measures trials of one run: what they share is found out once.

    peers: the cases whose ceilings are probed. places: of a comparison in pairs, whose trials are
    as short as they can be: where each version is. memory_limit: bytes that a process may allocate.
    """

    def __init__(
        self,
        planned: RunContext,
        data: Dataset,
        *,
        peers: Sequence[Case] = (),
        places: Mapping[str, Installation] | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self._planned = planned
        self._data = data
        self._peers = peers
        self._places = places
        self._memory_limit = memory_limit
        self._machine = host.describe()
        self._suite = host.suite()
        self._software: dict[str, dict[str, Any]] = {}

    @contextmanager
    def measure(self, trial: Trial) -> Iterator[TrialOutput]:
        """Run one trial to its end, whatever that is; what it left is there until the block ends.

        Raises UserError where its process could not write; KeyboardInterrupt passes through.
        """
        if reason := self._unavailable(trial.case):
            yield TrialOutput(_without("unavailable", reason))
        elif fault := file_fault(trial.case):
            yield TrialOutput(_without("failed", fault))
        else:
            with scratch.folder() as folder:
                left = self._launched(trial, folder)
                yield left
            if left.values["status"] != "ok":
                scratch.check_room()  # a disk that is full without what it wrote is no fault of it

    def _launched(self, trial: Trial, folder: Path) -> TrialOutput:
        started, before = timestamps.now(), host.read_conditions()
        outcome = launch(self._request(trial), self._child(trial), folder)
        meanwhile = host.compare_readings(before, host.read_conditions())
        values = {"started": started, **_reported(outcome), "conditions": meanwhile}
        return TrialOutput(values, outcome.stderr_tail, folder)

    def _unavailable(self, case: Case) -> str | None:
        """Say why a case cannot be measured here."""
        if case.device not in case.devices:
            return f"{case.implementation} runs on {' and '.join(case.devices)} only"
        if case.samples > (most := sizes.max_samples(self._data.features)):
            return f"{case.samples} samples: {most} are as many as this machine's memory holds"
        if case.threads > (cores := len(machine.usable_cores())):
            return f"{case.threads} threads: this machine lets us use {cores}"
        return None

    def _request(self, trial: Trial) -> dict[str, Any]:
        case = trial.case
        if trial.kind != "ceiling":
            asked = spec.request_training(trial.kind, case, self._data, self._planned.seed)
            return {
                **asked,
                **(spec.pair_options(trial.slowdown) if self._places is not None else {}),
            }
        most = sizes.max_samples(self._data.features)  # more are no trial either
        same = (one.samples for one in self._peers if one.samples <= most
                and (one.device, one.threads) == (case.device, case.threads))  # fmt: skip
        return spec.request_roofline(case, self._data.features, same)

    def describe_environment(self, trial: Trial) -> Environment:
        """Return where a trial runs; raises UserError where another Python does not answer."""
        facts = {
            "machine": self._machine,
            "software": self._software_of(self._place(trial)),
            "suite": self._suite,
            "variables": redact_variables(self._child(trial)),
            "data": self._data.describe(),
        }
        return environments.of(facts)

    def _software_of(self, place: Installation) -> dict[str, Any]:
        """Return what is installed where a trial runs; another interpreter is asked once."""
        if place.python not in self._software:
            own = place.python == Installation().python
            found = machine.software() if own else preflight.read_software(place)
            self._software[place.python] = found
        return self._software[place.python]

    def _place(self, trial: Trial) -> Installation:
        if self._places is not None:
            return self._places[trial.version]
        return interpreters.find_installation(trial.case)

    def _child(self, trial: Trial) -> ChildSpec:
        case = trial.case
        return ChildSpec(
            installation=self._place(trial), threads=case.threads, device=case.device,
            variables=case.variables, timeout=self._planned.timeout,
            memory_limit=self._memory_limit,
        )  # fmt: skip


def _without(status: str, reason: str) -> dict[str, Any]:
    """Return the values of a trial that no process was begun for."""
    return {"status": status, "reason": reason, "started": timestamps.now()}


def file_fault(case: Case) -> str | None:
    """Say that somebody's own file is not the one that the plan was made with."""
    if case.file is None:
        return None
    try:
        same = hash_file(Path(case.file)) == case.sha256
    except OSError as error:
        return f"{case.file} cannot be read any more: {error.strerror}"
    return None if same else f"{case.file} has changed since the run was planned"


def _reported(outcome: Outcome) -> dict[str, Any]:
    """Take from the child's document what it may say, and nothing else."""
    values = {name: outcome.document[name] for name in REPORTED if name in outcome.document}
    own = {"status": outcome.status, "reason": outcome.reason, "wall_seconds": outcome.wall_seconds}
    return values | own
