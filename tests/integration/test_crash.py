"""A run that is killed at any moment loses and doubles nothing, and can be resumed."""

import secrets
import signal
import subprocess
from random import Random

import pytest
from support.processes import (
    RUN,
    STATUS,
    WAITS,
    WAITS_WITH_A_DAEMON,
    assert_nothing_left,
    assert_read_by_every_verb,
    assert_readable,
    assert_whole,
    count_announced,
    find_processes,
    read_lines,
    resume_command,
    run_first,
    wait_until,
)

from bench.worker.measure import now

NUMPY = (*RUN, "--implementation=numpy", "--output=out")


def test_next_run_removes_what_a_killed_run_left(hanging, started, alone, tmp_path):
    process = hanging(WAITS_WITH_A_DAEMON)
    process.kill()
    process.wait()
    wait_until(lambda: len(find_processes(tmp_path / "tmp")) == 1)  # the daemon
    assert list((tmp_path / "tmp").iterdir())
    other = started(*RUN, "--rounds=1", "--implementation=numpy", "--output=other", **alone)
    _, err = other.communicate()
    assert (other.returncode, err) == (0, "")
    assert_nothing_left(tmp_path / "tmp")


def test_next_run_removes_what_a_killed_gate_left(started, alone, tmp_path):
    for side in ("old", "new"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "job").write_text(f"touch '{tmp_path}/begun'; sleep 99 # {side}")
    gate = started("gate", "--base=old", "--candidate=new", "--command=sh job", **alone)
    wait_until((tmp_path / "begun").exists)
    gate.kill()
    gate.wait()
    assert list((tmp_path / "tmp").iterdir())
    other = started(*RUN, "--rounds=1", "--implementation=numpy", "--output=other", **alone)
    _, err = other.communicate()
    assert (other.returncode, err) == (0, "")
    assert_nothing_left(tmp_path / "tmp")


DIES_STARTING = """
import os, signal, subprocess
class Popen(subprocess.Popen):
    def __init__(self, command, **options):
        super().__init__(command, **options)
        if os.path.exists("out") and "bench.worker" in command:
            os.kill(os.getpid(), signal.SIGKILL)
subprocess.Popen = Popen
"""


def test_worker_dies_with_a_parent_killed_right_after_the_start(started, alone, tmp_path):
    (tmp_path / "waits.py").write_text(WAITS)
    (tmp_path / "hang").touch()
    run_first(tmp_path, DIES_STARTING)
    process = started(*RUN, "--rounds=1", "--implementation=./waits.py", "--output=out", **alone)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    wait_until(lambda: not find_processes(tmp_path / "tmp"))


def stop_at_random(process, random, seconds, numbers):
    """Send a run up to three signals within ``seconds``; return them, its stdout and stderr.

    seconds: None lets the run end.
    """
    try:
        timeout = None if seconds is None else random.uniform(0, seconds)
        return [], *process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        sent = random.choices(numbers, k=random.choice([1, 1, 2, 3]))
        for number in sent:
            process.send_signal(number)
            signal.sigtimedwait([], random.choice([0.0, 0.05, 0.5]))
        return sent, *process.communicate()


KILL = (signal.SIGKILL,)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("count", "numbers"),
    [
        # The files of all kills: test_interruptions.py. What a killed run leaves: above.
        pytest.param(1, KILL, marks=pytest.mark.full),
        pytest.param(200, KILL, marks=pytest.mark.soak),
        pytest.param(200, tuple(STATUS), marks=pytest.mark.soak),
    ],
    ids=["a kill", "kills", "signals"],
)
def test_stops_at_random_moments_lose_and_double_nothing(
    started, alone, called, tmp_path, count, numbers
):
    if count > 100:
        run_first(tmp_path, "")  # with charts in its report
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    command = (*RUN, "--rounds=2", "--implementation=numpy")
    begin = now()
    assert started(*command, "--output=calm", **alone).wait() == 0
    random, seconds, stops, runs, lines, plan = Random(seed), now() - begin, 0, 0, [], b""
    while stops < count or lines or not runs:
        folder = tmp_path / f"run-{runs}"
        exists = (folder / "run.json").exists()
        arguments = resume_command(folder) if exists else (*command, f"--output={folder.name}")
        process = started(*arguments, **alone)
        limit = seconds if stops < count else None
        sent, out, err = stop_at_random(process, random, limit, numbers)
        stops += bool(sent)
        if not (folder / "run.json").exists():
            continue
        assert plan in {b"", (folder / "run.json").read_bytes()}
        plan = (folder / "run.json").read_bytes()
        if "KeyboardInterrupt" in err:  # during the imports, Python itself answers
            assert (out, read_lines(folder)) == ("", lines)
            continue
        assert not err or "StopSignal" in err  # Python discarded it, and it was raised again
        # Either of two signals may be the first. A run that had just ended is killed by one.
        statuses = {0, *(STATUS.get(number) for number in sent), *(-number for number in sent)}
        assert process.returncode in statuses
        assert read_lines(folder)[: len(lines)] == lines
        assert count_announced(out) <= len(assert_readable(folder))
        lines = [line for line in read_lines(folder) if line.endswith(b"\n")]
        wait_until(lambda: not find_processes(tmp_path / "tmp"))
        if process.returncode == 0:
            assert_whole(folder, lines)
            assert_nothing_left(tmp_path / "tmp")
            assert_read_by_every_verb(called, folder)
            runs, lines, plan = runs + 1, [], b""
    print(f"{stops} stops, {runs} runs completed, no trial lost")
