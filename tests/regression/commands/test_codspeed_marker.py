"""Tests that have CodSpeed's marker and do not take the fixture are measured as a whole."""

import json
import os
import shutil
import subprocess
import sys

from bench.regression.commands.samplers import MARKER

MARKED = """
import pytest

@pytest.mark.benchmark
@pytest.mark.parametrize("number", [1, 2])
def test_parametrized(tmp_path, number):
    assert tmp_path.exists() and number

class TestGroup:
    @pytest.mark.codspeed_benchmark
    def test_method(self, number=3):
        assert number == 3

@pytest.mark.benchmark(group="taken")
def test_fixture(benchmark):
    assert benchmark(len, "abc") == 3

def test_plain():
    raise RuntimeError
"""
NAMES = ["test_parametrized[1]", "test_parametrized[2]", "test_method", "test_fixture"]


def test_marked_tests_are_measured_as_a_whole(tmp_path):
    (tmp_path / "bench_marked.py").write_text(MARKED)
    shutil.copy(MARKER, tmp_path)
    variables = dict(os.environ)
    variables.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-m", "pytest", "bench_marked.py"]
    options = ["--benchmark-only", "--benchmark-json=out.json", "--benchmark-max-time=0.01"]
    command += [*options, "-c", os.devnull, "--rootdir=.", "-p", MARKER.stem]
    subprocess.run(command, cwd=tmp_path, env=variables, check=True, capture_output=True)
    measured = json.loads((tmp_path / "out.json").read_text())["benchmarks"]
    assert [one["name"] for one in measured] == NAMES
