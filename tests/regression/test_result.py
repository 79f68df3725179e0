"""The exit status of a comparison, for every mixture of verdicts."""

import pytest
from support.comparisons import RULE

from bench.regression.result import CaseComparison, ComparedVersion, ComparisonResult

VERDICTS = {
    "n": "no change",
    "f": "faster",
    "u": "undecided",
    "s": "slower",
    "w": "wrong",
    "x": "failed",
    "b": "missing in baseline",
    "c": "missing in candidate",
    "-": "unavailable",
}


def status(verdicts, *, fail_on=(), required="", refusal=None):
    """Return the exit status of these verdicts, of which some are of required cases."""
    cases = [
        CaseComparison(letter, letter, VERDICTS[letter], required=letter in required)
        for letter in verdicts
    ]
    sides = ComparedVersion("base"), ComparedVersion("candidate")
    return ComparisonResult(
        "bench ab", *sides, RULE, cases, refusal=refusal, fail_on=fail_on
    ).exit_status


@pytest.mark.parametrize(
    ("verdicts", "expected", "strict"),
    [
        ("", 0, 0),
        ("n", 0, 0),
        ("f", 0, 0),
        ("u", 0, 1),
        ("s", 1, 1),
        ("w", 1, 1),
        ("x", 3, 3),
        ("-", 4, 4),
        ("nfu", 0, 1),
        ("ns", 1, 1),
        ("nw", 1, 1),
        ("nx", 3, 3),
        ("n-", 0, 0),
        ("u-", 0, 1),
        # The lowest status counts first.
        ("sx", 1, 1),
        ("wx", 1, 1),
        ("sb", 1, 1),
        ("x-", 3, 3),
        ("ux", 3, 1),
    ],
)
def test_exit_status_is_of_the_worst_verdict(verdicts, expected, strict):
    assert status(verdicts) == status(verdicts[::-1]) == expected
    assert status(verdicts, fail_on=("slower",)) == expected
    assert status(verdicts, fail_on=("slower", "undecided")) == strict


@pytest.mark.parametrize("missing", "bc")
def test_missing_case_fails_only_if_it_is_required(missing):
    assert status(missing) == status(f"n{missing}") == 0
    assert status(missing, required="bc") == status(f"nfu{missing}", required="bc") == 4
    assert status(f"x{missing}", required="bc") == 3
    assert status(f"s{missing}", required="bc") == 1
    assert status(f"u{missing}", required="bc", fail_on=("undecided",)) == 1


def test_required_case_that_is_unavailable_was_not_compared():
    assert status("-n", required="-n") == 4
    assert status("-s", required="-s") == 1


def test_refused_comparison_ends_with_4():
    assert status("", refusal="other machines") == 4
    assert status("", refusal="other machines", fail_on=("undecided",)) == 4
