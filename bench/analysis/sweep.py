"""Select measured rows along each axis: the batch sizes of a sweep, and threads."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_epochs
from bench.analysis.summary import Row


@dataclass(frozen=True, slots=True)
class ThreadSpeedup:
    """One problem trained with a single thread and with multiple threads, in the same rounds.

    speedup: the time with one thread over the time with several, paired by round.
    """

    single: Row
    multiple: Row
    speedup: Interval


def find_sweep(rows: Iterable[Row], workload: str) -> list[Row]:
    """Return the ranked rows of several batch sizes, in their order; none if there is one size.

    All have one number of samples, and their one number of threads, or else the most that were
    measured. Leaves out implementations that were measured at one size only.
    """
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.case.workload == workload and row.ranked:
            groups[row.case.device, row.case.implementation].append(row)
    varied = [row for group in groups.values() if len(group) > 1 for row in group]
    samples = find_usual_samples(varied)
    swept = [row for row in select_threads(varied) if row.case.samples == samples]
    return swept if len({row.case.batch_size for row in swept}) > 1 else []


def find_thread_speedups(rows: Iterable[Row], workload: str) -> list[ThreadSpeedup]:
    """Pair each ranked row of one thread with those of more, in their order.

    Rows that were not measured in the same rounds are left out: the ratio, which is taken round by
    round, would not be that of the two times, which are means over all rounds of a row.
    """
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        case = row.case
        if case.workload == workload and row.ranked:
            problem = (case.device, case.implementation, case.batch_size, case.samples)
            groups[problem].append(row)
    return [
        ThreadSpeedup(single, multiple, speedup)
        for group in groups.values()
        for single in group
        for multiple in group
        if single.case.threads == 1 < multiple.case.threads
        and single.epochs_by_round.keys() == multiple.epochs_by_round.keys()
        and (speedup := compare_epochs(single, multiple))
    ]


def select_threads(rows: Sequence[Row]) -> list[Row]:
    """Return the rows whose programs have one number of threads, else those with the most."""
    most = max((row.case.threads for row in rows if row.size[1]), default=0)
    return [row for row in rows if row.size[1] in {0, most}]


def find_usual_samples(rows: Sequence[Row]) -> int:
    """Return the samples that have most batch sizes, the fewest on a tie; 0 without rows.

    Only the rows of ``select_threads`` count.
    """
    sizes = {(row.case.samples, row.case.batch_size) for row in select_threads(rows)}
    counts = Counter(samples for samples, _ in sizes)
    return min(counts, key=lambda samples: (-counts[samples], samples), default=0)
