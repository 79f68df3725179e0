"""A run as a report reads it: once, with all that follows from its records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.analysis import summary, textbook
from bench.analysis.summary import Row
from bench.analysis.textbook import TextbookRow
from bench.errors import UserError
from bench.records.schema import Environment, Record, Run
from bench.records.store import Salvaged, read_run, salvaged
from bench.runner import progress
from bench.runner.plan import case_size


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run's plan, records and environments, and the rows and figures that they give.

    missing: planned trials that no machine has made. faults: what is left out and why, one line
    each.
    """

    run: Run
    records: Sequence[Record]
    environments: Mapping[str, Environment]
    rows: Sequence[Row]
    figures: Sequence[TextbookRow]
    missing: int = 0
    faults: Sequence[str] = ()

    @property
    def workload(self) -> str:
        """The workload that was chosen first, which has most rounds and the sweep."""
        return self.run.cases[0].workload if self.run.cases else ""

    @property
    def base(self) -> list[Row]:
        """Rows of the first workload at its first batch size and samples, whatever the threads."""
        if not self.run.cases:
            return []
        first = case_size(self.run.cases[0])._replace(threads=0)
        return [row for row in self.rows if row.case.workload == self.workload
                and case_size(row.case)._replace(threads=0) == first]  # fmt: skip

    @property
    def on_gpu(self) -> bool:
        """Tell whether anything was tried on a GPU."""
        return any(row.case.device == "gpu" for row in self.rows)

    @property
    def main_records(self) -> list[Record]:
        """Records of the cases that the tables compare, without those of a sweep."""
        main = {case.slug for case in self.run.cases}
        return [record for record in self.records if record.case.slug in main]

    @property
    def failed(self) -> bool:
        """Tell whether a trial failed, or a row by the ceiling though its trials went well."""
        ended = {record.status for record in self.records}
        faults = {status for row in self.rows for status, _ in row.faults}
        return bool((ended | faults) & {"failed", "timeout", "out-of-memory"})


def load(folder: Path) -> Loaded:
    """Read what is whole of a run, of the machine that measured most of it; raises UserError."""
    found, *others = apart(folder)
    elsewhere = [
        f"{len(each.records)} trials were measured on another machine, {machine(each)}; "
        "a report of several runs shows each apart" for each in others
    ]  # fmt: skip
    return replace(found, faults=[*found.faults, *elsewhere])


def whole(folder: Path) -> Loaded:
    """Read a run that is compared or exported; raises UserError where any of it is damaged."""
    read = salvaged(folder)
    if read.faults:
        raise UserError(
            f"{folder}/{read.faults[0]}; delete it, or have run --resume measure it again"
        )
    return _loaded(read_run(folder), read)


def apart(folder: Path) -> list[Loaded]:
    """Read what is whole of a run, apart by machine, on which it may have been gone on with.

    The machine with most records comes first; a run without any is one. Raises UserError.
    """
    run, read = read_run(folder), salvaged(folder)
    machines = {key: str(each.machine.get("id")) for key, each in read.environments.items()}
    by_machine: dict[str, list[Record]] = defaultdict(list)
    for record in read.records:
        by_machine[machines[record.environment]].append(record)
    if len(by_machine) < 2:
        return [_loaded(run, read)]
    missing = len(progress.missing_trials(run, read.records))
    parts = [
        Salvaged(records, {key: each for key, each in read.environments.items()
                           if machines[key] == name}, read.faults)
        for name, records in sorted(by_machine.items(), key=lambda each: -len(each[1]))
    ]  # fmt: skip
    return [replace(_loaded(run, part), missing=missing) for part in parts]


def machine(of: Loaded) -> str:
    """Name the machine of a run that was measured on one."""
    return next((str(each.machine.get("name")) for each in of.environments.values()),
                "unknown machine")  # fmt: skip


def _loaded(run: Run, read: Salvaged) -> Loaded:
    return Loaded(
        run, read.records, read.environments,
        rows=summary.summarize(read.records, read.environments, run),
        figures=textbook.compare_textbook(read.records, read.environments),
        missing=len(progress.missing_trials(run, read.records)),
        faults=read.faults,
    )  # fmt: skip
