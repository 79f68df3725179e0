"""The pilot chooses the threads of each case, from the plan and the records alone."""

import msgspec
import pytest
from support.records import bare, case, ok, run

from bench.planning.pilot import choose_threads, list_candidates, split_pilot
from bench.planning.plan import find_missing_trials

OPEN = {"threads": 0, "tried_threads": (1, 2)}
LATER = {1: 1.0, 2: 0.5}  # two threads are chosen


def pilot(epochs, name="a", **changes):
    """Return the records of a pilot; epochs: seconds by threads, None for a timeout."""
    cases = {n: case(name, threads=n, tried_threads=(1, 2), **changes) for n in epochs}
    return [
        bare(cases[n], 1, status="timeout") if epoch is None else ok(cases[n], 1, epoch)
        for n, epoch in epochs.items()
    ]


def chosen(records, *cases, **plan):
    cases = cases or (case("a", **OPEN),)
    return [one.threads for one in choose_threads(run(*cases, **plan), records).cases]


@pytest.mark.parametrize(
    ("epochs", "threads"),
    [
        ({1: 1.0, 2: 0.5}, 2),
        ({1: 1.0, 2: 2.0}, 1),
        ({1: 1.0, 2: 0.98}, 1),  # 2 % are noise, 4 % are not
        ({1: 1.0, 2: 0.96}, 2),
        ({1: None, 2: 2.0}, 2),
        ({1: 2.0, 2: None}, 1),
        ({1: None, 2: None}, 2),
        ({1: 1.0}, 0),
        ({}, 0),
    ],
    ids=str,
)
def test_fewest_threads_that_are_as_fast_as_any_are_chosen(epochs, threads):
    assert chosen(pilot(epochs)) == [threads]


def test_median_epoch_decides():
    # Means: 3.4 and 2.0.
    records = [
        ok(case("a", threads=n, tried_threads=(1, 2)), epoch_seconds=seconds)
        for n, seconds in {1: [1.0, 1.0, 8.2], 2: [2.0, 2.0, 2.0]}.items()
    ]
    assert chosen(records) == [1]


def test_interrupted_trial_decides_nothing():
    first, second = pilot(LATER)
    interrupted = bare(second.case, status="interrupted")
    assert chosen([first, interrupted]) == [0]
    assert chosen([first, interrupted, second]) == [2]


def test_open_choice_is_provisionally_the_fewest_threads():
    planned = run(case("a", **OPEN))
    assert choose_threads(planned, pilot({2: 1.0}), provisional=True).cases[0].threads == 1
    assert choose_threads(planned, pilot({1: 2.0, 2: 1.0}), provisional=True).cases[0].threads == 2


def test_program_of_one_core_needs_no_second_number():
    planned = run(case("a", one_core=True, **OPEN))
    (only,) = list_candidates(planned.cases[0])
    assert only.threads == choose_threads(planned, pilot({1: 1.0})).cases[0].threads == 1


def test_threads_stay_once_a_later_round_has_begun():
    begun = ok(case("a", threads=1, tried_threads=(1, 2)), 2, 1.0)
    assert chosen([*pilot(LATER), begun]) == chosen([begun]) == [1]


def test_older_run_has_a_pilot_of_its_own_for_each_workload():
    """Nothing is missing of it, and its choices stay, though later rounds would make others."""
    open_cases = [case("a", **OPEN), case("a", workload="textbook", **OPEN)]
    planned = run(*open_cases, rounds={"sgd": 1, "textbook": 1})
    slow, fast = ({1: 1.0, 2: 0.5}, {1: 0.5, 2: 1.0})
    tried = [
        msgspec.structs.replace(record, round=0, trial=f"r0-{record.case.slug}")
        for record in (*pilot(slow), *pilot(fast, workload="textbook"))
    ]
    rounds = [
        ok(case("a", threads=2, tried_threads=(1, 2)), 1, 9.0),
        ok(case("a", threads=1, tried_threads=(1, 2), workload="textbook"), 1, 9.0),
    ]
    chosen_run = choose_threads(planned, [*tried, *rounds])
    assert [one.threads for one in chosen_run.cases] == [2, 1]
    assert split_pilot(chosen_run, [*tried, *rounds]) == (rounds, tried)
    assert find_missing_trials(planned, [*tried, *rounds]) == []
