"""The parent killed at any moment: what was finished stays, and the run goes on from there."""

import secrets
import signal
import subprocess
from collections import Counter
from random import Random

import pytest
from support.processes import (
    NO_CHARTS,
    RUN,
    WAITS_WITH_A_DAEMON,
    announced,
    assert_nothing_left,
    assert_readable,
    assert_whole,
    beginning_with,
    going_on,
    lines_of,
    living,
    until,
)

from bench.records import store
from bench.runner import plan
from bench.worker.measure import now

HONEST = "from implementations.idiomatic.softmax_numpy import Trainer\n"
PLAN = (*RUN, "--implementation=numpy", "--implementation=./honest.py")


def test_a_run_that_was_killed_goes_on_and_loses_and_doubles_nothing(
    hanging, started, alone, tmp_path
):
    process = hanging()
    process.kill()
    process.wait()
    until(lambda: not living(tmp_path / "tmp"))  # what was being measured has died with the run
    before = lines_of(tmp_path / "out")
    assert len(before) == 1
    with (tmp_path / "out" / "trials.jsonl").open("ab") as stream:
        stream.write(before[0][:50])  # a record that was being written
    (tmp_path / "out" / "params" / "cut.npy.7.part").write_bytes(b"\x93NUMPY")
    (tmp_path / "hang").unlink()
    again = started(*going_on(tmp_path / "out"), **alone)
    _, err = again.communicate(timeout=60)
    assert (again.returncode, err) == (0, "")
    assert_whole(tmp_path / "out", before)
    assert_nothing_left(tmp_path / "tmp")


def test_the_next_run_on_the_host_ends_and_removes_what_a_killed_one_left(
    hanging, started, alone, tmp_path
):
    process = hanging(WAITS_WITH_A_DAEMON)
    process.kill()
    process.wait()
    until(lambda: len(living(tmp_path / "tmp")) == 1)  # a daemon does not die with anybody
    assert list((tmp_path / "tmp").iterdir())
    other = started(*RUN, "--rounds=1", "--implementation=numpy", "--output=other", **alone)
    _, err = other.communicate(timeout=60)
    assert (other.returncode, err) == (0, "")
    assert_nothing_left(tmp_path / "tmp")


# The run is killed when a file beside the last one is written; when half of a record is; when all.
WHILE_WRITING = """
import os, signal
from pathlib import Path
from bench import files
real = {{"replace": Path.replace, "write": files._write, "append": files.append}}
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def replace(path, target):
    return die() if target.suffix == ".npy" else real["replace"](path, target)
def write(stream, data):
    if not data or not str(stream.name).endswith("trials.jsonl"):
        return real["write"](stream, data)
    real["write"](stream, data[: len(data) // 2])
    die()
def append(path, data):
    real["append"](path, data)
    if data:
        die()
{0} = {1}
"""


def test_a_run_killed_while_it_writes_keeps_what_was_whole(started, alone, tmp_path):
    command = (*RUN, "--rounds=2", "--implementation=numpy", "--output=out")
    # Where it is killed; whether the last line has its end; the params that are left.
    for place, call, ended, kept in (
        ("Path.replace", "replace", None, ".part"),
        ("files._write", "write", False, ".npy"),
        ("files.append", "append", True, ".npy"),
    ):
        beginning_with(tmp_path, NO_CHARTS + WHILE_WRITING.format(place, call))
        process = started(*command, **alone)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        ends = [line.endswith(b"\n") for line in lines_of(tmp_path / "out")]
        assert ends == ([] if ended is None else [ended]), call
        assert [path.suffix for path in (tmp_path / "out" / "params").iterdir()] == [kept], call
        assert_readable(tmp_path / "out")
        command = going_on(tmp_path / "out")
    before = lines_of(tmp_path / "out")
    beginning_with(tmp_path, NO_CHARTS)
    process = started(*command, **alone)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert_whole(tmp_path / "out", before)
    assert_nothing_left(tmp_path / "tmp")


DIES = """
import os, signal, subprocess
class Popen(subprocess.Popen):
    def __init__(self, command, **named):
        super().__init__(command, **named)
        if os.path.exists("out") and "bench.worker" in command:
            os.kill(os.getpid(), signal.SIGKILL)
subprocess.Popen = Popen
"""


def test_a_child_whose_run_was_killed_before_it_could_ask_for_it_dies_too(started, alone, tmp_path):
    (tmp_path / "waits.py").write_text(f"""
import signal
from pathlib import Path
from implementations.idiomatic.softmax_numpy import Trainer
if Path({str(tmp_path / "out")!r}).exists():
    signal.pause()
""")
    beginning_with(tmp_path, DIES)
    command = (*RUN, "--rounds=1", "--implementation=./waits.py", "--output=out")
    process = started(*command, **alone)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    until(lambda: not living(tmp_path / "tmp"))


def killed(process, random, seconds):
    """Kill a run at a random moment; what it had said, and whether it was still running."""
    try:
        out, err = process.communicate(timeout=random.uniform(0, seconds))
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    assert err == ""
    return out, process.returncode == -signal.SIGKILL


def phase(folder, temporary, told):
    """Say in what a run was when it was killed, from what lies where."""
    lines = lines_of(folder)
    asked = [path.read_text() for path in temporary.glob("softmax-bench-*/request.json")]
    if not (folder / "run.json").exists():
        return "starting"
    if told == len(plan.plan_trials(store.read_run(folder))):
        return "reporting"
    if list(folder.rglob("*.part")) or len(lines) > told:
        return "writing"
    if list(temporary.glob("softmax-bench-*/document.json")):
        return "judging"
    if any('"trial"' in text for text in asked):
        return "measuring"
    return "importing" if asked else "between trials"


def until_complete(start, command, folder, temporary, moments):
    """Kill a run and go on with it until it is complete; the phases in which it was killed."""
    random, seconds = moments
    lines, planned = [], b""
    while True:
        there = (folder / "run.json").exists()
        process = start(*(going_on(folder) if there else (*command, f"--output={folder.name}")))
        out, crashed = killed(process, random, seconds)
        told = max(announced(out), len(lines))
        if crashed:
            yield phase(folder, temporary, told)
        if (folder / "run.json").exists():
            assert planned in {b"", (folder / "run.json").read_bytes()}
            planned = (folder / "run.json").read_bytes()
            assert lines_of(folder)[: len(lines)] == lines
            assert len(assert_readable(folder)) >= told
            lines = [line for line in lines_of(folder) if line.endswith(b"\n")]
        if not crashed:
            assert process.returncode == 0
            assert_whole(folder, lines)
            return


@pytest.mark.parametrize(
    ("count", "rounds"),
    [(2, 1), pytest.param(200, 6, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])],
)
def test_a_run_killed_at_random_moments_loses_and_doubles_nothing(
    started, alone, tmp_path, count, rounds
):
    (tmp_path / "honest.py").write_text(HONEST)
    if count > 100:
        beginning_with(tmp_path, "")  # its report has charts
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown where it fails
    command = (*PLAN, f"--rounds={rounds}")

    def start(*arguments):
        return started(*arguments, **alone)

    begun = now()
    assert start(*command, "--output=calm").wait(timeout=60) == 0
    moments, phases, runs = (Random(seed), now() - begun), Counter(), 0
    while phases.total() < count:
        folder = tmp_path / f"run-{runs}"
        phases.update(until_complete(start, command, folder, tmp_path / "tmp", moments))
        assert_nothing_left(tmp_path / "tmp")
        runs += 1
    trials = runs * rounds * 2
    found = f"{phases.total()} crashes: {dict(phases)}; {trials} trials, none lost, none doubled"
    print(found)  # noqa: T201 - the figures
