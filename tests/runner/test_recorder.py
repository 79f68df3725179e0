"""One trial of a comparison in pairs: where it runs, what it is asked, what is kept of it."""

import msgspec
import pytest
from support.pretended import comparison, pairing
from support.records import case, ok

from bench.records import store
from bench.records.schema import Parity, Slowdown, Trial
from bench.regression.paired import pair
from bench.runner import executor, recorder
from bench.runner.parity.judge import Judgement
from bench.runner.process import preflight
from bench.runner.process.outcome import Outcome
from bench.runner.process.spec import Installation
from bench.runner.recorder import Runner
from bench.worker import machine

SLOWDOWN = Slowdown(0.5, 2)
OURS = machine.ROOT / "implementations"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def runs(folder, digits):
    """A runner of a comparison, or of a run where no places are given."""

    def make(places=None, **changes):
        planned = comparison(pairing(batch_size=96), **changes)
        store.create(folder, planned, "comparison.json" if places else "run.json")
        return Runner(folder, planned, digits, places=places)

    return make


@pytest.fixture
def launches(monkeypatch):
    """Launch nothing; what would have been, as request and child."""
    found = []

    def launch(request, child, scratch):
        found.append((request, child))
        return Outcome("unavailable", "not today", {}, "", 1.0)

    monkeypatch.setattr(executor, "launch", launch)
    return found


def sides(number=1, slowdown=None, **changes):
    """The two trials of a pair, by version."""
    one = pairing(batch_size=96, **changes)
    both = pair.trials(number, (one.base, one.candidate), comparison(), slowdown)
    return {trial.version: trial for trial in both}


PLACES = {"base": Installation(), "candidate": Installation()}


def test_a_side_of_a_pair_is_recorded_as_one_and_its_params_are_judged_but_not_kept(runs, folder):
    made = runs(PLACES)
    for trial in sides(3, SLOWDOWN).values():
        made.measure(trial)
    base, candidate = sorted(store.read_records(folder), key=lambda each: each.version)
    assert (base.version, candidate.version) == ("base", "candidate")
    assert (base.slowdown, candidate.slowdown) == (None, SLOWDOWN)
    for record in (base, candidate):
        assert (record.status, record.reason, record.round) == ("ok", None, 3)
        assert record.run == comparison().run
        assert record.parity.passed
        assert len(record.validation_accuracy) == len(record.epoch_seconds)
    assert not (folder / "params").exists()
    assert list(folder.rglob("*.npy")) == []


def test_a_side_of_a_pair_is_as_short_as_it_can_be(runs, folder):
    made = runs(PLACES)
    record = made.measure(sides()["base"])
    # A trial of a run would go on for half a second, and predict five times or more.
    assert len(record.epoch_seconds) == 5
    assert record.predict_seconds == []
    assert record.first_predict_seconds > 0


def test_a_trial_of_a_run_belongs_to_no_version_and_its_params_are_kept(runs, folder):
    case = pairing(batch_size=96).base
    record = runs().measure(Trial("r1-mine", "trial", 1, case, slowdown=SLOWDOWN))
    assert (record.status, record.version) == ("ok", "")
    assert len(record.epoch_seconds) > 5
    assert len(record.predict_seconds) >= 5
    assert [path.name for path in (folder / "params").iterdir()] == ["r1-mine.npy"]


def test_only_a_comparison_asks_for_a_slowdown_and_for_what_is_brief(runs, launches, folder):
    made = runs(PLACES)
    for trial in sides(1, SLOWDOWN).values():
        made.measure(trial)
    asked = {child.installation is PLACES["candidate"]: request for request, child in launches}
    assert asked.keys() == {True, False}
    assert asked[True]["slowdown"] == {"share": 0.5, "every": 2}
    assert asked[False]["slowdown"] is None
    assert asked[True]["brief"] is asked[False]["brief"] is True
    Runner(folder, comparison(), made._station._data).measure(sides(2, SLOWDOWN)["candidate"])
    assert launches[-1][0].keys().isdisjoint({"brief", "slowdown"})
    assert launches[-1][1].installation == Installation()


def test_every_version_runs_in_its_own_place(runs, launches, tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "read_software", lambda place: {"python": "3.99"})
    places = {
        "base": Installation("/a/python", tmp_path / "a"),
        "candidate": Installation("/b/python", OURS),
    }
    made = runs(places, timeout=7.0)
    for version, trial in sides(variables={"OWN": "yes"}, threads=1).items():
        made.measure(trial)
        _, child = launches[-1]
        assert child.installation == places[version]
        assert (child.timeout, child.threads, child.device) == (7.0, 1, "cpu")
        assert child.variables == {"OWN": "yes"}


def test_what_is_installed_elsewhere_is_asked_once_and_recorded_with_that_side(
    runs, launches, folder, tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        preflight, "read_software", lambda place: asked.append(place) or {"python": "3.99"}
    )  # fmt: skip
    there = Installation("/b/python", OURS)
    made = runs({"base": Installation(implementations=tmp_path), "candidate": there})
    for number in (1, 2):
        for trial in sides(number).values():
            made.measure(trial)
    assert asked == [there]
    environments = store.read_environments(folder)
    software = {
        (record.version, environments[record.environment].software["python"])
        for record in store.read_records(folder)
    }
    assert software == {("base", machine.software()["python"]), ("candidate", "3.99")}


def test_an_interrupted_side_of_a_pair_is_a_record_of_that_side(runs, folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(executor, "launch", interrupted)
    made = runs(PLACES)
    with pytest.raises(KeyboardInterrupt):
        made.measure(sides(4, SLOWDOWN)["candidate"])
    (record,) = store.read_records(folder)
    assert (record.status, record.version, record.round) == ("interrupted", "candidate", 4)
    assert record.slowdown == SLOWDOWN
    assert record.environment in store.read_environments(folder)


def test_a_side_that_says_nonsense_is_a_failed_record_of_that_side(runs, folder, monkeypatch):
    said = {"worker_seconds": "long"}
    monkeypatch.setattr(
        executor, "launch", lambda *_: Outcome("unavailable", "so", said, "", 1.0)
    )  # fmt: skip
    record = runs(PLACES).measure(sides(4, SLOWDOWN)["candidate"])
    assert (record.status, record.version) == ("failed", "candidate")
    assert record.slowdown == SLOWDOWN
    assert "left a result that is wrong" in record.reason


@pytest.mark.parametrize(
    ("said", "reason"),
    [({"epoch_seconds": [0.5, 0.0]}, "an ok trial without all its numbers"),
     ({"epoch_seconds": [1e308]}, "Expected `float` <= 1000000000.0"),
     ({"peak_rss_bytes": -1}, "Expected `int` >= 0")],
)  # fmt: skip
def test_a_result_that_no_record_may_hold_is_a_failed_one(said, reason):
    whole = msgspec.to_builtins(ok(case()))
    names = [name for name in whole if name.endswith(("_seconds", "_accuracy"))]
    good = {name: whole[name] for name in (*names, "status", "started")}
    trial = Trial("r1-x", "trial", 1, case())
    assert recorder._record("a run", trial, "here", good).status == "ok"
    found = recorder._record("a run", trial, "here", good | said)
    assert (found.status, found.epoch_seconds) == ("failed", [])
    assert found.reason.startswith(f"the process left a result that is wrong: {reason}")


def test_a_child_cannot_say_which_side_it_is(runs, monkeypatch):
    said = {"version": "candidate", "slowdown": None, "round": 9, "parity": None}
    monkeypatch.setattr(
        executor, "launch", lambda *_: Outcome("unavailable", "so", said, "", 1.0)
    )  # fmt: skip
    record = runs(PLACES).measure(sides(4)["base"])
    assert (record.version, record.round, record.status) == ("base", 4, "unavailable")


def test_a_record_of_a_side_is_read_again_as_it_was(runs, launches, folder):
    record = runs(PLACES).measure(sides(4, SLOWDOWN)["candidate"])
    assert store.read_records(folder) == [record]
    assert msgspec.json.decode(msgspec.json.encode(record))["slowdown"] == {
        "share": 0.5, "every": 2,
    }  # fmt: skip


def test_what_is_installed_elsewhere_is_asked_before_there_is_a_trial_to_lose(
    runs, launches, folder, monkeypatch
):
    def stopped(place):
        raise KeyboardInterrupt

    monkeypatch.setattr(preflight, "read_software", stopped)
    made = runs(
        {"base": Installation("/b/python", OURS), "candidate": Installation("/b/python", OURS)}
    )
    with pytest.raises(KeyboardInterrupt):
        made.measure(sides()["base"])
    assert launches == []
    assert store.read_records(folder) == []


def test_a_parity_that_is_no_number_is_a_failed_trial_before_it_is_written(
    runs, folder, monkeypatch
):
    made = runs()
    nan = Judgement(parity=Parity(float("nan"), 1e-5, passed=False), fault="other mathematics")
    monkeypatch.setattr(made._keeper._judge, "judge", lambda *_: nan)
    record = made.measure(Trial("r1-mine", "trial", 1, pairing(batch_size=96).base))
    assert (record.status, "a result that is wrong" in record.reason) == ("failed", True)
    assert store.read_records(folder) == [record]
