"""A calibration session: comparisons of a case with itself in two places, while time is left."""

import math
import re
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from support.comparisons import pairs, session
from support.records import NUMPY, case, environment

import bench
from bench.errors import UserError
from bench.records import store
from bench.records.layout import CALIBRATION_PLAN
from bench.records.schema import Slowdown
from bench.regression.calibration import session as sessions
from bench.regression.calibration.session import generate_designs, measure_session
from bench.regression.calibration.spread import load_calibrations
from bench.regression.paired import measure_pairs
from bench.regression.paired.prepare import CaseOptions

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
        monkeypatch.setattr(measure_pairs, "measure", stand.measure)
        monkeypatch.setattr(sessions, "now", stand.now)
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
        assert decision.in_two_places
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
    plain, slowed = measured(
        stand, case("mine", **{**NUMPY, "file": str(own)}), budget=20.0, slowdowns=(FIVE,)
    )
    for decision, folders in zip((plain, slowed), stand.folders, strict=True):
        assert decision.in_two_places
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
