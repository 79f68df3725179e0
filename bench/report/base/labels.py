"""The words for a case, its size and its status, and which rows a part of the report is about.

With the table of these rows that many sections have.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.analysis.summary import Row
from bench.errors import UserError
from bench.records import timestamps
from bench.records.schema import Case
from bench.report.base import numbers, tables
from bench.report.base.parts import Table
from implementations import IMPLEMENTATIONS, MANY, Implementation


def remark_processes(row: Row) -> str:
    """Return whether the processes of a row fall into groups, and what else is said of them."""
    return "".join(f", {remark}" for remark in remark_row(row))


def remark_row(row: Row) -> list[str]:
    """Return what a reader must know of the processes of a row, in a few words each."""
    remarks = {
        "two groups": row.in_two_groups,
        f"waits {numbers.format_percent(row.waits.share if row.waits else None)}": row.waits,
        "faster than the roofline": (row.roofline_share or 0) > 1,
    }
    return [remark for remark, holds in remarks.items() if holds]


PROGRAMS = (*IMPLEMENTATIONS, *MANY)
# What stands beside the name of a program in every table.
REMARKS = {program.name: f" ({program.remark})" for program in PROGRAMS if program.remark}
MAX_NAMES = 3  # in a sentence; the table has all of them

# As many as the textbook trains.
EPOCHS, EPOCHS_IN_WORDS = 5, "five"
# What people call processors: the EPYC 9004 and 9005 have one name in records.
PROCESSORS = {
    "family 25 model 17": "Zen 4",
    "family 26 model 2": "Zen 5",
    "family 6 model 167": "Xeon",
}


def name_machine(machine: Mapping[str, object]) -> str:
    """Return the name of a recorded machine, with what people call its processor."""
    name = str(machine.get("name", "unknown machine"))
    for words, short in PROCESSORS.items():
        if short not in name:
            name = name.replace(words, f"{short} ({words})")
    return name


def shorten_machine(machine: Mapping[str, object]) -> str:
    """Return what people call the processor of a machine, if that is known, or its name."""
    name = str(machine.get("name", "unknown machine"))
    return next((short for words, short in PROCESSORS.items() if words in name), name)


def format_time(created: str) -> str:
    """Return a recorded time as 25 Nov 2026, 10:31 UTC; what is not a time stays as it is."""
    try:
        time = timestamps.parse_time(created)
    except UserError:
        return created
    return f"{time:%d %b %Y, %H:%M} UTC".lstrip("0")


def select_ranked(rows: Sequence[Row], workload: str) -> list[Row]:
    """Return the ranked rows of a workload at its first size; none until all were tried."""
    return [
        row
        for row in rows
        if row.case.workload == workload and row.ranked and not (row.swept or row.provisional)
    ]


def select_softmax(rows: Iterable[Row]) -> list[Row]:
    """Return the ranked rows of the softmax objective."""
    return [row for row in rows if row.ranked and row.case.objective == "softmax"]


def list_workloads(rows: Sequence[Row]) -> list[str]:
    """Return the workloads of the rows, in their order."""
    return list(dict.fromkeys(row.case.workload for row in rows))


def group_by_device(rows: Iterable[Row]) -> list[list[Row]]:
    """Return the rows on the CPU and those on the GPU; a group that is empty is left out."""
    groups: dict[str, list[Row]] = {"cpu": [], "gpu": []}
    for row in rows:
        groups[row.case.device].append(row)
    return [group for group in groups.values() if group]


# Those whose users compare them first.
FAMILY_NAMES = {"jax": "JAX", "torch": "PyTorch", "keras": "Keras", "tensorflow": "TensorFlow"}
OTHERS = "NumPy, Numba, others"


def list_families() -> dict[str, str]:
    """Return the family of each framework: of a layer, that of what it stands on."""
    programs, families = {program.name: program for program in IMPLEMENTATIONS}, {}
    for program in IMPLEMENTATIONS:
        base = program
        while base.layer_over:
            base = programs[base.layer_over]
        families[program.framework] = FAMILY_NAMES.get(base.framework, OTHERS)
    return families


FAMILIES = list_families()


def list_features(rows: Iterable[Row]) -> dict[str, dict[str, str]]:
    """Return by what a reader can choose: features of the ranked programs, by name."""
    features: dict[str, dict[str, str]] = {}
    for row in filter(lambda row: row.ranked, rows):
        case = row.case
        features[label_case(case)] = {
            "family": FAMILIES.get(case.framework, OTHERS),
            "style": case.style,
            "objective": case.objective,
            "device": case.device,
        }
    return features


def list_names(names: Sequence[str], limit: int = MAX_NAMES) -> str:
    """Return names as words: a, b and c; beyond the limit, how many more there are."""
    words = list(names[:limit])
    if len(names) > limit:
        words.append(f"{len(names) - limit} more")
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def name_case(case: Case) -> str:
    """Name an implementation in a table: with its objective if not softmax, and its remark."""
    objective = f" ({case.objective})" if case.objective != "softmax" else ""
    return f"{case.implementation}{objective}{REMARKS.get(case.implementation, '')}"


def say_once(rows: Iterable[Row]) -> str:
    """Return what a sentence about some rows adds if one of them was measured once."""
    return ", measured once" if any(row.succeeded == 1 for row in rows) else ""


# Those that most readers know, by the name that cases have.
KNOWN = ("numpy", "jax", "pytorch", "keras-jax", "keras-tensorflow", "keras-torch")


def pick_known(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of programs that most readers know; the first few if there is none of them.

    A sentence names these; a table has all rows.
    """
    rows, first = list(rows), dict[str, Row]()
    for row in rows:
        if row.case.implementation in KNOWN:
            first.setdefault(row.case.implementation, row)
    return [*first.values()] or rows[: len(KNOWN)]


def quote_known(rows: Iterable[Row], describe: Callable[[Row], str]) -> str:
    """Return the rows that a sentence names with what is said of each; empty without rows."""
    named = pick_known(rows)
    return ", ".join(f"{label_case(row.case)} {describe(row)}" for row in named) + say_once(named)


def label_case(case: Case) -> str:
    """Name an implementation in a chart or a sentence: its objective, and the GPU if it has one."""
    facts = case.objective.removeprefix("softmax"), case.device.removeprefix("cpu")
    return " ".join([case.implementation, *(f"({fact})" for fact in facts if fact)])


def start_tip(case: Case) -> list[str]:
    """Return how a tooltip begins: the label of a case, and its threads."""
    return [label_case(case), numbers.format_threads(case.threads)]


def name_problem(case: Case) -> str:
    """Name the workload and the size of a case, without device and threads."""
    return f"{case.workload}: batch size {case.batch_size}, {case.samples:,} samples"


def describe_problem(rows: Sequence[Row]) -> str:
    """Name the device and the size of comparable rows."""
    case = rows[0].case
    size = f"batch size {case.batch_size}, {name_threads(rows)}, {case.samples:,} samples"
    return f"{case.device}, {size}"


def name_threads(rows: Iterable[Row]) -> str:
    """Return the numbers of threads of some rows in words: 1 or 2 threads."""
    *fewer, most = sorted({row.case.threads for row in rows})
    return " or ".join([*map(str, fewer), numbers.format_threads(most)])


def vary_threads(rows: Iterable[Row]) -> bool:
    """Return whether rows on the CPU have several numbers of threads."""
    return len({row.case.threads for row in rows if row.case.device == "cpu"}) > 1


def describe_status(row: Row | None) -> str:
    """Return in a word or two why a row is not ranked."""
    if row is None:
        return "not measured"
    return next((status for status, _ in row.faults if status == "failed"), row.faults[0][0])


def find_entry(case: Case) -> Implementation | None:
    """Return the registry's entry of a case; None for a file of a user, or a name that is gone."""
    for entry in PROGRAMS if case.file is None else ():
        names = {entry.name, entry.former_name}
        if case.implementation in names and entry.framework == case.framework:
            return entry
    return None


def tabulate_programs(
    title: str, columns: Iterable[tables.Column], note: str, rows: Sequence[Row]
) -> Table:
    """Return a table with a line for each row: its program, its other columns, its style.

    With the threads, where they differ. title: without the problem, which is added.
    """
    title = f"{title}, workload {rows[0].case.workload}: {describe_problem(rows)}"
    cases = [row.case for row in rows]
    columns = [
        tables.list_words("program", map(name_case, cases)),
        *columns,
        tables.list_words("style", [case.style for case in cases]),
    ]
    if vary_threads(rows):
        columns.append(tables.list_words("threads", [str(case.threads) for case in cases]))
    return tables.build_table(title, columns, note, programs=list(map(label_case, cases)))


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
        sizes = f"{device}, {len(group)} sizes"
        count = sum(row.faults.count((status, reason)) for row in group)
        lines.append(
            {
                "workload": workload,
                "program": implementation,
                "problem": describe_problem(group) if len(group) == 1 else sizes,
                "status": status,
                "trials": f"{count} of {sum(row.rounds for row in group)}",
                "reason": reason,
            }
        )
    return lines
