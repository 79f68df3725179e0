"""The status and the reason that follow from how a worker ended."""

import json
import signal

import pytest

from bench.runner.process import outcome
from bench.runner.process.outcome import ProcessExit

SEEN = {
    "code": 0,
    "exceeded_seconds": None,
    "stdout_bytes": 0,
    "stderr_tail": "",
    "life_seconds": 10.0,
}


@pytest.fixture
def ended(tmp_path):
    """Tell what an end means; ``left`` is the document."""

    def tell(left=None, *, timed=True, **seen):
        if left is not None:
            (tmp_path / "document.json").write_text(json.dumps(left))
        return outcome.interpret_exit(tmp_path, ProcessExit(**{**SEEN, **seen}), timed=timed)

    return tell


@pytest.mark.parametrize(
    ("parts", "seen", "honest"),
    [
        (9.99, 10.0, True),
        (9.75, 10.0, True),  # 0.1 s and 2 % are allowed
        (9.65, 10.0, False),
        (10.35, 10.0, False),
        (9.65, 9.75, True),
        (9.6, 9.6, False),
        (10.4, 10.4, False),
        (0.0, 0.0, False),
    ],
)
def test_phases_worker_and_parent_must_agree_on_time(ended, parts, seen, honest):
    document = {"epoch_seconds": [parts / 2, parts / 4], "between_seconds": parts / 4}
    status, reason, _ = ended({"status": "ok", **document, "worker_seconds": seen})
    assert (status == "ok") == honest
    assert honest or reason.startswith("its clock does not add up: ")


def test_parent_that_waited_for_a_core_may_see_the_bytes_late(ended):
    document = {"status": "ok", "epoch_seconds": [9.65], "worker_seconds": 9.65}
    assert ended(document)[0] == "failed"
    assert ended(document, delay_seconds=0.2)[0] == "ok"


def test_worker_that_waited_for_a_core_may_have_gaps_between_phases(ended):
    document = {"status": "ok", "epoch_seconds": [9.5], "worker_seconds": 10.0}
    assert ended(document)[0] == "failed"
    assert ended(document, worker_delay_seconds=0.3)[0] == "ok"


def test_delay_is_read_in_seconds_or_zero(tmp_path):
    (tmp_path / "schedstat").write_text("5000 1500000000 7\n")
    assert outcome.read_delay(tmp_path / "schedstat") == 1.5
    assert outcome.read_delay(tmp_path / "absent") == 0.0


def test_every_phase_counts(ended):
    lists = {name: [0.5, 0.5] for name in ("epoch_seconds", "predict_seconds")}
    names = ("import", "setup", "reset", "first_epoch", "first_predict", "program")
    parts = {**lists, **{f"{name}_seconds": 1.0 for name in names}, "between_seconds": 2.0}
    whole = {"status": "ok", **parts, "worker_seconds": 10.0}
    assert ended(whole)[0] == "ok"
    for name in parts:
        less = {other: value for other, value in whole.items() if other != name}
        assert ended(less)[0] == "failed"


def test_untimed_mode_is_not_compared_with_the_clock(ended):
    assert ended({"status": "ok"}, timed=False) == ("ok", None, {"status": "ok"})
    assert ended({"status": "ok"})[0] == "failed"


def test_failure_keeps_its_own_reason(ended):
    told = {"status": "failed", "reason": "gone", "worker_seconds": 1.0}
    assert ended(told)[:2] == ("failed", "gone")


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        ("terminate called after throwing an instance of 'std::bad_alloc'", True),
        ("OpenBLAS error: Memory allocation still failed after 10 retries, giving up.", True),
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 400 bytes", True),
        ("RESOURCE_EXHAUSTED: Out of memory allocating 17179869184 bytes.", True),
        ("Cannot allocate memory", True),
        ("cannot allocate memory in static TLS block", False),  # an ImportError
        ("a segmentation fault", False),
    ],
)
def test_failed_allocation_is_recognised(ended, text, memory):
    status, reason, _ = ended(code=-signal.SIGABRT, stderr_tail=text)
    assert status == ("out-of-memory" if memory else "failed")
    assert "the process was ended by a signal: Aborted" in reason


def test_reason_about_memory_is_recognised(ended):
    told = {"status": "failed", "reason": "RuntimeError: can't allocate memory"}
    assert ended(told)[0] == "out-of-memory"


def test_kernel_oom_kill_is_out_of_memory(ended):
    expected = ("out-of-memory", "the kernel ended the process: the machine had no memory left", {})
    assert ended(code=-signal.SIGKILL, oom_killed=True) == expected
    assert ended(code=-signal.SIGSEGV, oom_killed=True)[0] == "failed"  # it was somebody else's


def test_oom_kills_are_counted_or_zero(tmp_path):
    (tmp_path / "vmstat").write_text("nr_free_pages 7\noom_kill 3\noom_kill_other 9\n")
    assert outcome.count_oom_kills(tmp_path / "vmstat") == 3
    assert outcome.count_oom_kills(tmp_path / "absent") == 0
    (tmp_path / "vmstat").write_text("nr_free_pages 7\n")
    assert outcome.count_oom_kills(tmp_path / "vmstat") == 0


@pytest.mark.parametrize("status", ["interrupted", "timeout", "fine", "", None, 0])
def test_status_that_a_worker_cannot_know_is_refused(ended, status):
    told, reason, _ = ended({"status": status, "reason": "so"})
    assert (told, "it has no status" in reason) == ("failed", True)


def test_huge_integer_is_not_a_number_of_seconds(ended):
    status, reason, _ = ended({"status": "ok", "epoch_cpu_seconds": [10**400]})
    assert (status, "epoch_cpu_seconds are not" in reason) == ("failed", True)
