"""The runs of a report: where and when, over time, textbook, faults, noise, machines."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from os.path import relpath
from pathlib import Path
from typing import Any

from bench.analysis.noise import MAX_BETWEEN, MAX_CLOCK, MAX_DRIFT, MAX_OTHERS, MAX_STEAL, Noise
from bench.analysis.speed import Adjustment
from bench.analysis.textbook import TextbookRow
from bench.errors import clean_text
from bench.records.environments import list_versions
from bench.records.schema import Environment, Run
from bench.report.base import numbers, tables
from bench.report.base.labels import format_time, list_faults
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Section, Table
from bench.report.sections.setting.machines import MAX_COLUMNS
from implementations import IMPLEMENTATIONS

RUNS_TITLE = "The runs"
TEXTBOOK_TITLE = "The textbook's figures and those measured here"
FAULTS_TITLE = "Failed and unavailable"
NOISE_TITLE = "Noise"
MACHINE_TITLE = "Machine and software"
# The report of a folder, the first that exists.
PAGES = ("report.html", "report.md")
# Those whose versions a report names: the frameworks, and what else may decide how fast one is.
DISTRIBUTIONS = tuple(dict.fromkeys([*(entry.framework for entry in IMPLEMENTATIONS), "jaxlib"]))
NO_TEXTBOOK = "Not part of this run; `softmax-bench run` without a selection measures them."
NO_FAULTS = "None: every trial succeeded."
NO_NOISE = "No limit of disturbance was exceeded over the whole run."
NOISE_NOTE = (
    "A run is noisy if the spread between processes exceeds {}, if the drift exceeds {}, if other "
    "processes take more than {} or the hypervisor more than {} of the time, if the clock varies "
    "by more than {}, or if a core was throttled."
).format(*map(numbers.format_percent, (MAX_BETWEEN, MAX_DRIFT, MAX_OTHERS, MAX_STEAL, MAX_CLOCK)))
MAX_FAULTS = 5
# Facts of a machine that are true or false, or have a unit.
IN_WORDS = {
    "virtual": "a virtual machine",
    "affinity": "processes pinned to their cores",
    "memory_gib": "",
    **dict.fromkeys(("job", "partition", "node"), ""),  # of one run among several
}


def describe_runs(runs: Sequence[LoadedRun], output: Path) -> Section:
    """Return where and when each run was measured, and where its own report is.

    That is a path from the folder of this report, output, or the command that writes it.
    """
    lines = [
        {
            "machine": run.name,
            "run": run.folder_name,
            "started": format_time(run.plan.created),
            "suite": list_versions(run.environments.values()).get("suite", ""),
            "trials missing": numbers.format_count(run.missing_count),
            "disturbances": run.noise.words,
            "node": " and ".join(
                sorted({str(of.machine.get("node", "")) for of in run.environments.values()})
            ),
        }
        for run in runs
    ]
    columns = [tables.list_words(name, [line[name] for line in lines]) for name in lines[0]]
    table_list = [tables.build_table("Where and when", columns, leading=len(columns) - 1)]
    rest = "roofline, start-up, sweep and memory are in"
    if len(runs) > MAX_COLUMNS:
        remark = f"{rest} the report of each run: softmax-bench report RUN"
        return Section(RUNS_TITLE, table_list, remarks=[remark])
    remarks = []
    for run in runs:
        report = f"softmax-bench report {clean_text(str(run.folder))}"
        if page := next((page for page in PAGES if (run.folder / page).is_file()), None):
            report = Path(relpath(run.folder.resolve(), output.resolve()), page).as_posix()
        remarks.append(f"{run.folder_name}: {rest} its own report: {report}")
    remarks += [
        f"{run.folder_name}: left out: {line}" for run in runs for line in list_left_out(run)
    ]
    return Section(RUNS_TITLE, table_list, remarks=list(dict.fromkeys(remarks)))


def list_left_out(run: LoadedRun) -> list[str]:
    """Return what is damaged or of another machine, a few lines at most; plain text."""
    more = len(run.faults) - MAX_FAULTS
    rest = [f"{more} other lines or files, damaged too"] if more > 0 else []
    return [*run.faults[:MAX_FAULTS], *rest]


def describe_textbook(runs: Sequence[LoadedRun]) -> Section:
    """Return the textbook's figures beside ours, with the machine if there are several runs."""
    rows = [(run.name, row) for run in runs for row in run.textbook]
    if not rows:
        return Section(TEXTBOOK_TITLE, empty=NO_TEXTBOOK)
    machines = [name for name, _ in rows] if len(runs) > 1 else []
    figures = [row for _, row in rows]
    return Section(
        TEXTBOOK_TITLE, [tabulate_textbook(figures, machines)], finding=describe_figures(figures)
    )


def describe_figures(rows: Sequence[TextbookRow]) -> str:
    """Say whether the judged figures are reproduced; empty if none was measured."""
    judged = [row for row in rows if row.is_within_tolerance is not None]
    if not judged:
        return ""
    good = [row for row in judged if row.is_within_tolerance]
    if len(good) < len(judged):
        return (
            f"{len(judged) - len(good)} of the textbook's {len(judged)} judged figures are not "
            "reproduced: they differ by more than their tolerance."
        )
    figures = "; ".join(
        f"{numbers.format_share(row.published)} in the textbook, "
        f"{numbers.format_share(row.measured)} here"
        for row in judged
    )
    return f"The textbook's judged figures are reproduced: {figures}."


def describe_faults(runs: Sequence[LoadedRun]) -> Section:
    """Return what failed or was not measured, with the machine if there are several runs."""
    lines = [
        {"machine": run.name, **line} if len(runs) > 1 else line
        for run in runs
        for line in list_faults(run.rows)
    ]
    if not lines:
        return Section(FAULTS_TITLE, empty=NO_FAULTS)
    counts = Counter(
        status
        for run in runs
        for row in run.rows
        for status in dict.fromkeys(status for status, _ in row.faults)
    )
    words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    finding = f"Of {sum(len(run.rows) for run in runs):,} cases: {words}."
    table = tables.tabulate_lines("", lines, len(lines[0]))
    return Section(FAULTS_TITLE, [table], finding=finding)


def describe_noise(runs: Sequence[LoadedRun]) -> Section:
    """Return how noisy each run was."""
    if len(runs) > 1:
        lines = [{"machine": run.name, **list_noise(run.noise)} for run in runs]
        return Section(NOISE_TITLE, [tables.tabulate_lines("", lines, 1)])
    (run,) = runs
    causes = ", ".join(run.noise.causes)
    finding = f"Noisy: {causes}." if causes else NO_NOISE
    text = describe_adjustment(run.adjustment).strip()
    measures = [list(item) for item in list_noise(run.noise).items()]
    table = Table("", ("measure", "value"), measures, 1, NOISE_NOTE)
    return Section(NOISE_TITLE, [table], text=text, finding=finding)


def describe_adjustment(adjustment: Adjustment) -> str:
    """Say what the reference kernel did to the spread; nothing if no spread is known."""
    if adjustment.before is None or adjustment.after is None:
        return ""
    before, after = map(numbers.format_percent, (adjustment.before, adjustment.after))
    if not adjustment.seconds:
        return (
            " The reference kernel does not explain the spread between the processes of a case "
            f"({before}, and {after} with its help), so ratios are as measured."
        )
    return (
        " Epochs are at the run's mean speed, by the reference kernel, which takes the spread "
        f"between the processes of a case from {before} to {after}. As measured they are in "
        "trials.jsonl."
    )


def describe_environments(runs: Sequence[LoadedRun]) -> Section:
    """Return machine and software; runs with the same facts share a table."""
    if len(runs) == 1:
        (run,) = runs
        # Indented, not fenced: no text in the command can end the block.
        text = f"    {run.plan.command}"
        remarks = [_describe_run(run.plan), *describe_software(run.environments)]
        return Section(MACHINE_TITLE, remarks=remarks, text=text)
    groups: dict[tuple[str, ...], list[LoadedRun]] = defaultdict(list)
    for run in runs:
        groups[tuple(describe_software(run.environments))].append(run)
    table_list = []
    for facts, group in groups.items():
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        by_run = [line for run in group for line in (run.plan.command, _describe_run(run.plan))]
        lines = [[line] for line in dict.fromkeys((*by_run, *facts))]
        headings = ("command, machine and software",)
        table_list.append(Table(group[0].name + more, headings, lines, 1))
    return Section(MACHINE_TITLE, table_list)


def _describe_run(run: Run) -> str:
    seed = "orders and initial weights drawn anew each round"
    if run.seed is not None:
        seed = f"seed {run.seed}: an implementation could know its orders and initial weights"
    return f"Run {run.run}, {seed}, at most {run.timeout:g} s a trial."


def describe_machine(machine: Mapping[str, Any]) -> str:
    """Return what is known of a machine as one line of plain text."""
    facts = [
        f"{key.replace('_', ' ')}: {value}"
        for key, value in machine.items()
        if value and value is not True and key not in IN_WORDS
    ]
    facts += [words for key, words in IN_WORDS.items() if machine.get(key) is True]
    if memory := machine.get("memory_gib"):
        facts.append(f"{memory} GiB")
    return ", ".join(facts)


def describe_software(environments: Mapping[str, Environment]) -> list[str]:
    """Return lines about machines and software; plain text."""
    machines = [of.machine for of in environments.values() if of.machine]
    lines = list(dict.fromkeys(map(describe_machine, machines)))
    settings = [(of.software, of.suite, of.data) for of in environments.values()]
    for software, suite, data in {str(setting): setting for setting in settings}.values():
        installed = software.get("distributions", {})
        versions = ", ".join(
            f"{name} {installed[name]}" for name in DISTRIBUTIONS if name in installed
        )
        changed = ", with changes" if suite.get("dirty") else ""
        commit = suite.get("commit", "unknown")
        lines += [
            f"Python {software.get('python')}, {versions}",
            f"NumPy's BLAS: {software.get('blas')}",
            f"softmax-bench {suite.get('version')}, commit {commit}{changed}",
            f"data: {data.get('name')} ({data.get('source')})",
        ]
    return lines


def tabulate_textbook(rows: Sequence[TextbookRow], machines: Sequence[str] = ()) -> Table:
    """Return a line for each quantity of the textbook, with ours beside it.

    machines: of each row, if there are several runs.
    """
    columns = [
        tables.list_words("machine", machines),
        tables.list_words("program", [row.name for row in rows]),
        tables.list_words("quantity", [row.quantity.replace("_", " ") for row in rows]),
        tables.list_accuracies("textbook", [row.published for row in rows]),
        tables.list_accuracies("here", [row.measured for row in rows]),
        tables.list_times("run time", [row.seconds for row in rows]),
        tables.list_words("verdict", [row.verdict for row in rows]),
        tables.list_words("framework", [row.version for row in rows]),
    ]
    columns = columns if machines else columns[1:]
    return tables.build_table("", columns, leading=3 if machines else 2)


def list_noise(noise: Noise) -> dict[str, str]:
    """Return how noisy a run was, by measure."""
    return {
        "spread within a process (standard deviation of epochs)": numbers.format_percent(
            noise.spread_within_process
        ),
        "spread between processes of the typical program": numbers.format_percent(
            noise.spread_between_processes
        ),
        "drift from the first round to the last, as a factor": (
            "unknown" if noise.drift is None else numbers.format_factor(noise.drift)
        ),
        "time of all cores taken by other processes": numbers.format_percent(noise.others),
        "time stolen by the hypervisor": numbers.format_percent(noise.steal),
        "variation of the clock": numbers.format_percent(noise.clock),
        "times a core was throttled": numbers.format_number(noise.throttled),
    }
