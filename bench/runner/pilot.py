"""Choose the number of threads of each case by a pilot: short trials that no table ranks.

Whether more threads make training faster depends on the framework and on the batch size. A case
whose threads nobody fixed is therefore tried with every number in ``tried_threads``, in one process
each, before its first round. The choice follows from the plan and the records alone, so a run that
is resumed makes the same one.
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

import msgspec

from bench.records.schema import Case, Record, Run, Trial, TrialRecord

# Rounds are counted from 1, so that no table takes a pilot's trials for a round's.
PILOT_ROUND = 0
# A process times two epochs or half a second of them, whichever takes longer.
PILOT_EPOCHS = 2
# More threads are chosen only where they are faster by more than this share of the time.
MIN_GAIN = 0.03

# Cases that differ in nothing but the number of samples share a pilot: their steps are the same.
_Key = tuple[str, str, str, int]


def offer_threads(case: Case, tried_threads: tuple[int, ...]) -> Case:
    """Return a case without threads with what its pilot chooses from; others as they are.

    The CPU does little for a GPU: such a case gets the most threads without a pilot.
    """
    if case.threads or not tried_threads:
        return case
    if case.device != "cpu":
        return msgspec.structs.replace(case, threads=max(tried_threads))
    return msgspec.structs.replace(case, tried_threads=tried_threads)


def list_candidates(case: Case) -> list[Case]:
    """Return the case with each number of threads that it may be measured with."""
    if not waits_for_pilot(case):
        return [case]
    return [msgspec.structs.replace(case, threads=threads) for threads in case.tried_threads]


def list_peers(run: Run) -> list[Case]:
    """Return the cases of a run with each number of threads that they may be measured with."""
    return [candidate for case in (*run.cases, *run.sweep) for candidate in list_candidates(case)]


def waits_for_pilot(case: Case) -> bool:
    """Return whether a pilot has yet to choose the threads of a case."""
    return case.threads == 0 and bool(case.tried_threads)


def plan_pilot(seed: str, cases: Iterable[Case], earlier: Iterable[Case] = ()) -> list[Trial]:
    """Return the pilot of some cases, except those that share it with earlier ones.

    The cases are in a random order. The trials of one follow each other, also in a random order, so
    that drift of the machine affects all numbers of threads alike.
    """
    known = {_identify(case) for case in earlier}
    first: dict[_Key, Case] = {}
    for case in cases:
        if case.tried_threads and _identify(case) not in known:
            first.setdefault(_identify(case), case)
    draw = random.Random(seed)
    trials = []
    for case in draw.sample(list(first.values()), len(first)):
        epochs = min(case.epochs, PILOT_EPOCHS)
        for threads in draw.sample(case.tried_threads, len(case.tried_threads)):
            short = msgspec.structs.replace(case, threads=threads, epochs=epochs)
            trials.append(Trial(f"r{PILOT_ROUND}-{short.slug}", "trial", PILOT_ROUND, short))
    return trials


def choose_threads(run: Run, records: Iterable[Record]) -> Run:
    """Return the plan with the threads of every case whose pilot has ended.

    Cases without a complete pilot keep 0 threads. Once a round of a case has begun, its threads
    stay: a pilot whose record was damaged is measured again and could choose otherwise.
    """
    seconds: dict[_Key, dict[int, float]] = defaultdict(dict)
    in_use: dict[_Key, int] = {}
    for record in records:
        case = record.case
        if not isinstance(record, TrialRecord) or not case.tried_threads:
            continue
        if record.round != PILOT_ROUND:
            in_use.setdefault(_identify(case), case.threads)
        elif record.status != "interrupted":
            good = record.status == "ok"
            seconds[_identify(case)][case.threads] = (
                median(record.epoch_seconds) if good else math.inf
            )

    def choose(case: Case) -> Case:
        key = _identify(case)
        if not waits_for_pilot(case):
            return case
        if in_use.get(key) in case.tried_threads:
            return msgspec.structs.replace(case, threads=in_use[key])
        times = {n: seconds[key][n] for n in case.tried_threads if n in seconds[key]}
        if len(times) < len(case.tried_threads):
            return case
        return msgspec.structs.replace(case, threads=_find_best(times))

    return msgspec.structs.replace(
        run, cases=tuple(map(choose, run.cases)), sweep=tuple(map(choose, run.sweep))
    )


def _find_best(seconds: dict[int, float]) -> int:
    """Return the fewest threads that are as fast as any; without a success, the most.

    seconds: of an epoch, by the number of threads; infinite if the trial did not succeed.
    """
    least = min(seconds.values())
    if least == math.inf:
        return max(seconds)
    return min(n for n, time in seconds.items() if time * (1 - MIN_GAIN) <= least)


def split_pilot(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Return the records that tables rank, and those of the pilot."""
    ranked: list[Record] = []
    pilot: list[Record] = []
    for record in records:
        (pilot if record.round == PILOT_ROUND else ranked).append(record)
    return ranked, pilot


def _identify(case: Case) -> _Key:
    return case.workload, case.implementation, case.device, case.batch_size
