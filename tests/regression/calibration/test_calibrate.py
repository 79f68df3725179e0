"""A calibration: comparisons of a case with itself in two places; its command and its counts."""

import json
import math
import re
import shutil
import sys
import tarfile
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import typer
from studies import calibrate
from studies.calibrate import generate_designs, measure_session, parse_slowdowns, select_cases
from support.comparisons import pairs, session
from support.records import NUMPY, case, environment

import bench
from bench.errors import UserError
from bench.records import store
from bench.records.layout import CALIBRATION_PLAN
from bench.records.schema import Slowdown
from bench.regression.programs import measure_pairs
from bench.regression.programs.prepare import CaseOptions
from bench.regression.stored.calibrations import CalibrationPlan, load_calibrations
from implementations import IMPLEMENTATIONS

DIGITS = case("numpy", **NUMPY)
FIVE, FIFTH = Slowdown(0.05), Slowdown(0.2, 5)
OPTIONS = CaseOptions(data="digits")


class Stand:
    """Stands in for the measurement of ``bench ab``: writes ten pairs, and moves a clock.

    log: of the ratio of each pair. stop: the number of the comparison that is interrupted. folders,
    sources: of each side's implementation, by comparison.
    """

    def __init__(self, seconds=10.0, log=0.0, stop=None):
        self.seconds, self.log, self.stop = seconds, log, stop
        self.clock, self.plans, self.folders, self.sources = 1000.0, [], [], []

    def now(self):
        return self.clock

    def measure(self, folder, plan, data, installations, progress):
        of = plan.pairings[0]
        cases = {"base": of.baseline, "candidate": of.candidate}
        files = {
            version: Path(
                cases[version].file
                or f"{installation.implementations}/{cases[version].module.replace('.', '/')}.py"
            )
            for version, installation in installations.items()
        }
        self.plans.append(plan)
        self.folders.append({version: str(path) for version, path in files.items()})
        self.sources.append({version: path.read_text() for version, path in files.items()})
        self.clock += self.seconds
        progress("a pair")
        store.add_environment(folder, environment())
        share = re.search(r"share=([0-9.]+),", self.sources[-1]["candidate"])
        log = self.log + math.log1p(float(share[1]) if share else 0.0)
        for record in pairs([log] * 10, of.candidate, run=plan.run):
            if len(self.plans) == self.stop:
                raise KeyboardInterrupt
            store.append_record(folder, record)


@pytest.fixture
def measured(tmp_path, repository, monkeypatch):
    """Measure a session with a stand-in; return its comparisons as they are read."""

    def measure(stand, of=DIGITS, **changes):
        monkeypatch.setattr(measure_pairs, "measure_programs", stand.measure)
        monkeypatch.setattr(calibrate, "now", stand.now)
        plan = session(of, **{"decision_budget": 10.0, "run": "one", **changes})
        store.create_run(tmp_path / "out" / plan.run, plan, CALIBRATION_PLAN)
        measure_session(tmp_path / "out" / plan.run, plan, OPTIONS, print)
        return load_calibrations(tmp_path / "out").decisions

    return measure


def test_designs_alternate_slowdowns_and_toss_coins_for_labels():
    plan = session(case("numpy"), case("keras"), slowdowns=(FIVE, FIFTH))
    designs = list(islice(generate_designs(plan), 160))
    assert [slowdown for _, slowdown, _ in designs[::2]] == [None, FIVE, None, FIFTH] * 20
    for one, other in zip(designs[::2], designs[1::2], strict=True):
        assert {one[0].implementation, other[0].implementation} == {"numpy", "keras"}
    assert 20 < Counter(of.implementation for of, _, _ in designs[::2])["numpy"] < 60
    assert 50 < sum(swapped for _, _, swapped in designs) < 110
    assert list(islice(generate_designs(plan), 160)) != designs


def test_both_sides_are_built_in_two_places_and_swapped(measured, repository):
    stand = Stand()
    decisions = measured(stand, budget=120.0)
    assert len(decisions) == 12
    labels = [(one.plan.baseline.name, one.plan.candidate.name) for one in decisions]
    assert set(labels) == {("HEAD", "."), (".", "HEAD")}
    for label, decision, folders in zip(labels, decisions, stand.folders, strict=True):
        assert decision.design.swapped == (label == (".", "HEAD"))
        place = dict(zip(label, (folders["base"], folders["candidate"]), strict=True))
        assert place["."].startswith(str(repository.folder))
        assert len(place["HEAD"]) != len(place["."])
    # Each one unpacks the commit anew.
    assert len({tuple(sorted(folders.values())) for folders in stand.folders}) == 12
    assert {one.plan.tolerance for one in decisions} == {0.0}
    assert {one.plan.budget for one in decisions} == {10.0}


def test_slowdown_is_put_into_the_candidate_only(measured, repository):
    stand = Stand()
    plain, slowed = measured(stand, budget=20.0, slowdowns=(FIVE,))
    assert (plain.design.slowdown, slowed.design.slowdown) == (None, FIVE)
    assert stand.sources[0] == {"base": "one = 1", "candidate": "one = 1"}
    assert stand.sources[1]["base"] == "one = 1"
    assert "slow_down(Trainer, share=0.05, every=1)" in stand.sources[1]["candidate"]
    assert (repository.folder / "implementations/idiomatic/softmax_numpy.py").read_text() == (
        "one = 1"
    )
    assert slowed.logs == pytest.approx([math.log(1.05)] * 10)


def test_own_file_is_copied_to_two_places(measured, repository, tmp_path):
    (repository.folder / "bench").symlink_to(bench.__path__[0])  # a worker imports the file
    own = tmp_path / "mine.py"
    own.write_text("OBJECTIVE = 'softmax'\nclass Trainer: ...\n")
    stand = Stand()
    measured(stand, case("mine", **{**NUMPY, "file": str(own)}), budget=20.0, slowdowns=(FIVE,))
    assert len(stand.folders) == 2
    for folders in stand.folders:
        assert len({len(path) for path in folders.values()}) == 2
    assert stand.sources[1]["candidate"].startswith(stand.sources[1]["base"])
    assert "slow_down" in stand.sources[1]["candidate"]
    assert "slow_down" not in stand.sources[1]["base"] + own.read_text()


def test_changed_implementation_is_no_comparison_with_itself(measured, repository):
    (repository.folder / "implementations/idiomatic/softmax_numpy.py").write_text("two = 2")
    with pytest.raises(UserError, match="differs between HEAD and the working tree"):
        measured(Stand())


@pytest.mark.parametrize(
    ("budget", "seconds", "decisions"),
    # Whole comparisons of at most ten seconds, and at least one.
    [(30.0, 10.0, 3), (39.0, 10.0, 3), (30.0, 4.0, 6), (5.0, 10.0, 1)],
)
def test_session_ends_when_no_whole_comparison_fits(measured, budget, seconds, decisions):
    assert len(measured(Stand(seconds=seconds), budget=budget)) == decisions


def test_interrupted_session_keeps_its_finished_decisions(measured, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        measured(Stand(stop=3), budget=100.0)
    assert len(list((tmp_path / "out" / "one").glob("*/comparison.json"))) == 3
    assert len(load_calibrations(tmp_path / "out").decisions) == 2


def test_selected_cases_are_the_named_or_all():
    every = select_cases(CaseOptions(data="digits"))
    assert [case.implementation for case in every] == [entry.name for entry in IMPLEMENTATIONS]
    assert {(case.samples, case.threads, case.batch_size) for case in every} == {(1440, 1, 32)}
    chosen = select_cases(CaseOptions(("jax", "numpy", "jax"), device="gpu", data="digits"))
    assert [case.implementation for case in chosen] == ["jax", "numpy"]
    assert {case.device for case in chosen} == {"gpu"}


def test_slowdowns_are_read_or_refused():
    assert parse_slowdowns("none") == ()
    assert parse_slowdowns("5%,20%/5,0.05,5%/1") == (FIVE, FIFTH)
    for text in ("", "5%,", "none,5%", "0%", "60%", "five", "5%/0", "5%/100"):
        with pytest.raises(typer.BadParameter):
            parse_slowdowns(text)


# ----- the command

CASE = "sgd-numpy-cpu-b32-t1-n1440"
FLAGS = ("--implementation=numpy", "--data=digits", "--calibrations=known")


@pytest.fixture
def calibrated(called, monkeypatch, capsys):
    """Call the command in this process; return its exit status, stdout and stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["calibrate.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            calibrate.main()
        return ended.value.code, *capsys.readouterr()

    return call


def test_real_session_finds_a_slowdown_that_only_the_candidate_has(
    checkout, calibrated, tmp_path, monkeypatch
):
    slowed = Slowdown(3.0)  # an epoch takes four times the CPU time, whatever the load
    designs = lambda plan: iter([(plan.cases[0], slowed, True)])  # noqa: E731 - one design
    monkeypatch.setattr(calibrate, "generate_designs", designs)
    status, out, err = calibrated(*FLAGS, "--budget=1s", "--for=1s", "--format=json")
    assert (status, err) == (0, "")
    (path,) = tmp_path.glob("known/*/calibration.json")
    plan = store.read_plan(path, CalibrationPlan)
    assert (plan.budget, plan.decision_budget, plan.data_source) == (1.0, 1.0, "digits")
    assert plan.command.startswith("python docs/studies/calibrate.py --implementation=numpy")
    (decision,) = load_calibrations(tmp_path / "known").decisions
    records = decision.measured.records
    assert {record.status for record in records} == {"ok"}
    assert (decision.plan.baseline.name, decision.plan.candidate.name) == (".", "HEAD")
    work = {record.version: min(record.epoch_cpu_seconds) for record in records[:2]}
    assert work["candidate"] > 2 * work["base"]
    assert decision.design.conditions["seconds"] > 0
    (count,) = json.loads(out)["decisions"]
    assert (count["case"], count["two_places"], count["decisions"]) == (CASE, True, 1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert calibrated("--show", "--calibrations=known", "--format=json") == (0, out, "")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_without_a_checkout_the_command_says_that_both_sides_share_a_place(
    repository, calibrated, monkeypatch
):
    stand = Stand()
    monkeypatch.setattr(measure_pairs, "measure_programs", stand.measure)
    monkeypatch.setattr(calibrate, "now", stand.now)
    shutil.rmtree(repository.folder / ".git")
    status, out, err = calibrated(*FLAGS, "--for=1s", "--format=json")
    assert status == 0
    assert "in one place" in err
    assert not json.loads(out)["decisions"][0]["two_places"]


def test_failed_comparison_ends_with_3(calibrated, tmp_path):
    source = "from implementations.idiomatic.softmax_numpy import Trainer\ndel Trainer.predict\n"
    (tmp_path / "lazy.py").write_text(source)
    flags = ("--implementation=./lazy.py", *FLAGS[1:], "--for=1s", "--inject=none")
    status, out, _ = calibrated(*flags)
    assert (status, "1 comparisons failed" in out) == (3, True)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--show", "--calibrations=nowhere"), "there is no folder nowhere"),
        ((*FLAGS[:2], "--show"), "Leave out --implementation and --data"),
        ((*FLAGS, "--inject=5"), "--inject"),
        (("--implementation=nmupy", "--data=digits"), "'nmupy'. Did you mean numpy"),
    ],
)
def test_impossible_calibration_is_refused_in_one_line(calibrated, tmp_path, flags, words):
    status, out, err = calibrated(*flags)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not list(tmp_path.glob("known"))


# ----- what is published

ARCHIVES = Path(bench.__file__).parents[1] / "results" / "reference"


# docs/gate/injected.csv: slowdown, how it came into the candidate, budget and machine, with numbers
# of verdicts "slower" and "faster", and of decisions.
PUBLISHED = {
    "amd-epyc-2-cores": {
        ("5 %", "injected", 15.0, "quiet"): (88, 0, 91),
        ("5 %", "computed", 15.0, "quiet"): (127, 0, 132),
        ("2 %", "computed", 15.0, "quiet"): (97, 0, 132),
        ("5 %", "injected", 15.0, "busy"): (9, 0, 14),
        ("5 %", "computed", 15.0, "busy"): (16, 0, 20),
        ("5 %", "computed", 60.0, "loaded"): (17, 0, 23),
    },
    "amd-epyc-zen4-2-cores": {
        ("1 %", "injected", 30.0, "quiet"): (9, 0, 20),
        ("nothing", None, 30.0, "quiet"): (0, 0, 21),
        ("2 %", "computed", 30.0, "quiet"): (17, 0, 21),
        ("5 %", "computed", 30.0, "quiet"): (21, 0, 21),
    },
    "intel-xeon-167-2-cores": {
        ("1 %", "injected", 30.0, "quiet"): (21, 0, 22),
        ("nothing", None, 30.0, "quiet"): (0, 0, 21),
        ("2 %", "computed", 30.0, "quiet"): (21, 0, 21),
    },
    "amd-epyc-zen5-2-cores": {
        ("5 %", "injected", 10.0, "quiet"): (40, 0, 40),
        ("nothing", None, 10.0, "quiet"): (0, 0, 42),
        ("1 %", "injected", 30.0, "quiet"): (20, 0, 20),
        ("0.5 %", "injected", 120.0, "quiet"): (5, 0, 5),
        ("2 %", "injected", 45.0, "loaded"): (31, 0, 33),
        ("nothing", None, 60.0, "loaded"): (0, 2, 58),
        ("5 %", "injected", 60.0, "loaded"): (8, 0, 8),
        ("2 %", "injected", 180.0, "loaded"): (5, 0, 5),
    },
}


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "equal", "alarms"),
    [
        ("amd-epyc-2-cores", 203, 0),
        ("amd-epyc-zen4-2-cores", 21, 0),
        ("amd-epyc-zen5-2-cores", 167, 2),
        ("intel-xeon-167-2-cores", 22, 0),
    ],
)
def test_published_counts_come_out_again(calibrated, tmp_path, name, equal, alarms):
    with tarfile.open(ARCHIVES / f"{name}-calibration.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    folder = f"--calibrations={name}-calibration"
    status, out, _ = calibrated("--show", folder, "--format=json")
    assert status == 0
    counts = json.loads(out)["decisions"]
    shares = {}
    for count in counts:
        verdicts = [count["verdicts"].get(verdict, 0) for verdict in ("slower", "faster")]
        key = (count["injected"], count["how"], count["budget"], count["machine"])
        shares[key] = (*verdicts, count["decisions"])
    assert {key: shares[key] for key in PUBLISHED[name]} == PUBLISHED[name]
    same = [count for count in counts if count["injected"] == "nothing"]
    assert sum(count["decisions"] - count["short"] for count in same) == equal
    verdicts = sum((Counter(count["verdicts"]) for count in same), Counter())
    assert (verdicts["slower"], verdicts["faster"]) == (0, alarms)
