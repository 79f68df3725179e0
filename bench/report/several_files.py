"""The report of several runs: Markdown, page, CSV and charts in a folder of its own."""

from collections.abc import Mapping, Sequence
from os.path import relpath
from pathlib import Path

from bench.error import UserError
from bench.files import write_file
from bench.report import files, frame, html, index, markdown, page, prose, several, tables
from bench.report.drawn import Drawn
from bench.report.finding import machine_of
from bench.report.hardware import Hardware, chosen, hardware
from bench.report.prose import escape
from bench.report.sections import Section
from bench.report.several import Measured
from bench.report.several_sections import COMPARED, CROWDED, sections
from bench.summary import Row


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
        write_file(output / "summary.csv", frame.csv(rows_of(found)))
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
        " ".join([*_lead(each), *prose.found(each.of, shown)])
        for each in found if (shown := tables.measured(each.rows, workload))
    ]  # fmt: skip


def _lead(found: Measured) -> list[str]:
    """Name the run, where its machine does not: the finding itself names that."""
    alone = found.name == machine_of(found.of.run.environments)
    return [] if alone else [f"{escape(found.name)}:"]


def _markdown(
    found: Sequence[Measured], told: Sequence[Section], charts: Mapping[str, Sequence[Drawn]]
) -> str:
    rows = rows_of(found)
    parts = [f"# {prose.TITLE}\n", f"{_opening(found)}\n"]
    for name in tables.workloads(rows):
        shown = tables.measured(rows, name)
        parts += [f"## Workload {escape(name)}{prose.optimizer(name)}\n"]
        parts += [f"{line}\n" for line in _findings(found, name)]
        chosen = tables.columns_of(rows)
        parts += [markdown.comparison(rows, shown, chosen) if shown else f"{prose.NOTHING_WELL}\n"]
    parts += [markdown.section(each, charts.get(each.title, ())) for each in told]
    return "\n".join([*parts, f"## {prose.MEASURED}\n", prose.INCLUDED])


def _page(
    found: Sequence[Measured], told: Sequence[Section], charts: Mapping[str, Sequence[Drawn]]
) -> str:
    rows = rows_of(found)
    return html.page(
        "several.html.j2", scripts=page.scripts(), title=prose.TITLE, opening=_opening(found),
        found={name: _findings(found, name) for name in tables.workloads(rows)},
        compared=page.compared(rows), sections_=told, charts=charts, prose=prose,
        titles=[page.COMPARED, *(each.title for each in told), prose.MEASURED],
    )  # fmt: skip


def _opening(found: Sequence[Measured]) -> str:
    runs = len({each.folder for each in found})
    return (
        f"{runs} run{'s' * (runs > 1)} side by side. Rows are compared within one run on one "
        "machine: *times the fastest* is of the fastest there. One case on several machines is "
        f"compared under *{COMPARED}*."
    )
