"""The exit status of a comparison: the whole table."""

import pytest
from fixtures_gate import comparison

from bench.gate.comparison import Absent
from bench.gate.exits import status
from bench.gate.findings import Finding

PLAN = comparison()
MISSING = comparison(absent=(Absent("keras", "is not in main"),))


def found(*outcomes):
    return [Finding(PLAN.pairings[0], outcome, 20, (), (None, None), (None, None))
            for outcome in outcomes]  # fmt: skip


def ends(*outcomes, plan=PLAN, failing="slower", named=False):
    return status(plan, found(*outcomes), failing, named=named)


@pytest.mark.parametrize(
    ("outcome", "failing", "expected"),
    [
        ("no change", "slower", 0), ("faster", "slower", 0), ("undecided", "slower", 0),
        ("slower", "slower", 1), ("wrong", "slower", 1), ("failed", "slower", 3),
        ("no change", "undecided", 0), ("faster", "undecided", 0), ("undecided", "undecided", 1),
        ("slower", "undecided", 1), ("wrong", "undecided", 1), ("failed", "undecided", 3),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("plan", "named"), [(PLAN, False), (PLAN, True), (MISSING, False)])
def test_every_outcome_has_its_status(outcome, failing, expected, plan, named):
    assert ends(outcome, plan=plan, failing=failing, named=named) == expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["failed", "slower"], 1), (["failed", "wrong", "no change"], 1),
        (["no change", "slower"], 1),
        (["failed", "no change"], 3), (["faster", "undecided", "failed"], 3),
        (["no change", "faster", "undecided"], 0), ([], 0),
    ],
)  # fmt: skip
def test_the_worst_of_all_cases_decides(outcomes, expected):
    assert ends(*outcomes) == ends(*outcomes[::-1]) == expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [([], 4), (["no change"], 4), (["undecided"], 4), (["failed"], 3), (["slower"], 1)],
)
def test_what_was_named_and_is_missing_decides_where_nothing_is_worse(outcomes, expected):
    assert ends(*outcomes, plan=MISSING, named=True) == expected
    assert ends(*outcomes, plan=MISSING) == (expected if expected != 4 else 0)
