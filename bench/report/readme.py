"""The results in the README: a sentence, a table and a chart of one run."""

from collections.abc import Sequence
from pathlib import Path

from bench.analysis.summary import Row
from bench.errors import UserError
from bench.records.files import write_file
from bench.report.charts.chart import name_file
from bench.report.load import load_run
from bench.report.opening import make_opening
from bench.report.render.markdown import escape, render_table
from bench.report.sections import Table, tables
from bench.report.sections.costs.comparison import (
    EPOCHS,
    EPOCHS_IN_WORDS,
    describe_problem,
    list_workloads,
    name_case,
    select_ranked,
    time_from_cold,
)
from bench.report.sections.costs.workload import find_machine
from bench.report.sections.programs import STYLES
from bench.report.sections.verdict import write_finding

START, END = "<!-- results: made by `python -m bench report` -->", "<!-- end of results -->"


def update_readme(readme: Path, folder: Path) -> None:
    """Replace what is between the README's two marks; raises UserError if it has none."""
    try:
        text = readme.read_text(encoding="utf-8")
        before, start, rest = text.partition(START)
        _, end, after = rest.partition(END)
        if not start or not end:
            raise UserError(f"{readme} lacks the marks {START} and {END}; add them")
        part = render_readme_part(folder, readme.parent)
        text = f"{before}{START}\n{part}\n{END}{after}"
        write_file(readme.resolve(), text.encode())  # follows a link that the user names
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"cannot update {readme}: {reason}") from error


def render_readme_part(folder: Path, root: Path) -> str:
    """Return the finding, the table and the chart of a run's first workload.

    Raises UserError if no row is ranked, or if the run is not below the README's folder.
    """
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{folder} is outside {root}: the README cannot link to it; move it there")
    run = load_run(folder)
    rows = select_ranked(run.rows, next(iter(list_workloads(run.rows)), ""))
    if not rows:
        raise UserError(f"{folder} has no ranked row to show")
    path = folder.resolve().relative_to(root.resolve()).as_posix()
    machine = find_machine(run.environments) or "several machines"
    finding = escape(" ".join(write_finding(rows)))
    picture = make_opening(run).picture
    chart = ""
    if picture:
        image = f"![{escape(picture.title)}]({path}/{name_file(picture.name)})"
        chart = f"[{image}]({path}/report.md)\n\n"
    return (
        f"{finding}\n\n"
        f"{chart}{render_table(tabulate_programs(rows))}\n"
        f"On {escape(machine)}: {escape(describe_problem(rows[0]))}. In brackets: 95 % intervals. "
        f"{STYLES} Parity error: how far the weights are from a float64 oracle's, relative to how "
        f"far training moved them; the [whole report]({path}/report.md) says how it is judged, and "
        "has the other workload and the textbook's figures."
    )


def tabulate_programs(rows: Sequence[Row]) -> Table:
    """Return what most readers ask of each program, in five columns."""
    columns = (
        tables.list_words("program", [name_case(row.case) for row in rows]),
        tables.list_words("style", [row.case.style for row in rows]),
        tables.list_times("epoch", [row.epoch for row in rows]),
        tables.list_times(
            f"{EPOCHS_IN_WORDS} epochs from a cold start",
            [time_from_cold(row, EPOCHS) for row in rows],
        ),
        tables.list_errors("parity error", [row.parity_error for row in rows]),
    )
    return tables.build_table("", columns, leading=2)
