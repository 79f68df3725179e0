"""Two versions directly after one another: which comes first, a coin decides."""

from itertools import pairwise

import pytest
from support.comparisons import comparison
from support.records import case

from bench.records.schema import Slowdown
from bench.regression.paired import pair

BASE, CANDIDATE = case("old"), case("new")


def trials(number, run="a comparison", of=(BASE, CANDIDATE), **changes):
    plan = comparison(run=run, **changes)
    return pair.trials(number, of, plan)


def first(count=400, **changes):
    """Tell of so many pairs whether the base came first."""
    return [trials(number, **changes)[0].version == "base" for number in range(1, count + 1)]


def test_a_pair_has_one_trial_of_each_version_with_its_own_case():
    found = {trial.version: trial for trial in trials(7)}
    assert set(found) == {pair.BASE, pair.CANDIDATE} == {"base", "candidate"}
    base, candidate = found["base"], found["candidate"]
    assert (base.case, candidate.case) == (BASE, CANDIDATE)
    assert base.id == "p7-base-sgd-old-cpu-b32-t2-n48000"
    assert candidate.id == "p7-candidate-sgd-new-cpu-b32-t2-n48000"
    for trial in (base, candidate):
        assert (trial.kind, trial.round, trial.slowdown) == ("trial", 7, None)


def test_a_slowdown_is_put_into_the_candidate():
    slowdown = Slowdown(0.05, 5)
    found = pair.trials(1, (BASE, CANDIDATE), comparison(), slowdown)
    assert {trial.version: trial.slowdown for trial in found} == {
        "base": None, "candidate": slowdown,
    }  # fmt: skip


# Of 400 fair coins fewer than 150 or more than 250 show one side once in a million.
@pytest.mark.parametrize("run", ["one", "another", "20250102-030405-abcd"])
def test_the_base_comes_first_in_about_half_of_the_pairs(run):
    assert 150 < sum(first(run=run)) < 250


def test_one_coin_says_nothing_of_the_next():
    found = first(run="one")
    assert 150 < sum(one == other for one, other in pairwise(found)) < 250


@pytest.mark.parametrize(
    "changes", [{"run": "another"}, {"seed": 43}, {"of": (case("other"), CANDIDATE)}]
)
def test_every_run_seed_and_case_has_coins_of_its_own(changes):
    agree = sum(one == other for one, other in zip(first(), first(**changes), strict=True))
    assert 150 < agree < 250


def test_within_a_run_the_order_is_always_the_same():
    assert first() == first()
    assert trials(3) == trials(3)


def test_a_pair_is_measured_in_its_order_and_no_further_than_it_is_asked_for():
    measured = []

    class Runner:
        def measure(self, trial):
            measured.append(trial.version)
            return trial.id

    two = trials(1)
    records = pair.measured(Runner(), two)
    assert measured == []
    assert next(records) == two[0].id
    assert measured == [two[0].version]
    assert list(records) == [two[1].id]
