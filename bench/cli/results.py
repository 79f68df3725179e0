"""Print the results of a run."""

import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.table import Table as RichTable

from bench.analysis.summary import Row
from bench.analysis.textbook import TextbookRow
from bench.cli import console
from bench.cli.console import PIPED_WIDTH, format_table, print_line, print_sentence
from bench.records.layout import ENTROPY, ENVIRONMENTS, RUN_PLAN, TRIALS
from bench.records.schema import format_env
from bench.report import write
from bench.report.base.labels import list_faults, list_workloads, select_ranked
from bench.report.base.load import LoadedRun, load_run
from bench.report.base.numbers import format_share
from bench.report.base.parts import Table
from bench.report.sections.costs.workload import (
    BRACKETED,
    MEASURES,
    Brackets,
    list_common,
    tabulate_comparison,
)
from bench.report.sections.setting.machines import refuse_column
from bench.report.sections.setting.runs import list_left_out
from bench.report.sections.verdict import (
    NO_PROGRAM,
    describe_agreement,
    describe_missing,
    list_answers,
    list_remarks,
)

SHARED = (RUN_PLAN, TRIALS, ENVIRONMENTS, ENTROPY)


def print_report(folder: Path, *, draw: bool = True) -> LoadedRun:
    """Write a run's report, print its tables and its finding, and return the run.

    draw: charts and report.html, which takes seconds.
    """
    run = load_run(folder)
    report = write.write_report([run], draw=draw)
    for line in list_left_out(run):
        print_line(f"left out: {line}")
    width = console.stdout.width if console.on_terminal else PIPED_WIDTH
    for table in format_comparisons(run.rows, width):
        console.stdout.print("\n", table, sep="")
    lines = [*list_figure_lines(run.textbook), *list_fault_lines(run.rows)]
    for line in ([""] if lines else []) + lines:
        print_line(line)
    console.stdout.print()
    answers = list(list_answers(select_ranked(run.rows, run.workload))) or [NO_PROGRAM]
    agreement, agrees = describe_agreement(run)
    remarks = agreement if agrees else "", *list_remarks(run), describe_missing(run)
    for sentence in (run.noise.warning, *answers, *remarks):
        if sentence:
            print_sentence(sentence)
    print_page(report, draw=draw)
    return run


def print_page(report: Path, *, draw: bool = True) -> None:
    """Print the path of a report's page, or of its report.md where it has no page, as a link."""
    if draw and write.can_draw():
        report = report.with_suffix(".html")
    elif draw:
        print_line(f"without charts and report.html, which need: {write.find_obstacle()}")
    address = report.resolve().as_uri()
    print_line(str(report), style=f"link {address}")


def list_figure_lines(figures: Iterable[TextbookRow]) -> Iterator[str]:
    """Yield a line for each figure of the textbook, with ours beside it."""
    for row in figures:
        published, measured = format_share(row.published), format_share(row.measured)
        quantity = row.quantity.replace("_", " ")
        yield f"{row.name}, {quantity}: textbook {published}, here {measured}, {row.verdict}"


def list_fault_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Return a line for each case and reason that it failed or was not measured."""
    text = "{program} ({workload}, {problem}): {status}, {trials} trials: {reason}"
    return (text.format_map(line) for line in list_faults(rows))


def format_comparisons(rows: Sequence[Row], width: int) -> Iterator[RichTable]:
    """Yield the ranking of each workload, no wider than the columns of the terminal."""
    for workload in list_workloads(rows):
        if ranked := select_ranked(rows, workload):
            yield _format_comparison(rows, ranked, width)


def _format_comparison(rows: Sequence[Row], ranked: Sequence[Row], width: int) -> RichTable:
    """Return the table of a workload with as many columns as fit."""
    # A table that is measured within the console's own width is already squeezed into it.
    unlimited = console.stdout.options.update_width(10_000)
    widest = max(measure.priority for measure in MEASURES)
    # First columns go, then most brackets, then the style, then all brackets.
    steps: list[tuple[int, Brackets]] = [
        *((priority, "all") for priority in range(widest, BRACKETED - 2, -1)),
        (BRACKETED - 1, "epoch"),
        (BRACKETED - 3, "epoch"),
        *((priority, "none") for priority in range(BRACKETED - 1, 0, -1)),
    ]
    for priority, brackets in steps:
        content = tabulate_comparison(rows, ranked, priority, brackets=brackets)
        content = replace(content, title=write_title(ranked))
        for headings in (content.headings, wrap_headings(content)):
            table = format_table(replace(content, headings=headings), no_wrap=True)
            if console.stdout.measure(table, options=unlimited).maximum <= width:
                return table
    return table


def write_title(rows: Sequence[Row]) -> str:
    """Return the workload, and what all of its rows have in common."""
    case, counts = rows[0].case, sorted({row.succeeded for row in rows})
    env = f" with {format_env(case.env)}" if case.env else ""
    if counts == [1]:
        order = ": a first order, not certain" if len(rows) > 1 else ""
        return f"workload {case.workload}{env}, after one process each{order}"
    processes = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    return ", ".join(
        [f"workload {case.workload}{env}", f"{processes} processes each", *list_common(rows)]
    )


def wrap_headings(content: Table) -> tuple[str, ...]:
    """Return the headings in about three lines each, or fewer where the cells are wider."""
    wrapped = []
    for number, heading in enumerate(content.headings):
        words = (*heading.split(), *(cells[number] for cells in content.lines))
        wrapped.append(textwrap.fill(heading, max(-(-len(heading) // 3), *map(len, words))))
    return tuple(wrapped)


def print_sharing(run: LoadedRun, faults: Iterable[str]) -> bool:
    """Say how to publish a run, or why not; return whether. faults: of a check of its files."""
    reasons = [*faults, *refuse_column(run, shared=True)]
    for reason in reasons:
        print_line(f"not to share: {reason}")
    if not reasons:
        words = re.findall(r"[a-z0-9]+", str(run.machine.get("cpu")).lower())
        words = [word for word in words if word not in {"cpu", "family", "model", "processor"}]
        began = re.sub(r"\D", "", run.plan.created)[:12]
        place = f"results/reference/{'-'.join(words)}-{run.machine.get('cores')}-cores-{began}"
        files = shlex.join(str(run.folder / name) for name in SHARED)
        print_line(f"ready to share: mkdir {place} && cp -r {files} {place}")
        print_line("Then run python docs/generate.py, and open a pull request (CONTRIBUTING.md).")
    return not reasons
