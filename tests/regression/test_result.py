"""The exit status of a comparison, for every mixture of verdicts."""

from dataclasses import replace

import pytest

from bench.analysis.intervals import Interval
from bench.regression.result import (
    CaseComparison,
    ComparedVersion,
    ComparisonResult,
    MetricComparison,
)
from bench.regression.stats.decision import Rule

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


RULE = Rule(tolerance=0.02, alpha=0.01)
EPOCH = MetricComparison("epoch", "seconds", 1.0, 1.0, Interval(1.0))


def status(verdicts, required="", **changes):
    """Return the exit status of these verdicts, of which some are of required cases."""
    cases = [
        CaseComparison(
            letter, letter, VERDICTS[letter], required=letter in required, metrics=(EPOCH,)
        )
        for letter in verdicts
    ]
    sides = ComparedVersion("base"), ComparedVersion("candidate")
    return ComparisonResult("softmax-bench ab", *sides, RULE, cases, **changes).exit_status


@pytest.mark.parametrize(
    ("verdicts", "required", "expected", "strict"),
    [
        ("", "", 4, 4),
        ("n", "", 0, 0),
        ("f", "", 0, 0),
        ("u", "", 0, 1),
        ("s", "", 1, 1),
        ("w", "", 1, 1),
        ("x", "", 3, 3),
        ("-", "", 4, 4),
        ("nfu", "", 0, 1),
        ("n-", "", 0, 0),
        ("u-", "", 0, 1),
        # The lowest status counts first.
        ("sx", "", 1, 1),
        ("wx", "", 1, 1),
        ("sb", "", 1, 1),
        ("x-", "", 3, 3),
        ("ux", "", 3, 1),
        # A missing or unavailable case matters if it is required.
        ("b", "", 4, 4),
        ("nc", "", 0, 0),
        ("b", "b", 4, 4),
        ("nfc", "c", 4, 4),
        ("xb", "b", 3, 3),
        ("sc", "c", 1, 1),
        ("ub", "b", 4, 1),
        ("-n", "-", 4, 4),
        ("-s", "-", 1, 1),
    ],
)
def test_exit_status_is_of_the_worst_verdict(verdicts, required, expected, strict):
    assert status(verdicts, required) == status(verdicts[::-1], required) == expected
    acknowledged = status(verdicts.replace("s", "n"), required)
    assert status(verdicts, required, fail_on=()) == acknowledged
    assert status(verdicts, required, fail_on=("slower", "undecided")) == strict


@pytest.mark.parametrize(
    ("verdicts", "required", "expected"),
    [("", "", 0), ("b", "", 0), ("bc", "", 0), ("b", "b", 4), ("-", "", 4), ("b-", "", 4)],
)
def test_nothing_measured_passes_on_request(verdicts, required, expected):
    assert status(verdicts, required) == 4
    assert status(verdicts, required, allow_nothing=True) == expected


@pytest.mark.parametrize(
    ("verdict", "bounds", "expected"),
    [("undecided", (), 4), ("undecided", (0.9, 1.1), 0), ("no change", (0.99, 1.01), 0)],
)
def test_pairs_that_cannot_show_a_slowdown_end_with_4(verdict, bounds, expected):
    metrics = (replace(EPOCH, ratio=Interval(1.0, *bounds), verdict=verdict),)
    case = CaseComparison("u", "u", verdict, metrics, pairs=3)
    sides = ComparedVersion("base"), ComparedVersion("candidate")
    assert ComparisonResult("softmax-bench ab", *sides, RULE, [case]).exit_status == expected
