"""Command lines that run beside the test: stop them in the middle and check what they left."""

import os
import re
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest

from bench.planning import plan
from bench.records import store

ASSETS = Path(__file__).parents[1] / "assets"

# Trains as NumPy does, but waits while a file named "hang" lies beside it.
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

# Small trials of NumPy, as quick as possible.
RUN = (
    *("run", "--data=digits", "--workload=sgd", "--batch-size=288", "--epochs=1"),
    *("--threads=1", "--no-roofline", "--rounds=5"),
)

# The exit status of a run that a signal stopped.
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}

# A trial on the digits repeats its short epochs 200 times, with the reference kernel in between,
# which takes ten times as long. This many are enough for the parent's clock to confirm most of them
# on a busy machine, too. Predictions and the hand-over are timed for a moment each.
SHORT = {"MAX_REPEATS": 20, "MAX_PREDICTIONS": 20, "PREDICT_SECONDS": 0.02, "PINGS": 1}
SHORT_TRIALS = f"""
from bench.runner import drive
vars(drive).update({SHORT})
"""
# Charts take longer than everything else in these runs: hide the packages that draw them.
NO_CHARTS = f"""{SHORT_TRIALS}
import sys
sys.modules.update(dict.fromkeys(("altair", "vl_convert", "jinja2", "markdown_it")))
"""


def wait_until(condition):
    """Wait until a condition holds, for ten minutes at most: the machine may be busy."""
    for _ in range(12_000):
        if condition():
            return
        signal.sigtimedwait([], 0.05)
    pytest.fail("it did not happen within ten minutes")


def run_first(folder, code):
    """Return variables that let the parent, but no worker, run some code first."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(code)
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(folder / "site"), *([before] if before else [])])
    return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def resume_command(folder):
    """Return the command line that resumes a run; a user's own files are named again."""
    files = {case.file for case in store.read_run(folder).cases if case.file is not None}
    named = (
        f"--implementation={file.replace('<path>', str(ASSETS / 'saboteurs'))}" for file in files
    )
    return ("run", "--resume", f"--output={folder.name}", *named)


def read_lines(folder):
    path = folder / "trials.jsonl"
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


def count_announced(out):
    """Return the number of trials that a run announced as ended."""
    return len(re.findall(r", \d+ of \d+  ", out))


def find_processes(folder):
    """Return the ids of the other processes that have a folder in their environment."""
    running = {
        process.pid: "\n".join((process.info["environ"] or {}).values())
        for process in psutil.process_iter(["environ", "status"])
        if process.info["status"] not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    }
    return [pid for pid, text in running.items() if str(folder) in text and pid != os.getpid()]


def assert_readable(folder):
    """Check that a stopped run has whole files and one record a trial; return the records."""
    planned = [trial.id for trial in plan.plan_trials(store.read_run(folder))]
    records = [record for record in store.read_records(folder) if record.status != "interrupted"]
    assert [record.trial for record in records] == planned[: len(records)]
    assert {record.environment for record in records} <= store.read_environments(folder).keys()
    params = {path.stem: np.load(path, allow_pickle=False) for path in folder.glob("params/*.npy")}
    # A round that was cut short keeps no params: while it went on, no worker could read them.
    finished = store.read_entropy(folder).keys()
    assert {one.trial for one in records if getattr(one, "entropy", "") in finished} <= {*params}
    return records


# The command lines that read the run RUN.
READING_VERBS = (
    *(("report", "RUN"), ("export", "RUN", "--format=pyperf")),
    *(("check", "RUN"), ("run", "--resume", "--dry-run", "--output=RUN")),
)


def assert_read_by_every_verb(called, folder):
    """Check that every verb that reads a run reads this one; called: see the fixture."""
    for verb in READING_VERBS:
        status, _, err = called(*(word.replace("RUN", folder.name) for word in verb))
        assert status == 0, (verb, err)


def assert_whole(folder, before=()):
    """Check that every planned trial has one record, and each after ``before`` its params."""
    assert read_lines(folder)[: len(before)] == list(before)
    records = assert_readable(folder)
    planned = [trial.id for trial in plan.plan_trials(store.read_run(folder))]
    assert [record.trial for record in records] == planned
    assert {record.status for record in records} == {"ok"}
    params = {path.name for path in folder.glob("params/*")}
    assert params <= {f"{trial}.npy" for trial in planned}
    assert {f"{record.trial}.npy" for record in records[len(before) :]} <= params
    assert (folder / "report.md").exists()
    assert not list(folder.rglob("*.part"))


def assert_nothing_left(temporary):
    """Check that the runs with this temporary folder left no process and no file."""
    wait_until(lambda: not find_processes(temporary))
    assert not list(temporary.iterdir())


def assert_resumes(started, variables, folder, before):
    """Resume a run to its end; check that it keeps its plan and whole lines, and leaves nothing."""
    planned = (folder / "run.json").read_bytes()
    process = started(*resume_command(folder), **variables)
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert (folder / "run.json").read_bytes() == planned
    assert_whole(folder, [line for line in before if line.endswith(b"\n")])
    assert_nothing_left(folder.parent / "tmp")
