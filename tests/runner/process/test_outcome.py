"""The status and the reason that follow from how a worker ended."""

import json
import signal

import pytest

from bench.runner.process import outcome
from bench.runner.process.outcome import ProcessExit

GOOD_EXIT = {
    "code": 0,
    "exceeded_seconds": None,
    "stdout_bytes": 0,
    "stderr_tail": "",
    "life_seconds": 10.0,
}


@pytest.fixture
def ended(tmp_path):
    """Interpret the exit of a worker that wrote a document."""

    def interpret(document=None, *, timed=True, **changes):
        if document is not None:
            (tmp_path / "document.json").write_text(json.dumps(document))
        return outcome.interpret_exit(
            tmp_path, ProcessExit(**{**GOOD_EXIT, **changes}), timed=timed
        )

    return interpret


@pytest.mark.parametrize(
    ("parts", "total", "honest"),
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
def test_phases_worker_and_parent_must_agree_on_time(ended, parts, total, honest):
    document = {"epoch_seconds": [parts / 2, parts / 4], "between_seconds": parts / 4}
    status, reason, _ = ended({"status": "ok", **document, "worker_seconds": total})
    assert (status == "ok") == honest
    assert honest or reason.startswith("its clock does not add up: ")


@pytest.mark.parametrize(
    ("epochs", "total", "delay"),
    [(9.65, 9.65, {"delay_seconds": 0.2}), (9.5, 10.0, {"worker_delay_seconds": 0.3})],
    ids=["the parent sees bytes late", "the worker waits between phases"],
)
def test_wait_for_a_core_is_allowed_for(ended, epochs, total, delay):
    document = {"status": "ok", "epoch_seconds": [epochs], "worker_seconds": total}
    assert ended(document)[0] == "failed"
    assert ended(document, **delay)[0] == "ok"


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
    document = {"status": "failed", "reason": "gone", "worker_seconds": 1.0}
    assert ended(document)[:2] == ("failed", "gone")


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
    document = {"status": "failed", "reason": "RuntimeError: can't allocate memory"}
    assert ended(document)[0] == "out-of-memory"


def test_kernel_oom_kill_is_out_of_memory(ended):
    expected = ("out-of-memory", "the kernel ended the process: the machine had no memory left", {})
    assert ended(code=-signal.SIGKILL, oom_killed=True) == expected
    assert ended(code=-signal.SIGSEGV, oom_killed=True)[0] == "failed"  # it was somebody else's


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (outcome.read_delay, "5000 1500000000 7\n", 1.5),
        (outcome.read_delay, None, 0.0),
        (outcome.count_oom_kills, "nr_free_pages 7\noom_kill 3\noom_kill_other 9\n", 3),
        (outcome.count_oom_kills, "nr_free_pages 7\n", 0),
        (outcome.count_oom_kills, None, 0),
    ],
)
def test_delay_and_oom_kills_are_read_or_zero(tmp_path, read, text, value):
    if text is not None:
        (tmp_path / "file").write_text(text)
    assert read(tmp_path / "file") == value


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
        ('{"status": "ok", "epoch_seconds": [0.5, -1.0]}', "its epoch_seconds are not"),
        ('{"status": "ok", "epoch_seconds": ["fast"]}', "its epoch_seconds are not"),
        ('{"status": "ok", "setup_seconds": "none"}', "its setup_seconds are not"),
        ('{"status": "ok", "worker_seconds": null}', "its worker_seconds are not"),
        (f'{{"status": "ok", "epoch_cpu_seconds": [{10**400}]}}', "epoch_cpu_seconds are not"),
        ('{"status": "ok", "worker_seconds": 5.0}', "its clock does not add up"),
        ('{"status": "ok", "import_seconds": 5.0}', "its clock does not add up"),
    ],
)
def test_wrong_document_is_a_failure(ended, tmp_path, document, reason):
    (tmp_path / "document.json").write_text(document)
    status, text, _ = ended()
    assert (status, reason in text, "\n" in text) == ("failed", True, False)
