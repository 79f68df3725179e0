"""``bench calibrate`` from its flags to its exit status, on small data."""

import json
import re
import shutil

import pytest
from support.comparisons import comparison, decided, pairs, spread_evenly
from support.pretended import Pretended, pairing
from support.records import MACHINE, environment

from bench.records import store
from bench.records.schema import Slowdown
from bench.regression.calibration import session
from bench.regression.calibration.session import CalibrationPlan
from bench.regression.calibration.spread import load_calibrations
from bench.regression.paired import measure_pairs
from bench.runner.host import machine

CASE = "sgd-numpy-cpu-b32-t1-n1440"
NUMPY = ("--implementation=numpy", "--data=digits")


@pytest.fixture
def stand(monkeypatch):
    """Stand in for the measurement of ``bench ab``: ten pairs of one ratio, in ten seconds.

    The machine is quiet meanwhile, whatever it does in truth.
    """
    quiet = {"seconds": 10.0, "others_seconds": 0.0, "steal_seconds": 0.0}
    clock = [1000.0]

    def measure(folder, plan, data, installations, progress):
        clock[0] += 10
        store.add_environment(folder, environment())
        for record in pairs([0.1] * 10, plan.pairings[0].candidate, run=plan.run):
            store.append_record(folder, record)
        progress("a pair")

    monkeypatch.setattr(measure_pairs, "measure", measure)
    monkeypatch.setattr(session, "now", lambda: clock[0])
    monkeypatch.setattr(machine, "compare_readings", lambda before, after: quiet)


def test_real_session_finds_a_slowdown_that_only_the_candidate_has(
    checkout, called, tmp_path, monkeypatch
):
    slowed = Slowdown(3.0)  # an epoch takes four times as long, so that no load hides it
    designs = lambda plan: iter([(plan.cases[0], slowed, True)])  # noqa: E731 - one design
    monkeypatch.setattr(session, "generate_designs", designs)
    status, out, err = called(
        "calibrate", *NUMPY, "--budget=1s", "--for=1s", "--calibrations=known", "--format=json"
    )
    assert (status, err) == (0, "")
    (path,) = tmp_path.glob("known/*/calibration.json")
    plan = store.read_plan(path, CalibrationPlan)
    assert (plan.budget, plan.decision_budget, plan.data_source) == (1.0, 1.0, "digits")
    assert plan.command.startswith("python -m bench calibrate --implementation=numpy")
    (decision,) = load_calibrations(tmp_path / "known").decisions
    assert {record.status for record in decision.records} == {"ok"}
    assert (decision.plan.baseline.name, decision.plan.candidate.name) == (".", "HEAD")
    epochs = {record.version: min(record.epoch_seconds) for record in decision.records[:2]}
    assert epochs["candidate"] > 2 * epochs["base"]
    assert decision.design.conditions["seconds"] > 0
    (count,) = json.loads(out)["decisions"]
    assert (count["case"], count["two_places"], count["decisions"]) == (CASE, True, 1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    shown = called("calibrate", "--show", "--calibrations=known", "--format=json")
    assert shown == (0, out, "")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_machine_without_calibrations_shows_none(called, refused, tmp_path):
    status, out, err = called("calibrate", "--show")
    assert (status, err) == (0, "")
    assert "nothing is calibrated" in out
    (tmp_path / "file").touch()
    for name in ("nowhere", "file"):
        assert name in refused("calibrate", "--show", f"--calibrations={name}")


def test_calibration_shows_all_tables(repository, called, stand, tmp_path):
    arguments = ("--for=40s", "--budget=10s", "--inject=50%", "--calibrations=known")
    code, out, err = called("calibrate", *NUMPY, *arguments, "--format=markdown")
    assert (code, err) == (0, "")
    assert out.count("## ") == 3
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith(f"| {CASE} |")]
    assert (rows[0][4], rows[3][2:4], rows[3][6]) == ("2", ["injected", "10 s"], "2")


def test_without_a_checkout_the_command_says_that_both_sides_share_a_place(
    repository, called, stand
):
    shutil.rmtree(repository.folder / ".git")
    code, out, err = called("calibrate", *NUMPY, "--for=1s", "--format=markdown")
    assert code == 0
    assert "in one place" in err
    assert "sides in one place" in out


def test_failed_comparison_ends_with_3(called, tmp_path):
    source = "from implementations.idiomatic.softmax_numpy import Trainer\ndel Trainer.predict\n"
    (tmp_path / "lazy.py").write_text(source)
    flags = ("--implementation=./lazy.py", "--data=digits", "--for=1s", "--calibrations=known")
    status, out, _ = called("calibrate", *flags, "--inject=none")
    assert (status, "1 comparisons failed" in out) == (3, True)


def test_ab_shows_what_this_machine_detects(called, monkeypatch, tmp_path):
    plan = comparison(pairings=(pairing(),))
    folder = tmp_path / "data" / "softmax-bench" / "calibrations" / machine.describe()["id"]
    decided(folder, pairs(spread_evenly(30, 0.02), pairing().baseline), plan=plan)
    Pretended(ratio=lambda _: 1.5).install(monkeypatch)
    code, out, _ = called("ab", "--base=.", *NUMPY, "--format=markdown")
    assert code == 1
    (remark,) = [line for line in out.splitlines() if "on this machine" in line]
    assert re.match(r"- numpy: on this machine, 11 pairs \(.*\) detect ", remark)
    code, out, _ = called("ab", "--base=.", *NUMPY, "--batch-size=16", "--format=markdown")
    assert code == 1
    assert "on this machine" not in out


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("environments/here.json", {"machine": {**MACHINE, "processors": "two"}}),
        ("looks.json", {"numpy": [9, 5, 3]}),
        ("looks.json", {"numpy": [-5, 0, 1]}),
        ("looks.json", {"numpy": [3, 3]}),
        ("looks.json", {"numpy": [*range(1, 100_000)]}),
        *(("comparison.json", {"alpha": alpha}) for alpha in (0, -1, 2)),
        ("comparison.json", {"budget": -1}),
        ("decision.json", {"conditions": {"seconds": 1e300}}),
        ("../calibration.json", {"budget": -1}),
    ],
)
def test_calibration_with_impossible_values_is_left_out_with_a_line(
    called, tmp_path, monkeypatch, file, change
):
    own = tmp_path / "data" / "softmax-bench" / "calibrations" / machine.describe()["id"]
    plan = comparison(pairings=(pairing(),))
    folder = decided(own, pairs([0.1] * 9, pairing().baseline), plan=plan) / "a session/0001"
    store.save_looks(folder, {"numpy": (9,)})
    assert "left out: " not in called("calibrate", "--show")[1]
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    for options in ((), ("--format=json",)):
        status, out, err = called("calibrate", "--show", *options)
        assert (status, err, path.name in out) == (0, "", True)
    Pretended(ratio=lambda _: 1.5).install(monkeypatch)
    status, out, err = called("ab", "--base=.", *NUMPY, "--format=markdown")
    assert (status, "| slower" in out) == (1, True)
    (line,) = [line for line in err.splitlines() if line.startswith("left out: ")]
    assert path.name in line
    assert "--resume" not in line


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--show", "--format=xml"), "--format"),
        (("--implementation=nmupy",), "'nmupy'. Did you mean numpy"),
        (("--budget=3x",), "--budget"),
        (("--for=3x",), "--for"),
        (("--inject=5",), "--inject"),
        (("--calibrations=file",), "file"),
        (("--show",), "Leave out --implementation and --data"),
    ],
)
def test_impossible_calibration_is_refused_in_one_line(refused, tmp_path, flags, words):
    (tmp_path / "file").touch()
    assert words in refused("calibrate", *NUMPY, *flags)
