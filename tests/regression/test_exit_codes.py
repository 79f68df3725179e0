"""The exit status of a comparison: the whole table."""

import pytest
from support.comparisons import comparison

from bench.regression.exit_codes import FAIL_ON, status
from bench.regression.paired.plan import Absent
from bench.regression.paired.result import Finding

PLAN = comparison()
MISSING = comparison(absent=(Absent("keras", "is not in main"),))


def found(*outcomes):
    return [
        Finding(PLAN.pairings[0], outcome, 20, (), (None, None), (None, None))
        for outcome in outcomes
    ]


def ends(*outcomes, plan=PLAN, failing=(), named=False):
    return status(plan, found(*outcomes), failing, named=named)


@pytest.mark.parametrize(
    ("outcome", "expected", "strictly"),
    [
        ("no change", 0, 0),
        ("faster", 0, 0),
        ("undecided", 0, 1),
        ("slower", 1, 1),
        ("wrong", 1, 1),
        ("failed", 3, 3),
    ],
)
@pytest.mark.parametrize(("plan", "named"), [(PLAN, False), (PLAN, True), (MISSING, False)])
def test_every_outcome_has_its_status(outcome, expected, strictly, plan, named):
    assert ends(outcome, plan=plan, named=named) == expected
    # Slower always fails, whether it is asked for or not.
    assert ends(outcome, plan=plan, failing=("slower",), named=named) == expected
    assert ends(outcome, plan=plan, failing=("undecided",), named=named) == strictly
    assert ends(outcome, plan=plan, failing=FAIL_ON, named=named) == strictly


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["failed", "slower"], 1),
        (["failed", "wrong", "no change"], 1),
        (["no change", "slower"], 1),
        (["failed", "no change"], 3),
        (["faster", "undecided", "failed"], 3),
        (["no change", "faster", "undecided"], 0),
        ([], 0),
        (["unavailable"], 4),
        (["unavailable", "no change"], 0),
        (["unavailable", "failed"], 3),
    ],
)
def test_the_worst_of_all_cases_decides(outcomes, expected):
    assert ends(*outcomes) == ends(*outcomes[::-1]) == expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [([], 4), (["no change"], 4), (["undecided"], 4), (["failed"], 3), (["slower"], 1)],
)
def test_what_was_named_and_is_missing_decides_where_nothing_is_worse(outcomes, expected):
    assert ends(*outcomes, plan=MISSING, named=True) == expected
    assert ends(*outcomes, plan=MISSING) == (expected if expected != 4 else 0)


def test_what_was_named_and_is_unavailable_was_not_compared():
    assert ends("unavailable", "no change", named=True) == 4
    assert ends("unavailable", "slower", named=True) == 1
