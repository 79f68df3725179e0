"""Measure single trials on this host, each in a new process; see ``recorder`` for the judgement."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.data.dataset import Dataset
from bench.records import environments, timestamps
from bench.records.files import hash_file
from bench.records.schema import REPORTED, Case, Environment, Trial
from bench.runner import machine
from bench.runner.plan import max_samples
from bench.runner.process import interpreters, preflight, scratch, spec
from bench.runner.process.launch import launch
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


@dataclass(frozen=True, slots=True)
class TrialOutput:
    """What a trial left on its host.

    values: fields of its record, before the judgement. stderr_tail: the end of its stderr.
    folder: with its params and labels, if it returned any; None if no process was started.
    """

    values: dict[str, Any]
    stderr_tail: str = ""
    folder: Path | None = None


class Executor:
    """Measure trials of one run on this host.

    peers: cases of the run; a roofline probe reads as many images as they do. places: for a
    comparison in pairs, whose trials are as short as possible: where each version is installed.
    memory_limit: bytes that a process may allocate.
    """

    def __init__(
        self,
        context: RunContext,
        data: Dataset,
        *,
        peers: Sequence[Case] = (),
        places: Mapping[str, Installation] | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self._context = context
        self._data = data
        self._peers = peers
        self._places = places
        self._memory_limit = memory_limit
        self._machine = machine.describe()
        self._suite = machine.suite()
        self._software: dict[str, dict[str, Any]] = {}

    @contextmanager
    def measure(self, trial: Trial) -> Iterator[TrialOutput]:
        """Run one trial to its end; its folder exists until the block ends.

        Raises UserError if its process could not write. KeyboardInterrupt passes through.
        """
        if reason := self._unavailable_reason(trial.case):
            yield _unmeasured("unavailable", reason)
        elif fault := find_file_fault(trial.case):
            yield _unmeasured("failed", fault)
        else:
            with scratch.make_folder() as folder:
                output = self._launch(trial, folder)
                yield output
            if output.values["status"] != "ok":
                scratch.check_room()  # if the disk is full even without its files: UserError

    def _launch(self, trial: Trial, folder: Path) -> TrialOutput:
        started, before = timestamps.format_now(), machine.read_conditions()
        outcome = launch(self._build_request(trial), self._child_spec(trial), folder)
        # A worker reports these fields and no others: the parent fills in the rest.
        names = REPORTED[trial.kind] & outcome.document.keys()
        reported = {name: outcome.document[name] for name in names}
        values = {
            **reported,
            "started": started,
            "status": outcome.status,
            "reason": outcome.reason,
            "wall_seconds": outcome.wall_seconds,
            "conditions": machine.compare_readings(before, machine.read_conditions()),
        }
        return TrialOutput(values, outcome.stderr_tail, folder)

    def _unavailable_reason(self, case: Case) -> str | None:
        """Return why a case cannot be measured on this host, or None."""
        if case.device not in case.devices:
            return f"{case.implementation} runs on {' and '.join(case.devices)} only"
        if case.samples > (most := max_samples(self._data.features)):
            return f"{case.samples} samples: this machine's memory holds {most} at most"
        if case.threads > (cores := len(list_usable_cores())):
            return f"{case.threads} threads: only {cores} cores are usable on this machine"
        return None

    def _build_request(self, trial: Trial) -> dict[str, Any]:
        case = trial.case
        if trial.kind != "roofline":
            training = spec.request_training(trial.kind, case, self._data, self._context.seed)
            if self._places is not None:
                training |= spec.pair_options(trial.slowdown)
            return training
        most = max_samples(self._data.features)  # trials with more are unavailable
        samples = (
            peer.samples
            for peer in self._peers
            if peer.samples <= most and (peer.device, peer.threads) == (case.device, case.threads)
        )
        return spec.request_roofline(case, self._data.features, samples)

    def describe_environment(self, trial: Trial) -> Environment:
        """Return the environment of a trial; raises UserError if another Python does not answer."""
        facts = {
            "machine": self._machine,
            "software": self._find_software(self._find_place(trial)),
            "suite": self._suite,
            "variables": redact_variables(self._child_spec(trial)),
            "data": self._data.describe(),
        }
        return environments.make_environment(facts)

    def _find_software(self, place: Installation) -> dict[str, Any]:
        """Return what is installed for an interpreter; another one than ours is asked once."""
        if place.python not in self._software:
            ours = place.python == Installation().python
            self._software[place.python] = (
                list_software() if ours else preflight.read_software(place)
            )
        return self._software[place.python]

    def _find_place(self, trial: Trial) -> Installation:
        if self._places is not None:
            return self._places[trial.version]
        return interpreters.find_installation(trial.case)

    def _child_spec(self, trial: Trial) -> ChildSpec:
        case = trial.case
        return ChildSpec(
            installation=self._find_place(trial),
            threads=case.threads,
            device=case.device,
            variables=case.variables,
            timeout=self._context.timeout,
            memory_limit=self._memory_limit,
        )


def _unmeasured(status: str, reason: str) -> TrialOutput:
    """Return the output of a trial for which no process was started."""
    return TrialOutput({"status": status, "reason": reason, "started": timestamps.format_now()})


def find_file_fault(case: Case) -> str | None:
    """Return how a user's own file differs from the planned one, or None."""
    if case.file is None:
        return None
    try:
        unchanged = hash_file(Path(case.file)) == case.sha256
    except OSError as error:
        return f"{case.file} cannot be read any more: {error.strerror}"
    return None if unchanged else f"{case.file} has changed since the run was planned"
