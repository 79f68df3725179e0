"""The threads of each row follow from the plan and the records alone."""

import msgspec
import pytest
from support.records import bare, case, ok, run

from bench.planning.plan import Part, Schedule, plan_trials
from bench.planning.threads import choose_threads, split_tried

SINGLE, ALL = case("a", threads=1), case("a", threads=2)
PLAN = run(SINGLE, case("b", threads=1), variants=(ALL,), lean_from=2)
SINGLES = [ok(SINGLE, 1, 1.0), ok(SINGLE, 2, 0.9)]


def times(*epochs, of=ALL):
    """Return records of a variant; epochs: seconds, None for a timeout."""
    return [
        bare(of, number, status="timeout") if epoch is None else ok(of, number, epoch)
        for number, epoch in enumerate(epochs, 1)
    ]


@pytest.mark.parametrize(
    ("tried", "threads"),
    [
        ((0.5, 0.87), 2),
        ((0.5, 0.88), 1),  # 2.2 % less than the fastest process on one thread
        ((0.5,), 1),  # one process decides nothing
        ((None, 0.5), 1),
        ((), 1),
    ],
    ids=str,
)
def test_all_cores_are_chosen_if_both_processes_win(tried, threads):
    chosen = choose_threads(PLAN, [*SINGLES, *times(*tried)])
    assert [one.threads for one in chosen.cases] == [threads, 1]
    late = ok(SINGLE, 3, 0.1)  # the choice does not change later
    assert choose_threads(PLAN, [*SINGLES, *times(*tried), late]) == chosen


def test_interrupted_trial_of_a_variant_decides_nothing():
    interrupted = bare(ALL, 2, status="interrupted")
    chosen = choose_threads(PLAN, [*SINGLES, *times(0.5), interrupted])
    assert chosen.cases[0].threads == 1


def test_second_process_of_a_variant_needs_a_win_and_later_rounds_have_the_chosen_threads():
    others = [ok(PLAN.cases[1], number, 5.0) for number in (1, 2)]
    planned = msgspec.structs.replace(PLAN, rounds={"sgd": 3})

    def find(*tried):
        missing = Schedule(planned, [*SINGLES, *others, *times(*tried)]).missing
        return {part: [trial.id for trial in trials] for part, trials in missing.items()}

    assert find()[Part.THREADS] == [f"r1-{ALL.slug}", f"r2-{ALL.slug}"][:1]
    assert find(0.5)[Part.THREADS] == [f"r2-{ALL.slug}"]
    assert Part.THREADS not in find(1.0)
    for tried, slug in (((1.0,), SINGLE.slug), ((0.5, 0.5), ALL.slug)):
        assert f"r3-{slug}" in find(*tried)[Part.LEADERS]
        assert len(find(*tried)[Part.LEADERS]) == 2
    ids = {trial.id: trial.lean for trial in plan_trials(planned)}
    assert (ids[f"r1-{ALL.slug}"], ids[f"r1-{SINGLE.slug}"]) == (True, False)


def test_records_of_threads_that_were_not_chosen_are_not_ranked():
    tried = times(0.5, 0.5)
    for records, ranked in (([*SINGLES, *tried[:1]], SINGLES), ([*SINGLES, *tried], tried)):
        assert split_tried(choose_threads(PLAN, records), records)[0] == ranked
    both = run(SINGLE, ALL)  # each number of threads is a row
    assert split_tried(both, [*SINGLES, *tried]) == ([*SINGLES, *tried], [])
