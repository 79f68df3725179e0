"""The files of a report: Markdown, page, CSV and charts beside the records; the README's part."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from bench.analysis import noise as noises
from bench.analysis.startup import TARGET
from bench.analysis.summary import Row
from bench.errors import UserError
from bench.records.files import write_file
from bench.report.charts import epochs
from bench.report.charts.chart import Drawn
from bench.report.load import Loaded, load
from bench.report.render import csv, markdown, page
from bench.report.render import text as prose
from bench.report.render.text import Contents
from bench.report.sections import comparison, order
from bench.report.sections.headline import finding, machine_of
from bench.report.sections.order import Picture, Section

# What the extra `report` installs.
EXTRA = ("altair", "vl_convert", "jinja2", "markdown_it")
START, END = "<!-- results: made by `python -m bench report` -->", "<!-- end of results -->"


def write(folder: Path, target: float | None = None, found: Loaded | None = None) -> Path:
    """Write report.md, report.html, summary.csv and the charts; return report.md.

    target: the validation accuracy that training is timed up to. found: the run, if it was read.
    Raises UserError where the folder holds no run or cannot be written.
    """
    found = found or load(folder)
    following = order.sections(found, TARGET if target is None else target)
    try:
        drawn = draw(folder, found.rows, following)
        contents = Contents(
            found, following, drawn, missing=found.missing,
            noise=noises.measure_noise(found.main_records, found.environments),
        )  # fmt: skip
        write_file(folder / "report.md", markdown.report(contents).encode())
        _write_page(folder / "report.html", contents)
        write_file(folder / "summary.csv", csv.csv(found.rows))
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error
    return folder / "report.md"


def _write_page(file: Path, contents: Contents) -> None:
    """Write the page; one of earlier that cannot be written again must not tell other numbers."""
    if can_draw():
        write_file(file, page.page(contents).encode())
    else:
        file.unlink(missing_ok=True)


def draw(
    folder: Path, rows: Sequence[Row], following: Sequence[Section] = ()
) -> dict[str, list[Drawn]]:
    """Write the charts of each workload and section; none without the extra ``report``.

    Returns them by workload and by the section's title.
    """
    if not can_draw():
        return {}
    shown: dict[str, Sequence[Picture]] = {
        name: _workload(rows, name) for name in comparison.workloads(rows)
    }
    shown |= {section.title: section.pictures for section in following}
    return {
        name: [written(folder, picture) for picture in pictures]
        for name, pictures in shown.items() if pictures
    }  # fmt: skip


def _workload(rows: Sequence[Row], name: str) -> list[Picture]:
    """Return the charts of a workload's comparison."""
    shown = comparison.measured(rows, name)
    if not shown:
        return []
    by_start = sorted(shown, key=epochs.cold_seconds)
    return [
        Picture(f"epoch-{name}", f"Epoch time of each implementation, workload {name}",
                lambda: epochs.epochs(shown, f"Epoch time, workload {name}")),
        Picture(f"cold-start-{name}",
                f"Time from a cold start to five epochs of each implementation, workload {name}",
                lambda: epochs.cold_start(by_start, f"Cold start, workload {name}")),
    ]  # fmt: skip


def can_draw() -> bool:
    """Tell whether the extra ``report`` is installed."""
    return all(importlib.util.find_spec(name) for name in EXTRA)


def written(folder: Path, picture: Picture) -> Drawn:
    """Draw a chart and write its file."""
    found = epochs.specification(picture.chart)
    drawn = Drawn(_file(picture.name), picture.title, epochs.svg(found), found)
    write_file(folder / drawn.file, f"{drawn.svg}\n".encode())
    return drawn


def _file(name: str) -> str:
    """Name a chart's file; a record's text must neither leave the folder nor end a link."""
    return f"{re.sub(r'[^A-Za-z0-9-]', '-', name)}.svg"


def readme_part(folder: Path, root: Path) -> str:
    """Return what the README shows of a run: a table of the first workload and its chart.

    Raises UserError where there is nothing to show, or nothing that the README can link to.
    """
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{folder} is outside {root}: the README cannot link to it; move it there")
    found = load(folder)
    rows = found.rows
    shown = comparison.measured(rows, next(iter(comparison.workloads(rows)), ""))
    if not shown:
        raise UserError(f"{folder} has no row to show")
    machine = machine_of(found.environments)
    place = folder.resolve().relative_to(root.resolve()).as_posix()
    report = (
        f"The [whole report]({place}/report.md) has the other workload, the textbook's figures "
        "and how everything was measured."
    )
    chosen = comparison.columns_of(shown, 9)
    picture, problem = _file(f"epoch-{shown[0].case.workload}"), comparison.problem(shown[0])
    return "\n".join(
        [
            f"{prose.sentence(finding(shown, machine))} ({prose.escape(problem)}.)\n",
            markdown.comparison(rows, shown, chosen),
            f"![Epoch time of every implementation]({place}/{picture})\n",
            report,
        ]
    )


def update_readme(readme: Path, folder: Path) -> None:
    """Put the part between the README's two marks; raises UserError where it has none."""
    try:
        text = readme.read_text(encoding="utf-8")
        renewed = _renewed(text, readme, folder).encode()
        write_file(readme.resolve(), renewed)  # a link that the user names is meant
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot renew {readme}: {error}") from error


def _renewed(text: str, readme: Path, folder: Path) -> str:
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise UserError(f"{readme} lacks the marks {START} and {END}")
    return f"{before}{START}\n{readme_part(folder, readme.parent)}\n{END}{after}"
