"""Runs to export, and their figures computed from the bare lines of trials.jsonl."""

import json
import math
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import fmean, geometric_mean, median, stdev

from scipy import stats
from support.records import bare, case, environment, ok, run, trials, write

from bench.records.schema import Parity
from bench.report.load import load_run

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "results" / "reference" / "amd-epyc-2-cores"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

GOOD, PART, WRONG, FAILED, ABSENT, ALONE, NEVER = (
    case(name)
    for name in ("numpy", "jax", "pytorch", "keras-jax", "numba", "sklearn-sgd", "jax-scan")
)


def mixed(folder):
    """Write a run with every outcome of a trial."""
    plan = run(GOOD, PART, WRONG, FAILED, ABSENT, ALONE, NEVER, rounds={"sgd": 3, "textbook": 1})
    wrong = Parity(0.5, 1e-5, passed=False)
    records = [
        *trials(GOOD, 0.5, 0.25, 1.0),
        *trials(PART, 0.125, 0.25),
        bare(PART, 3, status="timeout", reason="600 s are\nover"),
        ok(WRONG, 1, 0.125),
        ok(WRONG, 2, 0.0625),
        bare(WRONG, 3, reason="parity error", parity=wrong),
        bare(FAILED, 1, status="out-of-memory", reason="killed"),
        bare(ABSENT, 1, status="unavailable", reason="numba is not installed"),
        bare(NEVER, 1, status="interrupted"),
        ok(ALONE, 1, 2.0),
    ]
    return write(folder, plan, *records, **surroundings())


def surroundings(commit=COMMIT, **changes):
    """Return the changes that make the environment one of a real machine."""
    return {
        "machine": {
            "id": "0123456789ab",
            "cpu": "Test CPU",
            "cores": 2,
            "processors": 4,
            "memory_gib": 8,
            "architecture": "x86_64",
            "system": "Linux 6.1",
            "host": "h",
        },
        "software": {**environment().software, "interpreter": "CPython"},
        "suite": {"version": "0.1.0", "commit": commit, "dirty": False},
        **changes,
    }


def loaded(folder):
    """Load a mixed run, written into a folder."""
    return load_run(mixed(folder))


def measured(folder):
    """Return (first epoch, steady epochs) of every good trial by case's name, as it was written."""
    processes = defaultdict(list)
    for line in (folder / "trials.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "trial" and record["status"] == "ok":
            of = record["case"]
            name = (
                f"{of['workload']}-{of['implementation']}-{of['device']}-b{of['batch_size']}"
                f"-t{of['threads']}-n{of['samples']}"
            )
            processes[name].append(
                (record["round"], record["first_epoch_seconds"], record["epoch_seconds"])
            )
    return {
        name: [(first, epochs) for _, first, epochs in sorted(rounds)]
        for name, rounds in processes.items()
    }


def figures(folder):
    """Return mean, low and high of every case's epoch: of one process, the mean alone."""
    found = {}
    for name, processes in measured(folder).items():
        medians = [median(epochs) for _, epochs in processes]
        if len(medians) == 1:
            found[name] = (medians[0], None, None)
            continue
        logs = [math.log(value) for value in medians]
        half = stats.t.ppf(0.975, len(logs) - 1) * stdev(logs) / len(logs) ** 0.5
        found[name] = (geometric_mean(medians), *(math.exp(fmean(logs) + d) for d in (-half, half)))
    return found


def python(folder, *arguments):
    """Run a module of another tool in a fresh process, and return what it printed."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
