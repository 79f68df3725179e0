"""A worker as its parent launches it, with real processes: surroundings and outcomes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UserError
from bench.runner.process import launch
from bench.runner.process.spec import (
    CACHES,
    PASSED_ON,
    ChildSpec,
    Installation,
    build_variables,
)
from bench.worker import machine
from bench.worker.measure import now

WRITES_SEEN = """
import json, os, sys
from pathlib import Path
Path("seen").write_text(json.dumps({}))
"""


@pytest.fixture
def evaluated(launched, tmp_path):
    """The value of an expression in a worker."""

    def evaluate(expression, **child):
        launched(WRITES_SEEN.format(expression), ChildSpec(timeout=240, **child), mode="preflight")
        return json.loads((tmp_path / "child" / "seen").read_text())

    return evaluate


def test_ok_trial_returns_times_params_and_labels(launched, tmp_path):
    outcome = launched()
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert outcome.stderr_tail == ""
    document = outcome.document
    assert 0 < document["worker_seconds"] < outcome.wall_seconds
    phases = ("import", "setup", "reset", "first_epoch", "between", "first_predict")
    assert all(document[f"{phase}_seconds"] > 0 for phase in phases)
    epochs = len(document["epoch_seconds"])
    assert epochs == len(document["epoch_cpu_seconds"]) >= 2
    assert np.load(tmp_path / "child" / "params.npy").shape == (1 + epochs, 65, 10)
    assert np.load(tmp_path / "child" / "labels.npy").shape == (357,)


def test_worker_has_its_variables_cores_and_empty_caches(evaluated, monkeypatch, tmp_path):
    for name in ("OMP_PROC_BIND", "KERAS_BACKEND", "XLA_FLAGS", "MALLOC_TRIM_THRESHOLD_"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("LANG", "C.UTF-8")
    before = os.sched_getaffinity(0)
    variables, cores, caches, flags = evaluated(
        f"[dict(os.environ), sorted(os.sched_getaffinity(0)), "
        f"[os.listdir(os.environ[n]) for n in {[*CACHES]}], "
        "[sys.flags.safe_path, sys.flags.no_user_site]]",
        threads=1,
        variables={"OWN": "yes"},
    )
    expected = build_variables(ChildSpec(threads=1, variables={"OWN": "yes"}), tmp_path / "child")
    assert variables.items() >= {**expected, "LANG": "C.UTF-8"}.items()
    # Coverage and the C library add some of their own.
    more = {name for name in variables.keys() - expected.keys() - {*PASSED_ON} if "COV" not in name}
    assert more <= {"LC_CTYPE"}
    assert cores == machine.list_usable_cores()[-1:]
    assert os.sched_getaffinity(0) == before
    assert caches == [[]] * len(CACHES)
    assert flags == [True, 1]


def test_worker_without_threads_has_all_cores(evaluated):
    value = evaluated("[os.environ['OMP_NUM_THREADS'], sorted(os.sched_getaffinity(0))]")
    assert value == [str(len(machine.list_usable_cores())), sorted(os.sched_getaffinity(0))]


def test_current_folder_is_not_imported(launched, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numpy.py").write_text("raise RuntimeError('the wrong numpy')")
    (tmp_path / "bench.py").write_text("raise RuntimeError('the wrong bench')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert launched(mode="preflight").status == "ok"


def test_parent_wakes_only_when_the_worker_writes_or_ends(launched, monkeypatch):
    wakes = []
    real = launch.select.select

    def select(*arguments):
        wakes.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(launch.select, "select", select)
    assert launched("import threading\nthreading.Event().wait(1)", mode="preflight").status == "ok"
    assert len(wakes) <= 6  # two bytes, three pipes and the end


@pytest.fixture
def sabotaged(launched, saboteur):
    def run(name, on="cpu", **changes):
        child = ChildSpec(timeout=240, threads=1, device=on)
        return launched(file=saboteur(name), child=child, device=on, **changes)

    return run


# Other faults: tests/runner/parity/test_conformance.py and tests/integration/test_faults.py.
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("changes_order", "changed the order that it received"),
        ("changes_params", "changed the initial params that it received"),
        ("wrong_labels", "int64 labels, not float64"),
        ("mends_the_clock", "it replaced bench.worker.measure.perf_counter_ns"),
        ("no_trainer", "AttributeError"),
        ("does_not_import", "OSError: libabacus.so"),
    ],
)
def test_trial_of_a_saboteur_fails_with_a_reason(sabotaged, name, reason):
    outcome = sabotaged(name, batch_size=8)
    assert outcome.status == "failed"
    assert reason in outcome.reason
    assert "\n" not in outcome.reason


@pytest.mark.parametrize(("on", "explanation"), [("gpu", "; no driver"), ("cpu", "")])
def test_missing_gpu_is_explained_after_the_reason(sabotaged, monkeypatch, on, explanation):
    monkeypatch.setattr(launch.gpu, "explain_absence", lambda: "no driver")
    reason = sabotaged("says_unavailable", on=on).reason
    assert reason == f"no abacus in this machine{explanation}"


def test_missing_python_is_a_failure(launched, tmp_path):
    outcome = launched(child=ChildSpec(Installation(str(tmp_path / "python"))))
    assert outcome.status == "failed"
    assert "its Python is not there any more" in outcome.reason


def is_running(pid):
    """Return whether a process is there a minute after it was killed; init may reap it late."""
    for _ in range(1200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        if state in "ZX":
            return False
        signal.sigtimedwait([], 0.05)
    return True


def test_timeout_kills_worker_and_its_group(launched, tmp_path, monkeypatch):
    code = """
import os, signal
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    Path("pids").write_text(f"{os.getpid()} {child}")
    os.write(2, b"ready")  # wakes the parent
while True:
    signal.pause()
"""
    pids = tmp_path / "child" / "pids"
    # On the parent's clock an hour passes as soon as both processes run.
    monkeypatch.setattr(launch, "now", lambda: now() + 3600 * pids.exists())
    outcome = launched(code, ChildSpec(timeout=600))
    assert (outcome.status, outcome.document) == ("timeout", {})
    assert outcome.reason == "still running after 600 s; raise --timeout"
    assert len(pids.read_text().split()) == 2
    assert not [pid for pid in pids.read_text().split() if is_running(pid)]


def test_interrupt_kills_the_worker_and_is_raised(launched, tmp_path):
    code = f"""
import os, signal
from pathlib import Path
Path("pid").write_text(str(os.getpid()))
os.kill({os.getpid()}, signal.SIGINT)
signal.pause()
"""
    with pytest.raises(KeyboardInterrupt):
        launched(code)
    assert not is_running((tmp_path / "child" / "pid").read_text())


def test_worker_dies_with_its_parent(tmp_path):
    # The parent of the worker is a process of ours that ends as soon as the worker has begun.
    code = f"""
import signal, subprocess, sys
from pathlib import Path
child = subprocess.Popen([sys.executable, "-m", "bench.worker", {str(tmp_path)!r}, "2"])
while not Path({str(tmp_path / "pid")!r}).exists():
    signal.sigtimedwait([], 0.05)
"""
    own = tmp_path / "own.py"
    own.write_text(f"""
import os, signal
from pathlib import Path
Path({str(tmp_path / "part")!r}).write_text(str(os.getpid()))
Path({str(tmp_path / "part")!r}).rename({str(tmp_path / "pid")!r})
signal.pause()
""")
    request = {"mode": "preflight", "file": str(own)}
    (tmp_path / "request.json").write_text(json.dumps(request))
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)
    assert not is_running((tmp_path / "pid").read_text())


def test_scratch_folder_must_be_new(launched):
    launched(mode="preflight")
    with pytest.raises(UserError, match="File exists"):
        launched(mode="preflight")


@pytest.mark.parametrize(
    ("code", "timeout", "status"),
    [("", 240, "ok"), ("import signal\nsignal.pause()", 1, "timeout")],
)
def test_end_and_timeout_are_seen_without_pidfd(launched, monkeypatch, code, timeout, status):
    monkeypatch.delattr(os, "pidfd_open")
    assert launched(code, ChildSpec(timeout=timeout), mode="preflight").status == status


def test_worker_has_an_empty_stdin(evaluated):
    read, write = os.pipe()
    os.write(write, b"typed ahead")
    os.close(write)
    own = os.dup(0)
    os.dup2(read, 0)
    try:
        assert evaluated("__import__('sys').stdin.read()") == ""
    finally:
        os.dup2(own, 0)
        os.close(own)
        os.close(read)


def test_partial_stderr_is_kept_and_exit_handlers_are_skipped(launched, tmp_path):
    outcome = launched(
        """
import atexit, sys
from pathlib import Path
atexit.register(Path("late").touch)
sys.stderr.write("half a line")
""",
        mode="preflight",
    )
    assert (outcome.status, outcome.stderr_tail) == ("ok", "half a line")
    assert not (tmp_path / "child" / "late").exists()


@pytest.mark.parametrize(("mode", "status"), [("trial", "failed"), ("preflight", "ok")])
def test_trial_may_not_print_a_character_and_preflight_may(launched, mode, status):
    code = "from implementations.idiomatic.softmax_numpy import Trainer\nprint('.', end='')"
    assert launched(code, mode=mode).status == status


def test_process_that_cannot_start_is_a_user_error(launched, monkeypatch):
    before, during = os.sched_getaffinity(0), []

    def refuses(*_, **__):
        during.append(sorted(os.sched_getaffinity(0)))
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuses)
    with pytest.raises(UserError, match="cannot start a process: Resource temporarily unavailable"):
        launched(mode="preflight", child=ChildSpec(threads=1))
    assert during == [machine.list_usable_cores()[-1:]]
    assert os.sched_getaffinity(0) == before
