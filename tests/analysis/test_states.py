"""Processes that were measured in two states of a machine are told apart."""

import datetime as dt

import pytest
from msgspec.structs import replace
from support.records import bare, case, ok

from bench.analysis.states import keep_one_state

NAMES = ("numpy", "jax", "numba", "pytorch")


def session(minute, *factors, number=1, workload="sgd"):
    """Return a trial of each program, whose epoch takes this factor of a second."""
    started = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC) + dt.timedelta(minutes=minute)
    return [
        replace(
            ok(case(name, workload=workload), number, epoch_seconds=[factor] * 3),
            started=(started + dt.timedelta(seconds=10 * place)).isoformat(),
        )
        for place, (name, factor) in enumerate(zip(NAMES, factors, strict=False))
    ]


@pytest.mark.parametrize(
    ("minute", "factors", "apart"),
    [
        (60, (1.5, 2.0, 1.0, 1.8), True),  # three of four: one stays in its cache
        (60, (1.5, 2.0, 1.0, 1.0), False),
        (60, (1.5, 0.6, 1.5, 0.6), False),  # noise
        (60, (1.05, 1.05, 1.05, 1.05), False),
        (60, (0.7, 0.7, 0.7, 0.7), True),
        (5, (1.5, 2.0, 1.0, 1.8), False),  # without a break
        (60, (1.2,), False),  # a single row
        (60, (1.3,), True),
    ],
)
def test_session_in_which_most_rows_change_is_another_state(minute, factors, apart):
    first, later = session(0, 1, 1, 1, 1), session(minute, *factors, number=2)
    assert keep_one_state([*later, *first]) == [*(() if apart else later), *first]


def test_state_of_a_workload_is_that_of_most_of_its_trials():
    first = [*session(0, 1, 1, 1), *session(1, 1, workload="textbook")]
    later = session(60, 2, 2, number=2)
    textbook = session(61, 2, 2, 2, number=2, workload="textbook")
    back = session(120, 1, 1, 1, number=3)
    failed = replace(bare(case("b"), status="failed"), started=later[0].started)
    kept = keep_one_state([*first, *later, failed, *textbook, *back])
    assert kept == [*first[:3], failed, *textbook, *back]
