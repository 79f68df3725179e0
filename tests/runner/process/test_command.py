"""A command of a user's own, with real processes: its end, its output and what it leaves."""

import json
import os
import sys
import tracemalloc
from contextlib import suppress

import pytest
from support.processes import find_processes, wait_until

from bench.errors import UserError
from bench.runner.process import session
from bench.runner.process.command import Command, CommandSpec
from bench.runner.process.scratch import MARK
from bench.worker.machine import list_usable_cores


@pytest.fixture
def begun(tmp_path):
    """Make the command that runs some code, with the folder ``scratch``. changes: of its spec."""

    def make(code="", *, is_watched=False, **changes):
        header = "import os, signal, subprocess, sys"
        values = {
            "arguments": (sys.executable, "-c", f"{header}\n{code}"),
            "folder": tmp_path,
            "variables": dict(os.environ),
            "cores": list_usable_cores()[-1:],
            "timeout": 240.0,
        }
        spec = CommandSpec(**{**values, **changes})
        return Command(spec, tmp_path / "scratch", is_watched=is_watched)

    return make


@pytest.fixture
def finished(begun):
    """Let a command end; return its outcome."""

    def finish(code="", **changes):
        with begun(code, **changes) as process:
            return process.finish()

    return finish


DAEMON = """
if os.fork() == 0:
    os.setsid()
    os.execve("/bin/sleep", ["sleep", "600"], {"FOLDER": os.getcwd()})
"""


def test_daemon_of_a_watched_command_is_found_and_ended(finished, tmp_path):
    outcome = finished(f"import time{DAEMON}time.sleep(0.2)", is_watched=True)
    assert (outcome.status, "processes running: sleep." in outcome.reason) == ("failed", True)
    assert find_processes(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("", "ok", None),
        ("sys.exit('why\\n the last line \\n')", "failed", "exit status 1: the last line"),
        ("print('on stdout'); sys.exit(3)", "failed", "exit status 3: on stdout"),
        ("sys.exit(3)", "failed", "exit status 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "failed", "a signal: Segmentation fault"),
    ],
)
def test_end_of_a_command_has_its_status_and_reason(finished, code, status, reason):
    outcome = finished(code, output_bytes=100)
    assert outcome.status == status
    assert outcome.reason == reason or outcome.reason.endswith(reason)
    assert outcome.wall_seconds > 0


def test_processor_time_is_that_of_a_command_and_what_it_waits_for(finished):
    work = "import time; sum(range(10**6)); print(time.process_time())"
    code = f"subprocess.run([sys.executable, '-c', {work!r}], check=True)"
    outcome = finished(code, output_bytes=100)
    # The command itself computed too. One core cannot give more than has passed.
    assert float(outcome.output) < outcome.cpu_seconds <= outcome.wall_seconds


def test_page_faults_are_those_of_a_command_and_what_it_waits_for(finished):
    work = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)"
    code = f"subprocess.run([sys.executable, '-c', {work!r}], check=True)"
    outcome = finished(code, output_bytes=100)
    assert 0 < float(outcome.output) < outcome.usage["ru_minflt"]


def test_time_in_the_queue_of_a_core_is_not_waiting(finished):
    work = "sum(range(10**7))"
    both = f"other = subprocess.Popen([sys.executable, '-c', {work!r}]); {work}; other.wait()"
    outcome = finished(both)  # both on one core
    alone = outcome.wall_seconds - outcome.queue_seconds
    assert outcome.queue_seconds > 0
    assert outcome.computing == min(1.0, outcome.cpu_seconds / alone)


def test_command_that_takes_too_long_is_ended_with_what_it_started(finished, tmp_path):
    code = "subprocess.Popen(['sleep', '600'], start_new_session=True); signal.pause()"
    outcome = finished(code, timeout=2.0)
    assert (outcome.status, outcome.reason) == (
        "timeout",
        "still running after 2 s. Raise --budget",
    )
    wait_until(lambda: not find_processes(tmp_path / "scratch"))


@pytest.mark.parametrize(
    ("program", "reason"),
    [("nowhere", "No such file or directory"), ("./text", "Permission denied")],
)
def test_program_that_cannot_start_is_a_user_error(finished, tmp_path, program, reason):
    (tmp_path / "text").touch()
    before = os.sched_getaffinity(0)
    with pytest.raises(UserError, match=f"cannot start {program}: {reason}"):
        finished(arguments=[program])
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("mebibytes", [30, pytest.param(1024, marks=pytest.mark.full)])
def test_large_output_neither_blocks_nor_grows(finished, mebibytes):
    code = f"""
for _ in range({8 * mebibytes}):
    os.write(1, b"x" * 2**16)
    os.write(2, b"y" * 2**16)
os.write(1, b"the end")
"""
    tracemalloc.start()
    try:
        outcome = finished(code, output_bytes=1000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert outcome.output == "x" * 993 + "the end"
    assert outcome.stderr_tail == "y" * 2000
    assert peak < 2**23


@pytest.mark.parametrize("options", ["", ", start_new_session=True"])
def test_command_that_leaves_a_process_has_failed(finished, tmp_path, options):
    outcome = finished(f"subprocess.Popen(['sleep', '600']{options})")
    assert outcome.status == "failed"
    assert outcome.reason.startswith("it left processes running: sleep")
    wait_until(lambda: not find_processes(tmp_path / "scratch"))


def test_interrupt_leaves_nothing_running(begun, tmp_path):
    code = "subprocess.Popen(['sleep', '600'], start_new_session=True); signal.pause()"
    with suppress(KeyboardInterrupt), begun(code):
        wait_until(lambda: len(find_processes(tmp_path / "scratch")) == 2)
        raise KeyboardInterrupt
    wait_until(lambda: not find_processes(tmp_path / "scratch"))


def test_command_has_an_empty_stdin(finished, typed_ahead):
    assert finished("print(sys.stdin.read())", output_bytes=100).output == "\n"


def test_command_has_its_folder_variables_and_cores(finished, tmp_path):
    (tmp_path / "below").mkdir()
    before = os.sched_getaffinity(0)
    outcome = finished(
        "import json\n"
        "print(json.dumps([os.getcwd(), dict(os.environ), [*os.sched_getaffinity(0)]]))",
        folder=tmp_path / "below",
        variables={"OWN": "yes"},
        output_bytes=10_000,
    )
    folder, variables, cores = json.loads(outcome.output)
    assert folder == str(tmp_path / "below")
    assert variables.pop(MARK) == f"{tmp_path / 'scratch'}/"
    variables.pop("LC_CTYPE", None)  # Python's own
    assert variables == {"OWN": "yes"}
    assert cores == list_usable_cores()[-1:]
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize(
    ("code", "kills", "status"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", (0, 1), "out-of-memory"),
        ("os.kill(os.getpid(), signal.SIGKILL)", (1, 1), "failed"),
        ("sys.exit(3)", (0, 1), "failed"),
        ("signal.pause()", (0, 1), "timeout"),
    ],
)
def test_kill_for_memory_is_told_from_others(finished, monkeypatch, code, kills, status):
    counts = iter(kills)
    monkeypatch.setattr(session, "count_oom_kills", lambda: next(counts))
    timeout = 2.0 if status == "timeout" else 240.0
    assert finished(code, timeout=timeout).status == status
