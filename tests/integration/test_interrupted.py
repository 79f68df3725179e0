"""A run that gets a signal cuts its trial short, keeps and reports the rest, and can be resumed."""

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
    WAITS,
    WAITS_WITH_A_DAEMON,
    assert_nothing_left,
    assert_readable,
    assert_resumes,
    assert_whole,
    count_announced,
    find_processes,
    read_lines,
    resume_command,
    run_first,
    wait_until,
)

from bench.worker.measure import now

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
NUMPY = (*RUN, "--implementation=numpy", "--output=out")


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_signal_ends_the_trial_and_reports_the_rest(hanging, tmp_path, number):
    process = hanging(WAITS_WITH_A_DAEMON)
    before = read_lines(tmp_path / "out")
    process.send_signal(number)
    out, err = process.communicate()
    assert (process.returncode, err) == (STATUS[number], "")
    assert out.splitlines()[-1].endswith("--resume --output out --implementation waits.py")
    assert_nothing_left(tmp_path / "tmp")
    assert (tmp_path / "out" / "report.md").exists()
    *lines, last = read_lines(tmp_path / "out")
    assert (lines, json.loads(last)["status"]) == (before, "interrupted")


HANGS_REPORTING = """
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
        (signal.SIGTERM, signal.SIGINT),
        pytest.param(signal.SIGINT, signal.SIGINT, marks=pytest.mark.soak),
        pytest.param(signal.SIGHUP, signal.SIGTERM, marks=pytest.mark.soak),
    ],
)
def test_second_signal_ends_the_run_at_once(hanging, tmp_path, first, second):
    run_first(tmp_path, NO_CHARTS + HANGS_REPORTING)
    process = hanging()
    process.send_signal(first)
    wait_until(lambda: (tmp_path / "reporting").exists() or process.poll() is not None)
    process.send_signal(second)
    _, err = process.communicate()
    assert (process.returncode, err) == (STATUS[first], "")
    assert not (tmp_path / "out" / "report.md").exists()
    assert_readable(tmp_path / "out")
    assert_nothing_left(tmp_path / "tmp")


# The parent sends itself a signal just before or after a call between a trial and its record.
SIGNALS_ITSELF = """
import os, signal
from bench.records import store
from bench.runner import runner
from bench.runner.parity import judge
real = {owner}.{name}
def signalled(*args, **options):
    {owner}.{name} = real  # once
    if {before}:
        os.kill(os.getpid(), signal.SIGINT)
    result = real(*args, **options)
    if not {before}:
        os.kill(os.getpid(), signal.SIGINT)
    return result
{owner}.{name} = signalled
"""
# The trial counts if the signal comes after its record was written.
POINTS = (
    ("runner", "launch", False, 0),
    ("judge.Judge", "judge", True, 0),
    ("store", "save_params", True, 0),
    ("store", "append_record", True, 0),
    ("store", "append_record", False, 1),
)


def test_signal_while_a_trial_is_judged_costs_one_trial_at_most(started, alone, tmp_path):
    command, finished = (*NUMPY, f"--rounds={len(POINTS) + 1}"), 0
    for owner, name, before, count in POINTS:
        code = SIGNALS_ITSELF.format(owner=owner, name=name, before=before)
        run_first(tmp_path, NO_CHARTS + code)
        process = started(*command, **alone)
        out, err = process.communicate()
        assert (process.returncode, err) == (130, ""), name
        assert out.splitlines()[-1].endswith("--resume --output out")
        finished += count
        assert [record.status for record in assert_readable(tmp_path / "out")] == ["ok"] * finished
        assert (tmp_path / "out" / "report.md").exists()
        command = resume_command(tmp_path / "out")
    run_first(tmp_path, NO_CHARTS)
    assert_resumes(started, alone, tmp_path / "out", read_lines(tmp_path / "out"))


def test_signal_before_the_first_trial_is_no_traceback(started, alone, tmp_path):
    (tmp_path / "waits.py").write_text(WAITS)
    (tmp_path / "hang").touch()
    file = "--implementation=./waits.py"
    process = started(*RUN, "--rounds=1", file, "--output=out", **alone)
    wait_until(lambda: (tmp_path / "hangs").exists() or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert (process.returncode, err) == (143, "")
    assert_nothing_left(tmp_path / "tmp")
    (tmp_path / "hang").unlink()
    assert_resumes(started, alone, tmp_path / "out", read_lines(tmp_path / "out"))


def test_signal_ends_a_run_that_waits_for_the_host(started, alone, tmp_path):
    with FileLock(alone["SOFTMAX_BENCH_LOCK"]):
        process = started(*NUMPY, "--rounds=1", **alone)
        assert "waiting for it" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
    assert (process.returncode, err) == (143, "")
    assert not read_lines(tmp_path / "out")


def signal_at_random(process, random, seconds):
    """Send a run up to three signals within so many seconds; return them, its stdout and stderr."""
    try:
        return [], *process.communicate(timeout=random.uniform(0, seconds))
    except subprocess.TimeoutExpired:
        numbers = random.choices(list(STATUS), k=random.choice([1, 1, 2, 3]))
        for number in numbers:
            process.send_signal(number)
            signal.sigtimedwait([], random.choice([0.0, 0.05, 0.5]))
        return numbers, *process.communicate()


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("count", [2, pytest.param(200, marks=pytest.mark.soak)])
def test_signals_at_random_moments_lose_and_double_nothing(started, alone, tmp_path, count):
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown if the test fails
    command = (*RUN, "--rounds=2", "--implementation=numpy")
    begin = now()
    assert started(*command, "--output=calm", **alone).wait() == 0
    random, seconds, signalled, runs, lines = Random(seed), now() - begin, 0, 0, []
    while signalled < count:
        folder = tmp_path / f"run-{runs}"
        exists = (folder / "run.json").exists()
        arguments = resume_command(folder) if exists else (*command, f"--output={folder.name}")
        process = started(*arguments, **alone)
        numbers, out, err = signal_at_random(process, random, seconds)
        signalled += len(numbers) > 0
        if not (folder / "run.json").exists():
            continue
        if "KeyboardInterrupt" in err:  # during the imports, Python itself answers
            assert (out, read_lines(folder)) == ("", lines)
            continue
        assert not err or "StopSignal" in err  # Python discarded it, and it was raised again
        # Either of two signals may be the first. A run that had just ended is killed by one.
        statuses = {0, *(STATUS[number] for number in numbers), *(-number for number in numbers)}
        assert process.returncode in statuses
        assert read_lines(folder)[: len(lines)] == lines
        assert count_announced(out) <= len(assert_readable(folder))
        lines = read_lines(folder)
        wait_until(lambda: not find_processes(tmp_path / "tmp"))
        if process.returncode == 0:
            assert_whole(folder)
            assert_nothing_left(tmp_path / "tmp")
            runs, lines = runs + 1, []
    print(f"{signalled} times signals, {runs} runs completed")  # noqa: T201 - figures to note
