"""What of a run is done: which trials are still to be made, in which order, and how long yet."""

import pytest
from support.records import bare, case, ok, run, trials

from bench.runner import progress
from bench.runner.progress import Progress, missing_trials, plan_rounds

ONE, TWO = case("pytorch"), case("jax")


def done(planned, *trials, **changes):
    """Return the records of trials that went well; each took 12 s, an epoch of the round's own."""
    epochs = {1: 1.0, 2: 1.02, 3: 1.04}
    return [
        ok(each.case, each.round, epochs.get(each.round, 1.0), trial=each.id, run=planned.run,
           kind=each.kind, **changes)
        for each in trials
    ]  # fmt: skip


def test_what_has_a_record_is_not_missing_and_the_others_keep_their_order():
    planned = run(ONE, TWO)
    every = missing_trials(planned, [])
    assert len(every) == 4
    assert missing_trials(planned, done(planned, every[2], every[0])) == [every[1], every[3]]
    assert missing_trials(planned, done(planned, *every)) == []


def test_what_was_interrupted_is_still_missing_and_what_failed_is_not():
    planned = run(ONE)
    first, second = missing_trials(planned, [])
    records = [
        bare(ONE, 1, trial=first.id, status="interrupted"),
        bare(ONE, 2, trial=second.id, status="failed"),
    ]
    assert missing_trials(planned, records) == [first]
    followed = Progress(planned, records)
    assert followed.plan_stage() == [first]
    assert (followed.total, followed.remaining) == (2, 1)


def test_what_ends_is_left_no_more_unless_it_was_interrupted():
    planned = run(ONE)
    followed = Progress(planned, [])
    first, second = followed.plan_stage()
    assert followed.remaining_trials == (first, second)
    followed.add(bare(ONE, 1, trial=first.id, status="interrupted"))
    assert (followed.remaining, followed.remaining_trials) == (2, (first, second))
    followed.add(*done(planned, first))
    assert (followed.remaining, followed.remaining_trials) == (1, (second,))
    followed.add(*done(planned, second))
    assert (followed.remaining, followed.remaining_trials) == (0, ())
    assert followed.plan_stage() == []


def test_a_sweep_is_a_stage_of_its_own_and_the_last():
    planned = run(ONE, sweep=(case("pytorch", batch_size=96),))
    followed = Progress(planned, [])
    stage = followed.plan_stage()
    assert ([each.case.batch_size for each in stage], followed.remaining) == ([32, 32], 3)
    for record in done(planned, *stage):
        followed.add(record)
    assert [each.case.batch_size for each in followed.plan_stage()] == [96]


def test_the_rounds_that_a_precision_takes_follow_when_the_first_stage_is_done():
    # As in tests/test_run.py: five rounds of epochs that differ by 2 %.
    planned = run(ONE, rounds={"sgd": 3}, precision=0.04)
    followed = Progress(planned, [])
    first = followed.plan_stage()
    assert [each.round for each in first] == [1, 2, 3]
    for record in done(planned, *first):
        followed.add(record)
    assert [each.round for each in followed.plan_stage()] == [4, 5]
    assert (followed.total, followed.remaining) == (5, 2)


def test_an_interrupted_trial_of_the_first_stage_leaves_the_number_of_rounds_open():
    planned = run(ONE, rounds={"sgd": 3}, precision=0.04)
    *most, last = missing_trials(planned, [])
    records = [*done(planned, *most), bare(ONE, 3, trial=last.id, status="interrupted")]
    assert Progress(planned, records).plan_stage() == [last]


def test_plan_rounds_needs_a_whole_successful_first_stage():
    # Logarithms of 1 and 1.1: s = 0.09531 / sqrt(2), t = 12.706: (t * s / ln 1.1)^2 = 80.7.
    plan = run(ONE, precision=0.1)
    assert plan_rounds(plan, trials(ONE, 1.0, 1.1)) == {ONE.slug: 81}
    assert plan_rounds(plan, trials(ONE, 1.0, 1.1, 5.0)[::-1]) == {ONE.slug: 81}
    assert plan_rounds(plan, trials(ONE, 1.0)) == {}
    assert plan_rounds(plan, [*trials(ONE, 1.0), bare(ONE, 2)]) == {}
    assert plan_rounds(plan, [*trials(ONE, 1.0, 1.1), bare(ONE, 3)]) == {}
    assert plan_rounds(plan, trials(TWO, 1.0, 1.1)) == {}
    assert plan_rounds(run(ONE), trials(ONE, 1.0, 1.1)) == {}
    assert plan_rounds(plan, trials(ONE, 1e-9, 1e9)) == {ONE.slug: 1000}


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress, "now", lambda: now[0])
    return now


def test_a_budget_is_spent_where_the_longest_trial_of_that_case_would_not_fit_any_more(clock):
    planned = run(ONE, TWO, budget=35.0)
    first, *_ = missing_trials(planned, [])
    other = next(each for each in missing_trials(planned, []) if each.case != first.case)
    records = done(planned, first)
    followed = Progress(planned, records)
    clock[0] += 23.0
    assert (followed.exceeds_budget(first), followed.exceeds_budget(other)) == (False, False)
    clock[0] += 0.5
    assert (followed.exceeds_budget(first), followed.exceeds_budget(other)) == (True, False)
    followed.add(*done(planned, first, wall_seconds=1.0))  # no shorter one makes it fit
    assert followed.exceeds_budget(first)
    clock[0] += 12.0
    assert followed.exceeds_budget(other)


def test_without_a_budget_none_is_ever_spent(clock):
    planned = run(ONE)
    (first, _), followed = missing_trials(planned, []), Progress(planned, [])
    clock[0] += 1e9
    assert not followed.exceeds_budget(first)
