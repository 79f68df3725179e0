"""``bench calibrate`` from its flags to its exit status, on small data."""

import contextlib
import json
import math
import signal
from functools import partial
from statistics import median

import pytest
from support.pretended import Pretended
from support.processes import WAITS, wait_until

from bench.cli.console import WAITING
from bench.records import store
from bench.records.schema import Slowdown
from bench.regression.calibration import detectable, session
from bench.regression.calibration.session import CalibrationPlan
from bench.regression.paired import measure_pairs
from bench.runner import lock, machine

CASE = "sgd-numpy-cpu-b32-t1-n1440"
NUMPY = ("--implementation=numpy", "--data=digits")


def sessions(folder):
    """Return the plan of each session and its records."""
    return [
        (store.read_plan(path, CalibrationPlan), store.read_records(path.parent))
        for path in sorted(folder.glob("*/calibration.json"))
    ]


@pytest.fixture
def pretended(monkeypatch):
    """Run no process: pairs of two seconds that differ by up to 2 %; draw few decisions."""
    assess = partial(detectable.assess_detectability, draws=50)
    monkeypatch.setattr(detectable, "assess_detectability", assess)
    runner = Pretended(ratio=lambda number: 1 + 0.02 * math.sin(7 * number))
    for module in (session, measure_pairs):
        monkeypatch.setattr(module, "Runner", runner.begin)
        monkeypatch.setattr(module, "now", runner.now)
    return runner


def test_calibration_keeps_its_records_and_shows_them_again(bench, called, tmp_path):
    arguments = ("--format=json", "--calibrations=known")
    result = bench("calibrate", *NUMPY, "--budget=5s", "--inject=50%", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    cases = json.loads(result.stdout)["cases"]
    assert {case["case"] for case in cases} == {CASE}
    assert cases[0]["injected"] == "nothing"
    ((plan, records),) = sessions(tmp_path / "known")
    assert plan.slowdowns == (Slowdown(0.5),)
    assert (plan.budget, plan.seed, plan.data_source) == (5.0, 42, "digits")
    assert plan.command.startswith("python -m bench calibrate --implementation=numpy")
    assert [case.slug for case in plan.cases] == [CASE]
    assert {(record.status, record.case.slug) for record in records} == {("ok", CASE)}
    environments = store.read_environments(tmp_path / "known" / plan.run)
    assert {record.environment for record in records} == environments.keys()
    assert sum(case["pairs"] for case in cases) == len(records) // 2
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert called("calibrate", "--show", *arguments) == (0, result.stdout, "")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_machine_without_calibrations_shows_none(called, refused, tmp_path):
    status, out, err = called("calibrate", "--show")
    assert (status, err) == (0, "")
    assert "nothing is calibrated" in out
    (tmp_path / "file").touch()
    for name in ("nowhere", "file"):
        assert name in refused("calibrate", "--show", f"--calibrations={name}")


def test_interrupted_calibration_keeps_its_records(started, tmp_path):
    (tmp_path / "waits.py").write_text(WAITS)
    file = ("--implementation=./waits.py", "--data=digits", "--inject=none")
    process = started("calibrate", *file, "--calibrations=known", "--format=json")
    known = tmp_path / "known"

    def lines():
        return sum(path.read_bytes().count(b"\n") for path in known.glob("*/trials.jsonl"))

    wait_until(lambda: process.poll() is not None or lines() >= 4)
    (tmp_path / "hang").touch()
    wait_until(lambda: process.poll() is not None or (tmp_path / "hangs").exists())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (130, "")
    ((_, records),) = sessions(known)
    assert [record.status for record in records[-2:]] == ["ok", "interrupted"]
    (case,) = json.loads(out)["cases"]
    assert case["pairs"] == sum(record.status == "ok" for record in records) // 2


def test_calibration_shows_all_tables(called, pretended, tmp_path):
    code, out, err = called(
        "calibrate",
        *NUMPY,
        "--budget=1m",
        "--inject=50%",
        "--calibrations=known",
        "--format=markdown",
    )
    assert (code, err) == (0, "")
    assert out.count("## ") == 4
    lines = [line for line in out.splitlines() if line.startswith("| ")]
    (injected,) = [line for line in lines if line.startswith(f"| {CASE} | 50 % |")]
    # 30 pairs of 2 s: a block of 12, a block of 12 with the slowdown, and a block of 6.
    middle = 100 * (1.5 * median(map(pretended.ratio, range(13, 25))) - 1)
    measured, pairs = [cell.strip() for cell in injected.split("|")][3:5]
    assert float(measured.removesuffix(" %")) == pytest.approx(middle, abs=0.1)
    assert pairs == "12"
    assert "50 of 50" in injected
    ((plan, records),) = sessions(tmp_path / "known")
    assert len(records) == 60
    assert plan.run in pretended.folder.parts


def test_busy_machine_is_reported_on_stderr(called, pretended, monkeypatch):
    def wait(announce_wait):
        announce_wait()
        return contextlib.nullcontext()

    monkeypatch.setattr(lock, "hold_host_lock", wait)
    code, out, err = called("calibrate", *NUMPY, "--budget=4s", "--inject=none", "--format=json")
    assert (code, err) == (0, f"{WAITING}\n")
    assert json.loads(out)["cases"][0]["pairs"] == 2


def test_ab_shows_what_this_machine_detects(called, pretended, tmp_path):
    called("calibrate", *NUMPY, "--budget=1m", "--inject=none")
    folder = tmp_path / "data" / "softmax-bench" / "calibrations" / machine.describe()["id"]
    assert len(sessions(folder)) == 1
    pretended.ratio = lambda _: 1.5
    code, out, _ = called("ab", "--base=.", *NUMPY, "--format=markdown")
    assert code == 1
    (remark,) = [line for line in out.splitlines() if "on this machine" in line]
    assert remark.startswith("- numpy: on this machine, 15 pairs detect ")
    code, out, _ = called("ab", "--base=.", *NUMPY, "--batch-size=16", "--format=markdown")
    assert code == 1
    assert "on this machine" not in out


def test_every_implementation_is_calibrated_by_default(called, pretended, tmp_path):
    called(
        "calibrate",
        "--data=digits",
        "--budget=1s",
        "--calibrations=known",
        "--device=gpu",
        "--workload=textbook",
        "--batch-size=8",
    )
    ((plan, _),) = sessions(tmp_path / "known")
    assert len(plan.cases) > 10
    assert {(case.device, case.workload, case.batch_size) for case in plan.cases} == {
        ("gpu", "textbook", 8)
    }
    assert plan.slowdowns == (*map(Slowdown, (0.02, 0.03, 0.05)), Slowdown(0.2, 5))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--show", "--format=xml"), "--format"),
        (("--implementation=nmupy",), "'nmupy'; did you mean numpy"),
        (("--workload=sdg",), "--workload"),
        (("--batch-size=8,32",), "--batch-size"),
        (("--budget=3x",), "--budget"),
        (("--inject=5",), "--inject"),
        (("--threads=4096",), "--threads 4096"),
        (("--calibrations=file",), "file"),
    ],
)
def test_impossible_calibration_is_refused_in_one_line(refused, tmp_path, flags, words):
    (tmp_path / "file").touch()
    assert words in refused("calibrate", *NUMPY, *flags)
