"""The report of several runs: Markdown, page, CSV and charts in a folder of its own."""

from collections.abc import Mapping, Sequence
from os.path import relpath
from pathlib import Path

from bench.analysis.summary import Row
from bench.errors import UserError
from bench.records.files import write_file
from bench.report import index, several
from bench.report import write as files
from bench.report.charts.chart import Drawn
from bench.report.render import csv, html, markdown, page, text
from bench.report.render.text import escape
from bench.report.sections import comparison
from bench.report.sections.hardware import Hardware, chosen, hardware
from bench.report.sections.headline import machine_of
from bench.report.sections.machines import COMPARED, CROWDED, sections
from bench.report.sections.order import Section
from bench.report.several import Measured


def write(folders: Sequence[Path], output: Path, relative_to: str | None = None) -> Path:
    """Write report.md, report.html, summary.csv and the charts of several runs; return report.md.

    relative_to: what speedups are held against, by its machine's id or a part of its name; the
    first where it is None. Raises UserError where a run cannot be read, nothing is called so, or
    the folder holds what was measured.
    """
    if any((output / plan).exists() for plan in index.PLANS.values()):
        raise UserError(f"{output} holds what was measured; choose another --output")
    found = several.read(folders)
    base = _base(found, relative_to)
    told = sections(found, [_way(each.folder, output) for each in found], base)
    try:
        output.mkdir(parents=True, exist_ok=True)
        charts = {
            section.title: [files.written(output, picture) for picture in section.pictures]
            for section in told if section.pictures and files.can_draw()
        }  # fmt: skip
        write_file(output / "report.md", _markdown(found, told, charts).encode())
        if files.can_draw():
            write_file(output / "report.html", _page(found, told, charts).encode())
        write_file(output / "summary.csv", csv.csv(rows_of(found)))
    except OSError as error:
        raise UserError(f"cannot write to {output}: {error.strerror}") from error
    return output / "report.md"


def _base(found: Sequence[Measured], relative_to: str | None) -> Hardware | None:
    if relative_to is None:
        return None
    there = hardware(found)
    if len(there) < 2:
        raise UserError("--relative-to is for what several devices measured; leave it out")
    return chosen(there, relative_to)


def rows_of(found: Sequence[Measured]) -> list[Row]:
    """Return all rows, those of a run after each other."""
    return [row for each in found for row in each.rows]


def _way(folder: Path, output: Path) -> str:
    """Say where the report of one run alone is, from here, or how to make it."""
    there = next((name for name in index.PAGES if (folder / name).is_file()), None)
    if there is None:
        return f"python -m bench report {folder}"
    return Path(relpath(folder.resolve(), output.resolve()), there).as_posix()


def _findings(found: Sequence[Measured], workload: str) -> list[str]:
    """Say what was found on each machine, in a paragraph each."""
    if len(found) > several.BESIDE:
        return [CROWDED]
    return [
        " ".join([*_lead(each), *text.found(each.of, shown)])
        for each in found if (shown := comparison.measured(each.rows, workload))
    ]  # fmt: skip


def _lead(found: Measured) -> list[str]:
    """Name the run, where its machine does not: the finding itself names that."""
    alone = found.name == machine_of(found.of.run.environments)
    return [] if alone else [f"{escape(found.name)}:"]


def _markdown(
    found: Sequence[Measured], told: Sequence[Section], charts: Mapping[str, Sequence[Drawn]]
) -> str:
    rows = rows_of(found)
    parts = [f"# {text.TITLE}\n", f"{_opening(found)}\n"]
    for name in comparison.workloads(rows):
        shown = comparison.measured(rows, name)
        parts += [f"## Workload {escape(name)}{text.optimizer(name)}\n"]
        parts += [f"{line}\n" for line in _findings(found, name)]
        chosen = comparison.columns_of(rows)
        parts += [markdown.comparison(rows, shown, chosen) if shown else f"{text.NOTHING_WELL}\n"]
    parts += [markdown.section(each, charts.get(each.title, ())) for each in told]
    return "\n".join([*parts, f"## {text.MEASURED}\n", text.INCLUDED])


def _page(
    found: Sequence[Measured], told: Sequence[Section], charts: Mapping[str, Sequence[Drawn]]
) -> str:
    rows = rows_of(found)
    return html.page(
        "several.html.j2", scripts=page.scripts(), title=text.TITLE, opening=_opening(found),
        found={name: _findings(found, name) for name in comparison.workloads(rows)},
        compared=page.compared(rows), sections_=told, charts=charts, prose=text,
        titles=[page.COMPARED, *(each.title for each in told), text.MEASURED],
    )  # fmt: skip


def _opening(found: Sequence[Measured]) -> str:
    runs = len({each.folder for each in found})
    return (
        f"{runs} run{'s' * (runs > 1)} side by side. Rows are compared within one run on one "
        "machine: *times the fastest* is of the fastest there. One case on several machines is "
        f"compared under *{COMPARED}*."
    )
