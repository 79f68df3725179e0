"""Choose the number of threads of each row, from the plan and the records alone.

All rows are measured on one thread. Where more could matter, a row's *variant* with all cores is
measured too: at most two lean processes, the second only if the first wins. It takes the row's
place if both beat every process on one thread: on two threads processes differ by some 8 %, so a
single one would decide gains of less than 15 % by luck. A run that is resumed chooses alike.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from msgspec.structs import replace

from bench.records.schema import Case, Record, Run, TrialRecord

# More threads win only where they save more than this share of the time.
MIN_GAIN = 0.03
# The most processes of a variant, and the rounds of a row that it is compared with.
TRIES = 2


def choose_threads(run: Run, records: Iterable[Record]) -> Run:
    """Return the plan in which each row has the threads that the records choose for it."""
    times = group_epochs(records)
    bases = {case.base_slug: case for case in run.cases}
    chosen = {
        variant.base_slug: variant
        for variant in run.variants
        if count_wins(times[bases[variant.base_slug].slug], times[variant.slug]) == TRIES
    }

    def choose(case: Case) -> Case:
        return chosen.get(case.base_slug, case)

    return replace(run, cases=tuple(map(choose, run.cases)), sweep=tuple(map(choose, run.sweep)))


def group_epochs(records: Iterable[Record]) -> dict[str, list[float]]:
    """Return the median epochs of the processes of each case by slug, infinite for failed ones."""
    times: dict[str, list[float]] = defaultdict(list)
    for record in records:
        if isinstance(record, TrialRecord) and record.status != "interrupted":
            ok = record.status == "ok"
            times[record.case.slug].append(median(record.epoch_seconds) if ok else math.inf)
    return times


def count_wins(single: Iterable[float], tried: Iterable[float]) -> int | None:
    """Return how many processes of a variant win; None if one has lost.

    single, tried: seconds of an epoch on one thread and on all cores, in the order measured.
    """
    limit, tried = (1 - MIN_GAIN) * min([*single][:TRIES], default=0.0), list(tried)
    return None if any(time > limit for time in tried) else len(tried)


def split_tried(run: Run, records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Return the records that tables rank, and those of threads that were not chosen.

    run: with chosen threads.
    """
    chosen: dict[str, set[str]] = defaultdict(set)
    for case in (*run.cases, *run.sweep):
        chosen[case.base_slug].add(case.slug)
    ranked: list[Record] = []
    others: list[Record] = []
    for record in records:
        slug = record.case.slug
        is_chosen = slug in chosen.get(record.case.base_slug, {slug})
        (ranked if is_chosen else others).append(record)
    return ranked, others
