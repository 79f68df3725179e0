"""A worker as its parent launches it, with real processes: surroundings and outcomes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.runner.process import launch
from bench.runner.process.spec import PASSED_ON, ChildSpec, Installation, build_variables
from bench.worker import machine
from bench.worker.measure import now

TELLS = """
import json, os
from pathlib import Path
Path("told").write_text(json.dumps({}))
"""


@pytest.fixture
def evaluated(launched, tmp_path):
    """What an expression is in a child, seen by the child itself."""

    def evaluate(expression, **child):
        launched(TELLS.format(expression), ChildSpec(timeout=240, **child), mode="preflight")
        return json.loads((tmp_path / "child" / "told").read_text())

    return evaluate


def test_ok_trial_returns_times_params_and_labels(launched, tmp_path):
    outcome = launched()
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert outcome.stderr_tail == ""
    assert 0 < outcome.document["worker_seconds"] < outcome.wall_seconds
    assert len(outcome.document["epoch_seconds"]) >= 2
    for name in ("params.npy", "labels.npy"):
        assert (tmp_path / "child" / name).stat().st_size > 0


def test_only_named_variables_are_passed_on(evaluated, monkeypatch):
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("XLA_FLAGS", "--xla_nothing")
    monkeypatch.setenv("LANG", "C.UTF-8")
    value = evaluated("dict(os.environ)", threads=1, variables={"OWN": "yes"})
    assert value["LANG"] == "C.UTF-8"
    assert value["OWN"] == "yes"
    known = {*PASSED_ON, *build_variables(ChildSpec(), Path("/"))}
    # Coverage and the C library add some of their own.
    extra = {name for name in value.keys() - known if "COV" not in name}
    assert extra <= {"OWN", "LC_CTYPE"}


def test_worker_gets_threads_and_cores_and_parent_keeps_its_own(evaluated):
    before = os.sched_getaffinity(0)
    value = evaluated("[dict(os.environ), sorted(os.sched_getaffinity(0))]", threads=1)
    variables, cores = value
    assert len(cores) == 1
    assert cores == machine.list_usable_cores()[-1:]
    assert os.sched_getaffinity(0) == before
    pools = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NPROC",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    )
    assert {variables[pool] for pool in pools} == {"1"}


def test_worker_without_threads_has_all_cores(evaluated):
    value = evaluated("[os.environ['OMP_NUM_THREADS'], sorted(os.sched_getaffinity(0))]")
    assert value == [str(len(machine.list_usable_cores())), sorted(os.sched_getaffinity(0))]


def test_cpu_worker_sees_no_gpu(evaluated):
    value = evaluated("dict(os.environ)")
    assert value["CUDA_VISIBLE_DEVICES"] == ""
    assert value["JAX_PLATFORMS"] == "cpu"
    assert value["NVIDIA_TF32_OVERRIDE"] == "0"
    assert value["JAX_DEFAULT_MATMUL_PRECISION"] == "highest"


def test_caches_are_separate_empty_folders(evaluated, tmp_path):
    names = [
        "HOME",
        "KERAS_HOME",
        "TMPDIR",
        "TORCHINDUCTOR_CACHE_DIR",
        "TRITON_CACHE_DIR",
        "CUDA_CACHE_PATH",
        "NUMBA_CACHE_DIR",
        "XDG_CACHE_HOME",
    ]
    value = evaluated(f"{{n: [os.environ[n], os.listdir(os.environ[n])] for n in {names}}}")
    folders = [Path(folder) for folder, _ in value.values()]
    assert len(set(folders)) == len(names)
    assert {folder.parent for folder in folders} == {tmp_path / "child" / "cache"}
    assert all(contents == [] for _, contents in value.values())


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


def test_honest_file_is_ok(sabotaged):
    assert sabotaged("honest").status == "ok"


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("live_view", "failed", "had returned (a view of live weights?)"),
        ("changes_order", "failed", "changed the order that it received"),
        ("changes_params", "failed", "changed the initial params that it received"),
        ("wrong_shape", "failed", "a weight of (10, 64), not (64, 10)"),
        ("wrong_dtype", "failed", "the weight as a float32 NumPy array"),
        ("wrong_labels", "failed", "int64 labels, not float64"),
        ("segfaults", "failed", "ended by a signal: Segmentation fault"),
        ("leaves_silently", "failed", "the process left no result"),
        ("exits_with_three", "failed", "ended with exit status 3"),
        ("raises", "failed", "RuntimeError: the gradient is gone"),
        ("says_unavailable", "unavailable", "no abacus in this machine"),
        ("takes_all_memory", "out-of-memory", "the process ran out of memory"),
        ("slow_clock", "failed", "it replaced bench.worker.measure.perf_counter_ns"),
        ("disarms_the_guard", "failed", "its clock does not add up"),
        ("prints", "failed", "it printed on stdout; an implementation is silent"),
        ("no_trainer", "failed", "AttributeError"),
        ("does_not_import", "failed", "OSError: libabacus.so"),
    ],
)
def test_saboteur_gets_status_and_reason(sabotaged, name, status, reason):
    outcome = sabotaged(name, batch_size=8)
    assert outcome.status == status
    assert reason in outcome.reason
    assert "\n" not in outcome.reason


def test_missing_gpu_is_explained_after_the_reason(sabotaged, monkeypatch):
    monkeypatch.setattr(launch.gpu, "explain_absence", lambda: "no driver")
    outcome = sabotaged("says_unavailable", on="gpu")
    assert outcome.reason == "no abacus in this machine; no driver"


def test_missing_gpu_is_not_explained_on_cpu(sabotaged, monkeypatch):
    monkeypatch.setattr(launch.gpu, "explain_absence", lambda: "no driver")
    assert sabotaged("says_unavailable").reason == "no abacus in this machine"


def test_missing_python_is_a_failure(launched, tmp_path):
    outcome = launched(child=ChildSpec(Installation(str(tmp_path / "python"))))
    assert (outcome.status, outcome.reason) == (
        "failed",
        "its Python is not there any more; build it again",
    )


def test_tail_of_a_huge_stderr_is_kept(sabotaged):
    outcome = sabotaged("floods_stderr")
    assert outcome.reason == "RuntimeError: and now this"
    assert len(outcome.stderr_tail) <= launch.TAIL_BYTES
    assert outcome.stderr_tail.endswith("RuntimeError: and now this\n")


def is_running(pid):
    """Tell whether a process is still there a while after it was killed; init may reap it late."""
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


def test_leftover_process_is_killed_and_named(sabotaged, tmp_path):
    outcome = sabotaged("leaves_a_child")
    assert (outcome.status, outcome.reason) == (
        "failed",
        "it left processes running: sleep; stop every process that you start",
    )
    assert not is_running((tmp_path / "child" / "child").read_text())


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


def test_worker_dies_with_its_parent(launched, saboteur, tmp_path):
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


WRITES = """
import os
from pathlib import Path
Path("document.json").write_text({!r})
os._exit(0)
"""


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "cannot be read"),
        ('{"status": "ok"', "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "it has no status"),
        ('{"status": 0}', "it has no status"),
        ('{"status": "ok", "import_seconds": NaN}', "cannot be read"),
        ('{"status": "ok", "epoch_seconds": [0.5, Infinity]}', "cannot be read"),
        ('{"status": "ok", "epoch_seconds": [0.5, -1.0]}', "its epoch_seconds are not"),
        ('{"status": "ok", "epoch_seconds": ["fast"]}', "its epoch_seconds are not"),
        ('{"status": "ok", "setup_seconds": "none"}', "its setup_seconds are not"),
        ('{"status": "ok", "worker_seconds": null}', "its worker_seconds are not"),
        ('{"status": "ok", "worker_seconds": 5.0}', "its clock does not add up"),
        ('{"status": "ok", "import_seconds": 5.0}', "its clock does not add up"),
    ],
)
def test_wrong_document_is_a_failure(launched, document, reason):
    outcome = launched(WRITES.format(document))
    assert outcome.status == "failed"
    assert reason in outcome.reason
    assert "\n" not in outcome.reason


def test_scratch_folder_must_be_new(launched):
    launched(mode="preflight")
    with pytest.raises(UserError, match="File exists"):
        launched(mode="preflight")


def test_end_is_seen_without_pidfd(launched, monkeypatch):
    monkeypatch.delattr(os, "pidfd_open")
    assert launched(mode="preflight").status == "ok"


def test_timeout_holds_without_pidfd(launched, monkeypatch):
    monkeypatch.delattr(os, "pidfd_open")
    outcome = launched("import signal\nsignal.pause()", ChildSpec(timeout=1))
    assert outcome.status == "timeout"


def test_worker_imports_from_no_current_or_user_folder(evaluated):
    value = evaluated(
        "[getattr(__import__('sys').flags, n) for n in ('safe_path', 'no_user_site')]"
    )
    assert value == [True, 1]


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


def test_affinity_is_restored_after_an_error(monkeypatch):
    chosen = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cores: chosen.append(set(cores)))
    monkeypatch.setattr(machine, "list_usable_cores", lambda: [3, 5, 7])
    with launch._affinity(2):
        assert chosen == [{5, 7}]
    assert chosen == [{5, 7}, {3, 5, 7}]
    with pytest.raises(OSError, match="no such Python"), launch._affinity(1):
        raise OSError("no such Python")
    assert chosen[2:] == [{7}, {3, 5, 7}]
    with launch._affinity(None):
        assert len(chosen) == 4


def test_preflight_may_print(launched):
    assert launched("print('welcome')", mode="preflight").status == "ok"


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


def test_killed_worker_may_be_out_of_memory(launched):
    outcome = launched("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", mode="preflight")
    assert outcome.status == "failed"
    expected = "the process was ended by a signal: Killed; often the kernel, out of memory"
    assert outcome.reason == expected


def test_one_character_on_stdout_is_a_fault(launched):
    code = "from implementations.idiomatic.softmax_numpy import Trainer\nprint('.', end='')"
    assert launched(code).reason == "it printed on stdout; an implementation is silent"


def test_process_that_cannot_start_is_a_user_error(launched, monkeypatch):
    def refuses(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuses)
    with pytest.raises(UserError, match="cannot start a process: Resource temporarily unavailable"):
        launched(mode="preflight")
