"""Ratios and certainty between rows, worked out by hand."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import HERE, bare, case, ok, trials

from bench.analysis.ranking import (
    Comparison,
    compare_epochs,
    compare_machines,
    compare_to_fastest,
    find_ties,
    select_comparable,
)
from bench.analysis.summary import summarize

OTHER_PROBLEMS = [
    {"workload": "textbook"},
    {"device": "gpu"},
    {"batch_size": 64},
    {"threads": 1},
    {"samples": 96},
]


def one(*records):
    (row,) = summarize(records, HERE)
    return row


def rows_of(**epochs_of):
    records = [r for name, epochs in epochs_of.items() for r in trials(case(name), *epochs)]
    return summarize(records, HERE)


def names(rows):
    return [row.case.implementation for row in rows]


def name_pairs(pairs):
    return [tuple(names(pair)) for pair in pairs]


# ----- ratios


def test_ratios_are_those_at_the_mean_speed_and_times_as_measured():
    # A neighbour slows one process of each row, in different rounds, and the kernel shows it.
    def slowed(of, epoch, *factors):
        return [
            ok(of, n, epoch_seconds=[epoch * f] * 5, kernel_seconds=[0.002 * f] * 6)
            for n, f in enumerate(factors, 1)
        ]

    a, b = slowed(case("a"), 1.0, 1.6, 1.0, 1.0), slowed(case("b"), 2.0, 1.0, 1.0, 1.6)
    rows = summarize([*a, *b], HERE)
    ratio = compare_epochs(rows[1], rows[0])
    assert (ratio.low, ratio.mean, ratio.high) == pytest.approx((2, 2, 2))
    assert [row.epoch.mean for row in rows] == [1.0, 2.0]
    assert list(rows[0].epochs_by_round.values()) == [1.6, 1.0, 1.0]


def test_processes_of_two_machines_are_not_paired():
    row, base = rows_of(row=(0.5, 2.0, 1.0), base=(1.0, 4.0, 2.0))
    # Paired by round they have the ratio 2 exactly.
    paired = compare_machines(row, base)
    assert (paired.low, paired.mean, paired.high) == pytest.approx((2, 2, 2))
    speedup = compare_machines(replace(row, machine="x"), replace(base, machine="y"))
    assert speedup.mean == pytest.approx(2)
    # Both have bounds ln 2 + 1.23607 * ln 4 from their medians, on the logarithms.
    assert speedup.high == pytest.approx(2 * math.exp(2.40669 * math.sqrt(2)), rel=1e-3)
    (partly,) = summarize([ok(case("a")), bare(case("a"), 2)], HERE)
    assert compare_machines(partly, base) is compare_machines(base, partly) is None


# ----- comparable rows


def test_only_ranked_rows_of_the_same_problem_are_comparable():
    records = [
        record
        for change in [{"objective": "one-vs-rest"}, *OTHER_PROBLEMS]
        for record in trials(case(**change), 0.1)
    ]
    records += trials(case("failed"), 0.1, status="failed")
    records += [*trials(case("mine"), 0.5), *trials(case("other", style="tuned"), 0.6)]
    rows = summarize(records, HERE)
    mine = next(row for row in rows if row.case.implementation == "mine")
    assert names(select_comparable(rows, mine)) == ["mine", "other"]
    assert select_comparable(rows, replace(mine, machine="another")) == []


# ----- one comparison of a table

BASE = (0.0, 0.02, 0.04)
LOGS = st.lists(st.floats(0, 0.1), min_size=1, max_size=10)


def compare(*table):
    return Comparison(
        {place: dict(enumerate(map(math.exp, logs))) for place, logs in enumerate(table)}
    )


@pytest.mark.parametrize(
    ("logs", "low"),
    [
        # The noise of the others is 0.02. With four degrees of freedom, t for 3 pairs is 3.9608.
        ((0.3, 0.31, 9.0), 0.31 - 0.02 - 3.9608 * 0.02 * math.sqrt(math.pi / 2 * (1 / 3 + 1 / 3))),
        ((0.3, 0.35, 9.0), 0.3 - 0.02 - 1.5 * 0.05),  # its two fastest processes are 0.05 apart
        ((0.06, 0.07, 9.0, 9.0), 0.06 - 0.02 - 1.5 * 0.02),
        ((0.3,), None),
    ],
)
def test_row_is_slower_by_the_noise_of_others_and_by_a_gap(logs, low):
    ratio = compare(logs, BASE, [log + 7 for log in BASE]).estimate(0, 1)
    assert (ratio.low and math.log(ratio.low)) == (low and pytest.approx(low, rel=1e-4))


@pytest.mark.parametrize("count", [4, 5])
def test_noise_of_rows_in_two_groups_is_left_out_with_five_processes(count):
    table = [[0.3] * 5, [0.0, 0.02, 0.0, 0.02, 0.0], [3.0, 5.0, 3.0, 5.0, 3.0]]
    assert compare(*(logs[:count] for logs in table)).is_slower(0, 1) == (count == 5)


@pytest.mark.parametrize(("apart", "certain"), [((), False), ((2,), True)])
def test_noise_of_a_row_that_waits_counts_in_its_own_comparisons_only(apart, certain):
    times = [[1.0, 1.01, 1.02], [2.0, 2.01, 2.02], [3.0, 3.1, 9.0]]
    table = Comparison({place: dict(enumerate(own)) for place, own in enumerate(times)}, apart)
    assert table.is_slower(1, 0) == certain
    # The noise of the row that waits is in what is said of it and a slower one.
    assert not Comparison(
        {0: dict(enumerate(times[2])), 1: {0: 4.0, 1: 4.0, 2: 4.0}, 2: {0: 1.0, 1: 1.0}}, (0,)
    ).is_slower(1, 0)


@given(LOGS, st.lists(LOGS, min_size=1, max_size=4), st.floats(0, 1), st.floats(0, 5))
def test_slower_outlier_makes_no_row_less_certainly_slower(logs, others, slower, distance):
    row = [log + slower for log in logs]
    before, after = compare(row, *others), compare([*row, max(row) + distance], *others)
    for place in range(1, 1 + len(others)):
        assert after.is_slower(0, place) >= before.is_slower(0, place)
        differ = after.is_slower(0, place) or after.is_slower(place, 0)
        assert differ == after.estimate(0, place).excludes(1)


def test_ties_are_neighbours_whose_ratio_may_be_one():
    near = {name: (1.0 + n / 100, 1.01 + n / 100, 1.0 + n / 100) for n, name in enumerate("abc")}
    # a is no neighbour of c, and c and d differ.
    rows = rows_of(**near, d=(10.0, 10.0, 10.0))
    assert name_pairs(find_ties(rows)) == [("a", "b"), ("b", "c")]
    assert find_ties(rows[2:]) == find_ties(rows[:1]) == find_ties([]) == []
    assert name_pairs(find_ties(rows_of(a=[1.0], b=[50.0]))) == [("a", "b")]


def test_fastest_row_is_that_of_the_column():
    # As measured a row has the shortest epoch, and at the mean speed another one.
    a, b, c = rows_of(a=[1.0, 1.0], b=[1.1, 1.1], c=[2.0, 2.0])
    rows = [a, replace(b, adjusted_by_round={1: 0.5, 2: 0.5}), c]
    assert [compare_to_fastest(rows, row).mean for row in rows] == pytest.approx([2, 1, 4])
