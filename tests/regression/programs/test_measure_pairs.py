"""The loop of ``bench ab``: pairs until a case is decided or failed, or time is up."""

import math

import pytest
from support.pretended import Pretended, comparison, pairing
from support.records import ok

from bench.planning.cases import compute_max_samples
from bench.records import store
from bench.regression.programs import comparison_plan, measure_pairs
from bench.regression.programs.judge_pairs import judge_cases
from bench.regression.programs.measure_pairs import choose_epochs, estimate_seconds
from bench.regression.result import CaseComparison
from bench.runner.host.machine import read_usable_memory


@pytest.mark.parametrize(
    ("epoch", "allowed", "epochs"),
    [
        (0.08, 60.0, 12),  # 1 / 0.08 = 12.5
        (0.2, 2.0, 3),  # 0.5 / 0.2 = 2.5
        (0.1, 2.0, 5),
        (0.1, 0.1, 3),  # no time is left, but a pair needs some
        (0.001, 60.0, 40),  # not 1,000
    ],
)
def test_pair_has_as_many_epochs_as_there_is_time_for(epoch, allowed, epochs):
    assert choose_epochs(epoch, 1.0, allowed) == epochs


def test_first_pair_tells_the_seconds_of_the_slower_side():
    times = ([0.15, 0.2], [0.1, 0.1])
    starts = {"import_seconds": 0.1, "setup_seconds": 0.05, "first_epoch_seconds": 0.1}
    first = tuple(ok(pairing().baseline, 0, epoch_seconds=one, **starts) for one in times)
    assert estimate_seconds(first) == (0.2, pytest.approx(1.0))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def measured(folder, digits, monkeypatch):
    """Measure a comparison with a pretended runner; return how its cases were judged, in order."""

    def measure(pretended, plan=None):
        plan = plan or comparison()
        store.create_run(folder, plan, "comparison.json")
        pretended.install(monkeypatch)
        events = []
        measure_pairs.measure_programs(folder, plan, digits, {}, events.append)
        return [event for event in events if isinstance(event, CaseComparison)]

    return measure


def jitter(number):
    """Return a ratio within 10 % of 1, which stays undecided."""
    return 1 + 0.1 * math.sin(7 * number)


def test_slowdown_stops_at_the_first_look(measured):
    pretended = Pretended(ratio=lambda number: 1.2, epoch=0.04)
    (case,) = measured(pretended)
    assert pretended.pairs == [0, *range(1, 11)]
    assert (case.verdict, case.pairs) == ("slower", 10)
    # 1 / 0.048 = 20.8: the slower side decides in the first pair; then both do, 1 / 0.044 = 22.7.
    assert [trial.case.epochs for trial in pretended.trials] == [2, 2, 20, 20, *[22] * 18]


def test_looks_are_planned_for_the_budget_and_stored(measured, folder):
    # A pair takes 2 + 2 * 40 * 0.01 = 2.8 s and a little, as the ratios say: 178 / 2.8 = 63.5.
    pretended = Pretended(epoch=0.01, ratio=jitter)
    cases = measured(pretended)
    assert store.read_looks(folder) == {"numpy": (10, 21, 62)}
    assert pretended.pairs == [*range(63)]
    assert [case.pairs for case in cases] == [10, 21, 62]
    assert {case.verdict for case in cases} == {"undecided"}


def test_short_budget_is_filled_by_two_pairs_more_than_can_decide(measured, folder):
    # A pair has a ninth of 15 - 1.2 s: 1.53 s, of which its processes take 1 s.
    pretended = Pretended(seconds=0.5, epoch=0.05)
    (case,) = measured(pretended, comparison(budget=15.0))
    assert store.read_looks(folder) == {"numpy": (9,)}
    assert case.pairs == 9
    assert [trial.case.epochs for trial in pretended.trials[2::2]] == [*[5] * 7, 6, 7]
    assert 1014.5 <= pretended.clock <= 1015


@pytest.mark.parametrize(
    ("changes", "gates", "together"),
    [
        ({}, (), True),
        ({}, ("predict",), True),
        ({"device": "gpu"}, (), False),
        ({"samples": compute_max_samples(64, read_usable_memory())}, (), False),
    ],
    ids=["memory for two", "predictions", "a GPU", "memory for one"],
)
def test_sides_of_a_pair_live_together_where_they_can(measured, changes, gates, together):
    pretended = Pretended()
    measured(pretended, comparison(pairing(**changes), budget=30.0, gates=gates))
    # The first pair is judged whole, and each of them if predictions are.
    judge_one = [False, *["predict" not in gates] * (len(pretended.pairs) - 1)]
    assert len(judge_one) > 7
    assert pretended.judge_one == (judge_one if together else [])


@pytest.mark.parametrize(
    ("later", "pairs", "epochs"),
    [(1.4, 10, [20, 16]), (2.0, 9, [20, 3])],  # ten are planned, of 3 epochs at least
)
def test_slower_machine_gets_fewer_epochs_in_the_budget(measured, later, pairs, epochs):
    pretended = Pretended(epoch=0.05)
    original, slow = pretended.measure, iter([1.0] * 10 + [later] * 1000)

    def measure(trial):
        pretended.seconds = next(slow)
        return original(trial)

    pretended.measure = measure
    (case,) = measured(pretended, comparison(budget=45.0))
    measured_epochs = [trial.case.epochs for trial in pretended.trials[2::2]]
    assert (case.pairs, len(measured_epochs)) == (pairs, pairs)
    assert [measured_epochs[0], measured_epochs[-1]] == epochs
    assert pretended.clock - 1000 <= 45


@pytest.mark.parametrize(("budget", "pairs"), [(9.0, 2), (3.0, 0)])
def test_budget_that_is_too_short_has_one_look(measured, folder, budget, pairs):
    (case,) = measured(Pretended(ratio=lambda _: 1.2), comparison(budget=budget))
    assert store.read_looks(folder) == {"numpy": (pairs,) if pairs else ()}
    assert (case.verdict, case.pairs) == ("undecided", pairs)


def test_cases_share_the_remaining_time(measured, folder):
    cases = tuple(map(pairing, ("a", "b", "c")))
    pretended = Pretended(epoch=0.01)

    def ratio(number):
        return 1.2 if pretended.trials[-1].case.implementation == "a" else jitter(number)

    pretended.ratio = ratio
    judged = measured(pretended, comparison(*cases, budget=300.0))
    looks = store.read_looks(folder)
    # Three cases share 1 %: a first look is at 12 pairs. a has a third of the time and is decided
    # early; b has half of the rest, and c what is left.
    assert [(case.name, case.pairs) for case in judged] == [
        ("a", 12),
        *(("b", look) for look in looks["b"]),
        *(("c", look) for look in looks["c"]),
    ]
    assert looks["a"][-1] < looks["b"][-1] <= looks["c"][-1]
    assert 290 < pretended.clock - 1000 <= 300


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


@pytest.mark.parametrize("order", [("base", "candidate"), ("candidate", "base")])
def test_interrupted_comparison_keeps_complete_pairs(measured, folder, order, monkeypatch):
    # The first pair has 2 epochs and a lower accuracy than the others, of 40 epochs. One side may
    # have a process more than the other, which is no loss of accuracy.
    monkeypatch.setattr(comparison_plan, "order_sides", lambda: order)
    pretended = Pretended(epoch=0.001, accuracy=lambda epochs: 0.5 + epochs / 100)
    pretended.stop = ("candidate", 5)
    with pytest.raises(KeyboardInterrupt):
        measured(pretended)
    (case,) = judge_cases(comparison(), store.read_records(folder), store.read_looks(folder))
    assert (case.verdict, case.pairs, case.remarks) == ("undecided", 4, ())
    assert case.accuracy == (pytest.approx(0.55), pytest.approx(0.55))
