"""The loop of ``bench ab``: pairs until a case is decided or failed, or time is up."""

import math

import pytest
from filelock import FileLock
from support.pretended import Pretended, comparison, of_kind, pairing
from support.records import ok

from bench.records import store
from bench.regression.paired import measure_pairs
from bench.regression.paired.comparison_plan import plan_pair
from bench.regression.paired.judge_pairs import judge_cases
from bench.regression.paired.measure_pairs import (
    CaseStarted,
    LookTaken,
    PairMeasured,
    extend_epochs,
)
from bench.runner import lock
from bench.runner.loop import HostBusy


def warm(base, candidate, of=None):
    """Return the records of a warm-up pair with these epochs."""
    case = (of or pairing()).base
    return ok(case, 0, epoch_seconds=base), ok(case, 0, epoch_seconds=candidate)


@pytest.mark.parametrize(
    ("epoch", "epochs", "longer"),
    [
        (0.5, 5, 0.0),
        (0.08, 5, 0.0),  # 0.4 / 0.08 = 5
        (0.07, 6, 2 * 0.07),  # 5.71, one epoch more on both sides
        (0.02, 20, 30 * 0.02),
        (0.01, 40, 70 * 0.01),
        (0.001, 40, 70 * 0.001),  # not 400
    ],
)
def test_short_epochs_are_repeated(epoch, epochs, longer):
    longest, seconds = extend_epochs(pairing(), warm([9.0, epoch, 9.0], [epoch] * 3), 1.5)
    assert {longest.base.epochs, longest.candidate.epochs} == {epochs}
    assert seconds == pytest.approx(1.5 + longer)
    assert longest.base.slug == pairing().base.slug


def test_slower_side_decides_the_epochs():
    # The minima are 0.04 and 0.05: 0.4 / 0.05 = 8 epochs, 3 more on both sides.
    longest, seconds = extend_epochs(pairing(), warm([0.04, 1.0], [1.0, 0.05]), 2.0)
    assert longest.base.epochs == longest.candidate.epochs == 8
    assert seconds == pytest.approx(2.0 + 6 * 0.05)


@pytest.mark.parametrize("epochs", [41, 60])
def test_many_epochs_are_not_shortened(epochs):
    of = pairing(epochs=epochs)
    longest, seconds = extend_epochs(of, warm([0.001], [0.001], of), 2.0)
    assert longest == of
    assert seconds == 2.0


@pytest.fixture
def performed(tmp_path, digits, monkeypatch):
    """Measure a comparison with a pretended runner; return its events."""
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", str(tmp_path / "lock"))

    def perform(pretended, plan=None):
        plan = plan or comparison()
        folder = tmp_path / "out"
        store.create_run(folder, plan, "comparison.json")
        monkeypatch.setattr(measure_pairs, "Runner", pretended.begin)
        monkeypatch.setattr(measure_pairs, "now", pretended.now)
        return list(measure_pairs.measure(folder, plan, digits, {}))

    return perform


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def judged(folder):
    return judge_cases(comparison(), store.read_records(folder), store.read_looks(folder))


def jitter(number):
    """Return a ratio within 10 % of 1, which stays undecided."""
    return 1 + 0.1 * math.sin(7 * number)


def test_slowdown_stops_at_the_first_look(performed):
    # A pair takes 2 s: after the warm-up, 89 pairs fit into 180 s. A sixth of them are 15.
    pretended = Pretended(ratio=lambda number: 1.2, epoch=0.01)
    events = performed(pretended)
    assert pretended.pairs == [0, *range(1, 16)]
    assert type(events[0]) is CaseStarted
    assert [type(event) for event in events[1:]] == [PairMeasured] * 15 + [LookTaken]
    (case,) = [event.case for event in of_kind(events, LookTaken)]
    assert (case.verdict, case.pairs) == ("slower", 15)


def test_looks_are_planned_for_the_budget_and_stored(performed, folder):
    # 178 / 2 = 89 pairs, with looks after 15, 30 and 89.
    pretended = Pretended(ratio=jitter)
    events = performed(pretended)
    assert store.read_looks(folder) == {"numpy": (15, 30, 89)}
    assert {event.pairs for event in of_kind(events, PairMeasured)} == {89}
    assert [event.number for event in of_kind(events, PairMeasured)] == [*range(1, 90)]
    looked = of_kind(events, LookTaken)
    assert [event.case.pairs for event in looked] == [15, 30, 89]
    assert {event.case.verdict for event in looked} == {"undecided"}


def test_measuring_stops_before_the_budget_ends(performed):
    pretended = Pretended(ratio=jitter)
    original, slow = pretended.measure, iter([0.5] * 40 + [3.0] * 1000)

    def measure(trial):
        pretended.seconds = next(slow) + 0.5
        return original(trial)

    pretended.measure = measure
    events = performed(pretended)
    # The first 20 pairs take 2 s each, the others 7 s: 140 / 7 = 20.
    assert pretended.clock - 1000 <= 180
    assert pretended.pairs == [*range(40)]
    assert [event.case.pairs for event in of_kind(events, LookTaken)] == [15, 30, 39]


def test_short_budget_has_one_look(performed, folder):
    events = performed(Pretended(ratio=lambda _: 1.2), comparison(budget=9.0))
    assert store.read_looks(folder) == {"numpy": (10,)}
    (case,) = [event.case for event in of_kind(events, LookTaken)]
    assert (case.verdict, case.pairs) == ("undecided", 3)


def test_budget_below_a_pair_is_undecided(performed):
    events = performed(Pretended(), comparison(budget=3.0))
    assert [type(event) for event in events] == [CaseStarted, LookTaken]
    assert (events[-1].case.verdict, events[-1].case.pairs) == ("undecided", 0)


def test_extended_case_is_measured_after_the_warmup(performed):
    pretended = Pretended(epoch=0.02, ratio=lambda number: 1.2)
    performed(pretended)
    # 0.4 s / 0.024 s are 17 epochs. The first look at 89 pairs is after 15.
    assert [trial.case.epochs for trial in pretended.trials] == [5, 5, *[17] * 30]


def test_cases_share_the_remaining_time(performed, folder):
    cases = tuple(map(pairing, ("a", "b", "c")))
    pretended = Pretended()

    def ratio(number):
        return 1.2 if pretended.trials[-1].case.implementation == "a" else jitter(number)

    pretended.ratio = ratio
    events = performed(pretended, comparison(*cases, budget=300.0))
    # a: 100 s, 98 / 2 = 49 pairs, decided at 10 after 22 s. b: half of 278 s, 137 / 2 = 68 pairs,
    # 138 s. c: the remaining 140 s, 69 pairs.
    assert store.read_looks(folder) == {"a": (10, 17, 49), "b": (12, 23, 68), "c": (12, 23, 69)}
    begun = [(item.pairing.name, item.number, item.total) for item in of_kind(events, CaseStarted)]
    assert begun == [("a", 1, 3), ("b", 2, 3), ("c", 3, 3)]
    looked = [(item.case.name, item.case.pairs) for item in of_kind(events, LookTaken)]
    assert looked == [("a", 10), ("b", 12), ("b", 23), ("b", 68), ("c", 12), ("c", 23), ("c", 69)]
    assert pretended.clock - 1000 == 22 + 138 + 140


FAILED = {"status": "failed", "reason": "RuntimeError: no"}


@pytest.mark.parametrize("version", ["base", "candidate"])
@pytest.mark.parametrize("number", [0, 4])
def test_failed_pair_ends_its_case(performed, version, number):
    pretended = Pretended(becomes={(version, number): FAILED})
    events = performed(pretended, comparison(pairing("a"), pairing("b")))
    of_a = [trial.round for trial in pretended.trials if trial.case.implementation == "a"]
    assert sorted(of_a) == sorted([*range(number + 1)] * 2)
    first, *others = [event.case for event in of_kind(events, LookTaken)]
    assert first.verdict == "failed"
    assert first.remarks == (f"{version}: failed: RuntimeError: no",)
    # The next case is measured all the same.
    assert [item.name for item in others] == ["b"]


def test_interrupted_comparison_keeps_its_records(performed, folder):
    pretended = Pretended(stop=("candidate", 3))
    with pytest.raises(KeyboardInterrupt):
        performed(pretended)
    records = store.read_records(folder)
    assert {(item.version, item.round) for item in records} >= {
        (version, number) for version in ("base", "candidate") for number in (0, 1, 2)
    }
    (case,) = judged(folder)
    assert (case.verdict, case.pairs) == ("undecided", 2)


def test_interrupted_pair_is_not_wrong(performed, folder):
    # The warm-up has 5 epochs and a lower accuracy than the others, of 40 epochs. The base has one
    # process more than the candidate.
    pretended = Pretended(epoch=0.001, accuracy=lambda epochs: 0.5 + epochs / 100)
    coins = {trial.round: trial for trial in reversed(_coins())}
    number = next(item for item in range(1, 9) if coins[item].version == "base")
    pretended.stop = ("candidate", number)
    with pytest.raises(KeyboardInterrupt):
        performed(pretended)
    (case,) = judged(folder)
    assert case.accuracy == (pytest.approx(0.55), pytest.approx(0.55))
    assert (case.verdict, case.remarks) == ("undecided", ())


def _coins():
    """Return the trials of the first pairs in the order measured."""
    one = pairing()
    return [trial for number in range(1, 9) for trial in plan_pair(number, one, comparison())]


def _free():
    """Return whether the lock of the host is free."""
    with lock.open_host_lock() as host:
        return host.take()


def test_waiting_for_the_host_does_not_use_the_budget(performed, monkeypatch):
    pretended = Pretended(ratio=jitter)

    def wait(self):
        pretended.clock += 1e6
        other.release()
        original(self)
        waited.append(not _free())

    original, waited = lock.Lock.wait, []
    monkeypatch.setattr(lock.Lock, "wait", wait)
    other = FileLock(lock.lock_path())
    other.acquire()
    events = performed(pretended, comparison(budget=62.0))
    assert [type(event) for event in events[:2]] == [HostBusy, CaseStarted]
    assert len(of_kind(events, PairMeasured)) == 30
    assert waited == [True]


def test_host_is_locked_while_measuring(tmp_path, digits, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", str(tmp_path / "lock"))
    pretended = Pretended()
    monkeypatch.setattr(measure_pairs, "Runner", pretended.begin)
    monkeypatch.setattr(measure_pairs, "now", pretended.now)
    store.create_run(tmp_path / "out", comparison(), "comparison.json")
    events = measure_pairs.measure(tmp_path / "out", comparison(), digits, {})
    assert type(next(events)) is CaseStarted
    assert not _free()
    events.close()
    assert _free()
