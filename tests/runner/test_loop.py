"""The loop measures the missing trials of a run in their order, within the budget."""

import os
from pathlib import Path

import pytest
from support.nvml import gpu
from support.records import bare, case, environment, ok, run, write
from support.workers import StoppedWorkers, of_file

from bench.planning.cases import list_rooflines
from bench.records import store
from bench.records.schema import StoppingRule, Trial
from bench.runner import drive, loop, runner
from bench.runner.events import Transient, TrialEnded, TrialStarted

pytestmark = pytest.mark.usefixtures("short_trials")


@pytest.fixture
def measured(tmp_path, digits):
    """Measure a run of some cases in this process; its events."""

    def measure(*cases, rounds=1, folder="out", **changes):
        path = tmp_path / folder
        rounds_of = dict.fromkeys(("sgd", "textbook"), rounds)
        planned = run(*cases, rounds=rounds_of, timeout=300, data_source="digits", **changes)
        if not path.exists():
            store.create_run(path, planned)
        return list(loop.measure_run(path, planned, digits))

    return measure


def list_trained(events):
    lines = (event for event in events if isinstance(event, Transient))
    return [line for line in lines if line.startswith("training")]


def records_of(events):
    return [event.record for event in events if isinstance(event, TrialEnded)]


def test_events_come_before_and_after_every_trial(measured, make_case, tmp_path):
    events = measured(make_case(), make_case(batch_size=96), rounds=2)
    assert isinstance(events[0], Transient)
    assert events[0].startswith("importing numpy")
    assert [type(event) for event in events[1:]] == [TrialStarted, TrialEnded] * 4
    assert [event.number for event in events[1:]] == [1, 1, 2, 2] * 2  # of each round
    assert {event.total for event in events[1:]} == {2}
    for started, ended in zip(events[1::2], events[2::2], strict=True):
        assert (ended.record.trial, ended.record.status) == (started.trial.id, "ok")
    assert measured(make_case(), make_case(batch_size=96), rounds=2) == []

    environments = store.read_environments(tmp_path / "out")
    assert environments.keys() == {record.environment for record in records_of(events)}
    for path in (tmp_path / "out" / "environments").iterdir():
        assert str(Path.home()) not in path.read_text()
        assert str(tmp_path) not in path.read_text()


@pytest.fixture
def fake_runner(monkeypatch):
    """Record trials without a process, each of 12 s."""
    clock = [0.0]

    class FakeRunner:
        def __init__(self, folder, run, data, **options):
            self.folder, self.run = folder, run.run

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def measure(self, trial):
            store.add_environment(self.folder, environment())
            fields = {"trial": trial.id, "run": self.run, "kind": trial.kind}
            record = ok(trial.case, trial.round, trial.case.threads, wall_seconds=12.0, **fields)
            clock[0] += record.wall_seconds
            store.append_record(self.folder, record)
            return record

    monkeypatch.setattr(loop, "Runner", FakeRunner)
    monkeypatch.setattr(loop.preflight, "import_implementation", lambda case: None)
    monkeypatch.setattr(loop, "now", lambda: clock[0])


def test_each_implementation_trains_on_the_gpu_once_before_the_first_trial(
    measured, fake_runner, make_case, nvml, monkeypatch
):
    on_gpu = [make_case(device="gpu", batch_size=size) for size in (32, 96)]
    made = []

    class Recorder(loop.Runner):
        def __init__(self, folder, run, data, **options):
            super().__init__(folder, run, data, **options)
            self.made = [folder.name, run.timeout]
            made.append(self.made)

        def measure(self, trial):
            self.made.append(trial.id)
            return super().measure(trial)

    monkeypatch.setattr(loop, "Runner", Recorder)
    assert not list_trained(measured(*on_gpu))
    nvml([gpu()])
    made.clear()
    own = make_case(device="gpu", implementation="own", file="own.py")
    events = measured(make_case(), *on_gpu, own, folder="with-gpu")
    assert list_trained(events) == list_trained(events[:2])  # before any import
    programs = [line.split()[1] for line in list_trained(events)]
    assert sorted(programs) == ["numpy", "own"]
    *rehearsals, (folder, timeout, *trials) = made
    assert (folder, timeout, len(trials)) == ("with-gpu", 300, 4)
    limits = {of[2].split("-")[2]: of[1] for of in rehearsals}
    assert limits == {"numpy": loop.COMPILE_SECONDS, "own": 300}
    assert not {of[2] for of in rehearsals} & set(trials)


def count_remaining(events):
    return [len(event.remaining) for event in events if isinstance(event, TrialStarted)]


def test_budget_ends_a_run_before_the_trial_that_exceeds_it(measured, fake_runner, make_case):
    # Trials of 12 s: the third would end after 36 s.
    events = measured(make_case(), rounds=4, budget=35.0)
    assert count_remaining(events) == [4, 3]
    assert [one.budget for one in events if isinstance(one, TrialStarted)] == [35, 23]
    assert events[-1] == "the budget is used up"
    resumed = measured(make_case(), rounds=5, budget=24.0)  # with a new budget
    assert count_remaining(resumed) == [3, 2]
    short = measured(make_case(), rounds=5, budget=1.0)  # each time one trial, so it ends
    assert count_remaining(short) == [1]
    assert isinstance(short[-1], TrialEnded)


def test_run_that_goes_on_measures_a_known_row_first(measured, fake_runner, make_case):
    cases = [make_case(batch_size=size) for size in (32, 96, 160, 288)]
    measured(cases[0])
    events = measured(*cases, rounds=2)
    anchor, *later = [one.trial for one in events if isinstance(one, TrialStarted)]
    assert (anchor.case, anchor.round) == (cases[0], 2)
    assert [trial.round for trial in later] == [1, 1, 1, 2, 2, 2]


def test_budget_never_ends_before_each_row_has_a_process(measured, fake_runner, make_case):
    cases = make_case(), make_case(batch_size=96), make_case(workload="textbook")
    events = measured(*cases, rounds=2, budget=1.0)
    assert [record.round for record in records_of(events)] == [1, 1, 1]
    assert events[-1] == "the budget is used up"


def test_budget_allows_for_the_longest_trial_of_the_case(measured, fake_runner, make_case):
    # Nothing is known of the second case: it begins after 12 s, and its second trial does not.
    events = measured(make_case(), make_case(batch_size=96), rounds=2, budget=23.0)
    assert count_remaining(events) == [4, 3]


def test_compiling_kernels_takes_nothing_of_the_budget(measured, fake_runner, make_case, nvml):
    # That takes 12 s, too: then there is time for one trial less.
    nvml([gpu()])
    events = measured(make_case(device="gpu"), rounds=2, budget=25.0)
    assert [record.round for record in records_of(events)] == [1, 2]


def test_all_cores_are_tried_and_lose(measured, fake_runner, make_case):
    # An epoch takes as many seconds as it has threads. A budget stops the run within its rounds.
    plan = {"rounds": 3, "variants": (make_case(threads=2),)}
    cases = [make_case(), make_case(batch_size=96)]
    pieces = records_of(measured(*cases, **plan, budget=48.0))
    records = [*pieces, *records_of(measured(*cases, **plan))]
    trials = [(one.round, one.case.threads) for one in records]
    assert trials == [*[(1, 1)] * 2, *[(2, 1)] * 2, (1, 2), *[(3, 1)] * 2]
    assert 4 <= len(pieces) < len(records)
    assert len({one.trial for one in records}) == len(records)
    assert measured(*cases, **plan) == []


def test_settled_rows_end_a_run_and_a_resumed_one_goes_on_alike(
    measured, fake_runner, make_case, monkeypatch
):
    """The rule is asked about the rounds before; budgets cut the run into pieces."""
    cases = [make_case(), make_case(batch_size=96)]
    plan = {"rounds": 4, "stopping": StoppingRule(least_rounds=2, precision=0.05)}

    def find_settled(run, records, rule):
        rounds = {record.case.slug: record.round for record in records}
        return {cases[0].slug} if rounds.get(cases[0].slug, 0) >= rule.least_rounds else set()

    monkeypatch.setattr(loop, "find_settled", find_settled)
    whole = measured(*cases, **plan)
    trials = [(one.round, one.case.batch_size) for one in records_of(whole)]
    assert sorted(trials) == [(1, 32), (1, 96), (2, 32), (2, 96), (3, 96), (4, 96)]
    assert [one.total for one in whole if isinstance(one, TrialEnded)] == [2, 2, 2, 2, 1, 1]
    pieces = []
    while piece := records_of(measured(*cases, **plan, budget=23.0, folder="pieces")):
        pieces += piece
    assert [one.trial for one in pieces] == [one.trial for one in records_of(whole)]


def test_probes_read_the_sizes_of_their_cores_that_fit_into_memory(
    measured, make_case, monkeypatch
):
    workers = StoppedWorkers()
    for module in (drive, runner):
        monkeypatch.setattr(module, "Worker", workers.start)
    monkeypatch.setattr(loop.preflight, "import_implementation", lambda case: None)
    monkeypatch.setattr(runner, "compute_max_samples", lambda features, _: 30 * features)
    monkeypatch.setattr(runner, "list_usable_cores", lambda: [0, 1])
    # A byte a pixel: as many bytes as 24 images of floats have.
    small = make_case(samples=96, threads=2, pixel_bytes={"cpu": 1})
    cases = [make_case(samples=960), make_case(samples=1920), small]
    measured(*cases, rooflines=list_rooflines(cases), sweep=(make_case(samples=480),))
    probes = [request for request, _ in workers if "roofline_numpy" in request["module"]]
    assert [request["samples"] for request in probes] == [[480, 960, 1920], [24, 96]]
    workers.clear()
    large = make_case(samples=1952)
    measured(large, rooflines=list_rooflines([large]), folder="other")
    assert {tuple(request["samples"]) for request, _ in workers} == {()}


@pytest.mark.parametrize(
    "changes", [{"device": "gpu"}, {"threads": 2**40}, {"samples": 2**40}], ids=str
)
def test_case_that_cannot_run_here_is_unavailable_without_a_process(
    measured, make_case, monkeypatch, changes
):
    monkeypatch.setattr(drive, "Worker", lambda *_: pytest.fail("a child was launched"))
    monkeypatch.setattr(loop.preflight, "import_implementation", lambda case: None)
    (record,) = records_of(measured(make_case(**changes)))
    assert record.status == "unavailable"


@pytest.mark.parametrize("change", [lambda path: path.write_text("pass"), Path.unlink])
def test_changed_own_file_is_neither_imported_nor_measured(
    measured, make_case, monkeypatch, tmp_path, change
):
    monkeypatch.setattr(drive, "Worker", lambda *_: pytest.fail("a child was launched"))
    monkeypatch.setattr(loop.preflight, "import_implementation", pytest.fail)
    path = tmp_path / "mine.py"
    path.write_text("class Trainer: ...\n")
    own = of_file(make_case(), path)
    change(path)
    (record,) = records_of(measured(own))
    assert (record.status, "mine.py" in record.reason) == ("failed", True)


# ----- estimate


def took(seconds, name="pytorch", **changes):
    return bare(case(name, **changes), wall_seconds=seconds)


def estimate(records, **changes):
    return loop.Estimate(records).sum_seconds([Trial("r1-x", "trial", 1, case(**changes))])


def test_estimate_is_the_mean_of_the_same_case():
    assert estimate([]) is None
    assert estimate([bare(case())]) is None
    records = [took(10), took(14), took(100, "jax"), took(None)]
    assert estimate(records) == 12
    trial, other = (Trial("r1-x", "trial", 1, case(name)) for name in ("pytorch", "jax"))
    assert loop.Estimate(records).sum_seconds([trial, other, trial]) == 124
    assert loop.Estimate(records).sum_seconds([]) == 0


def test_estimate_of_an_unknown_size_or_group_is_a_mean_of_known_ones():
    records = [took(10), took(40, batch_size=64), took(70, "jax")]
    assert estimate(records, threads=1) == 25
    assert estimate(records, implementation="numpy") == 40


def test_estimate_of_a_trial_ignores_other_kinds():
    records = [took(10), bare(case(), kind="roofline", wall_seconds=70.0)]
    assert estimate(records) == estimate(records, batch_size=64) == 10
    probes = [Trial("r1-probe", "roofline", 1, case(**one)) for one in ({}, {"samples": 96})]
    assert loop.Estimate(records).sum_seconds(probes) == 140
    assert loop.Estimate(records[:1]).sum_seconds(probes) == 20


def write_runs(results, *names):
    """Write runs of one trial each, whose number is its wall time; later ones are newer."""
    for number, name in enumerate(names, 1):
        folder = write(results / name, run(), ok(case(), wall_seconds=float(number)))
        os.utime(folder / "trials.jsonl", (number, number))


def read_wall_times(results):
    return [record.wall_seconds for record in loop.read_earlier_records(results)]


def test_earlier_records_are_of_the_last_five_runs(tmp_path):
    write_runs(tmp_path, "g", "a", "f", "b", "e", "c", "d")
    assert read_wall_times(tmp_path) == [3, 4, 5, 6, 7]


def test_published_runs_replace_missing_and_damaged_own_ones(tmp_path):
    assert read_wall_times(tmp_path / "nowhere") == []
    write_runs(tmp_path, "reference/a", "reference/b", "damaged")
    (tmp_path / "damaged" / "trials.jsonl").write_bytes(b"no record\n")
    write(tmp_path / "empty", run())
    (tmp_path / "empty" / "trials.jsonl").touch()
    assert read_wall_times(tmp_path) == [1, 2]
    write_runs(tmp_path, "mine")
    assert read_wall_times(tmp_path) == [1]
