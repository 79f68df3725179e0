"""A run says how noisy it was: every number here is worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from support.records import MACHINE, case, environment, ok, trials

from bench.intervals import Interval
from bench.noise import Noise, measure_noise
from bench.ranking import find_ties
from bench.report.render import text
from bench.report.sections import comparison
from bench.summary import summarize

HERE = {"here": environment()}
QUIET = Noise(
    within=0.5,
    between=0.02,
    drift=Interval(1.0, 0.99, 1.01),
    others=0.01,
    steal=0.0,
    clock=0.01,
    throttled=0,
)


def timed(of, logs):
    """Return trials of a case, whose median epochs have these logarithms by round."""
    return [ok(of, number, epoch_seconds=[math.exp(value)] * 3) for number, value in logs.items()]


def numbered(*logs):
    return dict(enumerate(logs, 1))


def watched(**conditions):
    """Return a good trial with these conditions."""
    return ok(case(), conditions=conditions)


def names(pairs):
    return [(a.case.implementation, b.case.implementation) for a, b in pairs]


# ----- spreads


def test_the_spread_within_is_pooled_over_processes_by_their_degrees_of_freedom():
    # Variances of the logarithms 1/2 with one degree of freedom, 1 with two: (1/2 + 2) / 3.
    first = ok(case(), 1, epoch_seconds=[1.0, math.e])
    second = ok(case(), 2, epoch_seconds=[5.0, 5 * math.e, 5 * math.e**2])
    alone = ok(case(), 3, epoch_seconds=[1000.0])
    found = measure_noise([first, second, alone], HERE)
    assert found.within == pytest.approx(math.sqrt(2.5 / 3))


def test_two_epochs_of_one_process_have_a_spread():
    found = measure_noise([ok(case(), epoch_seconds=[1.0, math.e])], HERE)
    assert found.within == pytest.approx(math.sqrt(0.5))


def test_processes_of_one_epoch_and_cases_of_one_round_have_no_spread():
    found = measure_noise(
        [ok(case("a"), epoch_seconds=[1.0]), ok(case("b"), epoch_seconds=[9.0])], HERE
    )
    assert (found.within, found.between) == (None, None)


def test_the_spread_between_is_free_of_what_moved_all_cases_alike():
    # One takes ten times the other, both get slower by a factor of 1.5, then of 3.
    logs = [0.0, math.log(1.5), math.log(4.5)]
    fast, slow = (
        timed(case("fast"), numbered(*logs)),
        timed(case("slow"), numbered(*(value + math.log(10) for value in logs))),
    )
    assert measure_noise([*fast, *slow], HERE).between == pytest.approx(0, abs=1e-9)


def test_the_spread_between_is_of_each_case_about_its_own_rounds():
    # Twenty cases of two rounds that differ by 0.2, half of them one way and half the other, so
    # that nothing drifts: each has the variance 0.02. What is lost to the drift is 1 in 20.
    records = []
    for number in range(20):
        logs = (number, number + 0.2) if number % 2 else (number + 0.2, number)
        records += timed(case(f"a{number}"), numbered(*logs))
    assert measure_noise(records, HERE).between == pytest.approx(math.sqrt(0.02), rel=0.03)


def test_the_spread_between_takes_the_median_epoch_of_a_process():
    slow_start = {"epoch_seconds": [50.0, 1.0, 1.0]}
    late = {"epoch_seconds": [1.0, 1.0, 0.01]}
    records = [ok(case(name), number, **(slow_start if number == 1 else late))
               for name in ("a", "b") for number in (1, 2)]  # fmt: skip
    records += [ok(case("c"), 1, epoch_seconds=[1.0]), ok(case("c"), 2, **slow_start)]
    assert measure_noise(records, HERE).between == pytest.approx(0, abs=1e-9)


def test_taking_the_drift_out_costs_degrees_of_freedom():
    # Deviations after cases and rounds are 1/2, -1/2, -1/2 and 1/2; of four numbers two cases and
    # one difference of rounds are spent, so that 4 * 1/4 is the variance, not half of it.
    records = timed(case("a"), numbered(0, 2)) + timed(case("b"), numbered(0, 0))
    assert measure_noise(records, HERE).between == pytest.approx(1.0)


def of_the_whole_design(trials):
    """Fit case and round with a row a trial: what noise() must come to in another way."""
    named = {each for trial in trials for each in trial[:2]}  # letters and numbers
    design = np.array([[float(each in trial[:2]) for each in named] for trial in trials])
    logs = np.array([log for *_, log in trials])
    freedom = len(trials) - np.linalg.matrix_rank(design)
    left = logs - design @ np.linalg.lstsq(design, logs, rcond=None)[0]
    return math.sqrt((left**2).sum() / freedom) if freedom else None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 5), st.floats(-1, 1)), min_size=1,
                max_size=20))  # fmt: skip
def test_the_spread_between_is_that_of_the_whole_design_whatever_is_missing(trials):
    records = [ok(case(name), number, epoch_seconds=[math.exp(log)])
               for name, number, log in trials]  # fmt: skip
    expected = of_the_whole_design(trials)
    found = measure_noise(records, HERE).between
    assert (found is None) == (expected is None)
    assert expected is None or found == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_one_case_alone_cannot_tell_its_spread_from_drift():
    assert measure_noise(timed(case(), numbered(0.0, 1.0, 0.0)), HERE).between is None


def test_of_a_run_without_good_trials_nothing_is_known():
    failed = [ok(case(), number, status="failed", conditions={"seconds": 9.0, "throttled": 1.0})
              for number in (1, 2, 3)]  # fmt: skip
    figure = ok(case(), kind="figure", conditions={"seconds": 9.0, "mhz_before": 1.0})
    found = measure_noise([*failed, figure], HERE)
    assert found == Noise(None, None, None, None, None, None, None)
    assert found.causes == []


# ----- drift


def test_an_exact_drift_is_the_factor_from_the_first_round_to_the_last():
    found = measure_noise(timed(case(), numbered(0.0, 0.1, 0.2)), HERE).drift
    assert (found.mean, found.low, found.high) == pytest.approx((math.exp(0.2),) * 3)


def test_rounds_that_are_missing_keep_their_distance():
    # Rounds 1, 2 and 4: three steps of 0.1.
    found = measure_noise(timed(case(), {1: 0.0, 2: 0.1, 4: 0.3}), HERE).drift
    assert found.mean == pytest.approx(math.exp(0.3))


def test_the_interval_of_the_drift_of_three_rounds():
    # Slope 0.03; residuals 0.01, -0.02, 0.01: error sqrt(0.0006 / 1 / 2) = 0.017321, and with one
    # degree of freedom half = 12.706 * 0.017321 = 0.22008; the line is two rounds long.
    found = measure_noise(timed(case(), numbered(0.0, 0.0, 0.06)), HERE).drift
    assert found.mean == pytest.approx(math.exp(0.06))
    assert found.low == pytest.approx(math.exp(2 * (0.03 - 0.22008)), rel=1e-4)
    assert found.high == pytest.approx(math.exp(2 * (0.03 + 0.22008)), rel=1e-4)


def test_the_interval_of_the_drift_of_four_rounds():
    # Slope 0.02; residuals -0.02, 0.06, -0.06, 0.02: error sqrt(0.008 / 2 / 5) = 0.028284, and
    # with two degrees of freedom half = 4.3027 * 0.028284 = 0.12170; three rounds long.
    found = measure_noise(timed(case(), numbered(0.0, 0.1, 0.0, 0.1)), HERE).drift
    assert found.mean == pytest.approx(math.exp(0.06))
    assert found.low == pytest.approx(math.exp(3 * (0.02 - 0.12170)), rel=1e-4)
    assert found.high == pytest.approx(math.exp(3 * (0.02 + 0.12170)), rel=1e-4)


def test_drift_is_the_mean_of_the_cases():
    moving, still = timed(case("a"), numbered(0, 0.2, 0.4)), timed(case("b"), numbered(5, 5, 5))
    assert measure_noise([*moving, *still], HERE).drift.mean == pytest.approx(math.exp(0.2))


def test_a_case_that_lacks_a_round_is_measured_against_itself():
    whole, short = timed(case("a"), numbered(0, 0, 0)), timed(case("b"), numbered(7, 7))
    found = measure_noise([*whole, *short], HERE).drift
    assert (found.mean, found.low, found.high) == pytest.approx((1, 1, 1))


def test_a_case_of_one_round_says_nothing_of_drift():
    once = timed(case("b", workload="textbook"), {1: 3.0})
    found = measure_noise([*timed(case("a"), numbered(0, 0.1, 0.2)), *once], HERE).drift
    assert (found.mean, found.low) == pytest.approx((math.exp(0.2),) * 2)


def test_an_implementation_has_a_case_in_each_workload():
    records = [
        *timed(case("a"), numbered(0, 0.1, 0.2)),
        *timed(case("a", workload="textbook"), numbered(5, 5, 5)),
    ]
    assert measure_noise(records, HERE).drift.mean == pytest.approx(math.exp(0.1))


def test_two_rounds_show_no_drift():
    assert measure_noise(timed(case(), numbered(0.0, 1.0)), HERE).drift is None


def test_drift_is_the_same_where_some_cases_have_more_rounds():
    # Both get slower by 0.01 a round; a precision gave nine rounds to one and three to the other.
    few = timed(case("a"), {number: 0.01 * number for number in range(1, 4)})
    many = timed(case("b"), {number: 0.01 * number for number in range(1, 10)})
    assert measure_noise([*few, *many], HERE).drift.mean == pytest.approx(math.exp(0.08))


# ----- shares of time, clock, heat


def test_shares_are_of_the_time_of_all_the_machines_processors():
    # 10 s and 30 s on four processors are 160 s; others took 2 + 6 of them, the hypervisor 1.6.
    here = {"here": environment(machine={**MACHINE, "processors": 4})}
    records = [watched(seconds=10.0, others_seconds=2.0, steal_seconds=0.4),
               watched(seconds=30.0, others_seconds=6.0, steal_seconds=1.2)]  # fmt: skip
    found = measure_noise(records, here)
    assert (found.others, found.steal) == pytest.approx((8 / 160, 1.6 / 160))


@pytest.mark.parametrize(
    ("environments", "processors"),
    [
        ({"here": environment(machine={"processors": 8, "cores": 2})}, 8),
        ({"here": environment(machine={"processors": None, "cores": 4})}, 4),
        ({"here": environment(machine={"cores": 4})}, 4),
        ({"here": environment(machine={})}, 3),
        ({"elsewhere": environment(machine={"processors": 8})}, 3),
    ],
)
def test_where_the_processors_are_unknown_the_cores_count_and_then_the_threads(
    environments, processors
):
    record = ok(case(threads=3), conditions={"seconds": 10.0, "others_seconds": 6.0})
    assert measure_noise([record], environments).others == pytest.approx(0.6 / processors)


def test_each_environment_has_its_own_processors():
    # 10 s on two and 10 s on eight are 100 s, of which others took 5.
    environments = {name: environment(id=name, machine={"processors": processors})
                    for name, processors in (("small", 2), ("large", 8))}  # fmt: skip
    records = [
        ok(case(), environment=name, conditions={"seconds": 10.0, "others_seconds": 2.5})
        for name in environments
    ]
    assert measure_noise(records, environments).others == pytest.approx(0.05)


def test_nothing_taken_is_a_share_of_nothing_and_no_time_at_all_is_unknown():
    found = measure_noise([watched(seconds=10.0, others_seconds=0.0, steal_seconds=0.0)], HERE)
    assert (found.others, found.steal) == (0, 0)
    found = measure_noise([watched(seconds=0.0, others_seconds=1.0, steal_seconds=1.0)], HERE)
    assert (found.others, found.steal) == (None, None)


def test_the_clock_varies_from_the_smallest_mean_to_the_largest_before_or_after():
    records = [watched(mhz_before=2500.0, mhz_after=2000.0),
               watched(mhz_before=3000.0, mhz_after=None), watched(mhz_before=0.0)]  # fmt: skip
    assert measure_noise(records, HERE).clock == pytest.approx(0.5)
    assert measure_noise([watched(mhz_after=2000.0)], HERE).clock == 0


def test_throttling_is_counted_over_all_trials():
    records = [watched(throttled=2.0), watched(throttled=None), watched(throttled=3.0), watched()]
    assert measure_noise(records, HERE).throttled == 5
    assert measure_noise([watched(throttled=0.0)], HERE).throttled == 0


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"load_before": 1.0, "load_after": 1.0, "mhz_before": None, "steal_seconds": 0.5},
        dict.fromkeys(("seconds", "others_seconds", "steal_seconds", "throttled", "mhz_after")),
    ],
)
def test_older_records_and_other_systems_leave_shares_clock_and_heat_unknown(conditions):
    found = measure_noise([watched(**conditions)], HERE)
    assert (found.others, found.steal, found.clock, found.throttled) == (None,) * 4
    assert found.causes == []


def test_a_share_is_of_the_trials_that_know_their_seconds():
    # A run of an older version that was resumed: only the second of its trials has its seconds.
    records = [watched(steal_seconds=10.0), watched(seconds=10.0, steal_seconds=0.2)]
    assert measure_noise(records, HERE).steal == pytest.approx(0.01)


# ----- causes


def test_a_quiet_run_has_no_cause():
    assert QUIET.causes == []


@pytest.mark.parametrize(
    ("name", "most", "over", "says"),
    [
        ("others", 0.05, 0.0625, "other processes took 6.2% of the cores"),
        ("steal", 0.01, 0.0125, "the hypervisor took 1.2% of the time"),
        ("clock", 0.05, 0.0625, "the clock varied by 6%"),
        ("throttled", 0, 1.0, "cores were throttled 1 times"),
        ("between", 0.10, 0.125, "processes of one case differ by 12%"),
    ],
)
def test_a_cause_is_named_above_its_threshold_and_not_at_it(name, most, over, says):
    assert replace(QUIET, **{name: most}).causes == []
    assert len(replace(QUIET, **{name: most + 1e-9}).causes) == 1
    assert replace(QUIET, **{name: over}).causes == [says]
    assert replace(QUIET, **{name: None}).causes == []


@pytest.mark.parametrize(
    ("drift", "causes"),
    [
        (Interval(1.10, 1.02, 1.18), ["times drifted by 10% over the rounds"]),
        (Interval(0.90, 0.85, 0.98), ["times drifted by 10% over the rounds"]),
        (Interval(1.0501, 1.04, 1.06), ["times drifted by 5% over the rounds"]),
        (Interval(1.0499, 1.04, 1.06), []),
        (Interval(0.9501, 0.94, 0.96), []),
        (Interval(1.10, 1.00, 1.20), []),
        (Interval(0.90, 0.80, 1.00), []),
        (Interval(1.10, 0.80, 1.50), []),
        (Interval(1.10), []),
        (None, []),
    ],
)
def test_drift_is_a_cause_where_it_is_both_large_and_certain(drift, causes):
    assert replace(QUIET, drift=drift).causes == causes


def on_gpu(**conditions):
    return [ok(case(device="gpu"), number, device_conditions=conditions) for number in (1, 2)]


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({"throttle_after": 4.0}, ["the GPU was throttled by power cap in 2 of 2 trials"]),
        ({"throttle_before": 1.0, "throttle_after": 0.0}, []),
        ({"other_processes": 1.0}, ["another process was on the GPU in 2 of 2 trials"]),
        ({"other_processes": 0.0}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_what_held_a_gpu_back_is_a_cause(conditions, says):
    assert measure_noise(on_gpu(**conditions), HERE).causes == says
    cpu = [ok(case(), number, device_conditions=conditions) for number in (1, 2)]
    assert (measure_noise(cpu, HERE).causes, measure_noise(cpu, HERE).gpu) == ([], None)


@pytest.mark.parametrize(
    ("most", "causes"), [(1049.0, []), (1051.0, ["the GPU's clock varied by 5%"])]
)
def test_the_clock_of_a_gpu_is_a_cause_where_it_varies(most, causes):
    first, second = on_gpu()
    read = [structs.replace(each, device_conditions={"sm_mhz_after": mhz})
            for each, mhz in ((first, most), (second, 1000.0))]  # fmt: skip
    assert measure_noise(read, HERE).causes == causes


def test_causes_are_named_in_one_order():
    drift = Interval(2.0, 1.5, 3.0)
    worst = Noise(0.5, 0.5, drift, others=0.5, steal=0.5, clock=0.5, throttled=7)
    assert [cause.split(" ")[-3:] for cause in worst.causes] == [
        ["of", "the", "cores"], ["of", "the", "time"], ["varied", "by", "50%"],
        ["throttled", "7", "times"], ["differ", "by", "50%"], ["over", "the", "rounds"],
    ]  # fmt: skip


# ----- neighbours

# b / a is 1.1, 1.2 and 1.3 and not told from 1; c / a is 1.2, 1.2 and 1.3 and told, from 1.10 on;
# d takes ten times the others (tests/test_summary.py).
A, B, C, D = (1.0, 1.0, 1.0), (1.1, 1.2, 1.3), (1.2, 1.2, 1.3), (10.0, 10.0, 10.0)


def rows_of(**times):
    records = [record for name, epochs in times.items() for record in trials(case(name), *epochs)]
    return summarize(records, HERE)


def test_neighbours_are_untold_where_their_ratio_may_be_one():
    assert names(find_ties(rows_of(a=A, b=B))) == [("a", "b")]
    assert find_ties(rows_of(a=A, c=C)) == []
    assert names(find_ties(rows_of(a=A, b=A))) == [("a", "b")]


def test_only_neighbours_are_compared():
    # a and b, b and c; but d with c only, and a never with c.
    assert names(find_ties(rows_of(d=D, c=C, b=B, a=A))) == [("a", "b"), ("b", "c")]


def test_neighbours_without_a_common_round_or_with_one_are_untold():
    apart = summarize(
        [ok(case("a"), 1), ok(case("a"), 2), ok(case("b"), 3), ok(case("b"), 4)], HERE
    )
    assert names(find_ties(apart)) == [("a", "b")]
    assert names(find_ties(rows_of(a=[1.0], b=[9.0]))) == [("a", "b")]


def test_a_row_alone_and_a_row_that_failed_have_no_neighbour():
    assert find_ties(rows_of(a=A)) == []
    assert find_ties([]) == []
    failed = trials(case("b"), *B, status="failed")
    assert find_ties(summarize([*trials(case("a"), *A), *failed], HERE)) == []
    assert find_ties(summarize(failed, HERE)) == []


def test_a_row_that_failed_does_not_part_its_neighbours():
    failed = [ok(case("f"), 1, 1.05), ok(case("f"), 2, 1.05), ok(case("f"), 3, status="failed")]
    found = summarize([*trials(case("a"), *A), *trials(case("b"), *B), *failed], HERE)
    assert names(find_ties(found)) == [("a", "b")]


def test_a_one_vs_rest_row_between_two_softmax_rows_does_not_part_them():
    other = trials(case("o", objective="one-vs-rest"), 1.05, 1.05, 1.05)
    found = summarize([*trials(case("a"), *A), *other, *trials(case("b"), *B)], HERE)
    assert [row.case.implementation for row in found] == ["a", "o", "b"]
    assert names(find_ties(found)) == [("a", "b")]


def test_each_workload_has_its_own_neighbours():
    records = [
        record
        for workload in ("sgd", "textbook")
        for name, times in (("a", A), ("b", B))
        for record in trials(case(name, workload=workload), *times)
    ]
    found = find_ties(summarize(records, HERE))
    assert [pair[0].case.workload for pair in found] == ["sgd", "textbook"]
    assert names(found) == [("a", "b")] * 2


# ----- what the report says


def test_neighbours_that_cannot_be_told_apart_are_named_with_what_disturbed_the_run():
    (line,) = text.describe_noisy_pairs(rows_of(a=A, b=B, c=C, d=D), replace(QUIET, others=0.25))
    assert "noisy" in line
    assert "other processes took 25.0% of the cores" in line
    assert "a and b, b and c" in line
    assert "d" not in line.partition("a and b, b and c")[2].replace("cannot be told apart", "")


def test_a_quiet_machine_is_not_blamed_for_neighbours_that_cannot_be_told_apart():
    (line,) = text.describe_noisy_pairs(rows_of(a=A, b=B), QUIET)
    assert "a and b" in line
    assert "nois" not in line
    assert "disturb" not in line.lower()


def test_where_all_are_told_apart_nothing_is_said_however_noisy_the_run_was():
    assert text.describe_noisy_pairs(rows_of(a=A, c=C), replace(QUIET, others=0.25)) == []


def test_a_workload_of_one_round_is_not_called_noisy():
    assert text.describe_noisy_pairs(rows_of(a=[1.0], b=[1.1]), replace(QUIET, others=0.25)) == []


def test_a_row_that_has_no_interval_does_not_part_those_that_have():
    found = rows_of(a=A, b=B, o=[1.05])
    assert [row.case.implementation for row in found] == ["a", "o", "b"]
    (line,) = text.describe_noisy_pairs(found, QUIET)
    assert "a and b" in line
    assert "o" not in line.partition(": ")[2].replace("cannot be told apart", "")


def test_names_of_neighbours_are_escaped():
    (line,) = text.describe_noisy_pairs(rows_of(**{"<a>": A, "b|c": B}), QUIET)
    assert "&lt;a&gt; and b\\|c" in line


def test_the_report_names_every_measure_of_the_noise():
    found = Noise(0.25, 0.125, Interval(1.5, 1.25, 2.0), others=0.0625, steal=0.5, clock=0.75,
                  throttled=3)  # fmt: skip
    assert [here for _, here in comparison.tabulate_noise(found).lines] == [
        "25 %", "12 %", "1.50 [1.25, 2.00]", "6.2 %", "50 %", "75 %", "3.00",
    ]  # fmt: skip
    said = text.describe_noise(found)
    assert said.startswith("Disturbed: other processes took 6.2% of the cores, the hypervisor")


def test_the_report_says_what_is_unknown_and_that_nothing_disturbed():
    found = Noise(None, None, None, None, None, None, None)
    assert [here for _, here in comparison.tabulate_noise(found).lines] == [
        "—",
        "—",
        "unknown",
        *["—"] * 4,
    ]
    assert text.describe_noise(found) == "No disturbance was recorded."
