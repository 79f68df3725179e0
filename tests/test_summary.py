"""Tables say what the records say: every number here is worked out by hand."""

import math

import pytest
from fixtures_records import bare, case, environment, ok, run, trials

from bench import summary
from bench.intervals import Interval
from bench.result import Parity
from bench.summary import leaders, ratio, rows, times_fastest

HERE = {"here": environment()}


def one(*records):
    (found,) = rows(records, HERE)
    return found


def names(found):
    return [row.case.implementation for row in found]


def test_a_process_gives_its_median_epoch_and_processes_their_geometric_mean():
    # Medians 0.2 and 0.8: the geometric mean is 0.4; of means or pooled epochs it would be another.
    row = one(
        ok(case(), 1, epoch_seconds=[9.0, 0.2, 0.1, 0.2, 0.3]),
        ok(case(), 2, epoch_seconds=[0.7, 0.1, 0.9, 5.0]),
    )
    assert row.epochs_by_round == {1: 0.2, 2: pytest.approx(0.8)}
    assert row.epoch.mean == pytest.approx(0.4)
    # 12.706 * ln(4) / sqrt(2) / sqrt(2) = 8.807
    assert row.epoch.high == pytest.approx(0.4 * math.exp(8.807), rel=1e-3)
    assert row.samples_per_second == pytest.approx(48000 / 0.4)


def test_times_are_averaged_geometrically_and_bytes_and_accuracies_arithmetically():
    row = one(
        ok(case(), 1, first_epoch_seconds=1.0, import_seconds=2.0, setup_seconds=0.1,
           peak_rss_bytes=100, validation_accuracy=[0.8] * 5, test_accuracy=[0.7] * 5),
        ok(case(), 2, first_epoch_seconds=4.0, import_seconds=8.0, setup_seconds=0.9,
           peak_rss_bytes=300, validation_accuracy=[0.9] * 5, test_accuracy=[0.8] * 5),
    )  # fmt: skip
    assert (row.first_epoch, row.imports, row.setup) == pytest.approx((2.0, 4.0, 0.3))
    assert row.peak_rss_bytes == 200
    assert (row.validation_accuracy, row.test_accuracy) == pytest.approx((0.85, 0.75))


def test_accuracy_is_taken_after_the_workloads_own_last_epoch():
    # As many epochs as half a second holds are timed, so that a fast one trains on to its 200th.
    many = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    row = one(ok(case(), validation_accuracy=many, test_accuracy=many[::-1]))
    assert (row.validation_accuracy, row.test_accuracy) == (0.5, 0.3)
    row = one(ok(case(epochs=2), validation_accuracy=many, test_accuracy=many[::-1]))
    assert (row.validation_accuracy, row.test_accuracy) == (0.2, 0.6)


def test_what_was_not_measured_is_left_out_of_an_average_and_absent_without_any():
    row = one(ok(case(), 1, peak_rss_bytes=None), ok(case(), 2, peak_rss_bytes=300))
    assert row.peak_rss_bytes == 300
    row = one(ok(case(), peak_rss_bytes=None, first_epoch_seconds=None, parity=None))
    assert (row.peak_rss_bytes, row.first_epoch, row.parity_error) == (None, None, None)


def test_the_largest_parity_error_stands_in_the_row_whatever_became_of_its_trial():
    errors = [(1, 1e-6, True), (2, 3e-2, False), (3, 2e-6, True)]
    records = [
        ok(case(), number, status="ok" if passed else "failed", parity=Parity(error, 1e-5, passed))
        for number, error, passed in errors
    ]
    assert one(*records).parity_error == 3e-2


def test_a_row_with_a_failed_trial_is_not_ranked_and_says_why():
    row = one(ok(case(), 1), ok(case(), 2, status="failed", reason="other mathematics"))
    assert (row.ranked, row.rounds) == (False, 2)
    assert row.faults == (("failed", "other mathematics"),)
    assert list(row.epochs_by_round) == [1]


@pytest.mark.parametrize("status", ["timeout", "out-of-memory"])
def test_a_row_is_ranked_by_the_trials_that_went_well_where_none_was_wrong(status):
    row = one(ok(case(), 1, 0.5), bare(case(), 2, status=status))
    assert (row.ranked, row.epoch.mean, row.rounds) == (True, pytest.approx(0.5), 2)
    assert row.faults == ((status, "no reason was given"),)


def test_an_unavailable_row_has_a_reason_and_no_numbers():
    row = one(bare(case(), status="unavailable", reason="no GPU"))
    assert (row.ranked, row.epoch, row.samples_per_second) == (False, None, None)
    assert (row.validation_accuracy, row.imports, row.epochs_by_round) == (None, None, {})
    assert row.faults == (("unavailable", "no GPU"),)


def test_an_interrupted_trial_is_still_to_be_made_and_no_fault():
    assert rows([bare(case(), status="interrupted")], HERE) == []
    row = one(bare(case(), 1, status="interrupted"), ok(case(), 1), ok(case(), 2))
    assert (row.ranked, row.rounds, row.faults) == (True, 2, ())


def test_rows_are_sorted_by_workload_device_rank_and_time():
    slow, fast, wrong = case("slow"), case("fast"), case("wrong")
    textbook, gpu = case("textbook", workload="textbook"), case("gpu", device="gpu")
    records = [
        *trials(textbook, 0.1), *trials(gpu, 0.1), bare(case("absent"), status="unavailable"),
        *trials(slow, 0.9), *trials(wrong, 0.2, status="failed"), *trials(fast, 0.4),
    ]  # fmt: skip
    expected = ["fast", "slow", "absent", "wrong", "gpu", "textbook"]
    assert names(rows(records, HERE)) == expected


def test_cases_are_told_apart_by_everything_that_decides_the_number():
    records = [ok(case()), ok(case(threads=1)), ok(case(variables={"A": "1"})), ok(case())]
    assert sorted(row.rounds for row in rows(records, HERE)) == [1, 1, 2]


def test_figures_are_no_rows():
    assert rows([ok(case(), kind="figure"), ok(case(), kind="ceiling")], HERE) == []


@pytest.mark.parametrize(
    ("changes", "environments", "version"),
    [
        ({}, HERE, "torch 2.9.1"),
        (
            {"framework": "keras", "variables": {"KERAS_BACKEND": "jax"}},
            HERE,
            "keras 3.12, jax 0.8",
        ),
        ({"framework": "nowhere"}, HERE, "nowhere (absent)"),
        ({}, {}, "torch (absent)"),
        ({"framework": ""}, HERE, "own file"),
        ({"framework": ""}, {}, "own file"),
    ],
)
def test_a_row_names_the_version_it_ran_with(changes, environments, version):
    (row,) = rows([ok(case(**changes))], environments)
    assert row.version == version


def test_a_ratio_is_taken_round_by_round_and_free_of_drift():
    # The machine gets ten times slower; of two neighbours the one still takes twice the other.
    fast = one(*trials(case("fast"), 0.1, 0.3, 1.0))
    slow = one(*trials(case("slow"), 0.2, 0.6, 2.0))
    found = ratio(slow, fast)
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2, 2))
    assert ratio(fast, slow).mean == pytest.approx(0.5)


def test_a_ratio_has_only_the_rounds_that_both_have():
    # Rounds 1 and 2: 2 / 1 and 8 / 1, whose geometric mean is 4; 12.706 * ln(4) / 2 = 8.807.
    first = one(ok(case("a"), 1, 2.0), ok(case("a"), 2, 8.0), ok(case("a"), 3, 99.0))
    second = one(ok(case("b"), 1, 1.0), ok(case("b"), 2, 1.0), ok(case("b"), 4, 77.0))
    found = ratio(first, second)
    assert found.mean == pytest.approx(4)
    assert found.high == pytest.approx(4 * math.exp(8.807), rel=1e-3)
    assert ratio(one(ok(case("a"), 1)), one(ok(case("b"), 2))) is None


def test_only_rows_of_the_same_problem_are_comparable():
    changes = [
        {"objective": "one-vs-rest"}, {"workload": "textbook"}, {"device": "gpu"},
        {"batch_size": 64}, {"threads": 1}, {"samples": 96},
    ]  # fmt: skip
    records = [record for change in changes for record in trials(case(**change), 0.1)]
    records += trials(case("failed"), 0.1, status="failed")
    records += [*trials(case("mine"), 0.5), *trials(case("other", style="tuned"), 0.6)]
    found = rows(records, HERE)
    mine = next(row for row in found if row.case.implementation == "mine")
    assert names(summary.comparable(found, mine)) == ["mine", "other"]


def test_the_fastest_leads_alone_where_every_ratio_lies_above_one():
    # b / a is 1.1, 1.2 and 1.3: 1.1972 with half = 4.303 * 0.0836 / sqrt(3) = 0.2077, from 0.97 on;
    # c / a is 1.2, 1.2 and 1.3: 1.2325 with half = 4.303 * 0.0462 / sqrt(3) = 0.1148, from 1.10 on.
    a = trials(case("a"), 1.0, 1.0, 1.0)
    b = trials(case("b"), 1.1, 1.2, 1.3)
    c = trials(case("c"), 1.2, 1.2, 1.3)
    assert names(leaders(rows([*c, *a], HERE))) == ["a"]
    assert names(leaders(rows([*c, *b, *a], HERE))) == ["a", "b"]


def test_the_bounds_of_the_ratios_above_are_as_worked_out():
    a, b, c = (
        one(*trials(case(name), *times))
        for name, times in (("a", (1, 1, 1)), ("b", (1.1, 1.2, 1.3)), ("c", (1.2, 1.2, 1.3)))
    )
    assert [ratio(b, a).mean, ratio(b, a).low] == pytest.approx([1.1972, 0.9727], abs=5e-4)
    assert [ratio(c, a).mean, ratio(c, a).low] == pytest.approx([1.2325, 1.0988], abs=5e-4)


def test_nothing_is_told_from_one_round_or_without_a_common_round():
    alone = rows([*trials(case("a"), 1.0), *trials(case("b"), 50.0)], HERE)
    assert names(leaders(alone)) == ["a", "b"]
    apart = rows([ok(case("a"), 1), ok(case("a"), 2), ok(case("b"), 3), ok(case("b"), 4)], HERE)
    assert names(leaders(apart)) == ["a", "b"]


def test_a_failed_row_never_leads():
    records = [*trials(case("wrong"), 0.1, 0.1, status="failed"), *trials(case("right"), 0.5, 0.5)]
    assert names(leaders(rows(records, HERE))) == ["right"]
    assert leaders(rows(records[:2], HERE)) == []
    assert leaders([]) == []


def test_a_one_vs_rest_row_is_compared_with_softmax_rows_but_never_leads_them():
    records = [
        *trials(case("sgd-rows", objective="one-vs-rest"), 0.25, 0.25),
        *trials(case("fast"), 0.5, 0.5), *trials(case("slow"), 1.5, 1.5),
    ]  # fmt: skip
    found = rows(records, HERE)
    other, fast, slow = found
    assert names(found) == ["sgd-rows", "fast", "slow"]
    assert names(leaders(summary.comparable(found, fast))) == ["fast"]
    assert times_fastest(found, fast) == Interval(1.0, 1.0, 1.0)
    assert times_fastest(found, slow).mean == pytest.approx(3)
    assert times_fastest(found, other).mean == pytest.approx(0.5)


def test_nothing_is_so_many_times_the_fastest_where_nothing_may_be_compared():
    ranked = trials(case("a"), 0.5)
    wrong = trials(case("b"), 0.1, status="failed")
    gpu = trials(case("c", device="gpu", objective="one-vs-rest"), 0.1)
    found = {row.case.implementation: row for row in rows([*ranked, *wrong, *gpu], HERE)}
    every = list(found.values())
    assert times_fastest(every, found["a"]).mean == 1
    assert times_fastest(every, found["b"]) is None
    assert times_fastest(every, found["c"]) is None


def test_the_frame_has_every_number_unrounded():
    records = [
        *trials(case("fast"), 0.123456789, 0.123456789), *trials(case("slow"), 0.5, 0.5),
        bare(case("absent"), 1, status="unavailable", reason="no GPU"),
        bare(case("absent"), 2, status="unavailable", reason="no GPU"),
    ]  # fmt: skip
    found = rows(records, HERE)
    frame = summary.frame(found).set_index("implementation")
    assert list(frame.index) == ["fast", "slow", "absent"]
    fast, slow, absent = (frame.loc[name] for name in frame.index)
    assert fast["epoch_seconds"] == fast["epoch_seconds_low"] == fast["epoch_seconds_high"]
    assert fast["epoch_seconds"] == pytest.approx(0.123456789, rel=1e-12)
    assert slow["times_fastest"] == pytest.approx(0.5 / 0.123456789)
    assert slow["samples_per_second"] == pytest.approx(96000)
    assert (slow["rounds"], slow["rounds_ok"], slow["ranked"]) == (2, 2, True)
    assert (slow["validation_accuracy"], slow["test_accuracy"]) == (0.8396, 0.8321)
    assert (slow["first_epoch_seconds"], slow["import_seconds"]) == pytest.approx((3.0, 2.0))
    assert (slow["setup_seconds"], slow["peak_rss_bytes"]) == pytest.approx((0.25, 2**29))
    assert (slow["parity_error"], slow["version"], slow["reasons"]) == (1.5e-6, "torch 2.9.1", "")
    keys = ("objective", "style", "data", "workload", "device", "batch_size", "threads", "samples")
    shown = ("softmax", "idiomatic", "resident", "sgd", "cpu", 32, 2, 48000)
    assert tuple(slow[key] for key in keys) == shown
    assert (absent["rounds"], absent["rounds_ok"], absent["ranked"]) == (2, 0, False)
    assert absent["reasons"] == "unavailable: no GPU"
    assert absent[["epoch_seconds", "times_fastest", "parity_error"]].isna().all()


def test_every_reason_is_said_once_and_in_order():
    reasons = ["d", "b", "a", "c", "b", "e"]
    records = [bare(case(), n, status="timeout", reason=one) for n, one in enumerate(reasons)]
    (said,) = summary.frame(rows(records, HERE))["reasons"]
    assert said == "timeout: a; timeout: b; timeout: c; timeout: d; timeout: e"


def stages(*epochs, precision=0.1, rounds=2):
    """Rows of a run whose first stage has two rounds, and which asks for a precision."""
    asked = run(case(), precision=precision, rounds={"sgd": rounds, "textbook": 1})
    return rows(trials(case(), *epochs), HERE, asked), asked


def test_with_a_precision_the_spread_is_that_of_the_first_stage():
    # Logarithms of 1 and 1.1: s = 0.09531 / sqrt(2) = 0.06739, t = 12.706, of four values half is
    # 12.706 * 0.06739 / 2 = 0.4282, whatever the spread of the last two.
    (row,), _ = stages(1.0, 1.1, 1.0, 1.1)
    assert row.epoch.high / row.epoch.mean == pytest.approx(math.exp(0.4282), rel=1e-3)
    (plain,) = rows(trials(case(), 1.0, 1.1, 1.0, 1.1), HERE)
    assert plain.epoch.high < row.epoch.high
    assert plain.wanted is None
    # (12.706 * 0.06739 / ln 1.1)^2 = 80.7
    assert row.wanted == 81


def test_the_order_of_the_records_does_not_choose_the_first_stage():
    _, asked = stages(1.0)
    shuffled = [trials(case(), 1.0, 1.1, 5.0)[place] for place in (2, 0, 1)]
    (row,) = rows(shuffled, HERE, asked)
    assert row.wanted == 81


def test_more_rounds_are_wanted_only_of_what_went_well_in_the_whole_first_stage():
    _, asked = stages(1.0)
    assert summary.wanted(trials(case(), 1.0, 1.1), asked) == {case().slug: 81}
    assert summary.wanted(trials(case(), 1.0), asked) == {}
    failed = bare(case(), 2, reason="it did not")
    assert summary.wanted([*trials(case(), 1.0), failed], asked) == {}
    assert summary.wanted([*trials(case(), 1.0, 1.1), bare(case(), 3)], asked) == {}
    assert summary.wanted(trials(case(), 1.0, 1.1), run(case())) == {}
