"""The devices of several machines side by side: a line a program, a column a device."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bench.analysis.machines import Pivot
from bench.analysis.summary import Row
from bench.contract import Device
from bench.report.base import numbers, tables
from bench.report.base.labels import (
    label_case,
    list_faults,
    name_case,
    name_problem,
    name_threads,
)
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Relative, Section, Table
from bench.report.charts.expected import picture_expected
from bench.report.render.markdown import escape
from bench.worker.machine import fingerprint

COMPARED = "The machines compared"
# Tables with a column for each machine, and charts with a colour for each, have so many at most.
MAX_COLUMNS = 20
NOT_ALIKE = "No two solved the same problem: sizes or data differ, or a machine was busy."
RATIO_NOTE = (
    "How many times as long an epoch takes as the base's on the same machine. The last column has "
    "the least and the largest: they differ between machines, and also between days. The report of "
    "each run has intervals. Not only the processors differ: so may the libraries of a framework."
)


class ProblemRows(NamedTuple):
    """The rows of one problem, by implementation and by device of a machine."""

    title: str  # the problem in words
    devices: Sequence[str]  # with the names of their machines, in the order of runs
    rows: Mapping[str, Mapping[str, Row]]


def name_devices(run: LoadedRun) -> dict[Device, str]:
    """Name the devices of a run on which anything was tried, the CPU with its threads first."""
    names: dict[Device, str] = {}
    if rows := [row for row in run.rows if row.case.device == "cpu"]:
        first = [row for row in rows if not row.swept] or rows
        names["cpu"] = f"{run.name}, {name_threads(first)}"
    if run.on_gpu:
        model = str(next(iter(run.machine.get("gpus") or ()), ""))
        names["gpu"] = f"{run.name}, gpu" if model in run.name else f"{run.name}, gpu {model}"
    return names


def refuse_column(run: LoadedRun, *, shared: bool = False) -> list[str]:
    """Return why a run may not be a column beside other machines, and what to do; plain text.

    shared: one that is published for others must be whole, of one state and without a failure, too.
    """
    wrong = [
        "{program} {status}".format_map(fault)
        for fault in list_faults(run.rows)
        if fault["status"] != "unavailable"
    ]
    once = [row for row in run.rows if row.succeeded == 1 and not row.swept]
    reasons: list[tuple[object, str]] = [
        ("; ".join(run.noise.causes), "{}. Measure again when the machine is idle"),
        (run.apart, "trials in another state of the machine: {}. Measure anew without a break"),
        (run.missing_count, "trials missing: {}. Go on with --resume"),
        (len(once), "programs measured once: {}. Go on with --resume"),
        (", ".join(run.faults), "left out: {}. Measure anew"),
        (", ".join(wrong), "{}. Open an issue"),
    ]
    return [text.format(what) for what, text in reasons[: None if shared else 1] if what]


def group_by_problem(runs: Iterable[LoadedRun]) -> list[ProblemRows]:
    """Return the rows of each problem that at least two devices were given.

    Only those of a run's first size, and of runs that may be a column.
    """
    problems: dict[tuple[str, str], dict[str, dict[str, Row]]] = {}
    for run in runs:
        if refuse_column(run):
            continue
        data, digest = identify_data(run)
        devices = name_devices(run)
        for row in run.rows:
            case = row.case
            if not row.swept:
                title = f"{name_problem(case)} of {data}{f' with {run.env}' if run.env else ''}"
                by_name = problems.setdefault((title, digest), {})
                by_name.setdefault(name_case(case), {})[devices[case.device]] = row
    grouped = []
    for (title, _), by_name in problems.items():
        tried = {device for by_device in by_name.values() for device in by_device}
        devices_in_order = [
            device for run in runs for device in name_devices(run).values() if device in tried
        ]
        grouped.append(ProblemRows(title, devices_in_order, by_name))
    return [problem for problem in grouped if len(problem.devices) > 1]


def identify_data(run: LoadedRun) -> tuple[str, str]:
    """Return the name of a run's data, and a digest of their files."""
    facts = next((environment.data for environment in run.environments.values()), {})
    return str(facts.get("name")), fingerprint([facts.get("name"), facts.get("sha256")])


def describe_machines(runs: Sequence[LoadedRun]) -> Section:
    """Return the section with a column for each device: what holds on all of them, and what not."""
    problems = group_by_problem(runs)
    pivots = [(problem, Pivot(problem.rows, problem.devices)) for problem in problems]
    pivots = [(problem, pivot) for problem, pivot in pivots if pivot.programs]
    findings = [write_sides(pivot) for _, pivot in pivots]
    quiet = [run for run in runs if not refuse_column(run)]
    left_out = [f"{run.name} has no column: {why}" for run in runs for why in refuse_column(run)]
    return Section(
        COMPARED,
        [tabulate_pivot(problem, pivot) for problem, pivot in pivots],
        NOT_ALIKE,
        picture_expected(quiet) if len(quiet) > 1 else [],
        remarks=[*left_out, *compare_versions([problem for problem, _ in pivots])],
        finding=next(iter(findings), ""),
        text="\n\n".join(
            f"{escape(problem.title)}. {escape(words)}."
            for (problem, _), words in [*zip(pivots, findings, strict=True)][1:]
            if words
        ),
    )


def write_sides(pivot: Pivot) -> str:
    """Say how many programs are faster than the base on each machine, and how many slower."""
    ratios = [pivot.compare(name).values() for name in pivot.programs if name != pivot.base]
    several = [own for own in ratios if len(own) > 1]
    if not several:
        return ""
    faster, slower = sum(max(own) < 1 for own in several), sum(min(own) > 1 for own in several)
    return (
        f"Relative to {pivot.base}, {faster} of {len(several)} programs are faster on each machine "
        f"that has them, {slower} slower"
    )


def tabulate_pivot(problem: ProblemRows, pivot: Pivot) -> Table:
    """Return the epochs relative to the base with a column a device; of too many, the ranges."""
    names = pivot.programs
    columns, cells = [tables.list_words("program", names)], list_ratios(pivot, pivot.base)
    headings = [*list_shown(pivot), f"range, × {pivot.base}"]
    for heading, *texts in zip(headings, *(cells[name] for name in names), strict=True):
        columns.append(tables.Column(heading, texts, list(map(read_key, texts))))
    title = f"An epoch, × {pivot.base}, {problem.title}"
    programs = [label_case(pivot.find_case(name)) for name in names]
    return tables.build_table(title, columns, RATIO_NOTE, programs=programs)


def list_shown(pivot: Pivot) -> Sequence[str]:
    """Return the devices that have a column; none of too many."""
    return pivot.machines if len(pivot.machines) <= MAX_COLUMNS else ()


def list_ratios(pivot: Pivot, base: str) -> dict[str, list[str]]:
    """Return by program the cells of its epoch relative to the base: of each device, and the range.

    Of too many devices, the range alone.
    """
    cells = {}
    for name in pivot.programs:
        ratios = pivot.compare(name, base)
        ends = sorted(ratios.values())
        texts = [numbers.format_number(end, 2) for end in (*ends[:1], *ends[-1:])]
        cells[name] = [
            *(numbers.format_number(ratios.get(machine), 2) for machine in list_shown(pivot)),
            " to ".join(dict.fromkeys(texts)) or numbers.ABSENT,
        ]
    return cells


def list_relative(runs: Sequence[LoadedRun]) -> Relative:
    """Return what the first table of ratios shows relative to any of its programs."""
    for problem in group_by_problem(runs):
        pivot = Pivot(problem.rows, problem.devices)
        if pivot.programs:
            labels = {name: label_case(pivot.find_case(name)) for name in pivot.programs}
            cells = {
                labels[base]: {
                    labels[name]: texts for name, texts in list_ratios(pivot, base).items()
                }
                for base in pivot.programs
            }
            return Relative(next(iter(list_shown(pivot)), "range, ×"), cells)
    return Relative()


def read_key(text: str) -> float | None:
    """Return the number with which a cell begins, by which a page sorts it."""
    return None if text == numbers.ABSENT else float(text.split(maxsplit=1)[0].replace(",", ""))


def compare_versions(problems: Iterable[ProblemRows]) -> list[str]:
    """Name the versions of frameworks that differ between machines."""
    machines: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for by_device in (rows for problem in problems for rows in problem.rows.values()):
        for row in filter(lambda row: row.ranked, by_device.values()):
            machines[row.case.implementation][row.version][row.machine] = None
    return [
        f"versions differ, {name}: "
        + "; ".join(f"{version} on {' and '.join(on)}" for version, on in by_version.items())
        for name, by_version in machines.items()
        if len(by_version) > 1
    ]
