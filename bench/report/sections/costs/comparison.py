"""The comparison table as text cells, and the words for a case, its size and its status."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis.intervals import Interval, estimate_typical
from bench.analysis.noise import (
    MAX_BETWEEN,
    MAX_CLOCK,
    MAX_DRIFT,
    MAX_OTHERS,
    MAX_STEAL,
    Noise,
)
from bench.analysis.ranking import compare_to_fastest, group_by_machine
from bench.analysis.summary import Row
from bench.analysis.textbook import TextbookRow
from bench.records.schema import Case
from bench.report.charts.style import JOINED
from bench.report.render import numbers
from bench.report.render.numbers import format_percent
from bench.report.sections import Table, tables
from bench.report.sections.tables import Column


@dataclass(frozen=True, slots=True)
class Measure:
    """What a column of the comparison table shows.

    value: takes the rows of the same machine, and the row. priority: where there is little room,
    columns with the highest numbers are left out first. make: of the heading and the values.
    """

    heading: str
    value: Callable[[Sequence[Row], Row], Any]
    priority: int
    make: Callable[[str, Iterable[Any]], Column]


def remark_processes(row: Row) -> str:
    """Return how many trials of a row succeeded, if not all, and whether they fall into groups."""
    return "".join(f", {remark}" for remark in list_remarks(row))


def list_remarks(row: Row) -> list[str]:
    """Return what a reader must know of the processes of a row, in a few words each."""
    remarks = [f"{row.succeeded} of {row.rounds}"] * (row.succeeded < row.rounds)
    remarks += ["two groups"] * row.in_two_groups
    if row.waits:
        remarks.append(f"waits {format_percent(row.waits.share)}")
    return remarks + ["faster than the roofline"] * ((row.roofline_share or 0) > 1)


def find_accuracy(row: Row) -> Interval | float | None:
    """Return the validation accuracy, with the least and the largest if there are several seeds."""
    if len(row.accuracy_by_seed) < 2 or row.validation_accuracy is None:
        return row.validation_accuracy
    return Interval(row.validation_accuracy, min(row.accuracy_by_seed), max(row.accuracy_by_seed))


def time_from_cold(row: Row, epochs: int) -> Interval | None:
    """Return the seconds from a cold start until this many epochs are trained."""
    seconds = row.sum_epochs(epochs)
    return estimate_typical(list(seconds.values())) if seconds else None


# As many as the textbook trains.
EPOCHS, EPOCHS_IN_WORDS = 5, "five"
PROGRAM = Measure("program", lambda _, row: name_case(row.case), 1, tables.list_words)
MEASURES = (
    Measure("epoch", lambda _, row: row.epoch, 1, tables.list_times),
    Measure("× fastest", compare_to_fastest, 5, tables.list_factors),
    Measure(
        f"{EPOCHS_IN_WORDS} epochs from a cold start",
        lambda _, row: time_from_cold(row, EPOCHS),
        4,
        tables.list_times,
    ),
    Measure("% of roofline", lambda _, row: row.roofline_share, 7, tables.list_percents),
    Measure("peak memory", lambda _, row: row.peak_rss_bytes, 8, tables.list_memory),
    Measure("validation accuracy", lambda _, row: find_accuracy(row), 6, tables.list_accuracies),
    Measure("parity error", lambda _, row: row.parity_error, 3, tables.list_errors),
    Measure("style", lambda _, row: row.case.style, 2, tables.list_words),
    Measure("processes", lambda _, row: "; ".join(list_remarks(row)), 1, tables.list_words),
)
MACHINE = Measure("machine", lambda _, row: row.machine, 1, tables.list_words)
DEVICE = Measure("device", lambda _, row: row.case.device, 1, tables.list_words)
# Where a pilot chose them, each row has its own.
THREADS = Measure("threads", lambda _, row: shorten_threads(row.case), 5, tables.list_words)

ADJUSTED_NOTE = (
    "Ratios are at the machine's mean speed (see *Noise*), and times as measured: a ratio may "
    "differ from the quotient of two times."
)

# The machine's speed is shown where it varied between rows by more than this factor.
SPEED_RANGE = 1.03
SPEED = Measure("machine's speed, × run's", lambda _, row: row.speed, 9, tables.list_numbers)


def select_measures(rows: Sequence[Row], max_priority: int = 99) -> list[Measure]:
    """Return the measures up to a priority; machine, device, threads and speed if rows need them.

    The machine's speed, as a share of the run's, is shown where it was another for other rows.
    """
    speeds = [row.speed for row in rows if row.speed]
    varied = max(speeds, default=1) > SPEED_RANGE * min(speeds, default=1)
    measures = (
        PROGRAM,
        *[MACHINE] * any(row.machine for row in rows),
        *[DEVICE] * (len({row.case.device for row in rows}) > 1),
        *[THREADS] * any(row.case.tried_threads for row in rows),
        *MEASURES,
        *[SPEED] * varied,
    )
    return [measure for measure in measures if measure.priority <= max_priority]


def are_adjusted(rows: Iterable[Row]) -> bool:
    """Return whether ratios of these rows are at the run's mean speed, and not as measured."""
    return any(row.adjusted_by_round != row.epochs_by_round for row in rows)


def select_ranked(rows: Sequence[Row], workload: str) -> list[Row]:
    """Return the ranked rows of a workload at its first size; none until all were tried."""
    return [
        row
        for row in rows
        if row.case.workload == workload and row.ranked and not (row.swept or row.provisional)
    ]


def list_workloads(rows: Sequence[Row]) -> list[str]:
    """Return the workloads of the rows, in their order."""
    return list(dict.fromkeys(row.case.workload for row in rows))


def tabulate_comparison(
    all_rows: Sequence[Row], rows: Sequence[Row], max_priority: int = 99
) -> Table:
    """Return the comparison table of some of all rows; see select_measures."""
    by_machine = group_by_machine(all_rows)
    columns = [
        measure.make(measure.heading, [measure.value(by_machine[row.machine], row) for row in rows])
        for measure in select_measures(rows, max_priority)
    ]
    programs = [JOINED.join(filter(None, (label_case(row.case), row.machine))) for row in rows]
    leading = 2 if any(row.machine for row in rows) else 1
    return tables.build_table("", columns, programs=programs, leading=leading)


def tabulate_programs(
    title: str, columns: Iterable[Column], note: str, rows: Sequence[Row]
) -> Table:
    """Return a table with a line for each row: its program, its other columns, its style.

    With the threads, where a pilot chose them. title: without the problem, which is added.
    """
    title = f"{title}, {describe_workload_size(rows[0])}"
    cases = [row.case for row in rows]
    threads = [shorten_threads(case) for case in cases if case.tried_threads]
    columns = (
        tables.list_words("program", map(name_case, cases)),
        *columns,
        tables.list_words("style", [case.style for case in cases]),
        *[tables.list_words("threads", threads)] * (len(threads) == len(cases)),
    )
    return tables.build_table(title, columns, note, programs=list(map(label_case, cases)))


def group_by_device(rows: Iterable[Row]) -> list[list[Row]]:
    """Return the rows on the CPU and those on the GPU; a group that is empty is left out."""
    groups: dict[str, list[Row]] = {"cpu": [], "gpu": []}
    for row in rows:
        groups[row.case.device].append(row)
    return [group for group in groups.values() if group]


def describe_workload_size(row: Row) -> str:
    """Name the workload, the device and the size of a row."""
    return f"workload {row.case.workload}: {describe_problem(row)}"


def list_features(rows: Iterable[Row]) -> dict[str, dict[str, str]]:
    """Return by what a reader can choose: features of the ranked programs and machines, by name."""
    features: dict[str, dict[str, str]] = {}
    for row in filter(lambda row: row.ranked, rows):
        case = row.case
        features[label_case(case)] = {
            "framework": case.framework or "own file",
            "style": case.style,
            "objective": case.objective,
            "device": case.device,
        }
        if row.machine:
            features[row.machine] = {"machine": row.machine}
    return features


def list_names(names: Sequence[str], limit: int) -> str:
    """Return names as words: a, b and c; beyond the limit, how many more there are."""
    words = [*names[:limit], *[f"{len(names) - limit} more"] * (len(names) > limit)]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def name_case(case: Case) -> str:
    """Name an implementation, and its objective if that is not softmax."""
    if case.objective == "softmax":
        return case.implementation
    return f"{case.implementation} ({case.objective})"


def say_once(rows: Iterable[Row]) -> str:
    """Return what a sentence about some rows adds if one of them was measured once."""
    return ", measured once" * any(row.succeeded == 1 for row in rows)


def label_case(case: Case) -> str:
    """Name an implementation, its objective, and the GPU if it ran on one."""
    name = name_case(case)
    return name if case.device == "cpu" else f"{name} ({case.device})"


def add_threads(name: str, case: Case) -> str:
    """Add the threads of a case to a name if a pilot chose them."""
    return f"{name}, {describe_threads(case)}" if case.tried_threads else name


def start_tip(case: Case) -> list[str]:
    """Return how a tooltip begins: the label of a case, and its threads if a pilot chose them."""
    return [label_case(case), *[describe_threads(case)] * bool(case.tried_threads)]


def shorten_threads(case: Case) -> str:
    """Return the number of threads below a heading that names them: 2, or 1 of 2."""
    return describe_threads(case).partition(" thread")[0]


def describe_threads(case: Case) -> str:
    """Return the number of threads, and of how many if a pilot chose: 1 of 2 threads."""
    if not case.tried_threads:
        return numbers.format_threads(case.threads)
    return f"{case.threads} of {numbers.format_threads(max(case.tried_threads))}"


def describe_problem(row: Row) -> str:
    """Name the device and the size of a case, as all comparable cases have them."""
    return f"{row.case.device}, {describe_size(row.case)}"


def describe_size(case: Case) -> str:
    """Name batch size, threads and samples of a case, as all comparable cases have them."""
    return f"batch size {case.batch_size}, {name_offered_threads(case)}, {case.samples:,} samples"


def name_offered_threads(case: Case) -> str:
    """Return the threads that all comparable cases share: a number, or what pilots chose from."""
    if not case.tried_threads:
        return numbers.format_threads(case.threads)
    return f"the better of {' and '.join(map(str, case.tried_threads))} threads"


def describe_status(row: Row | None) -> str:
    """Return in a word or two why a row is not ranked."""
    if row is None:
        return "not measured"
    return next((status for status, _ in row.faults if status == "failed"), row.faults[0][0])


def list_faults(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return a line for each case and reason that it failed or was not measured, by heading.

    A case that is unavailable at several sizes for one reason is one line.
    """
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        names = (row.case.workload, row.case.implementation, row.case.device)
        for status, reason in dict.fromkeys(row.faults):
            slug = "" if status == "unavailable" else row.case.slug
            groups[*names, slug, status, reason].append(row)
    lines = []
    for (workload, implementation, device, _, status, reason), group in groups.items():
        problem = f"{device}, {len(group)} sizes"
        if len(group) == 1:
            case = group[0].case
            problem = f"{device}, batch size {case.batch_size}, {describe_threads(case)}, "
            problem += f"{case.samples:,} samples"
        count = sum(row.faults.count((status, reason)) for row in group)
        lines.append(
            {
                "workload": workload,
                "program": implementation,
                "problem": problem,
                "status": status,
                "trials": f"{count} of {sum(row.rounds for row in group)}",
                "reason": reason,
            }
        )
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


NOISE_NOTE = (
    f"A run is noisy if the spread between processes exceeds {format_percent(MAX_BETWEEN)}, if the "
    f"drift exceeds {format_percent(MAX_DRIFT)}, if other processes take more than "
    f"{format_percent(MAX_OTHERS)} or the hypervisor more than {format_percent(MAX_STEAL)} of the "
    f"time, if the clock varies by more than {format_percent(MAX_CLOCK)}, or if a core was "
    "throttled."
)


def list_noise(noise: Noise) -> dict[str, str]:
    """Return how noisy a run was, by measure."""
    return {
        "spread within a process (standard deviation of epochs)": format_percent(
            noise.spread_within_process
        ),
        "spread between processes of a program, without drift": format_percent(
            noise.spread_between_processes
        ),
        "drift from the first round to the last, as a factor": (
            "unknown" if noise.drift is None else numbers.format_factor(noise.drift)
        ),
        "time of all cores taken by other processes": format_percent(noise.others),
        "time stolen by the hypervisor": format_percent(noise.steal),
        "variation of the clock": format_percent(noise.clock),
        "times a core was throttled": numbers.format_number(noise.throttled),
    }
