"""Who is faster, and whether the data tell: every ratio here is worked out by hand."""

import math

import pytest
from support.records import case, environment, ok, trials

from bench.intervals import Interval
from bench.ranking import compare_epochs, compare_to_fastest, find_leaders, select_comparable
from bench.summary import summarize

HERE = {"here": environment()}


def one(*records):
    (found,) = summarize(records, HERE)
    return found


def names(found):
    return [row.case.implementation for row in found]


def test_a_ratio_is_taken_round_by_round_and_free_of_drift():
    # The machine gets ten times slower; of two neighbours the one still takes twice the other.
    fast = one(*trials(case("fast"), 0.1, 0.3, 1.0))
    slow = one(*trials(case("slow"), 0.2, 0.6, 2.0))
    found = compare_epochs(slow, fast)
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2, 2))
    assert compare_epochs(fast, slow).mean == pytest.approx(0.5)


def test_a_ratio_has_only_the_rounds_that_both_have():
    # Rounds 1 and 2: 2 / 1 and 8 / 1, whose geometric mean is 4; 12.706 * ln(4) / 2 = 8.807.
    first = one(ok(case("a"), 1, 2.0), ok(case("a"), 2, 8.0), ok(case("a"), 3, 99.0))
    second = one(ok(case("b"), 1, 1.0), ok(case("b"), 2, 1.0), ok(case("b"), 4, 77.0))
    found = compare_epochs(first, second)
    assert found.mean == pytest.approx(4)
    assert found.high == pytest.approx(4 * math.exp(8.807), rel=1e-3)
    assert compare_epochs(one(ok(case("a"), 1)), one(ok(case("b"), 2))) is None


def test_only_rows_of_the_same_problem_are_comparable():
    changes = [
        {"objective": "one-vs-rest"}, {"workload": "textbook"}, {"device": "gpu"},
        {"batch_size": 64}, {"threads": 1}, {"samples": 96},
    ]  # fmt: skip
    records = [record for change in changes for record in trials(case(**change), 0.1)]
    records += trials(case("failed"), 0.1, status="failed")
    records += [*trials(case("mine"), 0.5), *trials(case("other", style="tuned"), 0.6)]
    found = summarize(records, HERE)
    mine = next(row for row in found if row.case.implementation == "mine")
    assert names(select_comparable(found, mine)) == ["mine", "other"]


def test_the_fastest_leads_alone_where_every_ratio_lies_above_one():
    # b / a is 1.1, 1.2 and 1.3: 1.1972 with half = 4.303 * 0.0836 / sqrt(3) = 0.2077, from 0.97 on;
    # c / a is 1.2, 1.2 and 1.3: 1.2325 with half = 4.303 * 0.0462 / sqrt(3) = 0.1148, from 1.10 on.
    a = trials(case("a"), 1.0, 1.0, 1.0)
    b = trials(case("b"), 1.1, 1.2, 1.3)
    c = trials(case("c"), 1.2, 1.2, 1.3)
    assert names(find_leaders(summarize([*c, *a], HERE))) == ["a"]
    assert names(find_leaders(summarize([*c, *b, *a], HERE))) == ["a", "b"]


def test_the_bounds_of_the_ratios_above_are_as_worked_out():
    a, b, c = (
        one(*trials(case(name), *times))
        for name, times in (("a", (1, 1, 1)), ("b", (1.1, 1.2, 1.3)), ("c", (1.2, 1.2, 1.3)))
    )
    assert [compare_epochs(b, a).mean, compare_epochs(b, a).low] == pytest.approx(
        [1.1972, 0.9727], abs=5e-4
    )
    assert [compare_epochs(c, a).mean, compare_epochs(c, a).low] == pytest.approx(
        [1.2325, 1.0988], abs=5e-4
    )


def test_nothing_is_told_from_one_round_or_without_a_common_round():
    alone = summarize([*trials(case("a"), 1.0), *trials(case("b"), 50.0)], HERE)
    assert names(find_leaders(alone)) == ["a", "b"]
    apart = summarize(
        [ok(case("a"), 1), ok(case("a"), 2), ok(case("b"), 3), ok(case("b"), 4)], HERE
    )
    assert names(find_leaders(apart)) == ["a", "b"]


def test_a_failed_row_never_leads():
    records = [*trials(case("wrong"), 0.1, 0.1, status="failed"), *trials(case("right"), 0.5, 0.5)]
    assert names(find_leaders(summarize(records, HERE))) == ["right"]
    assert find_leaders(summarize(records[:2], HERE)) == []
    assert find_leaders([]) == []


def test_a_one_vs_rest_row_is_compared_with_softmax_rows_but_never_leads_them():
    records = [
        *trials(case("sgd-rows", objective="one-vs-rest"), 0.25, 0.25),
        *trials(case("fast"), 0.5, 0.5), *trials(case("slow"), 1.5, 1.5),
    ]  # fmt: skip
    found = summarize(records, HERE)
    other, fast, slow = found
    assert names(found) == ["sgd-rows", "fast", "slow"]
    assert names(find_leaders(select_comparable(found, fast))) == ["fast"]
    assert compare_to_fastest(found, fast) == Interval(1.0, 1.0, 1.0)
    assert compare_to_fastest(found, slow).mean == pytest.approx(3)
    assert compare_to_fastest(found, other).mean == pytest.approx(0.5)


def test_nothing_is_so_many_times_the_fastest_where_nothing_may_be_compared():
    ranked = trials(case("a"), 0.5)
    wrong = trials(case("b"), 0.1, status="failed")
    gpu = trials(case("c", device="gpu", objective="one-vs-rest"), 0.1)
    found = {row.case.implementation: row for row in summarize([*ranked, *wrong, *gpu], HERE)}
    every = list(found.values())
    assert compare_to_fastest(every, found["a"]).mean == 1
    assert compare_to_fastest(every, found["b"]) is None
    assert compare_to_fastest(every, found["c"]) is None


def test_the_fastest_is_one_of_the_same_problem_and_what_failed_once_is_no_times_of_it():
    mixed = [ok(case("mixed"), 1, 0.25), ok(case("mixed"), 2, status="failed")]
    records = [*trials(case("a"), 0.5), *mixed]
    changes = [{"workload": "another"}, {"device": "gpu"}, {"batch_size": 64}, {"threads": 1},
               {"samples": 96}]  # fmt: skip
    records += [record for change in changes for record in trials(case("b", **change), 0.1)]
    found = summarize(records, HERE)
    named = {row.case.implementation: row for row in found if row.case.implementation != "b"}
    assert compare_to_fastest(found, named["a"]).mean == 1
    assert named["mixed"].epochs_by_round == {1: 0.25}
    assert compare_to_fastest(found, named["mixed"]) is None
