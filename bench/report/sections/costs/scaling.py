"""Epoch times by batch size and threads."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial

from bench.analysis.devices import Crossover
from bench.analysis.summary import Row
from bench.analysis.sweep import ThreadSpeedup, find_thread_speedups
from bench.planning.threads import MIN_GAIN
from bench.records.schema import Case
from bench.report import tables
from bench.report.charts.scaling import chart_by_batch_size
from bench.report.labels import (
    ADJUSTED_NOTE,
    are_adjusted,
    describe_status,
    label_case,
    list_names,
    vary_threads,
)
from bench.report.load import LoadedRun
from bench.report.parts import Picture, Section, Table
from bench.report.render import numbers

BATCH_SIZE_TITLE = "Growth with the batch size"
THREADS_TITLE = "Growth with the number of threads"
NO_SWEEP = "Not part of this run: `bench run --sweep` varies the batch size."
NO_THREADS = "Not part of this run: `bench run --threads 1,all` varies the threads."
NOTE = "In brackets: the 95 % interval. A time without an interval was measured once."
CHOSEN_NOTE = "In round brackets: the threads."
THREADS_NOTE = (
    "Speedup: the time with one thread over the time with these threads, round by round. Rows that "
    "were not measured in the same rounds are left out."
)
TRIED_NOTE = (
    "Speedup: the time with one thread over the time with these threads, round by round. Other "
    "tables have only the threads that were chosen: more than one where both processes save more "
    f"than {MIN_GAIN:.0%} of the time (older runs: where the only one does)."
).replace("%", " %")
NOT_AT_FIRST = (
    "Batch size {:,}, at which the programs are ranked: measured with one number of threads."
)
# A speedup that the finding counts.
WORTHWHILE = 1.2
MAX_NAMES = 5  # of programs that more threads slow down


def describe_batch_sizes(
    run: LoadedRun, sweep: Sequence[Row], crossovers: Sequence[Crossover]
) -> Section:
    """Return a table and a chart of the epoch time over the batch size."""
    remarks = [f"not measured: {size.reason}" for size in run.run.skipped]
    if not sweep:
        return Section(BATCH_SIZE_TITLE, empty=NO_SWEEP, remarks=remarks)
    title = f"Throughput over the batch size, {sweep[0].case.samples:,} samples"
    draw = partial(chart_by_batch_size, sweep, crossovers, title)
    pictures = [Picture("growth-batch-size", title, draw)]
    return Section(BATCH_SIZE_TITLE, [tabulate_batch_sizes(sweep)], "", pictures, remarks)


def describe_threads(run: LoadedRun) -> Section:
    """Return tables of the speedups over one thread."""
    remarks = [
        f"tried: {label_case(row.case)}, {numbers.format_threads(row.case.threads)}, batch size "
        f"{row.case.batch_size:,}: {describe_status(row)}"
        for row in run.tried
        if not row.ranked and row.case.workload == run.workload
    ]
    tried = find_thread_speedups(run.tried, run.workload)
    speedups = tried or find_thread_speedups(run.rows, run.workload)
    if not speedups:
        return Section(THREADS_TITLE, empty=NO_THREADS, remarks=remarks)
    table_list = tabulate_threads(speedups, TRIED_NOTE if tried else THREADS_NOTE)
    remarks += list_impossible(speedups)
    first = run.run.cases[0].batch_size if run.run.cases else 0
    if first not in {pair.single.case.batch_size for pair in speedups}:
        remarks.append(NOT_AT_FIRST.format(first))
    finding = describe_speedups(speedups)
    return Section(THREADS_TITLE, table_list, remarks=remarks, finding=finding)


def describe_speedups(speedups: Sequence[ThreadSpeedup]) -> str:
    """Say how many programs more threads speed up by a fifth, and which they slow down.

    Each by its own interval, which misses for one in twenty. Nothing is found from single
    processes.
    """
    groups: dict[tuple[int, int], list[ThreadSpeedup]] = defaultdict(list)
    for pair in speedups:
        if pair.speedup.low is not None:
            groups[pair.multiple.case.threads, pair.multiple.case.batch_size].append(pair)
    sentences = []
    for (threads, batch_size), pairs in sorted(groups.items()):
        pairs.sort(key=lambda pair: pair.speedup.mean)
        faster = sum((pair.speedup.low or 0) > WORTHWHILE for pair in pairs)
        slower = [
            label_case(pair.single.case)
            for pair in pairs
            if pair.speedup.mean < 1 and pair.speedup.excludes(1)
        ]
        named = f": {list_names(slower, MAX_NAMES)}" if slower else ""
        sentences.append(
            f"With {numbers.format_threads(threads)} at batch size {batch_size:,}, {faster} of "
            f"{len(pairs)} programs are more than a fifth faster than with one, and {len(slower)} "
            f"slower, each looked at by itself{named}."
        )
    return " ".join(sentences)


def list_impossible(speedups: Sequence[ThreadSpeedup]) -> list[str]:
    """Name the speedups that are larger than the number of threads."""
    return [
        f"{pair.multiple.case.implementation}, batch size {pair.multiple.case.batch_size:,}: "
        f"{numbers.format_factor(pair.speedup)}{', measured once,' * (pair.speedup.low is None)} "
        "is more than "
        f"{numbers.format_threads(pair.multiple.case.threads)} can bring; one of the two times was "
        "disturbed, or the program is another one with more threads."
        for pair in speedups
        if (pair.speedup.low or pair.speedup.mean) > pair.multiple.case.threads
    ]


def tabulate_batch_sizes(rows: Sequence[Row]) -> Table:
    """Return the epoch times by batch size, in one unit."""
    title = f"Epoch time by batch size: {rows[0].case.samples:,} samples"
    chosen = vary_threads(rows)
    if not chosen:
        title = f"{title}, {numbers.format_threads(rows[0].case.threads)}"
    scale, unit = numbers.choose_unit(row.epoch for row in rows)
    cells = []
    for row in rows:
        text = numbers.format_interval(row.epoch, scale) + f" ({row.case.threads})" * chosen
        cells.append((row.case, text, row.typical_seconds))
    notes = [NOTE, *[CHOSEN_NOTE] * chosen, *[ADJUSTED_NOTE] * are_adjusted(rows)]
    return _tabulate_by_size(f"{title}, in {unit}", "{:,}", cells, " ".join(notes))


def _tabulate_by_size(
    title: str, heading: str, cells: Iterable[tuple[Case, str, float]], note: str
) -> Table:
    """Return a line for each program and a column for each batch size.

    heading: of a size. cells: with what lines are sorted by.
    """
    by_name: dict[str, dict[int, tuple[str, float | None]]] = {}
    for case, text, key in cells:
        by_name.setdefault(label_case(case), {})[case.batch_size] = text, key
    columns = [tables.list_words("program", by_name)]
    for size in sorted({size for by_size in by_name.values() for size in by_size}):
        at_size = [by_size.get(size, (numbers.ABSENT, None)) for by_size in by_name.values()]
        texts, keys = zip(*at_size, strict=True)
        columns.append(tables.Column(heading.format(size), texts, keys))
    return tables.build_table(title, columns, note, programs=list(by_name))


def tabulate_threads(speedups: Sequence[ThreadSpeedup], note: str) -> list[Table]:
    """Return a table for each number of threads and samples: programs by batch size."""
    groups: dict[tuple[int, int], list[ThreadSpeedup]] = {}
    for pair in speedups:
        case = pair.multiple.case
        groups.setdefault((case.threads, case.samples), []).append(pair)
    table_list = []
    for (threads, samples), group in sorted(groups.items()):
        scale, unit = numbers.choose_unit(
            row.epoch for pair in group for row in (pair.single, pair.multiple)
        )
        cells = [
            (pair.single.case, _describe_speedup(pair, scale), pair.speedup.mean) for pair in group
        ]
        in_words = numbers.format_threads(threads)
        title = f"Speedup with {in_words}: {samples:,} samples"
        times = f"In round brackets: {unit} an epoch with one thread, and with {in_words}."
        notes = f"{NOTE} {times} {note}"
        table_list.append(_tabulate_by_size(title, "batch size {:,}", cells, notes))
    return table_list


def _describe_speedup(pair: ThreadSpeedup, scale: float) -> str:
    """Return the speedup, and the times of which it is the ratio."""
    times = [
        numbers.format_number(row.epoch.mean * scale)
        for row in (pair.single, pair.multiple)
        if row.epoch
    ]
    return f"{numbers.format_factor(pair.speedup)} ({', '.join(times)})"
