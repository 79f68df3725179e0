"""The plan of a comparison, and the random order of the two versions in a pair."""

from itertools import pairwise

import pytest
from support.comparisons import comparison
from support.records import case

from bench.regression.paired.comparison_plan import Pairing, plan_pair
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
    pair = plan_pair(7, PAIRING, comparison())
    assert {trial.version: (trial.id, trial.case) for trial in pair} == {
        "base": ("p7-base-sgd-old-cpu-b32-t2-n48000", PAIRING.baseline),
        "candidate": ("p7-candidate-sgd-new-cpu-b32-t2-n48000", PAIRING.candidate),
    }
    assert [(trial.kind, trial.round) for trial in pair] == [("trial", 7)] * 2


def toss(pairing=PAIRING, **changes):
    """Return for 400 pairs whether the baseline is measured first."""
    plan = comparison(**{"run": "a comparison", **changes})
    return [plan_pair(number, pairing, plan)[0].version == "base" for number in range(1, 401)]


# Fewer than 150 or more than 250 heads of 400 fair coins have a probability of one in a million.
@pytest.mark.parametrize("run", ["one", "another", "20250102-030405-abcd"])
def test_order_in_a_pair_is_a_fair_coin(run):
    first = toss(run=run)
    assert 150 < sum(first) < 250
    assert 150 < sum(one == other for one, other in pairwise(first)) < 250
    assert first == toss(run=run)


@pytest.mark.parametrize(
    "changes",
    [{"run": "another"}, {"seed": 43}, {"pairing": Pairing(case("other"), PAIRING.candidate)}],
)
def test_each_run_seed_and_case_has_its_own_coins(changes):
    first = zip(toss(), toss(**changes), strict=True)
    assert 150 < sum(one == other for one, other in first) < 250
