"""Command lines that run beside the test, how they are caught in the middle, and what they left."""

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

from bench.records import store
from bench.runner import plan

ASSETS = Path(__file__).parents[1] / "assets"

# Trains as NumPy does, but waits as long as there is a file named "hang" beside it.
WAITS = """
import os, signal
from pathlib import Path
from implementations.idiomatic import softmax_numpy
HERE = Path(__file__).parent
class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        while (HERE / "hang").exists():
            (HERE / "hangs").touch()
            signal.sigtimedwait([], 0.05)
        return super().train_epoch(order)
"""
# The same, with a daemon beside it.
WAITS_WITH_A_DAEMON = WAITS.replace(
    '            (HERE / "hangs").touch()',
    """            if not (HERE / "hangs").exists() and os.fork() == 0:
                os.setsid()
                os.execlp("sleep", "sleep", "600")
            (HERE / "hangs").touch()""",
)

# Small trials of NumPy, as quick as they can be; what is measured and where to is added.
RUN = (
    "run", "--data=digits", "--workload=sgd", "--batch-size=288", "--epochs=1", "--threads=1",
    "--no-roofline",
)  # fmt: skip

# Charts take longer than all else that these runs do: without the extra there are none.
NO_CHARTS = """
import sys
sys.modules.update(dict.fromkeys(("altair", "vl_convert", "jinja2", "markdown_it")))
"""


def until(condition):
    """Wait until something has happened, ten minutes at most: the machine may be busy."""
    for _ in range(12_000):
        if condition():
            return
        signal.sigtimedwait([], 0.05)
    pytest.fail("it did not happen within ten minutes")


def beginning_with(folder, code):
    """Return variables with which the parent, and no child of it, begins by running some code."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(code)
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(folder / "site"), *([before] if before else [])])
    return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def going_on(folder):
    """Return the command line that goes on with a run: somebody's own code is named again."""
    files = {case.file for case in store.read_run(folder).cases if case.file is not None}
    named = (
        f"--implementation={file.replace('<path>', str(ASSETS / 'saboteurs'))}" for file in files
    )
    return ("run", "--resume", f"--output={folder.name}", *named)


def lines_of(folder):
    """Return the records of a run as they lie on the disk."""
    path = folder / "trials.jsonl"
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


def announced(out):
    """Return the number of the last trial whose end a run has told of, nought if of none."""
    return max(
        (int(number) for number in re.findall(r"^ *(\d+)/\d+ ", out, re.MULTILINE)), default=0
    )


def living(folder):
    """Return the processes, but this one, that have a folder in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            mine = os.fsencode(folder) in (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has just ended, or is not ours to look at
            continue
        if mine and state not in "ZX" and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def assert_readable(folder):
    """Every file of a run that was stopped is whole; no trial has two results; return these."""
    planned = [trial.id for trial in plan.plan_trials(store.read_run(folder))]
    records = [each for each in store.read_records(folder) if each.status != "interrupted"]
    assert [record.trial for record in records] == planned[: len(records)]
    assert {record.environment for record in records} <= store.read_environments(folder).keys()
    kept = {path.stem: np.load(path, allow_pickle=False) for path in folder.glob("params/*.npy")}
    assert {record.trial for record in records if record.status == "ok"} <= kept.keys()
    return records


def assert_whole(folder, before=()):
    """Every planned trial has exactly one result, and what was there before is still there."""
    assert lines_of(folder)[: len(before)] == list(before)
    finished = assert_readable(folder)
    planned = [trial.id for trial in plan.plan_trials(store.read_run(folder))]
    assert [record.trial for record in finished] == planned
    assert {record.status for record in finished} == {"ok"}
    assert {path.name for path in (folder / "params").iterdir()} == {
        f"{one}.npy" for one in planned
    }
    assert (folder / "report.md").exists()
    assert not list(folder.rglob("*.part"))


def assert_nothing_left(temporary):
    """No process is left of the runs whose temporary folder this is, and no file."""
    until(lambda: not living(temporary))
    assert not list(temporary.iterdir())
