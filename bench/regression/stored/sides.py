"""Read stored runs as the sides of ``bench compare``."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.analysis import summary
from bench.analysis.states import keep_one_state
from bench.analysis.summary import Row
from bench.errors import UserError, clean_text
from bench.planning.threads import choose_threads, split_tried
from bench.records.environments import list_versions
from bench.records.schema import TOLERANCE, Environment, Record, Run, TrialRecord
from bench.records.store import read_run, read_whole
from bench.regression.result import ComparedVersion
from bench.worker import machine


@dataclass(frozen=True, slots=True)
class StoredCase:
    """One case of a run: its row, and its finished trials in the order measured."""

    row: Row
    trials: Sequence[TrialRecord]

    @property
    def processes(self) -> list[Sequence[float]]:
        """Seconds of the steady epochs of each process that succeeded."""
        return [trial.epoch_seconds for trial in self.trials if trial.status == "ok"]

    @property
    def faults(self) -> list[str]:
        """Why processes failed."""
        return [f"{status}: {reason}" for status, reason in self.row.faults]

    @property
    def unavailable(self) -> bool:
        """Whether there was nothing to try, such as a framework that is not installed."""
        return {record.status for record in self.trials} == {"unavailable"}

    @property
    def seeds(self) -> set[str | None]:
        """What the orders and initial weights of the processes were drawn from."""
        return {trial.entropy for trial in self.trials if trial.status == "ok"}

    @property
    def wrong(self) -> bool:
        """Whether the result of a process failed the parity check."""
        return any(trial.parity and not trial.parity.error <= TOLERANCE for trial in self.trials)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side(ComparedVersion):
    """A run, with its cases by slug.

    machine, data: ids, equal for equal machines and data; None if nothing was measured.
    """

    cases: Mapping[str, StoredCase]
    data: str | None


def load_side(folder: Path) -> Side:
    """Read a run's folder; raise UserError if it is damaged or has runs of several machines."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder. Name the folder of a run")
    run, contents = read_run(folder), read_whole(folder)
    return make_side(clean_text(str(folder)), contents.records, contents.environments, run)


def make_side(
    name: str, everything: Sequence[Record], environments: Mapping[str, Environment], run: Run
) -> Side:
    """Group the records of a run by case, without other threads and states of the machine.

    Raises UserError if they are of several machines.
    """
    run, kept = choose_threads(run, everything), keep_one_state(everything)
    if apart := len(everything) - len(kept):
        name += f" (left out, from another state of the machine: {apart})"
    records, _ = split_tried(run, kept)
    trials = defaultdict(list)
    for record in records:
        if isinstance(record, TrialRecord) and record.status != "interrupted":
            trials[record.case.slug].append(record)
    machines = {str(environment.machine.get("id")) for environment in environments.values()}
    if len(machines) > 1:
        raise UserError(f"{name} was measured on {len(machines)} machines. Name a run of one")
    # The hashes of the data, not where they came from.
    data = {
        machine.fingerprint(environment.data.get("sha256") or environment.data.get("name"))
        for environment in environments.values()
    }
    rows = summary.summarize(records, environments, run)
    return Side(
        name=name,
        machine=next(iter(machines), None),
        cases={row.case.slug: StoredCase(row, trials[row.case.slug]) for row in rows},
        software=list_versions(environments.values()),
        data=" ".join(sorted(data)) or None,
        env=run.env,
    )
