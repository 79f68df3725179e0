"""The devices of several machines side by side: throughput, speedups, roofline, joules."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from bench.analysis.ranking import compare_machines
from bench.analysis.summary import Row
from bench.contract import Device
from bench.errors import UserError
from bench.report.charts.machines import chart_machines, chart_throughput
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.sections import Picture, Section, Table
from bench.report.sections.comparison import describe_status, name_case
from bench.report.sections.gpu import DEVICES
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
    "of a row. A row above 1e-5 fails and is not ranked."
)
SPEEDUP_NOTE = (
    "The reference's epoch time over this one's: above 1, this one is faster. The interval covers "
    "the spread between the processes of these two runs, not the difference between runs of "
    "different days. Devices of the same run are compared round by round. Not only the processors "
    "differ: so do the libraries that a framework installs for them."
)
ROOFLINE_NOTE = (
    "The least time that an epoch could take, from the probes of the same run, over the time that "
    "it took."
)
JOULES_NOTE = "From the GPU's own counter, over the timed epochs and the time between them."


class Hardware(NamedTuple):
    """One device of one machine in one run.

    machine: its name in this report. id: the machine's. threads: of the CPU. model: of the GPU, if
    known.
    """

    machine: str
    id: str
    device: Device
    threads: int
    model: str

    def __str__(self) -> str:
        if self.device == "cpu":
            return f"{self.machine}, {self.threads} thread{'s' * (self.threads > 1)}"
        known = self.model in self.machine
        return f"{self.machine}, gpu" if known else f"{self.machine}, gpu {self.model}"


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
    def ranked(self) -> Iterator[tuple[Hardware, Row]]:
        """The ranked rows, with their hardware."""
        for by_hardware in self.rows.values():
            yield from ((one, row) for one, row in by_hardware.items() if row.ranked)


def list_hardware(runs: Iterable[LoadedRun]) -> list[Hardware]:
    """Return every device that was tried, in the order of the runs, the CPU of each first."""
    listed = []
    for run in runs:
        for device in DEVICES:
            if rows := [row for row in run.rows if row.case.device == device]:
                gpus = run.machine.get("gpus") or ()
                model = str(next(iter(gpus), "")) if device == "gpu" else ""
                threads = min(rows, key=lambda row: row.swept).case.threads
                machine_id = str(run.machine.get("id"))
                listed.append(Hardware(run.name, machine_id, device, threads, model))
    return listed


def choose_hardware(hardware: Sequence[Hardware], wanted: str) -> Hardware:
    """Return the hardware with this machine id, or with this text in its name.

    Raises UserError if none fits, or more than one.
    """
    text = wanted.casefold()

    def has_id(one: Hardware) -> bool:
        return text in (one.id.casefold(), f"{one.id}, {one.device}".casefold())

    fit = [one for one in hardware if has_id(one)] or [
        one for one in hardware if text in str(one).casefold()
    ]
    if len(fit) == 1:
        return fit[0]
    problem = "fits several devices; name more of one" if fit else "fits no device; name one"
    listed = "; ".join(f"{one} ({one.id})" for one in fit or hardware)
    raise UserError(f"--relative-to {wanted} {problem} of {listed}")


def group_by_problem(runs: Iterable[LoadedRun]) -> list[ProblemRows]:
    """Return the rows of each problem that at least two devices were given.

    Only those of a run's first size: a run's own report shows its sweep.
    """
    rows: dict[Problem, dict[str, dict[Hardware, Row]]] = defaultdict(lambda: defaultdict(dict))
    hardware: dict[Problem, dict[Hardware, None]] = defaultdict(dict)
    for run in runs:
        data = identify_data(run)
        for one in list_hardware([run]):
            for row in run.rows:
                case = row.case
                if case.device == one.device and not row.swept:
                    problem = Problem(case.workload, case.batch_size, case.samples, *data)
                    rows[problem][name_case(case)][one] = row
                    hardware[problem][one] = None
    return [
        ProblemRows(problem, list(hardware[problem]), by_name)
        for problem, by_name in rows.items()
        if len(hardware[problem]) > 1
    ]


def identify_data(run: LoadedRun) -> tuple[str, str]:
    """Return the name of a run's data, and a digest of their files."""
    facts = next((known.data for known in run.environments.values()), {})
    return str(facts.get("name")), fingerprint([facts.get("name"), facts.get("sha256")])


def describe_machines(runs: Sequence[LoadedRun], base: Hardware | None = None) -> Section:
    """Return the section that compares devices.

    base: what speedups are relative to; None: the first device that was given each problem.
    """
    if len(list_hardware(runs)) > MAX_COLUMNS:
        return Section(COMPARED, empty=CROWDED)
    problems = group_by_problem(runs)
    tables, pictures = [], []
    for number, problem in enumerate(problems, 1):
        tables += tabulate_problem(problem, base or problem.hardware[0])
        if any(problem.ranked):
            for name, start, chart in (
                ("throughput", "Samples per second on each machine", chart_throughput),
                ("machines", "Epoch time on each machine", chart_machines),
            ):
                title = f"{start}, {problem.problem}"
                pictures.append(Picture(f"{name}-{number}", title, partial(chart, problem, title)))
    remarks = [*list_suites(runs), *list_remarks(problems, base)] if problems else []
    return Section(COMPARED, tables, NOT_ALIKE, pictures, remarks)


def tabulate_problem(problem: ProblemRows, base: Hardware | None) -> list[Table]:
    """Return what each device did: throughput, speedup over the base, roofline and joules.

    Tables without a number are left out, and speedups if the base was not given the problem.
    """

    def tabulate(title: str, shown: Callable[[Row], str], note: str) -> Table:
        lines = []
        for name, by_hardware in problem.rows.items():
            rows = [by_hardware.get(one) for one in problem.hardware]
            cells = [shown(row) if row and row.ranked else describe_status(row) for row in rows]
            lines.append([name, *cells])
        headings = ("implementation", *map(str, problem.hardware))
        return Table(f"{title}, {problem.problem}", headings, lines, 1, note)

    def format_rate(row: Row) -> str:
        return numbers.format_interval(row.epoch and row.case.samples / row.epoch)

    rates = tabulate("Samples per second", format_rate, THROUGHPUT_NOTE)
    errors = [
        [row.parity_error for row in by_hardware.values() if row.parity_error is not None]
        for by_hardware in problem.rows.values()
    ]
    lines = [
        [*line, numbers.format_error(max(known, default=None))]
        for line, known in zip(rates.lines, errors, strict=True)
    ]
    tables = [Table(rates.title, (*rates.headings, "parity error"), lines, 1, rates.note)]
    if base and base in problem.hardware:
        bases = {
            id(row): by_hardware[base]
            for by_hardware in problem.rows.values()
            if base in by_hardware
            for row in by_hardware.values()
        }

        def format_speedup(row: Row) -> str:
            other = bases.get(id(row))
            return numbers.format_factor(compare_machines(row, other) if other else None)

        tables.append(tabulate(f"Speedup over {base}", format_speedup, SPEEDUP_NOTE))
    rows = [row for _, row in problem.ranked]
    if any(row.roofline_share is not None for row in rows):
        title = "% of each device's roofline"
        tables.append(
            tabulate(title, lambda row: numbers.format_percent(row.roofline_share), ROOFLINE_NOTE)
        )
    if any(row.epoch_joules is not None for row in rows):
        tables.append(
            tabulate(
                "Joules per epoch", lambda row: numbers.format_number(row.epoch_joules), JOULES_NOTE
            )
        )
    return tables


def list_remarks(problems: Sequence[ProblemRows], base: Hardware | None) -> list[str]:
    """Explain what the tables lack, and name versions of frameworks that differ."""
    remarks = [
        f"no speedup, {problem.problem}: {base} was not given it"
        for problem in problems
        if base and base not in problem.hardware
    ]
    versions: dict[str, dict[str, dict[str, None]]] = {}
    by_hardware: dict[Hardware, list[Row]] = {}
    for one, row in (pair for problem in problems for pair in problem.ranked):
        by_version = versions.setdefault(row.case.implementation, {})
        by_version.setdefault(row.version, {})[one.machine] = None
        by_hardware.setdefault(one, []).append(row)
    remarks += [
        f"versions differ, {name}: {_list_by_version(by_version)}"
        for name, by_version in versions.items()
        if len(by_version) > 1
    ]
    not_probed = [
        str(one)
        for one, rows in by_hardware.items()
        if all(row.roofline_share is None for row in rows)
    ]
    if not_probed:
        remarks.append(f"no roofline, because it was not probed: {'; '.join(not_probed)}")
    return remarks


def _list_by_version(by_version: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(f"{version} on {' and '.join(on)}" for version, on in by_version.items())


def list_suites(runs: Iterable[LoadedRun]) -> list[str]:
    """Report versions of the suite that differ: its implementations may differ too."""
    versions: dict[str, dict[str, None]] = {}
    for run in runs:
        versions.setdefault(describe_suite(run), {})[run.name] = None
    if len(versions) < 2:
        return []
    problem = "versions of the suite differ, and so may its implementations"
    return [f"{problem}: {_list_by_version(versions)}"]


def describe_suite(run: LoadedRun) -> str:
    """Name the versions of the suite that measured a run."""
    suites = [known.suite for known in run.environments.values()]
    names = (f"{suite.get('version')}, commit {str(suite.get('commit'))[:12]}" for suite in suites)
    return "; ".join(dict.fromkeys(names))
