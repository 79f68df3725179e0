"""The same tables for the terminal, and a line for each trial; nothing here prints."""

import importlib.metadata
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from bench.analysis.summary import Row
from bench.analysis.textbook import TextbookRow
from bench.records.schema import Case, Record, RooflineRecord, Run, TextbookRecord, Trial
from bench.report.render import numbers
from bench.report.sections import Table as PlainTable
from bench.report.sections import comparison as tables
from bench.runner import plan as plans
from bench.runner.parity.conformance import Finding
from implementations import IMPLEMENTATIONS, Implementation


def tables_of(
    console: Console, rows: Sequence[Row], quoted: Sequence[TextbookRow]
) -> Iterator[Table]:
    """Return every table that a run has something for."""
    for name in tables.list_workloads(rows):
        if tables.select_ranked(rows, name):
            yield comparison(console, rows, name)
    if quoted:
        yield figures(quoted)
    if tables.list_faults(rows):
        yield faults(rows)


def comparison(console: Console, rows: Sequence[Row], workload: str) -> Table:
    """Return the table of a workload with as many columns as fit into the console."""
    # Within the console's own width a table measures itself as squeezed already.
    unlimited = console.options.update_width(10_000)
    shown = tables.select_ranked(rows, workload)
    for most in range(len(tables.COLUMNS), 1, -1):
        table = _comparison(rows, workload, tables.select_columns(shown, most))
        if console.measure(table, options=unlimited).maximum <= console.width:
            return table
    return _comparison(rows, workload, tables.select_columns(shown, 1))


def _comparison(rows: Sequence[Row], workload: str, chosen: Sequence[tables.Column]) -> Table:
    table = Table(title=f"workload {workload}", title_justify="left", box=None, pad_edge=False)
    for column in chosen:
        justify: JustifyMethod = "right" if column.numeric else "left"
        table.add_column(column.heading, justify=justify, no_wrap=True)
    for line in tables.format_cells(rows, tables.select_ranked(rows, workload), chosen):
        table.add_row(*(Text(cell) for cell in line))
    return table


def figures(rows: Sequence[TextbookRow]) -> Table:
    """Return the textbook's figures beside ours."""
    return _plain(
        "the textbook's figures", tables.TEXTBOOK_HEADINGS[:5], tables.list_textbook(rows)
    )


def faults(rows: Sequence[Row]) -> Table:
    """Return what was not measured, and why."""
    return _plain("failed and unavailable", tables.FAULT_HEADINGS, tables.list_faults(rows))


def _plain(title: str, headings: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    table = Table(*headings, title=title, title_justify="left", box=None, pad_edge=False)
    for line in lines:
        table.add_row(*(Text(cell) for cell in line[: len(headings)]))
    return table


def running(trial: Trial, number: int, total: int, left: float | None) -> Text:
    """Say what is being measured, and how long all the rest will take."""
    time = "time left unknown" if left is None else f"about {numbers.clock(left)} left"
    return Text(f"trial {number} of {total}: {_what(trial.case.workload, trial)}, {time}")


def _what(workload: str, trial: Trial) -> str:
    name = trial.case.implementation
    if trial.kind == "roofline":
        return f"{name} ({trial.case.device}, {_size(trial.case)})"
    if trial.kind == "textbook":
        return name
    return f"{name} ({workload}, {_size(trial.case)}, round {trial.round})"


def ended(record: Record, number: int, total: int) -> Text:
    """Say in a line how a trial ended."""
    case = record.case
    width = len(str(total))
    size = "" if isinstance(record, TextbookRecord) else _size(case)
    line = f"{number:>{width}}/{total}  {case.workload:<8}  {case.implementation:<22}  {size:<16}  "
    return Text(line + _how(record))


def _size(case: Case) -> str:
    """Say a size as a trial's name does; a probe has only threads."""
    parts = (("b", case.batch_size), ("t", case.threads), ("n", case.samples))
    return " ".join(f"{letter}{number}" for letter, number in parts if number)


def _how(record: Record) -> str:
    if record.status != "ok":
        return f"{record.status}: {' '.join((record.reason or '').split())}"
    took = f"took {numbers.clock(record.wall_seconds or 0)}"
    if isinstance(record, RooflineRecord):
        rate = (record.product_operations or 0) / min(record.product_seconds) / 1e9
        return f"{numbers.significant(rate)} GFLOP/s  {took}"
    if isinstance(record, TextbookRecord):
        values = (
            f"{name.replace('_', ' ')} {numbers.share(value)}"
            for name, value in record.quantities.items()
        )
        return f"{', '.join(values)}  {took}"
    parity = numbers.error(record.parity.error if record.parity else None)
    epoch = numbers.duration(median(record.epoch_seconds))
    return f"epoch {epoch:>8}  parity error {parity}  {took}"


def plan(run: Run) -> Table:
    """Return the cases of a run, and how often each is measured."""
    table = _table("workload", "implementation", "device", "batch size", "threads", "samples",
                   "epochs", "rounds")  # fmt: skip
    trials = Counter(trial.case.slug for trial in plans.plan_trials(run))
    for case in (*run.cases, *run.sweep, *run.rooflines, *run.textbook):
        sizes = (case.batch_size, case.threads, case.samples, case.epochs)
        cells = (f"{number:,}" if number else numbers.ABSENT for number in sizes)
        table.add_row(case.workload, case.implementation, case.device, *cells,
                      str(trials[case.slug]))  # fmt: skip
    return table


def outlook(trials: int, seconds: float | None) -> str:
    """Say how many trials there are, and how long they will take."""
    time = "unknown: no earlier run to judge by" if seconds is None else numbers.clock(seconds)
    return f"{trials} trials, estimated time {time}"


def implementations() -> Table:
    """Return the registry, and whether the frameworks are installed."""
    table = _table("name", "framework", "objective", "style", "data", "devices")
    for entry in IMPLEMENTATIONS:
        table.add_row(entry.name, Text(installed(entry)), entry.objective, entry.style,
                      entry.data, ", ".join(entry.devices))  # fmt: skip
    return table


def installed(entry: Implementation) -> str:
    """Name the installed version of an implementation's framework, or how to install it."""
    names = plans.list_distributions(entry)
    try:
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    except importlib.metadata.PackageNotFoundError:
        return f"not installed: pip install 'softmax-bench[{entry.extra}]'"


def finding(case: Case, found: Finding) -> Text:
    """Say in a line what one examination found."""
    place = f"{found.data:<13}  {found.workload:<8}  {found.device}  batch {found.batch_size:>6,}"
    result = {"ok": f"ok           parity error {numbers.error(found.error)}"}.get(
        found.status, f"{found.status:<11}  {found.reason}"
    )
    return Text(f"{case.implementation:<22}  {place}  {result}")


def verdict(cases: Sequence[Case], failed: Sequence[str]) -> Text:
    """Say which implementations passed and which failed."""
    good = [case.implementation for case in cases if case.implementation not in failed]
    lines = [f"passes: {', '.join(good)}"] if good else []
    lines += [f"FAILS: {', '.join(failed)}"] if failed else []
    return Text("\n".join(["", *lines]))


def _table(*headings: str) -> Table:
    return Table(*headings, box=None, pad_edge=False)


def laid_out(found: PlainTable) -> Table:
    """Return a table of text as it is in a report, its numbers flush right."""
    table = Table(title=Text(found.title), title_justify="left", box=None, pad_edge=False)
    for number, heading in enumerate(found.headings):
        justify: JustifyMethod = "right" if number in found.numeric else "left"
        table.add_column(Text(heading), justify=justify)
    for line in found.lines:
        table.add_row(*(Text(cell) for cell in line))
    return table
