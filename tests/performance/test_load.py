"""Large runs, twenty times the largest published one, take bounded memory."""

import os
import subprocess
import sys

import pytest
from support import large_runs

from bench.worker import machine

# The command line in a process of its own, which prints its own peak.
CODE = """
import atexit, sys
from bench.worker import machine
from bench.cli import app
atexit.register(lambda: print("peak", machine.read_peak_memory(), file=sys.stderr))
app.main()
"""


def peak_mib(folder, *arguments):
    """Run the command line in a folder; return its peak memory."""
    ended = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        cwd=folder,
        check=False,
        env={**os.environ, "PYTHONPATH": str(machine.ROOT)},
        capture_output=True,
        text=True,
    )
    errors, _, peak = ended.stderr.rpartition("peak ")
    assert (ended.returncode, errors) == (0, "")
    return int(peak) / 2**20


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with two equal runs of 5,000 trials, and 50 nights of 100 trials."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("one", "other"):
        assert large_runs.write(folder / name, 10) == 5000
    large_runs.write_several(folder / "nights", 50)
    return folder


@pytest.mark.parametrize(
    ("verb", "limit"), [("compare", 300), ("merge", 200), ("report", 350)], ids=str
)
def test_large_runs_take_bounded_memory(runs, verb, limit):
    inputs = sorted((runs / "nights").iterdir()) if verb == "report" else ["one", "other"]
    output = [] if verb == "compare" else ["--output", f"{verb}-output"]
    assert peak_mib(runs, verb, *inputs, *output) < limit
