"""A run that gets a signal: the trial is cut short, the rest is kept, told of, and gone on with."""

import json
import secrets
import signal
import subprocess
from random import Random

import pytest
from filelock import FileLock
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

from bench.worker.measure import now

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def assert_gone_on_with(started, variables, tmp_path):
    """The run goes on to its end, with the plan that it had, and leaves nothing."""
    planned = (tmp_path / "out" / "run.json").read_bytes()
    before = [line for line in lines_of(tmp_path / "out") if line.endswith(b"\n")]
    process = started(*going_on(tmp_path / "out"), **variables)
    _, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (0, "")
    assert (tmp_path / "out" / "run.json").read_bytes() == planned
    assert_whole(tmp_path / "out", before)
    assert_nothing_left(tmp_path / "tmp")


@pytest.mark.parametrize("sent", STATUS, ids=lambda sent: sent.name)
def test_a_signal_ends_the_trial_and_the_run_reports_what_there_is(hanging, tmp_path, sent):
    process = hanging(WAITS_WITH_A_DAEMON)
    before = lines_of(tmp_path / "out")
    process.send_signal(sent)
    out, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (STATUS[sent], "")
    assert (
        out.splitlines()[-1]
        == "interrupted; go on with --resume --output out --implementation waits.py"
    )
    assert_nothing_left(tmp_path / "tmp")
    assert (tmp_path / "out" / "report.md").exists()
    assert lines_of(tmp_path / "out")[: len(before)] == before
    (last,) = map(json.loads, lines_of(tmp_path / "out")[len(before) :])
    assert last["status"] == "interrupted"


REPORT_HANGS = """
import signal
from pathlib import Path
from bench.report import write
def wait(*_, **__):
    Path("reporting").touch()
    while True:
        signal.pause()
write.write_report = wait
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGINT),
        pytest.param(signal.SIGHUP, signal.SIGTERM, marks=pytest.mark.soak),
    ],
)
def test_a_second_signal_ends_the_run_at_once(hanging, tmp_path, first, second):
    beginning_with(tmp_path, NO_CHARTS + REPORT_HANGS)
    process = hanging()
    process.send_signal(first)
    until(lambda: (tmp_path / "reporting").exists() or process.poll() is not None)
    process.send_signal(second)
    _, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (STATUS[first], "")
    assert not (tmp_path / "out" / "report.md").exists()
    assert_readable(tmp_path / "out")
    assert_nothing_left(tmp_path / "tmp")


# The parent sends itself the signal, just before or after a call on a trial's way to its record.
STRUCK = """
import os, signal
from bench.runner import executor, recorder
from bench.runner.parity import judge
real = {owner}.{name}
def struck(*given, **named):
    {owner}.{name} = real  # once
    if {before}:
        os.kill(os.getpid(), signal.SIGINT)
    found = real(*given, **named)
    if not {before}:
        os.kill(os.getpid(), signal.SIGINT)
    return found
{owner}.{name} = struck
"""
# The trial counts where the signal comes after its record was written.
POINTS = (
    ("executor", "launch", False, 0),
    ("judge.Judge", "judge", True, 0),
    ("recorder", "keep_params", True, 0),
    ("recorder", "append", True, 0),
    ("recorder", "append", False, 1),
)


def test_signal_while_a_trial_is_judged_and_written_costs_that_trial_at_most(
    started, alone, tmp_path
):
    command = (*RUN, f"--rounds={len(POINTS) + 1}", "--implementation=numpy", "--output=out")
    finished = 0
    for owner, name, before, counts in POINTS:
        code = STRUCK.format(owner=owner, name=name, before=before)
        beginning_with(tmp_path, NO_CHARTS + code)
        process = started(*command, **alone)
        out, err = process.communicate(timeout=240)
        assert (process.returncode, err) == (130, ""), name
        assert out.splitlines()[-1] == "interrupted; go on with --resume --output out"
        finished += counts
        statuses = [record.status for record in assert_readable(tmp_path / "out")]
        assert statuses == ["ok"] * finished, name
        assert (tmp_path / "out" / "report.md").exists()
        command = going_on(tmp_path / "out")
    beginning_with(tmp_path, NO_CHARTS)
    assert_gone_on_with(started, alone, tmp_path)


def test_a_signal_before_the_first_trial_is_no_traceback(started, alone, tmp_path):
    (tmp_path / "waits.py").write_text(f"""
import signal
from pathlib import Path
from implementations.idiomatic.softmax_numpy import Trainer
if Path({str(tmp_path / "out")!r}).exists() and not Path({str(tmp_path / "free")!r}).exists():
    Path({str(tmp_path / "hangs")!r}).touch()
    signal.pause()
""")
    process = started(*RUN, "--rounds=1", "--implementation=./waits.py", "--output=out", **alone)
    until(lambda: (tmp_path / "hangs").exists() or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (143, "")
    assert_nothing_left(tmp_path / "tmp")
    (tmp_path / "free").touch()
    assert_gone_on_with(started, alone, tmp_path)


def test_a_signal_ends_a_run_that_waits_for_the_host(started, alone, tmp_path):
    with FileLock(tmp_path / alone["SOFTMAX_BENCH_LOCK"]):
        process = started(*RUN, "--rounds=1", "--implementation=numpy", "--output=out", **alone)
        assert "waiting for it" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (143, "")
    assert not lines_of(tmp_path / "out")


def struck(process, random, seconds):
    """Send a run up to three signals at a random moment; return these, and what it said.

    None are sent to a run that has ended before.
    """
    try:
        out, err = process.communicate(timeout=random.uniform(0, seconds))
    except subprocess.TimeoutExpired:
        sent = random.choices(list(STATUS), k=random.choice([1, 1, 2, 3]))
        for each in sent:
            process.send_signal(each)
            signal.sigtimedwait([], random.choice([0.0, 0.05, 0.5]))
        return sent, *process.communicate(timeout=240)
    return [], out, err


@pytest.mark.parametrize(
    "count", [2, pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])]
)
def test_signals_at_random_moments_lose_and_double_nothing(started, alone, tmp_path, count):
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown where it fails
    command = (*RUN, "--rounds=2", "--implementation=numpy")
    begun = now()
    assert started(*command, "--output=calm", **alone).wait(timeout=240) == 0
    random, seconds, times, runs, lines = Random(seed), now() - begun, 0, 0, []
    while times < count:
        folder = tmp_path / f"run-{runs}"
        there = (folder / "run.json").exists()
        asked = going_on(folder) if there else (*command, f"--output={folder.name}")
        process = started(*asked, **alone)
        sent, out, err = struck(process, random, seconds)
        times += len(sent) > 0
        if not (folder / "run.json").exists():
            continue
        if "KeyboardInterrupt" in err:  # it was still importing: Python itself answers then
            assert (out, lines_of(folder)) == ("", lines)
            continue
        assert not err or "StopSignal" in err  # Python discarded it, and it was raised again
        # Of two that come together either may be the first. It may have ended by itself; a signal
        # as late as that is the interpreter's to answer.
        statuses = {0, *(STATUS[each] for each in sent), *(-each for each in sent)}
        assert process.returncode in statuses
        assert lines_of(folder)[: len(lines)] == lines
        finished = assert_readable(folder)
        assert announced(out) <= len(finished)
        lines = lines_of(folder)
        until(lambda: not living(tmp_path / "tmp"))
        if process.returncode == 0:
            assert_whole(folder)
            assert_nothing_left(tmp_path / "tmp")
            runs, lines = runs + 1, []
    found = f"signals {times} times, {runs} runs completed, no trial lost, none doubled"
    print(found)  # noqa: T201 - the figures
