"""The loop of ``bench ab``: pairs until a case is decided or failed, or time is up."""

import math

import pytest
from support.pretended import Pretended, comparison, of_kind, pairing
from support.records import ok

from bench.records import store
from bench.regression.paired import measure_pairs
from bench.regression.paired.comparison_plan import plan_pair
from bench.regression.paired.judge_pairs import judge_cases
from bench.regression.paired.measure_pairs import choose_epochs
from bench.regression.result import CaseComparison
from bench.runner.planning.cases import compute_max_samples


@pytest.mark.parametrize(
    ("baseline", "candidate", "allowed", "epochs"),
    [
        ([0.07, 0.08], [0.08, 0.08], 60.0, 13),  # 1 / 0.08 = 12.5
        ([0.15, 0.2], [0.1, 0.1], 2.0, 3),  # the slower one decides: 0.5 / 0.2 = 2.5
        ([0.1, 0.1], [0.1, 0.1], 2.0, 5),
        ([0.1, 0.1], [0.1, 0.1], 0.1, 3),  # no time is left, but a pair needs some
        ([0.001, 0.001], [0.001, 0.001], 60.0, 40),  # not 1,000
    ],
)
def test_pair_has_as_many_epochs_as_there_is_time_for(baseline, candidate, allowed, epochs):
    times = (baseline, candidate)
    starts = {"import_seconds": 0.1, "setup_seconds": 0.05, "first_epoch_seconds": 0.1}
    warmup = tuple(ok(pairing().baseline, 0, epoch_seconds=one, **starts) for one in times)
    chosen, seconds = choose_epochs(pairing(), warmup, allowed)
    assert {chosen.baseline.epochs, chosen.candidate.epochs} == {epochs}
    assert seconds == pytest.approx(1.0 + 2 * epochs * max(*baseline, *candidate))
    assert chosen.baseline.slug == pairing().baseline.slug


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def measured(folder, digits, monkeypatch):
    """Measure a comparison with a pretended runner; return how its cases were judged, in order."""

    def measure(pretended, plan=None):
        plan = plan or comparison()
        store.create_run(folder, plan, "comparison.json")
        monkeypatch.setattr(measure_pairs, "Runner", pretended.begin)
        monkeypatch.setattr(measure_pairs, "now", pretended.now)
        return of_kind(measure_pairs.measure(folder, plan, digits, {}), CaseComparison)

    return measure


def jitter(number):
    """Return a ratio within 10 % of 1, which stays undecided."""
    return 1 + 0.1 * math.sin(7 * number)


def test_slowdown_stops_at_the_first_look(measured):
    # A pair takes 2 s: after the warm-up, 89 pairs fit into 180 s.
    pretended = Pretended(ratio=lambda number: 1.2, epoch=0.02)
    (case,) = measured(pretended)
    assert pretended.pairs == [0, *range(1, 11)]
    assert (case.verdict, case.pairs) == ("slower", 10)
    assert [trial.case.epochs for trial in pretended.trials] == [2, 2, *[28] * 20]  # 1 / 0.036


def test_looks_are_planned_for_the_budget_and_stored(measured, folder):
    # 178 / 2 = 89 pairs, with looks after 10, 30 and 89.
    pretended = Pretended(ratio=jitter)
    cases = measured(pretended)
    assert store.read_looks(folder) == {"numpy": (10, 30, 89)}
    assert pretended.pairs == [*range(90)]
    assert [case.pairs for case in cases] == [10, 30, 89]
    assert {case.verdict for case in cases} == {"undecided"}


@pytest.mark.parametrize(
    ("changes", "together"),
    [({}, True), ({"device": "gpu"}, False), ({"samples": compute_max_samples(64)}, False)],
    ids=["memory for two", "a GPU", "memory for one"],
)
def test_sides_of_a_pair_live_together_where_they_can(measured, changes, together):
    pretended = Pretended()
    measured(pretended, comparison(pairing(**changes), budget=30.0))
    # The first pair is judged whole.
    briefs = [False, *[True] * (len(pretended.pairs) - 1)]
    assert len(briefs) > 7
    assert pretended.briefs == (briefs if together else [])


def test_measuring_stops_before_the_budget_ends(measured):
    pretended = Pretended(ratio=jitter)
    original, slow = pretended.measure, iter([0.5] * 40 + [3.0] * 1000)

    def measure(trial):
        pretended.seconds = next(slow) + 0.5
        return original(trial)

    pretended.measure = measure
    cases = measured(pretended)
    # The first 20 pairs take 2 s each, the others 7 s: 140 / 7 = 20.
    assert pretended.clock - 1000 <= 180
    assert pretended.pairs == [*range(40)]
    assert [case.pairs for case in cases] == [10, 30, 39]


@pytest.mark.parametrize(("budget", "pairs"), [(9.0, 3), (3.0, 0)])
def test_short_budget_has_one_look(measured, folder, budget, pairs):
    (case,) = measured(Pretended(ratio=lambda _: 1.2), comparison(budget=budget))
    assert store.read_looks(folder) == {"numpy": (7,)}
    assert (case.verdict, case.pairs) == ("undecided", pairs)


def test_cases_share_the_remaining_time(measured, folder):
    cases = tuple(map(pairing, ("a", "b", "c")))
    pretended = Pretended()

    def ratio(number):
        return 1.2 if pretended.trials[-1].case.implementation == "a" else jitter(number)

    pretended.ratio = ratio
    judged = measured(pretended, comparison(*cases, budget=300.0))
    # Three cases share 1 %: a first look is at 12 pairs. a: 100 s, 98 / 2 = 49 pairs, decided at 12
    # after 26 s. b: half of 274 s, 135 / 2 = 67 pairs, 136 s. c: the remaining 138 s, 68 pairs.
    assert store.read_looks(folder) == {"a": (12, 49), "b": (12, 67), "c": (12, 68)}
    looks = [(case.name, case.pairs) for case in judged]
    assert looks == [("a", 12), ("b", 12), ("b", 67), ("c", 12), ("c", 68)]
    assert pretended.clock - 1000 == 26 + 136 + 138


@pytest.mark.parametrize("version", ["base", "candidate"])
@pytest.mark.parametrize("number", [0, 4])
def test_failed_pair_ends_its_case(measured, version, number):
    failure = {"status": "failed", "reason": "RuntimeError: no"}
    pretended = Pretended(becomes={(version, number): failure})
    first, *others = measured(pretended, comparison(pairing("a"), pairing("b")))
    of_a = [trial.round for trial in pretended.trials if trial.case.implementation == "a"]
    assert sorted(of_a) == sorted([*range(number + 1)] * 2)
    assert (first.verdict, len(first.remarks)) == ("failed", 1)
    # The next case is measured all the same.
    assert [case.name for case in others] == ["b"]


@pytest.mark.parametrize("first", ["base", "candidate"])
def test_interrupted_comparison_keeps_complete_pairs(measured, folder, first):
    # The first pair has 2 epochs and a lower accuracy than the others, of 40 epochs. One side may
    # have a process more than the other, which is no loss of accuracy.
    pretended = Pretended(epoch=0.001, accuracy=lambda epochs: 0.5 + epochs / 100)
    starts = {
        number: plan_pair(number, pairing(), comparison())[0].version for number in range(3, 30)
    }
    number = next(number for number, version in starts.items() if version == first)
    pretended.stop = ("candidate", number)
    with pytest.raises(KeyboardInterrupt):
        measured(pretended)
    (case,) = judge_cases(comparison(), store.read_records(folder), store.read_looks(folder))
    assert (case.verdict, case.pairs, case.remarks) == ("undecided", number - 1, ())
    assert case.accuracy == (pytest.approx(0.55), pytest.approx(0.55))
