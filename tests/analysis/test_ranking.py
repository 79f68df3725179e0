"""Ratios and certainty between rows, worked out by hand."""

import math
from dataclasses import replace

import pytest
from support.records import HERE, bare, case, ok, trials

from bench.analysis.ranking import (
    compare_epochs,
    compare_machines,
    find_leading,
    find_slower,
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
# The range of three ratios is stretched by 1.236 times itself: b / a is 1.1 to 1.3, from 0.89 on,
# p is 0.10; c / a is 1.25 to 1.3, from 1.19 on, p is 0.25 * (1 - ln 1.25 / ln 1.3) ** 2 = 0.0056.
A, B, C, D = (1.0, 1.0, 1.0), (1.1, 1.2, 1.3), (1.25, 1.25, 1.3), (10.0, 10.0, 10.0)


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


# ----- comparable rows, leaders and ties


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


def times(rows):
    return [row.adjusted_by_round for row in rows]


def test_leaders_are_the_fastest_and_its_ties():
    assert find_leading(times(rows_of(c=C, a=A))) == [0]
    assert find_leading(times(rows_of(c=C, b=B, a=A))) == [0, 1]
    assert find_leading([]) == []


def test_one_round_or_no_common_round_is_a_tie():
    apart = [ok(case("a"), 1), ok(case("a"), 2), ok(case("b"), 3), ok(case("b"), 4)]
    for rows in (rows_of(a=[1.0], b=[50.0]), summarize(apart, HERE)):
        assert find_leading(times(rows)) == [0, 1]
        assert name_pairs(find_ties(rows)) == [("a", "b")]


def test_ties_are_neighbours_whose_ratio_may_be_one():
    # a and b, b and c; but not c and d, and a is no neighbour of c.
    assert name_pairs(find_ties(rows_of(d=D, c=C, b=B, a=A))) == [("a", "b"), ("b", "c")]
    assert find_ties(rows_of(a=A, c=C)) == find_ties(rows_of(a=A)) == find_ties([]) == []


def test_table_with_more_rows_asks_for_more_certainty():
    # The p of c / a is 0.0233 where c is 1.2 to 1.3: enough alone, but not as one of three.
    a, b, c = rows_of(a=A, b=B, c=(1.2, 1.2, 1.3))
    assert find_slower(times([a, c])) == {(1, 0)}
    assert find_slower(times([a, b, c])) == set()
    assert find_slower(times([c, a])) == set()  # it is faster


def test_leader_and_neighbours_are_of_one_family():
    # Without ties between neighbours, every row is slower than the first, and the reverse.
    rows = rows_of(**{f"x{n}": [n, 1.01 * n, n] for n in range(1, 6)})
    assert find_slower(times(rows)) == {(1, 0), (2, 0), (3, 0), (4, 0), (2, 1), (3, 2), (4, 3)}
    assert (find_leading(times(rows)), find_ties(rows)) == ([0], [])


# ----- times the fastest
