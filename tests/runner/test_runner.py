"""One trial: what its process is asked, how it is judged, and what is recorded of it."""

import msgspec
import pytest
from support.pretended import comparison, pairing
from support.records import case, ok

from bench.records import store
from bench.records.schema import Parity, Slowdown, Trial
from bench.regression.paired.comparison_plan import plan_pair
from bench.runner import machine, runner
from bench.runner.parity.judge import Judge, Judgement
from bench.runner.process import preflight
from bench.runner.process.outcome import Outcome
from bench.runner.process.spec import Installation
from bench.runner.runner import Runner
from bench.worker.machine import list_software

SLOWDOWN = Slowdown(0.5, 2)
OURS = machine.machine.ROOT / "implementations"
INSTALLATIONS = {"base": Installation(), "candidate": Installation()}
ALONE = Trial("r1-mine", "trial", 1, pairing(batch_size=96).baseline)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def make_runner(folder, digits):
    """A runner of a comparison, or of a run without versions."""

    def make(installations=None, **changes):
        planned = comparison(pairing(batch_size=96), **changes)
        store.create_run(folder, planned, "comparison.json" if installations else "run.json")
        return Runner(folder, planned, digits, installations=installations)

    return make


@pytest.fixture
def launches(monkeypatch):
    """Launch no process; the requests and children."""
    calls = []

    def launch(request, child, scratch):
        calls.append((request, child))
        return Outcome("unavailable", "not today", {}, "", 1.0)

    monkeypatch.setattr(runner, "launch", launch)
    return calls


@pytest.fixture
def report(monkeypatch):
    """Let the process report a document instead of running."""

    def install(document, status="unavailable"):
        outcome = Outcome(status, "so", document, "last words", 1.0)
        monkeypatch.setattr(runner, "launch", lambda *_: outcome)

    return install


def sides(number=1, slowdown=None, **changes):
    """Return the two trials of a pair, by version."""
    one = pairing(batch_size=96, **changes)
    both = plan_pair(number, one, comparison(), slowdown)
    return {trial.version: trial for trial in both}


def test_sides_of_a_pair_are_brief_and_judged_without_keeping_params(make_runner, folder):
    made = make_runner(INSTALLATIONS)
    for trial in sides(3, SLOWDOWN).values():
        made.measure(trial)
    base, candidate = sorted(store.read_records(folder), key=lambda record: record.version)
    assert (base.version, candidate.version) == ("base", "candidate")
    assert (base.slowdown, candidate.slowdown) == (None, SLOWDOWN)
    for record in (base, candidate):
        assert (record.status, record.reason, record.round) == ("ok", None, 3)
        assert record.parity.passed
        assert len(record.validation_accuracy) == len(record.epoch_seconds) == 5
        assert (record.predict_seconds, record.first_predict_seconds > 0) == ([], True)
    assert list(folder.rglob("*.npy")) == []


def test_trial_of_a_run_is_repeated_and_its_params_are_kept(make_runner, folder):
    record = make_runner().measure(ALONE)
    assert (record.status, record.version) == ("ok", "")
    assert len(record.epoch_seconds) > 5
    assert len(record.predict_seconds) >= 5
    assert record.threads_in_force == pytest.approx(
        sum(record.epoch_cpu_seconds) / sum(record.epoch_seconds)
    )
    assert record.worker_seconds < record.wall_seconds <= record.conditions["seconds"]
    assert [path.name for path in (folder / "params").iterdir()] == ["r1-mine.npy"]


def test_only_a_comparison_asks_for_brief_and_slowed_trials(make_runner, launches, folder, digits):
    made = make_runner(INSTALLATIONS)
    for trial in sides(1, SLOWDOWN).values():
        made.measure(trial)
    slowdowns = [request["slowdown"] for request, _ in launches]
    assert sorted(slowdowns, key=str) == [None, {"share": 0.5, "every": 2}]
    assert {request["brief"] for request, _ in launches} == {True}
    Runner(folder, comparison(), digits).measure(sides(2, SLOWDOWN)["candidate"])
    request, child = launches[-1]
    assert request.keys().isdisjoint({"brief", "slowdown"})
    assert child.installation == Installation()


def test_every_version_runs_and_describes_its_own_place(
    make_runner, launches, folder, tmp_path, monkeypatch
):
    described = []
    monkeypatch.setattr(
        preflight, "read_software", lambda place: described.append(place) or {"python": "3.99"}
    )
    installations = {
        "base": Installation(implementations=tmp_path),
        "candidate": Installation("/b/python", OURS),
    }
    made = make_runner(installations, timeout=7.0)
    for number in (1, 2):
        for version, trial in sides(number, variables={"OWN": "yes"}, threads=1).items():
            made.measure(trial)
            _, child = launches[-1]
            assert child.installation == installations[version]
            assert (child.timeout, child.threads, child.device) == (7.0, 1, "cpu")
            assert child.variables == {"OWN": "yes"}
    assert described == [installations["candidate"]]  # once
    environments = store.read_environments(folder)
    assert {
        (record.version, environments[record.environment].software["python"])
        for record in store.read_records(folder)
    } == {("base", list_software()["python"]), ("candidate", "3.99")}


@pytest.mark.parametrize("point", [(runner, "launch"), (Judge, "judge")], ids=str)
def test_side_that_is_interrupted_is_recorded_as_that_side(make_runner, folder, monkeypatch, point):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(*point, interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_runner(INSTALLATIONS).measure(sides(4, SLOWDOWN)["candidate"])
    (record,) = store.read_records(folder)
    assert (record.status, record.version, record.round) == ("interrupted", "candidate", 4)
    assert record.slowdown == SLOWDOWN


@pytest.mark.parametrize(
    "document",
    [
        {"worker_seconds": "long"},
        {"epoch_seconds": [1e308]},
        {"peak_rss_bytes": -1},
        {"phase_rss_bytes": {"x": -1}},
    ],
    ids=str,
)
def test_invalid_result_is_a_failed_record(make_runner, folder, report, document):
    report(document)
    record = make_runner(INSTALLATIONS).measure(sides(4, SLOWDOWN)["candidate"])
    assert (record.status, record.version, record.slowdown) == ("failed", "candidate", SLOWDOWN)
    assert (record.epoch_seconds, record.peak_rss_bytes) == ([], None)
    assert store.read_records(folder) == [record]


def test_worker_cannot_report_fields_of_the_parent(make_runner, report):
    report(
        {
            "version": "candidate",
            "round": 9,
            "parity": {"error": 0},
            "validation_accuracy": [1.0],
            "import_seconds": 1.0,
        }
    )
    record = make_runner(INSTALLATIONS).measure(sides(4)["base"])
    assert (record.version, record.round, record.status) == ("base", 4, "unavailable")
    assert (record.parity, record.validation_accuracy, record.import_seconds) == (None, [], 1.0)
    assert record.stderr_tail == "last words"


@pytest.mark.parametrize("epochs", [{"epoch_seconds": [0.5, 0.0]}, {"epoch_seconds": []}])
def test_ok_without_all_numbers_is_failed(make_runner, report, monkeypatch, epochs):
    whole = msgspec.to_builtins(ok(case()))
    report({**whole, **epochs}, "ok")
    assert make_runner().measure(ALONE).status == "failed"


def test_parity_that_is_not_a_number_is_a_failed_record(make_runner, folder, monkeypatch):
    judgement = Judgement(parity=Parity(float("nan"), 1e-5, passed=False), fault="no number")
    monkeypatch.setattr(Judge, "judge", lambda *_: judgement)
    record = make_runner().measure(ALONE)
    assert record.status == "failed"
    assert store.read_records(folder) == [record]


def test_too_many_threads_fail_a_correct_trial(make_runner, monkeypatch):
    monkeypatch.setattr(runner, "judge_threads", lambda *_: (3.0, "too many"))
    record = make_runner().measure(ALONE)
    assert (record.status, record.reason, record.threads_in_force) == ("failed", "too many", 3.0)
    assert record.parity.passed


def test_another_python_is_described_before_the_trial_begins(
    make_runner, launches, folder, monkeypatch
):
    def interrupt(place):
        raise KeyboardInterrupt

    monkeypatch.setattr(preflight, "read_software", interrupt)
    made = make_runner(dict.fromkeys(INSTALLATIONS, Installation("/b/python", OURS)))
    with pytest.raises(KeyboardInterrupt):
        made.measure(sides()["base"])
    assert launches == []
    assert store.read_records(folder) == []
