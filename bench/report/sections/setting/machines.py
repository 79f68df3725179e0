"""The devices of several machines side by side: throughput and speedups."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from bench.analysis.ranking import compare_machines
from bench.analysis.summary import Row
from bench.contract import Device
from bench.report.charts.epochs import chart_machines
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.sections import Picture, Section, Table
from bench.report.sections.costs.comparison import (
    add_threads,
    describe_status,
    name_case,
    name_offered_threads,
    remark_processes,
)
from bench.report.sections.costs.gpu import DEVICES
from bench.worker.machine import fingerprint

COMPARED = "The machines compared"
# Tables with a column for each machine, and charts with a colour for each, end here.
MAX_COLUMNS = 20
CROWDED = (
    f"More than {MAX_COLUMNS} machines do not fit side by side: see the table of all rows, and "
    "*Over time* for the newest runs of each machine."
)
NOT_ALIKE = "No two of them solved the same problem: their sizes or their data differ."
THROUGHPUT_NOTE = (
    "Samples per second of a steady-state epoch with 95 % intervals, and the largest parity error "
    "of a row. A row above 10⁻⁵ fails and is not ranked."
)
SPEEDUP_NOTE = (
    "The reference's epoch time over this one's: above 1, this one is faster. The interval covers "
    "the spread between the processes of these two runs, not the difference between runs of "
    "different days. Devices of the same run are compared round by round. Not only the processors "
    "differ: so do the libraries that a framework installs for them."
)


class Hardware(NamedTuple):
    """One device of one machine in one run.

    machine: its name in this report. id: the machine's. threads: of the CPU, in words. model: of
    the GPU, if known.
    """

    machine: str
    id: str
    device: Device
    threads: str
    model: str

    def __str__(self) -> str:
        if self.device == "cpu":
            return f"{self.machine}, {self.threads}"
        named = self.model in self.machine
        return f"{self.machine}, gpu" if named else f"{self.machine}, gpu {self.model}"


class Problem(NamedTuple):
    """What must be equal for two rows to be compared. digest: of the data's files."""

    workload: str
    batch_size: int
    samples: int
    data: str
    digest: str

    def __str__(self) -> str:
        return (
            f"{self.workload}: batch size {self.batch_size}, {self.samples:,} samples of "
            f"{self.data}"
        )


class ProblemRows(NamedTuple):
    """The rows of one problem, by implementation and hardware."""

    problem: Problem
    hardware: Sequence[Hardware]
    rows: Mapping[str, Mapping[Hardware, Row]]

    @property
    def ranked(self) -> list[tuple[Hardware, Row]]:
        """The ranked rows, with their hardware."""
        pairs = (pair for by_hardware in self.rows.values() for pair in by_hardware.items())
        return [(hardware, row) for hardware, row in pairs if row.ranked]


def list_hardware(run: LoadedRun) -> list[Hardware]:
    """Return the devices of a run on which anything was tried, the CPU first."""
    listed = []
    for device in DEVICES:
        if rows := [row for row in run.rows if row.case.device == device]:
            gpus = run.machine.get("gpus") or ()
            model = str(next(iter(gpus), "")) if device == "gpu" else ""
            threads = name_offered_threads(min(rows, key=lambda row: row.swept).case)
            listed.append(Hardware(run.name, str(run.machine.get("id")), device, threads, model))
    return listed


def group_by_problem(runs: Iterable[LoadedRun]) -> list[ProblemRows]:
    """Return the rows of each problem that at least two devices were given.

    Only those of a run's first size: a run's own report shows its sweep.
    """
    rows: dict[Problem, dict[str, dict[Hardware, Row]]] = defaultdict(lambda: defaultdict(dict))
    hardware: dict[Problem, dict[Hardware, None]] = defaultdict(dict)
    for run in runs:
        data = identify_data(run)
        by_device = {listed.device: listed for listed in list_hardware(run)}
        for row in run.rows:
            case = row.case
            if not row.swept:
                problem = Problem(case.workload, case.batch_size, case.samples, *data)
                rows[problem][name_case(case)][by_device[case.device]] = row
                hardware[problem][by_device[case.device]] = None
    return [
        ProblemRows(problem, list(hardware[problem]), by_name)
        for problem, by_name in rows.items()
        if len(hardware[problem]) > 1
    ]


def identify_data(run: LoadedRun) -> tuple[str, str]:
    """Return the name of a run's data, and a digest of their files."""
    facts = next((environment.data for environment in run.environments.values()), {})
    return str(facts.get("name")), fingerprint([facts.get("name"), facts.get("sha256")])


def describe_machines(runs: Sequence[LoadedRun]) -> Section:
    """Return the section that compares devices."""
    if sum(len(list_hardware(run)) for run in runs) > MAX_COLUMNS:
        return Section(COMPARED, empty=CROWDED)
    problems = group_by_problem(runs)
    tables, pictures = [], []
    for number, problem in enumerate(problems, 1):
        tables += tabulate_problem(problem)
        if problem.ranked:
            title = f"Epoch time on each machine, {problem.problem}"
            rows = {
                name: {str(hardware): row for hardware, row in by_hardware.items() if row.ranked}
                for name, by_hardware in problem.rows.items()
            }
            draw = partial(chart_machines, rows, list(map(str, problem.hardware)), title)
            pictures.append(Picture(f"machines-{number}", title, draw))
    return Section(COMPARED, tables, NOT_ALIKE, pictures, list_remarks(problems))


def tabulate_problem(problem: ProblemRows) -> list[Table]:
    """Return the throughput of each device, and its speedup over the first one."""
    rates, speedups = [], []
    for name, by_hardware in problem.rows.items():
        rows = [by_hardware.get(hardware) for hardware in problem.hardware]
        errors = [row.parity_error for row in by_hardware.values() if row.parity_error is not None]
        error = numbers.format_error(max(errors, default=None))
        rates.append([name, *map(format_rate, rows), error])
        speedups.append([name, *(format_speedup(row, rows[0]) for row in rows)])
    headings = ("implementation", *map(str, problem.hardware))
    return [
        Table(
            f"Samples per second, {problem.problem}",
            (*headings, "parity error"),
            rates,
            1,
            THROUGHPUT_NOTE,
        ),
        Table(
            f"Speedup over {problem.hardware[0]}, {problem.problem}",
            headings,
            speedups,
            1,
            SPEEDUP_NOTE,
        ),
    ]


def format_rate(row: Row | None) -> str:
    """Return the samples per second of a row, or why it is not ranked."""
    if row is None or not row.ranked:
        return describe_status(row)
    rate = numbers.format_interval(row.epoch and row.case.samples / row.epoch)
    return add_threads(rate, row.case) + remark_processes(row)


def format_speedup(row: Row | None, base: Row | None) -> str:
    """Return how many times as fast a row is as the base row, or why it is not ranked."""
    if row is None or not row.ranked:
        return describe_status(row)
    return numbers.format_factor(compare_machines(row, base) if base else None)


def list_remarks(problems: Iterable[ProblemRows]) -> list[str]:
    """Name the versions of frameworks that differ between machines."""
    machines: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for problem in problems:
        for hardware, row in problem.ranked:
            machines[row.case.implementation][row.version][hardware.machine] = None
    return [
        f"versions differ, {name}: "
        + "; ".join(f"{version} on {' and '.join(on)}" for version, on in by_version.items())
        for name, by_version in machines.items()
        if len(by_version) > 1
    ]
