"""The plan of a comparison, and the random order of the two versions in a pair."""

from itertools import pairwise

import pytest
from support.comparisons import comparison
from support.records import case

from bench.regression.programs.comparison_plan import Pairing, plan_pair
from bench.regression.stats.decision import Rule

PAIRING = Pairing(case("old"), case("new"))


@pytest.mark.parametrize(
    ("names", "gates", "family"),
    [(["numpy"], (), 1), (["numpy", "keras", "jax"], ("memory", "import"), 9)],
)
def test_each_judged_metric_of_each_case_is_one_test(names, gates, family):
    plan = comparison(*names, gates=gates, tolerance=0.05, alpha=0.02)
    assert plan.rule == Rule(0.05, 0.02, family)
    assert comparison(pairings=()).rule.family == 1


def test_pair_has_one_trial_of_each_version():
    pair = plan_pair(7, PAIRING, 3)
    assert {trial.version: (trial.id, trial.case) for trial in pair} == {
        "base": ("p7-base-sgd-old-cpu-b32-t2-n48000", case("old", epochs=3)),
        "candidate": ("p7-candidate-sgd-new-cpu-b32-t2-n48000", case("new", epochs=3)),
    }
    assert [(trial.kind, trial.round) for trial in pair] == [("trial", 7)] * 2


def test_order_in_a_pair_is_a_fair_coin():
    # Fewer than 150 or more than 250 heads of 400 have a probability of one in a million.
    first = [plan_pair(number, PAIRING, 3)[0].version == "base" for number in range(401)]
    assert 150 < sum(first[1:]) < 250
    assert 150 < sum(one == other for one, other in pairwise(first)) < 250
