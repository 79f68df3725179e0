"""Pairs of anything until all is decided: what is planned, and when it ends."""

import pytest
from support import comparisons

from bench.errors import UserError
from bench.regression.pairs import loop
from bench.regression.pairs.judge import collect_pairs
from bench.regression.pairs.loop import measure_until_decided
from bench.regression.result import CaseComparison
from bench.runner.events import Transient


class Stand:
    """Pairs that take a second each. verdicts: of each look."""

    name = "a stand"

    def __init__(self, verdicts, alpha=0.01):
        self.alpha = 1.0  # not known yet
        self._alpha = alpha
        self._verdicts = iter(verdicts)
        self.clock, self.numbers, self.looks = 0.0, [], []

    def plan(self, allowed):
        return 1.0

    def measure(self, number):
        self.alpha = self._alpha
        self.clock += 1
        self.numbers.append(number)
        return True

    def save_looks(self, looks):
        self.looks.append(looks)

    def judge(self):
        return [CaseComparison(name, name, verdict) for name, verdict in next(self._verdicts)]


UNDECIDED = [("a", "slower"), ("b", "undecided")]
DECIDED = [("a", "slower"), ("b", "missing in baseline")]


@pytest.fixture
def measured(monkeypatch):
    def measure(pairs, end=101.0):
        monkeypatch.setattr(loop, "now", lambda: pairs.clock)
        events = []
        measure_until_decided(pairs, end, events.append)
        return events

    return measure


def test_looks_are_planned_when_the_level_is_known(measured):
    pairs = Stand([UNDECIDED, UNDECIDED, DECIDED], alpha=0.01 / 3)
    measured(pairs)
    # The fewest of three tests with a spare one, a third, and all for which there is time.
    assert pairs.looks == [(12, 34, 100)] * 4
    assert pairs.numbers == [*range(101)]


def test_no_more_pairs_are_planned_than_can_be_judged(measured):
    pairs = Stand([UNDECIDED] * 3)
    measured(pairs, 9001.0)
    assert (pairs.looks[-1], pairs.numbers[-1]) == ((10, 667, 2000), 2000)
    with pytest.raises(UserError, match="2,000 pairs at most"):
        collect_pairs(comparisons.pairs([0.0] * 2001))


def test_measuring_ends_when_all_is_decided(measured):
    pairs = Stand([UNDECIDED, DECIDED])
    *_, first, second = [event for event in measured(pairs) if not isinstance(event, str)]
    assert pairs.numbers == [*range(35)]
    assert [first.name, second.name] == ["a", "b"]


@pytest.mark.parametrize(("end", "told"), [(8.0, False), (7.9, True)])
def test_budget_that_no_decision_fits_into_is_told_first(measured, end, told):
    events = measured(Stand([UNDECIDED] * 9), end)  # the first pair takes one of these seconds
    assert [isinstance(event, Transient) for event in events[:2]] == [not told, True]
    words = "a pair takes 1.0 s, and a decision needs 7. Give --budget 1m or more"
    assert (words in str(events[0])) == told
