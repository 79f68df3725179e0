"""The report in Markdown: laid out from the same numbers and sentences as the page."""

from collections.abc import Iterable, Sequence

from bench.analysis.summary import Row
from bench.analysis.textbook import TextbookRow
from bench.report.charts.chart import Drawn
from bench.report.render import text
from bench.report.render.text import Contents, escape
from bench.report.sections import comparison as tables
from bench.report.sections.order import Section


def table(headings: Sequence[str], lines: Iterable[Sequence[str]], *, numeric: set[int]) -> str:
    """Lay out a table; numeric columns are set flush right."""
    ruler = ["---:" if number in numeric else "---" for number in range(len(headings))]
    body = [headings, ruler, *([escape(cell) for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in body) + "\n"


def comparison(rows: Sequence[Row], shown: Sequence[Row], chosen: Sequence[tables.Column]) -> str:
    """Lay out the comparison table of some rows."""
    numeric = {number for number, column in enumerate(chosen) if column.numeric}
    headings = [column.heading for column in chosen]
    return table(headings, tables.cells(rows, shown, chosen), numeric=numeric)


def report(of: Contents) -> str:
    """Write the whole report."""
    found, noise = of.run, tables.noise(of.noise)
    parts = [
        f"# {text.TITLE}\n",
        f"{text.opening(of)}, by\n",
        # Indented, not fenced: no command can end the block.
        f"    {text.command(found.run)}\n",
        *(f"{line}\n" for line in text.missing(of)),
        *(_workload(of, name) for name in tables.workloads(found.rows)),
        f"## {text.FIGURES}\n",
        _figures(found.figures),
        *(section(each, of.charts.get(each.title, ())) for each in of.sections),
        f"## {text.MEASURED}\n",
        text.INCLUDED,
        f"## {text.FAULTS}\n",
        _faults(found.rows),
        f"## {text.NOISE}\n",
        f"{text.noise(of.noise)}\n",
        table(noise.headings, noise.lines, numeric=noise.numeric),
        f"## {text.MACHINE}\n",
        *(f"- {escape(line)}" for line in text.machine(found.run, found.environments)),
    ]
    return "\n".join(parts) + "\n"


def section(section: Section, charts: Sequence[Drawn]) -> str:
    """Lay out a section: tables with their notes, charts, remarks; or how to fill it."""
    parts = [f"## {section.title}\n"]
    for each in section.tables:
        headings = [escape(heading) for heading in each.headings]
        parts += [f"### {escape(each.title)}\n", table(headings, each.lines, numeric=each.numeric)]
        parts += [f"{each.note}\n"] * bool(each.note)
    parts += [_chart(chart) for chart in charts]
    parts += [f"- {escape(remark)}\n" for remark in section.remarks]
    return "\n".join(parts if section.tables else [*parts, f"{section.nothing}\n"])


def _chart(drawn: Drawn) -> str:
    return f"![{escape(drawn.title)}]({drawn.file})\n"


def _workload(of: Contents, name: str) -> str:
    rows = of.run.rows
    shown = tables.measured(rows, name)
    parts = [f"## Workload {escape(name)}{text.optimizer(name)}\n"]
    if shown:
        asked = of.run.run.precision
        parts += [f"{line}\n" for line in text.found(of, shown)]
        parts.append(comparison(rows, shown, tables.columns_of(shown)))
        parts += [_chart(chart) for chart in of.charts.get(name, ())]
        parts += [f"{text.precision(shown, asked)}\n"] * (asked is not None)
    else:
        parts.append(f"{text.NOTHING_WELL}\n")
    return "\n".join(parts)


def _figures(figures: Sequence[TextbookRow]) -> str:
    if not figures:
        return f"{text.NO_FIGURES}\n"
    lines = tables.figures(figures)
    return table(tables.FIGURE_HEADINGS, lines, numeric=tables.FIGURE_NUMBERS)


def _faults(rows: Sequence[Row]) -> str:
    lines = tables.faults(rows)
    return table(tables.FAULT_HEADINGS, lines, numeric=set()) if lines else f"{text.NO_FAULTS}\n"
