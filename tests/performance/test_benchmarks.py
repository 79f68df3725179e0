"""The benchmarks of pytest-benchmark run, and say what is wrong with a row."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.records.schema import TOLERANCE
from bench.worker import machine

BENCHMARKS = Path(__file__).with_name("benchmarks.py")
RENDERING = "test_render_report"  # of a whole published run takes too long here


@pytest.fixture
def run(surroundings):
    command = [sys.executable, "-m", "pytest", BENCHMARKS, f"--confcutdir={BENCHMARKS.parent}"]
    command += ["-p", "no:cacheprovider"]
    options = {"cwd": machine.ROOT, "env": surroundings, "capture_output": True, "text": True}
    return lambda *arguments: subprocess.run([*command, *arguments], check=False, **options)


def test_variable_that_cannot_be_set_is_refused_in_one_line(run):
    ended = run("--env=OMP_NUM_THREADS=2")
    assert (ended.returncode, ended.stdout) == (pytest.ExitCode.USAGE_ERROR, "")
    assert ended.stderr.strip().startswith("ERROR: OMP_NUM_THREADS cannot be set")
    assert ended.stderr.strip().count("\n") == 0


def test_benchmarks_show_parity_error_and_skip_unavailable(tmp_path, run, saboteur):
    names = ["numpy", saboteur("learns_too_fast"), saboteur("says_unavailable")]
    ended = run(
        *("-k", f"not {RENDERING}", "--data=digits", "--env=MALLOC_ARENA_MAX=1"),
        *(f"--implementation={name}" for name in names),
        f"--benchmark-json={tmp_path / 'benchmarks.json'}",
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "1 failed, 3 passed, 1 skipped" in ended.stdout
    assert "other mathematics" in ended.stdout
    benchmarks = json.loads((tmp_path / "benchmarks.json").read_text())["benchmarks"]
    groups = {benchmark["name"]: benchmark["group"] for benchmark in benchmarks}
    extra = {benchmark["name"]: benchmark["extra_info"] for benchmark in benchmarks}
    # With other variables it is another benchmark.
    numpy, fast = (
        f"test_epoch[{name} MALLOC_ARENA_MAX=1]" for name in ("numpy", "learns_too_fast")
    )
    right, wrong = extra[numpy], extra[fast]
    assert right["env"] == {"MALLOC_ARENA_MAX": "1"}
    assert right["parity_error"] <= TOLERANCE < wrong["parity_error"]
    assert right["validation_accuracy"] > 0.8
    assert groups[numpy] != groups[fast]
    assert groups["test_load_data"] == groups["test_judge_epoch"]
