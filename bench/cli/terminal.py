"""Lay out results for the terminal: tables, and a line for each trial."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from bench.analysis.summary import Row
from bench.analysis.textbook import TextbookRow
from bench.records.schema import Case, Record, RooflineRecord, Run, TextbookRecord, Trial
from bench.report.render import numbers
from bench.report.sections import Table as PlainTable
from bench.report.sections import comparison
from bench.runner import plan
from bench.runner.parity.conformance import Finding


def run_tables(
    console: Console, rows: Sequence[Row], figures: Sequence[TextbookRow]
) -> Iterator[Table]:
    """Yield the tables of a run that have rows."""
    for workload in comparison.list_workloads(rows):
        if comparison.select_ranked(rows, workload):
            yield comparison_table(console, rows, workload)
    if figures:
        headings = comparison.TEXTBOOK_HEADINGS[:5]
        yield _plain_table("the textbook's figures", headings, comparison.list_textbook(figures))
    if faults := comparison.list_faults(rows):
        yield _plain_table("failed and unavailable", comparison.FAULT_HEADINGS, faults)


def comparison_table(console: Console, rows: Sequence[Row], workload: str) -> Table:
    """Return the table of a workload with as many columns as fit into the console."""
    # A table that is measured within the console's own width is already squeezed into it.
    unlimited = console.options.update_width(10_000)
    measured = comparison.select_ranked(rows, workload)
    for count in range(len(comparison.COLUMNS), 0, -1):
        content = comparison.tabulate_comparison(rows, measured, count)
        table = text_table(replace(content, title=f"workload {workload}"))
        if console.measure(table, options=unlimited).maximum <= console.width:
            break
    return table


def _plain_table(title: str, headings: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    table = Table(*headings, title=title, title_justify="left", box=None, pad_edge=False)
    for cells in lines:
        table.add_row(*map(Text, cells[: len(headings)]))
    return table


def text_table(content: PlainTable) -> Table:
    """Return the table of a report for the terminal, with its numbers flush right."""
    table = Table(title=Text(content.title), title_justify="left", box=None, pad_edge=False)
    for number, heading in enumerate(content.headings):
        justify: JustifyMethod = "right" if number in content.numeric else "left"
        table.add_column(Text(heading), justify=justify)
    for cells in content.lines:
        table.add_row(*map(Text, cells))
    return table


def plan_table(run: Run) -> Table:
    """Return the cases of a run, and how often each is measured."""
    headings = ("workload", "implementation", "device", "batch size", "threads", "samples")
    table = Table(*headings, "epochs", "rounds", box=None, pad_edge=False)
    rounds = Counter(trial.case.slug for trial in plan.plan_trials(run))
    for case in (*run.cases, *run.sweep, *run.rooflines, *run.textbook):
        sizes = (case.batch_size, case.threads, case.samples, case.epochs)
        cells = [f"{size:,}" if size else numbers.ABSENT for size in sizes]
        names = (case.workload, case.implementation, case.device)
        table.add_row(*names, *cells, str(rounds[case.slug]))
    return table


def format_outlook(trials: int, seconds: float | None) -> str:
    """Return how many trials a plan has and how long they take; None if that is unknown."""
    time = (
        "unknown, without an earlier run" if seconds is None else numbers.format_wall_time(seconds)
    )
    return f"{trials} trials, estimated time {time}"


def format_start(trial: Trial, number: int, total: int, remaining: float | None) -> str:
    """Return the line of a trial that starts; remaining: seconds of all that are left."""
    time = (
        "time left unknown"
        if remaining is None
        else f"about {numbers.format_wall_time(remaining)} left"
    )
    case, details = trial.case, ""
    if trial.kind == "roofline":
        details = f" ({case.device}, {_size(case)})"
    elif trial.kind == "trial":
        details = f" ({case.workload}, {_size(case)}, round {trial.round})"
    return f"trial {number} of {total}: {case.implementation}{details}, {time}"


def format_end(record: Record, number: int, total: int) -> str:
    """Return the line of a trial that ended."""
    case = record.case
    width = len(str(total))
    size = "" if isinstance(record, TextbookRecord) else _size(case)
    names = f"{case.workload:<8}  {case.implementation:<22}  {size:<16}"
    return f"{number:>{width}}/{total}  {names}  {_result(record)}"


def _size(case: Case) -> str:
    """Return a size as a trial's name has it; a probe of the machine has only threads."""
    parts = (("b", case.batch_size), ("t", case.threads), ("n", case.samples))
    return " ".join(f"{letter}{number}" for letter, number in parts if number)


def _result(record: Record) -> str:
    if record.status != "ok":
        return f"{record.status}: {' '.join((record.reason or '').split())}"
    took = f"took {numbers.format_wall_time(record.wall_seconds or 0)}"
    if isinstance(record, RooflineRecord):
        rate = (record.product_operations or 0) / min(record.product_seconds) / 1e9
        return f"{numbers.format_number(rate)} GFLOP/s  {took}"
    if isinstance(record, TextbookRecord):
        values = [
            f"{name.replace('_', ' ')} {numbers.format_share(value)}"
            for name, value in record.quantities.items()
        ]
        return f"{', '.join(values)}  {took}"
    parity = numbers.format_error(record.parity.error if record.parity else None)
    epoch = numbers.format_duration(median(record.epoch_seconds))
    return f"epoch {epoch:>8}  parity error {parity}  {took}"


def format_finding(case: Case, finding: Finding) -> str:
    """Return the line of one finding."""
    size = f"{finding.workload:<8}  {finding.device}  batch {finding.batch_size:>6,}"
    if finding.status == "ok":
        result = f"{'ok':<11}  parity error {numbers.format_error(finding.error)}"
    else:
        result = f"{finding.status:<11}  {finding.reason}"
    return f"{case.implementation:<22}  {finding.data:<13}  {size}  {result}"
