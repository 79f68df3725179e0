"""The sections of a report of several runs: every row or column of a table names its machine."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from bench.analysis.summary import Row
from bench.records import timestamps
from bench.records import versions as software
from bench.report import load
from bench.report.charts import machines
from bench.report.render import numbers, text
from bench.report.sections import comparison, hardware_tables
from bench.report.sections.comparison import Table
from bench.report.sections.hardware import Alike, Hardware, alike, data_key, hardware
from bench.report.sections.order import Picture, Section
from bench.report.several import BESIDE, Measured, overview

COMPARED = "The machines compared"
OVER_TIME = "Over time"
REST = "ceiling, starts, the sweep and memory are"
CROWDED = (
    f"More than {BESIDE} cannot be read side by side: the table of all rows has them, and "
    f"*{OVER_TIME}* has the newest runs of each machine."
)
NOT_OVER_TIME = "No machine has two of these runs with the same data."
OVER_TIME_NOTE = (
    "Epoch times with 95 % intervals over the processes of one run, and the software whose "
    "version changed. Runs of different hours differ by more than these intervals: use "
    "`python -m bench ab` to find out whether something became slower."
)
NOT_ALIKE = "No problem was given to two of them: their sizes or their data differ."


def sections(
    found: Sequence[Measured], ways: Sequence[str], base: Hardware | None = None
) -> list[Section]:
    """Return the sections in their order; ways: where each run's own report is.

    base: what speedups are relative to; without one, the first that was given each problem.
    """
    crowded = len(hardware(found)) > BESIDE
    return [
        Section(COMPARED, [], CROWDED) if crowded else _compared(found, base),
        Section("The runs", [overview(found)], "", remarks=_elsewhere(found, ways)),
        Section(OVER_TIME, list(_over_time(found)), NOT_OVER_TIME),
        Section(text.FIGURES, list(_figures(found)), text.NO_FIGURES),
        Section(text.FAULTS, list(_faults(found)), text.NO_FAULTS),
        Section(text.NOISE, [_noise(found)], ""),
        Section(text.MACHINE, list(_machines(found)), ""),
    ]


def _compared(found: Sequence[Measured], base: Hardware | None) -> Section:
    beside = alike(found)
    made = [table for each in beside
            for table in hardware_tables.compared(each, base or each.hardware[0])]  # fmt: skip
    crossings, left_out = hardware_tables.crossings(found)
    remarks = [*hardware_tables.suites(found), *hardware_tables.remarks(beside, base), *left_out]
    return Section(
        COMPARED, [*made, *crossings], NOT_ALIKE, list(_pictures(beside)), remarks if beside else []
    )


def _pictures(found: Sequence[Alike]) -> Iterator[Picture]:
    for number, each in enumerate(found, 1):
        if any(row.ranked for its in each.rows.values() for row in its.values()):
            for name, said, chart in (
                ("throughput", "Samples a second on each machine", machines.throughput),
                ("machines", "Epoch time on each machine", machines.epochs),
            ):
                title = f"{said}, {each.problem}"
                yield Picture(f"{name}-{number}", title, partial(chart, each, title))


def _elsewhere(found: Sequence[Measured], ways: Sequence[str]) -> list[str]:
    """Say where the rest of each run is: what is only about one machine."""
    if len(found) > BESIDE:
        return [f"{REST} in the report of a run alone: python -m bench report RUN"]
    lines = dict.fromkeys(
        f"{each.folder.name}: {REST} in its own report: {way}"
        for each, way in zip(found, ways, strict=True)
    )
    lines |= dict.fromkeys(f"{each.folder.name}: left out: {line}"
                           for each in found for line in text.left_out(each.of.run))  # fmt: skip
    return list(lines)


def _over_time(runs: Sequence[Measured]) -> Iterator[Table]:
    """Yield a table for each machine and data set that several runs measured."""
    groups: dict[tuple[str, ...], list[Measured]] = defaultdict(list)
    for run in sorted(runs, key=_created):
        if run.rows:
            machine = next((known.machine for known in run.of.run.environments.values()), {})
            groups[str(machine.get("id")), *data_key(run.of.run)].append(run)
    for (machine_id, data, _), group in groups.items():
        if len(group) > 1:
            newest = group[-BESIDE:]
            of_all = f", the newest {BESIDE} of {len(group)} runs" * (len(group) > BESIDE)
            title = f"{load.machine(group[0].of.run)} (machine {machine_id}), {data}{of_all}"
            yield _history(title, newest)


def _created(run: Measured) -> datetime:
    return timestamps.read(run.of.run.run.created)


def _history(title: str, runs: Sequence[Measured]) -> Table:
    """Return a line for each case and for each version that changed, and a column for each run."""
    rows = [{row.case.slug: row for row in run.rows if not row.swept} for run in runs]
    slugs = dict.fromkeys(
        slug for by_slug in reversed(rows) for slug, row in by_slug.items() if row.ranked
    )
    lines = [[slug, *(_epoch(by_slug.get(slug)) for by_slug in rows)] for slug in slugs]
    versions = [software.versions(run.of.run.environments.values()) for run in runs]
    for name in dict.fromkeys(name for by_name in versions for name in by_name):
        values = [by_name.get(name, numbers.ABSENT) for by_name in versions]
        if len(set(values)) > 1:
            lines.append([f"version of {name}", *values])
    headings = [f"{run.folder.name}, {_created(run):%Y-%m-%d %H:%M}" for run in runs]
    return Table(title, ("case", *headings), lines, 1, OVER_TIME_NOTE)


def _epoch(row: Row | None) -> str:
    return numbers.duration_interval(row.epoch) if row and row.ranked else comparison.standing(row)


def _figures(found: Sequence[Measured]) -> Iterator[Table]:
    lines = [
        [line[0], each.name, *line[1:]]
        for each in found for line in comparison.figures(each.of.run.figures)
    ]  # fmt: skip
    first, *rest = comparison.FIGURE_HEADINGS
    if lines:
        yield Table("On each machine", (first, "machine", *rest), lines, len(rest) + 2)


def _faults(found: Sequence[Measured]) -> Iterator[Table]:
    lines = [[each.name, *line] for each in found for line in comparison.faults(each.rows)]
    if lines:
        headings = ("machine", *comparison.FAULT_HEADINGS)
        yield Table("What was not measured, and why", headings, lines, len(headings))


def _noise(found: Sequence[Measured]) -> Table:
    """Put the measures of noise side by side, a machine a column; a line where they are many."""
    each = [comparison.noise(one.of.noise) for one in found]
    if len(found) > BESIDE:
        measures = (line[0] for line in each[0].lines)
        lines = [[one.name, *(line[1] for line in its.lines)]
                 for one, its in zip(found, each, strict=True)]  # fmt: skip
        return Table("What moved in each run", ("machine", *measures), lines, 1)
    lines = [[its[0][0], *(line[1] for line in its)]
             for its in zip(*(table.lines for table in each), strict=True)]  # fmt: skip
    return Table("What moved in each run", ("what", *(one.name for one in found)), lines, 1)


def _machines(found: Sequence[Measured]) -> Iterator[Table]:
    """Yield a table for each machine and software; runs that had the same share it."""
    same: dict[tuple[str, ...], list[Measured]] = {}
    for each in found:
        same.setdefault(_facts(each), []).append(each)
    for facts, its in same.items():
        runs = (line for each in its for line in _run(each))
        more = f" and {len(its) - 1} more" * (len(its) > 1)
        lines = [[line] for line in dict.fromkeys((*runs, *facts))]
        yield Table(its[0].name + more, ("command, machine and software",), lines, 1)


def _run(found: Measured) -> list[str]:
    run = found.of.run.run
    return [text.command(run), text.machine(run, {})[0]]


def _facts(found: Measured) -> tuple[str, ...]:
    run = found.of.run
    return tuple(text.machine(run.run, run.environments)[1:])
