"""The contents of a report, which Markdown and the page lay out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bench.analysis.summary import Row
from bench.report.charts.chart import Chart
from bench.report.charts.epochs import chart_cold_start, chart_epochs, sum_cold_start
from bench.report.load import LoadedRun
from bench.report.render.text import describe_findings, describe_optimizer, describe_precision
from bench.report.sections import Picture, Section
from bench.report.sections.comparison import list_workloads, select_ranked
from bench.report.sections.machines import CROWDED, MAX_COLUMNS


@dataclass(frozen=True, slots=True)
class WorkloadContents:
    """The comparison of one workload.

    rows: ranked, at the first size. findings: Markdown lines for each run, the headline first.
    precision: Markdown about the precision that was asked for.
    """

    name: str
    rows: Sequence[Row]
    findings: Sequence[Sequence[str]]
    precision: Sequence[str]
    pictures: Sequence[Picture]

    @property
    def title(self) -> str:
        """The heading: the workload and its optimizer."""
        return f"Workload {self.name}{describe_optimizer(self.name)}"


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in a report. charts: by the title of the workload or section."""

    runs: Sequence[LoadedRun]
    workloads: Sequence[WorkloadContents]
    sections: Sequence[Section]
    charts: Mapping[str, Sequence[Chart]]

    @property
    def rows(self) -> list[Row]:
        """The rows of all runs."""
        return [row for run in self.runs for row in run.rows]


def list_workload_contents(runs: Sequence[LoadedRun]) -> list[WorkloadContents]:
    """Return the comparison of every workload; with charts if there is one run."""
    names = list_workloads([row for run in runs for row in run.rows])
    return [_compare_workload(runs, name) for name in names]


def _compare_workload(runs: Sequence[LoadedRun], name: str) -> WorkloadContents:
    by_run = [(run, rows) for run in runs if (rows := select_ranked(run.rows, name))]
    findings = [describe_findings(run, rows) for run, rows in by_run]
    if len(runs) > MAX_COLUMNS and findings:
        findings = [[CROWDED]]
    rows = [row for _, ranked in by_run for row in ranked]
    precision = [
        describe_precision(ranked, run.run.precision)
        for run, ranked in by_run
        if run.run.precision is not None
    ]
    pictures = []
    if len(runs) == 1 and rows:
        by_start = sorted(rows, key=sum_cold_start)
        pictures = [
            Picture(
                f"epoch-{name}",
                f"Epoch time of each implementation, workload {name}",
                partial(chart_epochs, rows, f"Epoch time, workload {name}"),
            ),
            Picture(
                f"cold-start-{name}",
                f"Time from a cold start to five epochs of each implementation, workload {name}",
                partial(chart_cold_start, by_start, f"Cold start, workload {name}"),
            ),
        ]
    return WorkloadContents(name, rows, findings, precision, pictures)
