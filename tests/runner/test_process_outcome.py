"""What the end of a child means, from what the parent saw of it and what it left."""

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
def test_parts_worker_and_parent_must_agree_on_the_time(ended, parts, seen, honest):
    document = {"epoch_seconds": [parts / 2, parts / 4], "between_seconds": parts / 4}
    status, reason, _ = ended({"status": "ok", **document, "worker_seconds": seen})
    assert (status == "ok") == honest
    assert honest or reason.startswith("its clock does not add up: ")


def test_every_part_of_a_workers_time_counts(ended):
    lists = {name: [0.5, 0.5] for name in ("epoch_seconds", "predict_seconds")}
    names = ("import", "setup", "reset", "first_epoch", "first_predict", "figure")
    parts = {**lists, **{f"{name}_seconds": 1.0 for name in names}, "between_seconds": 2.0}
    whole = {"status": "ok", **parts, "worker_seconds": 10.0}
    assert ended(whole)[0] == "ok"
    for name in parts:
        less = {other: value for other, value in whole.items() if other != name}
        assert ended(less)[0] == "failed"


def test_where_no_time_is_reported_the_clock_need_not_agree(ended):
    assert ended({"status": "ok"}, timed=False) == ("ok", None, {"status": "ok"})
    assert ended({"status": "ok"})[0] == "failed"


def test_what_has_failed_is_not_also_held_against_the_clock(ended):
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
        ("a segmentation fault", False),
    ],
)
def test_with_a_limit_the_words_of_an_allocation_that_failed_are_known(ended, text, memory):
    status, reason, _ = ended(code=-signal.SIGABRT, stderr_tail=text, memory_limit=2**30)
    assert status == ("out-of-memory" if memory else "failed")
    assert "the process was ended by a signal: Aborted" in reason
    assert memory or reason.endswith("; it was allowed 1024 MiB")
    assert ended(code=-signal.SIGABRT, stderr_tail=text)[0] == "failed"


def test_a_child_that_says_so_itself_has_run_out_of_memory(ended):
    told = {"status": "failed", "reason": "RuntimeError: can't allocate memory"}
    assert ended(told, memory_limit=2**30)[0] == "out-of-memory"
    assert ended(told)[0] == "failed"


def test_a_child_that_was_killed_under_a_limit_did_not_for_that_run_out_of_memory(ended):
    status, reason, _ = ended(code=-signal.SIGKILL, memory_limit=2**30)
    assert status == "failed"
    assert reason.endswith("Killed; often the kernel, out of memory; it was allowed 1024 MiB")


def test_a_child_that_the_kernel_killed_for_its_memory_is_known_by_the_kernels_count(ended):
    expected = ("out-of-memory", "the kernel ended the process: the machine had no memory left", {})
    assert ended(code=-signal.SIGKILL, oom_killed=True) == expected
    assert ended(code=-signal.SIGSEGV, oom_killed=True)[0] == "failed"  # it was somebody else's


def test_the_kernels_count_is_read_and_is_nought_where_there_is_none(tmp_path):
    (tmp_path / "vmstat").write_text("nr_free_pages 7\noom_kill 3\noom_kill_other 9\n")
    assert outcome.count_oom_kills(tmp_path / "vmstat") == 3
    assert outcome.count_oom_kills(tmp_path / "absent") == 0
    (tmp_path / "vmstat").write_text("nr_free_pages 7\n")
    assert outcome.count_oom_kills(tmp_path / "vmstat") == 0


@pytest.mark.parametrize("status", ["interrupted", "timeout", "fine", "", None, 0])
def test_of_itself_a_child_says_only_what_it_can_know(ended, status):
    told, reason, _ = ended({"status": status, "reason": "so"})
    assert (told, "it has no status" in reason) == ("failed", True)


def test_a_number_beyond_all_floats_is_no_number_of_seconds(ended):
    status, reason, _ = ended({"status": "ok", "epoch_cpu_seconds": [10**400]})
    assert (status, "epoch_cpu_seconds are not" in reason) == ("failed", True)
