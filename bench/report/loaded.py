"""A run as a report reads it: once, with all that follows from its records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import figures, summary
from bench.figures import FigureRow
from bench.plan import size_of
from bench.result import Environment, Record, Run
from bench.store import read_environments, read_records, read_run
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run's plan, records and environments, and the rows and figures that they give.

    folder: where its params lie; None where there are none.
    """

    run: Run
    records: Sequence[Record]
    environments: Mapping[str, Environment]
    rows: Sequence[Row]
    figures: Sequence[FigureRow]
    folder: Path | None = None

    @property
    def workload(self) -> str:
        """The workload that was chosen first, which has most rounds and the sweep."""
        return self.run.cases[0].workload if self.run.cases else ""

    @property
    def base(self) -> list[Row]:
        """Rows of the first workload at its first batch size and samples, whatever the threads."""
        if not self.run.cases:
            return []
        first = size_of(self.run.cases[0])._replace(threads=0)
        return [row for row in self.rows if row.case.workload == self.workload
                and size_of(row.case)._replace(threads=0) == first]  # fmt: skip

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
    """Read a run; raises UserError where it cannot be read."""
    run, records, environments = read_run(folder), read_records(folder), read_environments(folder)
    return Loaded(
        run, records, environments,
        rows=summary.rows(records, environments, run),
        figures=figures.rows(records, environments),
        folder=folder,
    )  # fmt: skip
