"""The report as Markdown."""

from collections.abc import Iterable, Sequence

from bench.analysis.summary import Row
from bench.report.charts.chart import Chart
from bench.report.render import text
from bench.report.render.contents import Contents, WorkloadContents
from bench.report.render.text import escape
from bench.report.sections import Section
from bench.report.sections.comparison import Column, format_cells, select_columns
from bench.report.sections.runs import format_command


def render_table(
    headings: Sequence[str], lines: Iterable[Sequence[str]], *, numeric: set[int]
) -> str:
    """Return a table whose numeric columns are aligned right. The headings are Markdown."""
    ruler = ["---:" if number in numeric else "---" for number in range(len(headings))]
    body = [headings, ruler, *([escape(cell) for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in body) + "\n"


def render_comparison(
    all_rows: Sequence[Row], rows: Sequence[Row], columns: Sequence[Column]
) -> str:
    """Return the comparison table of some of all rows."""
    numeric = {number for number, column in enumerate(columns) if column.numeric}
    headings = [column.heading for column in columns]
    return render_table(headings, format_cells(all_rows, rows, columns), numeric=numeric)


def render_report(contents: Contents) -> str:
    """Return the whole report."""
    runs = contents.runs
    parts = [f"# {text.TITLE}\n", f"{text.describe_origin(runs)}\n"]
    if len(runs) == 1:
        # Indented, not fenced: no text in the command can end the block.
        parts.append(f"    {format_command(runs[0].run)}\n")
        parts += [f"{line}\n" for line in text.describe_missing(runs[0])]
    for workload in contents.workloads:
        parts += _render_workload(contents, workload)
    for section in contents.sections:
        parts += render_section(section, contents.charts.get(section.title, ()))
    return "\n".join(parts)


def _render_workload(contents: Contents, workload: WorkloadContents) -> list[str]:
    optimizer = text.describe_optimizer(workload.name)
    parts = [f"## Workload {escape(workload.name)}{optimizer}\n"]
    if not workload.rows:
        return [*parts, f"{text.NOTHING_WELL}\n"]
    parts += [f"{line}\n" for lines in workload.findings for line in lines]
    columns = select_columns(workload.rows)
    parts.append(render_comparison(contents.rows, workload.rows, columns))
    parts += [_render_chart(chart) for chart in contents.charts.get(workload.title, ())]
    return [*parts, *(f"{line}\n" for line in workload.precision)]


def render_section(section: Section, charts: Sequence[Chart]) -> list[str]:
    """Return the parts of a section: text, tables with notes, charts, remarks."""
    parts = [f"## {section.title}\n"]
    parts += [f"{section.text.rstrip()}\n"] * bool(section.text)
    for table in section.tables:
        headings = [escape(heading) for heading in table.headings]
        parts += [f"### {escape(table.title)}\n"] * bool(table.title)
        parts.append(render_table(headings, table.lines, numeric=table.numeric))
        parts += [f"{table.note}\n"] * bool(table.note)
    parts += [_render_chart(chart) for chart in charts]
    if section.remarks:
        parts.append("".join(f"- {escape(remark)}\n" for remark in section.remarks))
    if section.empty and not (section.tables or section.text):
        parts.append(f"{section.empty}\n")
    return parts


def _render_chart(chart: Chart) -> str:
    return f"![{escape(chart.title)}]({chart.file})\n"
