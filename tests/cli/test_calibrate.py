"""``bench calibrate`` from end to end on small data: what it keeps, what it shows, how it ends."""

import json
import math
import signal
from statistics import median

import pytest
from support.pretended import Pretended
from support.processes import WAITS, wait_until

from bench.cli.console import WAITING
from bench.records import store
from bench.records.schema import Slowdown
from bench.regression.calibration import session
from bench.regression.calibration.session import CalibrationPlan
from bench.regression.paired import loop
from bench.report.render import numbers
from bench.runner import lock, machine

CASE = "sgd-numpy-cpu-b32-t1-n1440"
NUMPY = ("--implementation=numpy", "--data=digits")


@pytest.fixture(scope="module")
def measured(tmp_path_factory, command):
    """Calibrate NumPy on digits for some seconds; its folder and how the process ended."""
    folder = tmp_path_factory.mktemp("calibrated")
    ended = command(
        folder,
        "calibrate",
        *NUMPY,
        "--budget=10s",
        "--inject=50%",
        "--format=json",
        "--calibrations=known",
    )
    return folder, ended


def sessions(folder):
    """Return the plan of each session and its records."""
    return [
        (store.read_plan(path, CalibrationPlan), store.read_records(path.parent))
        for path in sorted(folder.glob("*/calibration.json"))
    ]


def test_a_calibration_ends_with_nought_and_its_stdout_is_pure_json(measured):
    _, ended = measured
    assert (ended.returncode, ended.stderr) == (0, "")
    cases = json.loads(ended.stdout)["cases"]
    assert {case["case"] for case in cases} == {CASE}
    assert cases[0]["injected"] == "nothing"


def test_a_session_is_a_folder_with_its_plan_and_every_record(measured):
    folder, ended = measured
    ((plan, records),) = sessions(folder / "known")
    assert plan.slowdowns == (Slowdown(0.5),)
    assert (plan.budget, plan.seed, plan.data) == (10.0, 42, "digits")
    assert plan.command.startswith("python -m bench calibrate --implementation=numpy")
    assert [case.slug for case in plan.cases] == [CASE]
    assert {record.status for record in records} == {"ok"}
    assert {record.case.slug for record in records} == {CASE}
    environments = store.read_environments(folder / "known" / plan.run)
    assert {record.environment for record in records} == environments.keys()
    assert not list((folder / "known").rglob("*.npy"))
    pairs = [each["pairs"] for each in json.loads(ended.stdout)["cases"]]
    assert sum(pairs) == len(records) // 2


def test_what_is_known_is_shown_again_without_measuring(measured, command):
    folder, ended = measured
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    shown = command(folder, "calibrate", "--show", "--format=json", "--calibrations=known")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == ended.stdout
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("style", ["table", "markdown"])
def test_where_nothing_is_known_that_is_said(called, tmp_path, style):
    code, out, err = called("calibrate", "--show", f"--format={style}", "--calibrations=nowhere")
    assert (code, err) == (0, "")
    assert "nothing is calibrated yet" in out
    assert not (tmp_path / "nowhere").exists()


def test_where_nothing_is_known_json_has_no_case(called):
    _, out, _ = called("calibrate", "--show", "--format=json")
    assert json.loads(out) == {"cases": []}


def test_an_interrupted_calibration_shows_what_it_has_and_keeps_it(started, tmp_path):
    (tmp_path / "waits.py").write_text(WAITS)
    process = started(
        "calibrate",
        "--implementation=./waits.py",
        *NUMPY[1:],
        "--inject=none",
        "--calibrations=known",
        "--format=json",
    )
    known = tmp_path / "known"

    def lines():
        return sum(path.read_bytes().count(b"\n") for path in known.glob("*/trials.jsonl"))

    wait_until(lambda: process.poll() is not None or lines() >= 4)
    (tmp_path / "hang").touch()
    wait_until(lambda: process.poll() is not None or (tmp_path / "hangs").exists())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    ((_, records),) = sessions(known)
    assert [record.status for record in records[-2:]] == ["ok", "interrupted"]
    good = sum(record.status == "ok" for record in records)
    (case,) = json.loads(out)["cases"]
    assert case["pairs"] == good // 2


@pytest.fixture
def pretended(monkeypatch):
    """Measure nothing: pairs that differ by some percent, of two seconds each."""
    runner = Pretended(ratio=lambda number: 1 + 0.02 * math.sin(7 * number))
    for module in (session, loop):
        monkeypatch.setattr(module, "Runner", runner.begin)
        monkeypatch.setattr(module, "now", runner.now)
    return runner


def test_every_table_of_a_calibration_is_shown_without_a_blank_cell(called, pretended, tmp_path):
    code, out, err = called(
        "calibrate",
        *NUMPY,
        "--budget=3m",
        "--inject=50%",
        "--calibrations=known",
        "--format=markdown",
    )
    assert (code, err) == (0, "")
    titles = [line for line in out.splitlines() if line.startswith("## ")]
    assert titles == [
        "## How noisy this machine is",
        "## The smallest slowdown that is detected with probability 95 %",
        "## False alarms: a version called slower than itself",
        "## Injected slowdowns, and how often they are detected",
    ]
    lines = [line for line in out.splitlines() if line.startswith("| ")]
    assert not [line for line in lines if "|  |" in line or "None" in line or "nan" in line]
    (injected,) = [line for line in lines if line.startswith(f"| {CASE} | 50 % |")]
    # 90 pairs of 2 s: blocks of 12, every second with 50 % more, and a last one of 6.
    slowed = [*range(13, 25), *range(37, 49), *range(61, 73), *range(85, 91)]
    middle = 100 * (1.5 * median(map(pretended.ratio, slowed)) - 1)
    assert [cell.strip() for cell in injected.split("|")][3:5] == [f"+{middle:.1f} %", "42"]
    assert "1000 of 1000" in injected
    ((plan, records),) = sessions(tmp_path / "known")
    assert len(records) == 180
    assert plan.run in pretended.folder.parts


def test_who_waits_for_the_machine_says_so_on_stderr(called, pretended, monkeypatch):
    monkeypatch.setattr(lock.Lock, "take", lambda _: False)
    code, out, err = called("calibrate", *NUMPY, "--budget=4s", "--inject=none", "--format=json")
    assert (code, err) == (0, f"{WAITING}\n")
    assert json.loads(out)["cases"][0]["pairs"] == 2


def test_a_second_session_is_added_to_the_first(called, pretended, tmp_path):
    arguments = ("calibrate", *NUMPY, "--inject=none", "--calibrations=known", "--format=json")
    pairs = []
    for _ in range(2):
        _, out, _ = called(*arguments, "--budget=30s")
        pairs.append(json.loads(out)["cases"][0]["pairs"])
    assert pairs == [15, 30]
    assert len(sessions(tmp_path / "known")) == 2


def test_a_comparison_says_what_the_calibration_of_this_machine_sees(called, pretended, tmp_path):
    called("calibrate", *NUMPY, "--budget=2m", "--inject=none")
    kept = tmp_path / "data" / "softmax-bench" / "calibrations" / machine.describe()["id"]
    assert len(sessions(kept)) == 1
    pretended.ratio = lambda _: 1.5
    code, out, _ = called("ab", "--base=.", *NUMPY, "--format=markdown")
    assert code == 1
    (said,) = [line for line in out.splitlines() if "on this machine" in line]
    assert said.startswith("- numpy: on this machine, 15 pairs detect ")
    code, out, _ = called("ab", "--base=.", *NUMPY, "--batch-size=16", "--format=markdown")
    assert code == 1
    assert "on this machine" not in out


def test_without_names_every_implementation_is_calibrated(called, pretended, tmp_path):
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
    assert plan.slowdowns == (
        Slowdown(0.02),
        Slowdown(0.03),
        Slowdown(0.05),
        Slowdown(0.2, 5),
    )


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
def test_what_cannot_be_calibrated_is_one_line_and_nothing_is_written(
    refused, tmp_path, flags, words
):
    (tmp_path / "file").touch()
    assert words in refused("calibrate", *NUMPY, *flags)


def test_the_fewest_pairs_say_nothing_that_they_do_not_show(called, pretended):
    _, out, _ = called("calibrate", *NUMPY, "--budget=4s", "--inject=none", "--format=markdown")
    (noise, smallest) = [line for line in out.splitlines() if line.startswith(f"| {CASE} ")]
    assert [cell.strip() for cell in noise.split("|")][2:4] == ["2", "1"]
    assert {cell.strip() for cell in smallest.split("|")[2:-1]} == {numbers.ABSENT}
