"""What the parent sees of a worker and of what it has started."""

import os
import resource
import subprocess
import sys

import pytest
from support.processes import wait_until

from bench.runner.process import placement
from bench.runner.process.placement import Family
from bench.worker.measure import read_cpu_seconds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
SLEEP = [sys.executable, "-c", "import sys; sys.stdin.read()"]
# A daemon that clears its variables, and whose parent has ended.
DAEMON = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        end = 0.2
        while sum(os.times()[:2]) < end:
            pass
        os.write(1, b".")
        os.execve("/bin/sleep", ["sleep", "600"], {})
    os._exit(0)
os.wait()
"""


@pytest.fixture
def started():
    """Start code as a worker's; return its family and its process."""
    processes = []

    def start(code):
        family = Family()
        process = subprocess.Popen(
            [sys.executable, "-c", f"{code}\nimport sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        family.leader = process.pid
        processes.append((family, process))
        return family, process

    yield start
    for family, process in processes:
        process.stdin.close()
        process.wait()
        family.kill()
        process.stdout.close()


@pytest.fixture
def family(started):
    return started(f"import subprocess; subprocess.Popen({SLEEP!r})")[0]


def test_threads_on_their_cores_are_no_fault(family):
    assert family.find_placement_fault(os.sched_getaffinity(0)) is None


def test_threads_on_other_cores_are_a_fault(family):
    assert "left the cores" in family.find_placement_fault({10_000})


@pytest.mark.skipif(os.getpriority(os.PRIO_PROCESS, 0) > 18, reason="no priority is lower")
def test_lower_priority_is_no_fault_and_a_higher_one_is(family, monkeypatch):
    own = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, family.leader, min(19, own + 1))
    assert family.find_placement_fault(os.sched_getaffinity(0)) is None
    real = os.getpriority
    monkeypatch.setattr(os, "getpriority", lambda kind, pid: real(kind, pid) if pid else 20)
    assert "priority" in family.find_placement_fault(os.sched_getaffinity(0))


def test_cpu_seconds_are_those_of_helpers_and_if_asked_of_one_thread_of_the_worker(started):
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    in_thread = "import time\nwhile time.thread_time() < 0.2: pass"
    living = f"{burn}\nprint(flush=True)\ninput()"
    family, process = started(
        f"""
import subprocess, sys, threading
start = [sys.executable, "-c"]
subprocess.run([*start, {burn!r}])
thread = threading.Thread(target=exec, args=[{in_thread!r}])
thread.start()
thread.join()
subprocess.Popen([*start, {living!r}])
"""
    )
    process.stdout.readline()  # the helper that lives has burned its time
    assert read_cpu_seconds(process.pid) + 0.37 < family.read_cpu_seconds()
    assert 0.37 < family.read_cpu_seconds(first_thread=True) < family.read_cpu_seconds() - 0.17
    assert family.list_strays() == []


@pytest.mark.parametrize("listed", [True, False], ids=["children", "all processes"])
def test_daemon_without_its_variables_is_seen_and_killed(started, monkeypatch, listed):
    monkeypatch.setattr(placement, "_HAS_CHILDREN", listed)
    family, process = started(DAEMON)
    process.stdout.read(1)
    wait_until(lambda: family.list_strays() == ["sleep"])
    (daemon,) = family.list_helpers()
    assert os.getsid(daemon) != process.pid
    assert family.read_cpu_seconds() > 0.19
    process.stdin.close()
    process.wait()
    family.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(daemon, 0)


def test_processes_of_others_are_no_helpers(started):
    # Those that were there before, those of this session, and the leader of another worker.
    with subprocess.Popen(SLEEP, stdin=subprocess.PIPE, start_new_session=True) as before:
        family, _ = started("")
        with subprocess.Popen(SLEEP, stdin=subprocess.PIPE):
            assert family.list_helpers() == []
        before.stdin.close()


def test_delay_is_what_all_threads_and_the_parent_waited_for_a_core(started, monkeypatch):
    family, _ = started("import threading; threading.Thread(target=input, daemon=True).start()")
    threads = f"/proc/{family.leader}/task"
    wait_until(lambda: len(os.listdir(threads)) == 2)  # noqa: PTH208 - as the code does
    monkeypatch.setattr(placement, "read_schedstat", lambda path: 1.0)
    assert family.read_delay() == 3


def test_later_workers_have_the_cores_and_limits_of_earlier_ones(family):
    before = os.sched_getaffinity(0), resource.getrlimit(resource.RLIMIT_NOFILE)
    family = Family()
    os.sched_setaffinity(0, {min(before[0])})
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1][0] - 1, before[1][1]))
    changed = "limits and cores" if len(before[0]) > 1 else "limits"
    assert family.find_change() == f"it changed its parent's {changed}"
    family.restore()
    assert family.find_change() is None
    assert before == (os.sched_getaffinity(0), resource.getrlimit(resource.RLIMIT_NOFILE))


def test_memory_of_the_parent_is_not_for_other_processes():
    code = (
        "import ctypes\nfrom bench.runner.process.placement import Family\n"
        "get = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE\n"
        "before, _ = get(), Family()\nprint(before, get())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 0\n"


def test_worker_that_has_ended_has_no_cpu_seconds_and_no_fault():
    family = Family()
    family.leader = 2**22 + 1
    assert family.read_cpu_seconds() == 0
    assert family.find_placement_fault({0}) is None
