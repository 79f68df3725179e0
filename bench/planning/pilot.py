"""Choose the number of threads of each case by a pilot: its first round, with every number.

Whether more threads make training faster depends on the framework and on the batch size. The first
round therefore measures a case whose threads nobody fixed with every number in ``tried_threads``,
in one process each. The process with the chosen number counts as the round's; the others are shown,
not ranked. The choice follows from the plan and the records alone, so a run that is resumed makes
the same one. In older runs the pilot was a round of its own, 0, for each workload.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from msgspec.structs import replace

from bench.records.schema import Case, Record, Run, TrialRecord

# More threads are chosen only where they are faster by more than this share of the time.
MIN_GAIN = 0.03

# Cases that differ in their workload or number of samples only share a pilot: their steps are the
# same matrices.
_Key = tuple[str, str, int]


def list_candidates(case: Case) -> list[Case]:
    """Return the case with each number of threads that its pilot tries, the fewest first."""
    if not case.tried_threads:
        return [case]
    tried = [min(case.tried_threads)] if case.one_core else sorted(case.tried_threads)
    return [replace(case, threads=n) for n in tried]


def waits_for_pilot(case: Case) -> bool:
    """Return whether a pilot has yet to choose the threads of a case."""
    return case.threads == 0 and bool(case.tried_threads)


def find_first(run: Run) -> set[str]:
    """Return the stable slugs of the cases whose first round is a pilot; others share theirs."""
    first: dict[_Key, str] = {}
    for case in (*run.cases, *run.sweep):
        if case.tried_threads:
            first.setdefault(_identify(case), case.stable_slug)
    return set(first.values())


def choose_threads(run: Run, records: Iterable[Record], *, provisional: bool = False) -> Run:
    """Return the plan with the threads of every case whose pilot has ended.

    Cases without a complete pilot keep 0 threads, or have the fewest if the choice is provisional.
    Once a later round of a case has begun, its threads stay: a pilot whose record was damaged is
    measured again and could choose otherwise.
    """
    first = find_first(run)
    seconds: dict[_Key, dict[int, float]] = defaultdict(dict)
    in_use: dict[str, int] = {}
    for record in records:
        case = record.case
        if not isinstance(record, TrialRecord) or not case.tried_threads:
            continue
        if record.round > 1 or (record.round == 1 and case.stable_slug not in first):
            in_use.setdefault(case.stable_slug, case.threads)
        elif record.status != "interrupted" and case.stable_slug in first:
            time = median(record.epoch_seconds) if record.status == "ok" else math.inf
            seconds[_identify(case)].setdefault(case.threads, time)

    def choose(case: Case) -> Case:
        key = _identify(case)
        if not waits_for_pilot(case):
            return case
        if in_use.get(case.stable_slug) in case.tried_threads:
            return replace(case, threads=in_use[case.stable_slug])
        candidates = list_candidates(case)
        times = {
            n: seconds[key][n] for n in (one.threads for one in candidates) if n in seconds[key]
        }
        if len(times) == len(candidates):
            return replace(case, threads=_find_best(times))
        return candidates[0] if provisional else case

    return replace(run, cases=tuple(map(choose, run.cases)), sweep=tuple(map(choose, run.sweep)))


def _find_best(seconds: dict[int, float]) -> int:
    """Return the fewest threads that are as fast as any; without a success, the most.

    seconds: of an epoch, by the number of threads; infinite if the trial did not succeed.
    """
    least = min(seconds.values())
    if least == math.inf:
        return max(seconds)
    return min(n for n, time in seconds.items() if time * (1 - MIN_GAIN) <= least)


def split_pilot(run: Run, records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Return the records that tables rank, and those with threads that were not chosen.

    run: with chosen threads, also provisional ones.
    """
    chosen = {case.stable_slug: case.slug for case in (*run.cases, *run.sweep)}
    ranked: list[Record] = []
    others: list[Record] = []
    for record in records:
        slug = record.case.slug
        is_chosen = record.round > 0 and chosen.get(record.case.stable_slug, slug) == slug
        (ranked if is_chosen else others).append(record)
    return ranked, others


def _identify(case: Case) -> _Key:
    return case.implementation, case.device, case.batch_size
