"""The status and the reason that follow from how a worker ended."""

import json
import signal

import pytest

from bench.runner.process import outcome
from bench.runner.process.outcome import ProcessExit

GOOD_EXIT = {"code": 0, "exceeded_seconds": None, "stdout_bytes": 0, "stderr_tail": ""}
DOCUMENT = {"status": "ok", "quantities": {}}


@pytest.fixture
def ended(tmp_path):
    def interpret(document=None, **changes):
        if document is not None:
            (tmp_path / "document.json").write_text(json.dumps(document))
        return outcome.interpret_exit(tmp_path, ProcessExit(**{**GOOD_EXIT, **changes}))

    return interpret


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({}, "ok", None),
        ({"stdout_bytes": 1}, "failed", "it printed on stdout. Print nothing there"),
        ({"leftovers": ["cat", "sleep"]}, "failed", "it left processes running: cat, sleep. "),
        ({"answered": False}, "failed", "the process ended before its last command"),
        ({"exceeded_seconds": 7.5}, "timeout", "still running after 7.5 s. Raise --timeout"),
        ({"code": 3}, "failed", "the process ended with exit status 3"),
        ({"code": -signal.SIGSEGV}, "failed", "ended by a signal: Segmentation fault"),
        ({"code": -signal.SIGKILL}, "failed", "signal: Killed; often the kernel, out of memory"),
    ],
)
def test_good_document_counts_only_after_a_good_end(ended, change, status, reason):
    result = ended(DOCUMENT, **change)
    assert result[0] == status
    assert result[1] == reason or reason in result[1]
    assert result[2] == ({} if change.keys() & {"code", "exceeded_seconds"} else DOCUMENT)


@pytest.mark.parametrize("status", ["failed", "unavailable"])
def test_misconduct_does_not_hide_a_failure(ended, status):
    document = {"status": status, "reason": "its own"}
    end = {"answered": False, "stdout_bytes": 1, "leftovers": ["sleep"]}
    assert ended(document, **end) == (status, "its own", document)


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        ("terminate called after throwing an instance of 'std::bad_alloc'", True),
        ("OpenBLAS error: Memory allocation still failed after 10 retries, giving up.", True),
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 400 bytes", True),
        ("RESOURCE_EXHAUSTED: Out of memory allocating 17179869184 bytes.", True),
        ("Cannot allocate memory", True),
        ("OutOfMemoryError: CUDA out of memory.", True),
        ("ResourceExhaustedError: failed to allocate", True),
        ("AcceleratorError: CUDA error: out of memory", True),
        ("MemoryError", True),
        ("cannot allocate memory in static TLS block", False),  # an ImportError
        ("a segmentation fault", False),
    ],
)
def test_failed_allocation_is_recognised(ended, text, memory):
    for confirmed in ({"oom_killed": True}, {"on_gpu": True}, {}):
        status, reason, _ = ended(code=-signal.SIGABRT, stderr_tail=text, **confirmed)
        # Without the kernel's word or a GPU it is the program's alone.
        assert status == ("out-of-memory" if memory and confirmed else "failed")
        assert "the process was ended by a signal: Aborted" in reason


def test_kernel_oom_kill_is_out_of_memory(ended):
    expected = ("out-of-memory", "the kernel ended the process: the machine had no memory left", {})
    assert ended(code=-signal.SIGKILL, oom_killed=True) == expected
    assert ended(code=-signal.SIGSEGV, oom_killed=True)[0] == "failed"  # it was somebody else's


@pytest.mark.parametrize(
    ("text", "kills"),
    [("nr_free_pages 7\noom_kill 3\noom_kill_other 9\n", 3), ("nr_free_pages 7\n", 0), (None, 0)],
)
def test_oom_kills_are_read_or_zero(tmp_path, text, kills):
    if text is not None:
        (tmp_path / "file").write_text(text)
    assert outcome.count_oom_kills(tmp_path / "file") == kills


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "cannot be read"),
        ('{"status": "ok"', "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "it has no status"),
        *(
            (json.dumps({"status": status}), "it has no status")
            for status in ("interrupted", "timeout", "fine", "", None, 0)
        ),
        ('{"status": "ok", "import_seconds": NaN}', "cannot be read"),
        ('{"status": "ok", "epoch_seconds": [0.5, Infinity]}', "cannot be read"),
    ],
)
def test_wrong_document_is_a_failure(ended, tmp_path, document, reason):
    (tmp_path / "document.json").write_text(document)
    status, text, _ = ended()
    assert (status, reason in text, "\n" in text) == ("failed", True, False)


def test_missing_document_is_a_failure(ended):
    assert ended() == ("failed", "the process left no result", {})


def test_document_that_is_a_link_or_too_large_is_not_read(ended, tmp_path):
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps(DOCUMENT))
    (tmp_path / "document.json").symlink_to(elsewhere)
    assert "cannot be read" in ended()[1]
    (tmp_path / "document.json").unlink()
    assert "cannot be read" in ended({**DOCUMENT, "more": "x" * 2**20})[1]
