"""Reports of a run: Markdown, CSV and charts, all from the numbers of bench/summary.py."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from bench import figures, summary
from bench import noise as noises
from bench import run as runner
from bench.error import UserError
from bench.figures import FigureRow
from bench.report import charts, markdown, tables
from bench.store import read_environments, read_records, read_run
from bench.summary import Row

START, END = "<!-- results: made by `python -m bench report` -->", "<!-- end of results -->"


def load(folder: Path) -> tuple[list[Row], list[FigureRow]]:
    """Return the rows and the figures of a run; raises UserError where it cannot be read."""
    records, environments = read_records(folder), read_environments(folder)
    return summary.rows(records, environments, read_run(folder)), figures.rows(
        records, environments
    )


def write(folder: Path) -> Path:
    """Write report.md, summary.csv and the charts into the run's folder; return report.md.

    Raises UserError where the folder holds no run or cannot be written.
    """
    run, (rows, found) = read_run(folder), load(folder)
    missing = len(runner.missing(run, read_records(folder)))
    try:
        drawn = draw(folder, rows)
        environments = read_environments(folder)
        noise = noises.noise(read_records(folder), environments)
        contents = markdown.Contents(run, rows, found, environments, drawn, missing, noise)
        (folder / "report.md").write_text(markdown.report(contents), encoding="utf-8")
        summary.frame(rows).to_csv(folder / "summary.csv", index=False)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error
    return folder / "report.md"


def draw(folder: Path, rows: Sequence[Row]) -> dict[str, list[tuple[str, str]]]:
    """Write the charts of each workload; none without the extra ``report``."""
    if importlib.util.find_spec("altair") is None or importlib.util.find_spec("vl_convert") is None:
        return {}
    drawn: dict[str, list[tuple[str, str]]] = {}
    for name in tables.workloads(rows):
        if shown := tables.measured(rows, name):
            by_start = sorted(shown, key=charts.cold_seconds)
            pictures = {
                "epoch": ("Epoch time", charts.epochs(shown, f"Epoch time, workload {name}")),
                "cold-start": (
                    "Time from a cold start to five epochs",
                    charts.cold_start(by_start, f"Cold start, workload {name}"),
                ),
            }
            for what, (_, chart) in pictures.items():
                (folder / _file(what, name)).write_text(charts.svg(chart) + "\n", encoding="utf-8")
            drawn[name] = [
                (_file(what, name), f"{title} of each implementation, workload {name}")
                for what, (title, _) in pictures.items()
            ]
    return drawn


def _file(what: str, workload: str) -> str:
    """Name a chart's file; a record's text must neither leave the folder nor end a link."""
    return f"{what}-{re.sub(r'[^A-Za-z0-9-]', '-', workload)}.svg"


def readme_part(folder: Path, root: Path) -> str:
    """Return what the README shows of a run: a table of the first workload and its chart.

    Raises UserError where there is nothing to show, or nothing that the README can link to.
    """
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{folder} is outside {root}: the README cannot link to it; move it there")
    rows, _ = load(folder)
    shown = tables.measured(rows, next(iter(tables.workloads(rows)), ""))
    if not shown:
        raise UserError(f"{folder} has no row to show")
    machine = next(iter(read_environments(folder).values())).machine
    place = folder.resolve().relative_to(root.resolve()).as_posix()
    where = markdown.escape(machine.get("name"))
    report = (
        f"The [whole report]({place}/report.md) has the other workload, the textbook's figures "
        "and how everything was measured."
    )
    chosen = [column for column in tables.COLUMNS if column.priority <= 8]
    picture = _file("epoch", shown[0].case.workload)
    return "\n".join(
        [
            f"On a {where}, batch size {shown[0].case.batch_size}: {markdown.finding(shown)}\n",
            markdown.comparison(rows, shown, chosen),
            f"![Epoch time of every implementation]({place}/{picture})\n",
            report,
        ]
    )


def update_readme(readme: Path, folder: Path) -> None:
    """Put the part between the README's two marks; raises UserError where it has none."""
    try:
        text = readme.read_text(encoding="utf-8")
        readme.write_text(_renewed(text, readme, folder), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot renew {readme}: {error}") from error


def _renewed(text: str, readme: Path, folder: Path) -> str:
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise UserError(f"{readme} lacks the marks {START} and {END}")
    return f"{before}{START}\n{readme_part(folder, readme.parent)}\n{END}{after}"
