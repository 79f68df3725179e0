"""What a start costs and when it pays: every number here is worked out by hand."""

import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import bare, case, environment, ok, run, trials

import bench
from bench import startup, store
from bench.intervals import Interval
from bench.startup import TARGET, find_break_evens, find_lead, find_starts, find_times_to_accuracy
from bench.summary import summarize

HERE = {"here": environment()}
PUBLISHED = Path(bench.__file__).parents[1] / "results" / "reference"


def parts(imports, setup, reset, first_epoch):
    return {
        "import_seconds": imports, "setup_seconds": setup, "reset_seconds": reset,
        "first_epoch_seconds": first_epoch,
    }  # fmt: skip


def names(found):
    return [each.case.implementation for each in found]


# ----- a start


def test_a_start_is_import_setup_reset_and_first_epoch_and_nothing_else():
    # Four powers of two: every sum of some of them is another number.
    (start,) = find_starts([ok(case(), 3, **parts(1.0, 2.0, 4.0, 8.0))])
    assert start.total_by_round == {3: 15.0}
    assert start.total == Interval(pytest.approx(15.0))
    found = (start.imports, start.setup, start.reset, start.first_epoch)
    assert found == pytest.approx((1.0, 2.0, 4.0, 8.0))
    assert start.parity_error == 1.5e-6


def test_starts_and_their_parts_are_averaged_geometrically_over_trials():
    # Totals 2 and 8: mean 4, and half = 12.706 * ln(4) / sqrt(2) / sqrt(2) = 8.807. The parts'
    # means are 1, 1.5, 0.25 and 0.75, together 3.5: they need not add up.
    (start,) = find_starts([
        ok(case(), 1, **parts(0.25, 0.5, 0.125, 1.125)),
        ok(case(), 2, **parts(4.0, 3.0, 0.5, 0.5)),
    ])  # fmt: skip
    assert start.total_by_round == {1: 2.0, 2: 8.0}
    assert start.total.mean == pytest.approx(4.0)
    assert start.total.high == pytest.approx(4 * math.exp(8.807), rel=1e-3)
    found = (start.imports, start.setup, start.reset, start.first_epoch)
    assert found == pytest.approx((1.0, math.sqrt(1.5), 0.25, 0.75))


def test_a_part_that_took_no_time_is_nought_and_the_total_goes_on():
    (start,) = find_starts([ok(case(), 1, **parts(0.5, 0.0, 0.0, 0.5)),
                       ok(case(), 2, **parts(2.0, 4.0, 0.0, 2.0))])  # fmt: skip
    assert (start.setup, start.reset) == (0.0, 0.0)
    assert start.imports == pytest.approx(1.0)
    assert start.total.mean == pytest.approx(math.sqrt(8.0))


@pytest.mark.parametrize("part", list(parts(0, 0, 0, 0)))
def test_a_trial_without_a_whole_start_does_not_count(part):
    whole, other = ok(case("a"), 1, **parts(1.0, 1.0, 1.0, 1.0)), ok(case("a"), 2, **{part: None})
    (start,) = find_starts([whole, other])
    assert start.total_by_round == {1: 4.0}
    assert find_starts([other]) == []


def test_a_start_that_no_clock_can_have_seen_does_not_count():
    assert find_starts([ok(case(), 1, **parts(0.0, 0.0, 0.0, 0.0))]) == []


def test_starts_stand_in_the_order_of_the_table_and_only_ranked_cases_have_one():
    records = [
        *trials(case("slow"), 0.9), *trials(case("fast"), 0.4),
        ok(case("half"), 1), ok(case("half"), 2, status="failed", reason="other mathematics"),
        bare(case("absent"), status="unavailable", reason="no GPU"),
        ok(case("figure"), kind="figure"),
    ]  # fmt: skip
    assert names(find_starts(records)) == ["fast", "slow"]
    assert names(find_times_to_accuracy(records)) == ["fast", "slow"]


def test_only_trials_that_went_well_count():
    records = [ok(case(), 1, **parts(1.0, 1.0, 1.0, 1.0)),
               ok(case(), 2, status="timeout", **parts(9.0, 9.0, 9.0, 9.0)),
               ok(case(), 3, kind="figure", **parts(9.0, 9.0, 9.0, 9.0))]  # fmt: skip
    (start,) = find_starts(records)
    assert start.total_by_round == {1: 4.0}


def test_records_may_come_from_a_generator_that_can_be_read_once():
    records = trials(case(), 0.5, 0.5)
    assert find_starts(iter(records)) == find_starts(records) != []
    assert find_times_to_accuracy(iter(records)) == find_times_to_accuracy(records) != []


def staged(*first_epochs):
    """Trials whose cold start takes so long, and whose first stage has two rounds."""
    records = [
        ok(case(), n, **parts(0.0, 0.0, 0.0, each), epoch_seconds=[each] * 5,
           validation_accuracy=[0.9] * 5)
        for n, each in enumerate(first_epochs, 1)
    ]  # fmt: skip
    return records, run(case(), precision=0.1, rounds={"sgd": 2, "textbook": 1})


def test_with_a_precision_the_spread_is_that_of_the_first_stage_in_whatever_order():
    # As in test_summary.py: of 1 and 1.1, and four values, half is 12.706 * 0.06739 / 2 = 0.4282.
    records, asked = staged(1.0, 1.1, 5.0, 7.0)
    for order in (records, records[::-1]):
        (start,), (reach,) = find_starts(order, asked), find_times_to_accuracy(order, run=asked)
        for found in (start.total, reach.warm, reach.cold):
            assert found.high / found.mean == pytest.approx(math.exp(0.4282), rel=1e-3)
    (plain,) = find_starts(records)
    assert plain.total.high / plain.total.mean != pytest.approx(math.exp(0.4282), rel=1e-3)


# ----- time to an accuracy


def test_the_first_epoch_that_reaches_the_target_counts_though_later_ones_fall_below():
    (reach,) = find_times_to_accuracy(
        [ok(case(), epoch_seconds=[1.0, 2.0, 4.0, 8.0, 16.0], **parts(32.0, 64.0, 128.0, 256.0),
            validation_accuracy=[0.1, 0.83, 0.85, 0.7, 0.9])]
    )  # fmt: skip
    assert (reach.epoch, reach.target, reach.reason) == (3, 0.84, None)
    assert reach.warm == Interval(pytest.approx(1 + 2 + 4))
    # The first epoch of the process stands for epoch 1: its 256 is there and the 1 is not.
    assert reach.cold == Interval(pytest.approx(32 + 64 + 128 + 256 + 2 + 4))
    assert reach.parity_error == 1.5e-6


def test_a_target_reached_at_once_takes_a_start_and_no_more():
    (reach,) = find_times_to_accuracy(
        [ok(case(), epoch_seconds=[2.0] * 5, **parts(1.0, 1.0, 1.0, 5.0))], 0.1
    )
    assert reach.epoch == 1
    assert (reach.warm.mean, reach.cold.mean) == pytest.approx((2.0, 8.0))


def test_an_accuracy_that_is_the_target_to_the_last_image_has_reached_it():
    just = [0.0, 10_080 / 12_000, 0.0, 0.0, 0.0]
    below = [0.0, 10_079 / 12_000, 0.0, 0.0, 0.0]
    assert find_times_to_accuracy([ok(case(), validation_accuracy=just)])[0].epoch == 2
    assert find_times_to_accuracy([ok(case(), validation_accuracy=below)])[0].epoch is None


def test_it_is_validation_accuracy_and_not_that_of_the_test_images():
    accuracies = {"validation_accuracy": [0.1] * 4 + [0.9], "test_accuracy": [0.9] * 5}
    assert find_times_to_accuracy([ok(case(), **accuracies)])[0].epoch == 5


def test_an_accuracy_that_was_not_reached_is_a_value_with_a_reason():
    (reach,) = find_times_to_accuracy(trials(case(), 0.5, 0.5))
    assert (reach.epoch, reach.cold, reach.warm) == (None, None, None)
    assert reach.reason == "not within 5 epochs"
    short = ok(case(epochs=1), epoch_seconds=[0.5], validation_accuracy=[0.2], test_accuracy=[0.2])
    (reach,) = find_times_to_accuracy([short])
    assert reach.reason == "not within 1 epoch"


def test_what_was_not_reached_was_not_in_as_many_epochs_as_every_such_trial_had():
    short = ok(case(), 1, epoch_seconds=[1.0] * 5, validation_accuracy=[0.5] * 5)
    long = ok(case(), 2, epoch_seconds=[1.0] * 7, validation_accuracy=[0.5] * 7)
    assert find_times_to_accuracy([short, long])[0].reason == "not within 5 epochs"


def test_one_trial_that_never_gets_there_leaves_no_mean_of_the_lucky_ones():
    lucky = [ok(case(), n, validation_accuracy=[0.9] * 5) for n in (1, 2)]
    late = ok(case(), 3, epoch_seconds=[0.1] * 6, validation_accuracy=[0.2] * 6)
    (reach,) = find_times_to_accuracy([*lucky, late])
    assert (reach.epoch, reach.cold, reach.warm) == (None, None, None)
    assert reach.reason == "not within 6 epochs in 1 of 3 trials"


def test_each_trial_has_its_own_epoch_and_the_row_the_latest():
    # Warm 1 + 1 and 1 + 1 + 6: the mean of 2 and 8 is 4. Cold 4 + 1 and 4 + 1 + 6: sqrt(55).
    same = {"epoch_seconds": [1.0, 1.0, 6.0, 1.0, 1.0], **parts(1.0, 1.0, 1.0, 1.0)}
    early = ok(case(), 1, validation_accuracy=[0.1, 0.84, 0.85, 0.85, 0.85], **same)
    later = ok(case(), 2, validation_accuracy=[0.1, 0.83, 0.85, 0.85, 0.85], **same)
    for records in ([early, later], [later, early]):
        (reach,) = find_times_to_accuracy(records)
        assert reach.epoch == 3
        assert (reach.warm.mean, reach.cold.mean) == pytest.approx((4.0, math.sqrt(55)))


def test_without_a_start_there_is_a_warm_time_and_a_reason_for_no_cold_one():
    (reach,) = find_times_to_accuracy(
        [ok(case(), setup_seconds=None, epoch_seconds=[1.0] * 5)], 0.15
    )
    assert (reach.epoch, reach.cold, reach.reason) == (2, None, startup.NO_START)
    assert reach.warm.mean == pytest.approx(2.0)


def test_an_accuracy_after_the_last_timed_epoch_is_no_time():
    (reach,) = find_times_to_accuracy(
        [ok(case(), epoch_seconds=[1.0] * 5, validation_accuracy=[0.1] * 5 + [0.9])]
    )
    assert reach.epoch is None


def test_published_softmax_rows_reach_the_target_after_the_first_and_within_their_epochs():
    folders = [path.parent for path in PUBLISHED.glob("*/trials.jsonl")]
    found = [
        reach
        for folder in folders
        for reach in find_times_to_accuracy(store.read_records(folder))
        if reach.case.objective == "softmax"
        and (reach.case.batch_size, reach.case.samples) == (32, 48000)
    ]
    assert {reach.case.workload for reach in found} == {"sgd", "textbook"}
    assert all(1 < reach.epoch <= reach.case.epochs for reach in found)
    two_errors = 2 * math.sqrt(TARGET * (1 - TARGET) / 12_000)
    assert 0.8463 - TARGET == pytest.approx(two_errors, abs=5e-4)  # noqa: SIM300 - it is measured


# ----- overtaking


@pytest.mark.parametrize(
    ("late", "gain", "first", "last"),
    [
        (3, 1, 5, None),  # 3 later, 1 sooner an epoch: level after epoch 4, ahead after epoch 5
        (2.5, 1, 4, None),  # level between 3.5 epochs and 4
        (0, 1, 2, None),  # level after the first epoch, ahead after the second
        (0, 0, None, None),  # never anything but level
        (0, -1, None, None),  # level, then behind
        (1, 0, None, None),
        (1, -1, None, None),
        (-1, 0, 1, None),
        (-1, 1, 1, None),
        (-3, -1, 1, 3),  # level again after epoch 4: a tie is not ahead
        (-2.5, -1, 1, 3),  # behind after epoch 4
        (-1, -3, 1, 1),  # behind as early as after epoch 2
    ],
)
def test_a_lead_begins_and_ends_with_the_epoch_that_decides_it(late, gain, first, last):
    assert find_lead(Fraction(late), Fraction(gain)) == (first, last)


@given(st.integers(-60, 60), st.integers(-12, 12), st.integers(1, 7))
def test_a_lead_is_what_counting_epoch_by_epoch_finds(late, gain, unit):
    late, gain = Fraction(late, unit), Fraction(gain, unit)
    ahead = [n for n in range(1, 101) if late < (n - 1) * gain]
    first, last = find_lead(late, gain)
    assert first == (ahead[0] if ahead else None)
    assert last == (None if not ahead or ahead[-1] == 100 else ahead[-1])


def timed(implementation, start, epoch, *, rounds=1, **changes):
    """Trials with a start of so many seconds and epochs of so many; drift is in ``rounds``."""
    of = case(implementation, **changes)
    factors = rounds if isinstance(rounds, tuple) else (1.0,) * rounds
    return [
        ok(of, n, **parts(0.0, 0.0, 0.0, start * factor), epoch_seconds=[epoch * factor] * 5)
        for n, factor in enumerate(factors, 1)
    ]


def overtaken(*records):
    return find_break_evens(summarize(records, HERE), find_starts(records))


def test_a_tuned_row_is_ahead_once_its_epochs_have_made_up_for_its_start():
    # 10 + (n - 1) * 1 < 4 + (n - 1) * 2 from n = 8 on, where it is 17 to 18.
    (found,) = overtaken(*timed("tuned", 10, 1, style="tuned"), *timed("plain", 4, 2))
    assert (found.ahead_from, found.ahead_until) == (8, None)
    assert (found.tuned.case.implementation, found.simpler.case.implementation) == (
        "tuned", "plain",
    )  # fmt: skip


def test_a_tuned_row_with_a_shorter_start_and_a_longer_epoch_is_ahead_until_it_is_not():
    # 1 + (n - 1) * 2 < 4 + (n - 1) * 1 up to n = 3: 5 to 6; after epoch 4 both took 7.
    (found,) = overtaken(*timed("tuned", 1, 2, style="tuned"), *timed("plain", 4.5, 1))
    assert (found.ahead_from, found.ahead_until) == (1, 4)


def test_the_same_times_are_never_ahead():
    (found,) = overtaken(*timed("tuned", 3, 0.7, style="tuned"), *timed("plain", 3, 0.7))
    assert (found.ahead_from, found.ahead_until, found.certain) == (None, None, False)


def test_tuned_rows_are_held_against_idiomatic_ones_of_the_same_problem_alone():
    changes = [
        {"objective": "one-vs-rest"}, {"workload": "textbook"}, {"device": "gpu"},
        {"batch_size": 64}, {"threads": 1}, {"samples": 96}, {"style": "tuned"}, {"style": "own"},
    ]  # fmt: skip
    records = [each for n, change in enumerate(changes) for each in timed(f"{n}", 1, 1, **change)]
    records += [*timed("mine", 1, 2, style="tuned"), *timed("a", 1, 3), *timed("b", 1, 4)]
    records += [ok(case("wrong"), status="failed"), ok(case("bad", style="tuned"), status="failed")]
    found = overtaken(*records)
    pairs = [(one.tuned.case.implementation, one.simpler.case.implementation) for one in found]
    assert pairs == [("6", "a"), ("6", "b"), ("mine", "a"), ("mine", "b")]


def test_a_pair_without_both_starts_is_left_out():
    records = [*timed("tuned", 10, 1, style="tuned"), *timed("plain", 4, 2), *timed("other", 4, 3)]
    found, known = summarize(records, HERE), find_starts(records)
    without = [start for start in known if start.case.implementation != "plain"]
    (left,) = find_break_evens(found, without)
    assert left.simpler.case.implementation == "other"
    assert find_break_evens(found, [start for start in known if start.case.style != "tuned"]) == []


DRIFT = (1.0, 2.0, 3.0)


def test_an_overtaking_is_told_where_both_ratios_are_told_from_one_round_by_round():
    # Each row drifts threefold, its ratio to its neighbour in the round not at all.
    slow = timed("tuned", 10, 1, style="tuned", rounds=DRIFT)
    assert overtaken(*slow, *timed("plain", 4, 2, rounds=DRIFT))[0].certain is True
    assert overtaken(*slow, *timed("plain", 10, 2, rounds=DRIFT))[0].certain is False
    assert overtaken(*slow, *timed("plain", 4, 1, rounds=DRIFT))[0].certain is False


def test_an_overtaking_is_told_in_whatever_direction_the_ratios_lie():
    mine = timed("tuned", 4, 2, style="tuned", rounds=DRIFT)
    assert overtaken(*mine, *timed("plain", 10, 1, rounds=DRIFT))[0].certain is True


def test_one_round_or_no_common_one_tells_nothing():
    assert (
        overtaken(*timed("tuned", 9, 1, style="tuned"), *timed("plain", 4, 2))[0].certain is False
    )
    mine = timed("tuned", 9, 1, style="tuned", rounds=3)[:2]
    assert overtaken(*mine, timed("plain", 4, 2, rounds=3)[2])[0].certain is False
