"""Large runs, twenty times the largest published one, take bounded memory."""

import os
import random
import subprocess
import sys

import pytest
from support.records import case, ok, run, write

from bench.records import jsonl
from bench.worker import machine

# The command line in a process of its own, which prints its own peak.
CODE = """
import atexit, os, sys
from bench.worker import machine
from bench.cli import app
atexit.register(lambda: print("peak", machine.read_peak_memory(os.getpid()), file=sys.stderr))
app.main()
"""


def peak_mib(folder, *arguments):
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


def write_run(folder, name, cases, rounds):
    """Write a run of these cases, whose epochs have a spread of 3 %."""
    plan = run(*cases, run=name, rounds={"sgd": rounds})
    draw = random.Random(name)
    records = [
        ok(of, number, 0.5 * draw.gauss(1, 0.03), run=plan.run)
        for number in range(1, rounds + 1)
        for of in cases
    ]
    write(folder, plan)
    (folder / "trials.jsonl").write_bytes(b"".join(map(jsonl.encode, records)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with two equal runs of 5,000 trials, and 50 nights of 100 trials."""
    folder = tmp_path_factory.mktemp("runs")
    names = [f"program-{number}" for number in range(10)]
    sweep = [case(name, batch_size=8 * size) for size in range(1, 51) for name in names]
    for name in ("one", "other"):
        write_run(folder / name, "sweep", sweep, rounds=10)
    for number in range(50):
        night = f"night-{number:02}"
        write_run(folder / "nights" / night, night, [case(name) for name in names], rounds=10)
    return folder


@pytest.mark.parametrize(("verb", "limit"), [("merge", 200), ("report", 350)], ids=str)
def test_large_runs_take_bounded_memory(runs, verb, limit):
    inputs = sorted((runs / "nights").iterdir()) if verb == "report" else ["one", "other"]
    assert peak_mib(runs, verb, *inputs, "--output", f"{verb}-output") < limit
