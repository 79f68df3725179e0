"""Rows are measured no further once the stopping rule is satisfied."""

import pytest
from msgspec.structs import replace
from support.records import bare, case, run, trials

from bench.analysis.stopping import find_settled
from bench.records.schema import StoppingRule

STEADY = (1.0, 1.001, 0.999)
NOISY = (1.0, 1.2, 0.9)


def list_settled(*records, least_rounds=3, precision=0.05):
    cases = {record.case.slug: record.case for record in records}
    rule, planned = StoppingRule(least_rounds, precision), run(*cases.values())
    return sorted(cases[slug].implementation for slug in find_settled(planned, records, rule))


def scale(times, factor):
    return [factor * time for time in times]


def test_rows_that_differ_are_settled_but_for_the_fastest_of_each_style():
    far = [
        trials(case(name, style=style), *scale(NOISY, factor))
        for name, style, factor in [
            ("a", "tuned", 1),
            ("b", "tuned", 10),
            ("c", "idiomatic", 100),
            ("d", "idiomatic", 1000),
        ]
    ]
    assert list_settled(*(trial for row in far for trial in row)) == ["b", "d"]
    assert list_settled(*(trial for row in far for trial in row[:2])) == []


def test_close_rows_are_settled_once_their_intervals_are_narrow():
    first = trials(case("first"), *scale(NOISY, 0.01))
    close = [*first, *trials(case("a"), *NOISY), *trials(case("b"), *reversed(NOISY))]
    assert list_settled(*close) == []
    steady = [*first, *trials(case("a"), *STEADY), *trials(case("b"), *NOISY)]
    assert list_settled(*steady) == ["a"]
    assert list_settled(*steady, precision=0.001) == []


def test_processes_from_another_state_of_the_machine_do_not_count():
    rows = [trials(case(name), *scale(STEADY, 10**n)) for n, name in enumerate("abcd")]
    assert list_settled(*(trial for row in rows for trial in row)) == ["b", "c", "d"]
    hour = "2036-11-30T14:00:00+00:00"
    later = [
        replace(trial, started=hour, epoch_seconds=scale(trial.epoch_seconds, 2))
        if trial.round == 3
        else trial
        for row in rows
        for trial in row
    ]
    assert list_settled(*later) == []


def test_only_neighbours_count():
    # c is far from both; a and b are close to each other.
    pair = [*trials(case("a"), *NOISY), *trials(case("b"), *reversed(NOISY))]
    assert list_settled(*pair, *trials(case("c"), *scale(NOISY, 1000))) == ["c"]


def test_row_alone_in_its_table_has_no_neighbour():
    alone = trials(case("a", objective="one-vs-rest"), *NOISY)
    assert list_settled(*alone, *trials(case("b"), *NOISY)) == ["a", "b"]


@pytest.mark.parametrize("status", ["failed", "unavailable", "timeout"])
def test_row_that_cannot_be_ranked_is_settled(status):
    assert list_settled(bare(case("a"), status=status), *trials(case("b"), 1.0)) == ["a"]
