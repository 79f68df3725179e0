"""A run that gets a signal cuts its trial short, keeps and reports the rest, and can be resumed."""

import json
import signal
import sys

import pytest
from filelock import FileLock
from support.processes import (
    NO_CHARTS,
    RUN,
    STATUS,
    WAITS,
    WAITS_WITH_A_DAEMON,
    assert_nothing_left,
    assert_readable,
    assert_resumes,
    read_lines,
    resume_command,
    run_first,
    wait_until,
)

NUMPY = (*RUN, "--implementation=numpy", "--output=out")


# Ctrl-C on a terminal is below.
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
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


IMPORTING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""


def test_ctrl_c_while_the_program_is_imported_is_no_traceback(started, tmp_path):
    process = started("list", **run_first(tmp_path, IMPORTING))
    assert (process.communicate(), process.returncode) == (("", ""), 130)


# Runs a command on a terminal of its own, which shows on stdout and is typed on by stdin.
TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def test_ctrl_c_on_a_terminal_ends_the_live_table_and_reports(hanging, tmp_path):
    terminal = {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = hanging(within=(sys.executable, "-c", TERMINAL), **terminal)
    process.stdin.write("\x03")
    out, _ = process.communicate()
    assert process.returncode == 130
    live, shows_cursor, rest = out.partition("\x1b[?25h")
    assert shows_cursor
    assert "sgd, process 2, 1 thread, 1 of 1: waits" in live
    for part in (live, rest):
        assert "workload sgd" in part
        assert "waits  " in part
    *_, link, again = rest.splitlines()
    assert (tmp_path / "out" / "report.md").as_uri() in link
    assert again.endswith("--resume --output out --implementation waits.py")


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


def test_second_signal_ends_the_run_at_once(hanging, tmp_path):
    run_first(tmp_path, NO_CHARTS + HANGS_REPORTING)
    process = hanging()
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: (tmp_path / "reporting").exists() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert (process.returncode, err) == (STATUS[signal.SIGTERM], "")
    assert not (tmp_path / "out" / "report.md").exists()
    assert_readable(tmp_path / "out")
    assert_nothing_left(tmp_path / "tmp")


# The parent sends itself a signal just before or after a call between a trial and its record.
SIGNALS_ITSELF = """
import os, signal
from bench.records import store
from bench.runner import runner
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
    ("runner", "describe_outcome", True, 0),
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


def test_signal_ends_a_run_that_waits_for_the_host(started, alone, tmp_path):
    with FileLock(alone["SOFTMAX_BENCH_LOCK"]):
        process = started(*NUMPY, "--rounds=1", **alone)
        assert "waiting for it" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
    assert (process.returncode, err) == (143, "")
    assert not read_lines(tmp_path / "out")
