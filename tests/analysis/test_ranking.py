"""Ratios and certainty between rows, worked out by hand."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import HERE, case, ok, trials

from bench.analysis.intervals import Traits
from bench.analysis.ranking import (
    Ranking,
    compare_epochs,
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


def rows_of(**epochs_of):
    records = [r for name, epochs in epochs_of.items() for r in trials(case(name), *epochs)]
    return summarize(records, HERE)


def names(rows):
    return [row.case.implementation for row in rows]


def name_pairs(pairs):
    return [tuple(names(pair)) for pair in pairs]


# ----- ratios


def test_times_and_ratios_are_those_at_the_mean_speed():
    # A neighbour slows a process of each row, in different rounds, and the kernel shows it.
    def slowed(of, epoch, *factors):
        return [
            ok(of, n, epoch_seconds=[epoch * f] * 5, kernel_seconds=[0.002 * f] * 6)
            for n, f in enumerate(factors, 1)
        ]

    a = slowed(case("a"), 1.0, 1.6, 1.0, 1.0, 1.0, 1.0)
    b = slowed(case("b"), 2.0, 1.0, 1.0, 1.6, 1.0, 1.0)
    rows = summarize([*a, *b], HERE)
    ratio = compare_epochs(rows[1], rows[0])
    assert (ratio.low, ratio.mean, ratio.high) == pytest.approx((2, 2, 2))
    (first, *others), seconds = (list(row.epochs_by_round.values()) for row in rows)
    assert others == pytest.approx([first] * 4)
    assert seconds == pytest.approx([2 * first] * 5)


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
    times = [dict(enumerate(map(math.exp, logs))) for logs in table]
    return Ranking({place: (own, Traits()) for place, own in enumerate(times)})


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
    # Where the row is nearer to the other one by that, the difference is no longer certain.
    for nearer, certain in ((low or 0) + 1e-5, False), ((low or 0) - 1e-4, low is not None):
        table = compare([log - nearer for log in logs], BASE, [log + 7 for log in BASE])
        assert table.is_slower(0, 1) == certain


def test_only_comparisons_with_the_leader_count_for_who_is_behind():
    # t for the two comparisons with the fastest row is 3.4954, for the three pairs 3.9608.
    error = 0.02 * math.sqrt(math.pi / 2 * (1 / 3 + 1 / 3))
    logs = [0.02 + 3.7 * error + log for log in (-0.001, 0.0, 0.001)]
    table = compare(logs, BASE, [log + 7 for log in BASE])
    assert (table.is_behind(0, 1), table.is_slower(0, 1), table.differ(1, 0)) == (
        True,
        False,
        False,
    )


@pytest.mark.parametrize("count", [4, 5])
def test_noise_of_rows_in_two_groups_is_left_out_with_five_processes(count):
    table = [[0.3] * 5, [0.0, 0.02, 0.0, 0.02, 0.0], [3.0, 5.0, 3.0, 5.0, 3.0]]
    assert compare(*(logs[:count] for logs in table)).is_slower(0, 1) == (count == 5)


@pytest.mark.parametrize(("waits", "certain"), [(False, False), (True, True)])
def test_noise_of_a_row_that_waits_counts_in_its_own_comparisons_only(waits, certain):
    times = [[1.0, 1.01, 1.02], [2.0, 2.01, 2.02], [3.0, 3.1, 9.0]]
    traits = Traits(waits=waits)
    a, b, c = (dict(enumerate(own)) for own in times)
    table = Ranking({0: (a, Traits()), 1: (b, Traits()), 2: (c, traits)})
    assert table.is_slower(1, 0) == certain
    # The noise of the row that waits is in what is said of it and a slower one.
    slower, third = dict.fromkeys(range(3), 4.0), dict.fromkeys(range(2), 1.0)
    table = Ranking({0: (c, traits), 1: (slower, Traits()), 2: (third, Traits())})
    assert not table.is_slower(1, 0)


@given(LOGS, st.lists(LOGS, min_size=1, max_size=4), st.floats(0, 1), st.floats(0, 5))
def test_slower_outlier_makes_no_row_less_certainly_slower(logs, others, slower, distance):
    row = [log + slower for log in logs]
    before, after = compare(row, *others), compare([*row, max(row) + distance], *others)
    for place in range(1, 1 + len(others)):
        assert after.is_slower(0, place) >= before.is_slower(0, place)
        assert after.is_behind(0, place) >= after.is_slower(0, place)


def test_ties_are_neighbours_whose_ratio_may_be_one():
    near = {name: (1.0 + n / 100, 1.01 + n / 100, 1.0 + n / 100) for n, name in enumerate("abc")}
    # a is no neighbour of c, and c and d differ.
    rows = rows_of(**near, d=(10.0, 10.0, 10.0))
    assert name_pairs(find_ties(rows)) == [("a", "b"), ("b", "c")]
    assert find_ties(rows[2:]) == find_ties(rows[:1]) == find_ties([]) == []
    assert name_pairs(find_ties(rows_of(a=[1.0], b=[50.0]))) == [("a", "b")]
