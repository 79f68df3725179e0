"""A worker as its parent launches it, with real processes: surroundings and outcomes."""

import json
import os

import pytest

from bench.runner.process import launch
from bench.runner.process.launch import Worker
from bench.runner.process.scratch import CACHES
from bench.runner.process.session import ProcessStopped
from bench.runner.process.spec import PASSED_ON, ChildSpec, Installation, build_variables
from bench.worker import exchange, machine
from bench.worker.exchange import ExchangeSize
from bench.worker.measure import now

WRITES_SEEN = """
import json, os, sys
from pathlib import Path
Path("seen").write_text(json.dumps({}))
"""


@pytest.fixture
def evaluated(launched, tmp_path):
    def evaluate(expression, **child):
        launched(WRITES_SEEN.format(expression), ChildSpec(timeout=240, **child))
        return json.loads((tmp_path / "child" / "seen").read_text())

    return evaluate


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


def test_current_folder_is_not_imported(launched, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numpy.py").write_text("raise RuntimeError('the wrong numpy')")
    (tmp_path / "bench.py").write_text("raise RuntimeError('the wrong bench')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert launched().status == "ok"


@pytest.mark.parametrize(("device", "explanation"), [("gpu", "; no driver"), ("cpu", "")])
def test_missing_gpu_is_explained_after_the_reason(
    driven, saboteur, monkeypatch, device, explanation
):
    monkeypatch.setattr(launch.gpu, "explain_absence", lambda: "no driver")
    _, outcome = driven(file=saboteur("says_unavailable"), device=device)
    assert outcome.status == "unavailable"
    assert outcome.reason == f"no abacus in this machine{explanation}"


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("os._exit(0)", "failed", "left no result"),
        ("os._exit(3)", "failed", "exit status 3"),
        ("", "ok", None),
    ],
)
def test_end_of_a_worker_has_its_status_and_reason(launched, code, status, reason):
    outcome = launched(f"import os\n{code}")
    assert outcome.status == status
    assert outcome.reason == reason or reason in outcome.reason
    assert outcome.wall_seconds > 0


@pytest.fixture
def worker(tmp_path, make_request):
    """Make the worker of own code in the folder ``child``, with an exchange."""

    def make(code, **child):
        (tmp_path / "own_file.py").write_text(code)
        request = make_request(file=str(tmp_path / "own_file.py"))
        size = ExchangeSize(samples=4, images=4, features=2, classes=2)
        child = ChildSpec(**{"timeout": 240, **child})
        return Worker(request, child, tmp_path / "child", size)

    return make


@pytest.mark.parametrize("threads", [1, 2])
def test_reply_has_the_parents_time_and_the_cpu_seconds(worker, threads):
    code = """
import os, threading
from bench.worker.measure import read_cpu_seconds
end = read_cpu_seconds(os.getpid()) + 0.3
def burn():
    while read_cpu_seconds(os.getpid()) < end:
        pass
thread = threading.Thread(target=burn)
thread.start()
thread.join()
"""
    with worker(code, threads=threads) as begun:
        begun.await_start()
        begin = now()
        reply = begun.call(exchange.IMPORT)
        assert min(begun.python_seconds, begun.numpy_seconds) > 0
        assert 0 < reply.elapsed < now() - begin
        assert reply.cpu_seconds > 0.3
        # With several threads any but the first one may be a library's, which spins.
        assert (0.25 < reply.work_seconds <= reply.cpu_seconds) == (threads == 1)
        idle = begun.call(exchange.PING)
        assert 0 < begun.exchange.seconds[0] < idle.elapsed
        assert idle.cpu_seconds < 0.3


def test_what_is_written_after_the_answer_does_not_count(worker, monkeypatch):
    values = iter([1, 2])
    with worker("") as begun:
        begun.await_start()
        memory = begun.exchange

        def read_work_seconds():  # before the command, and after the answer
            memory.params[:] = memory.labels[:] = next(values)
            return 0.0

        monkeypatch.setattr(begun, "read_work_seconds", read_work_seconds)
        reply = begun.call(exchange.PING)
        assert memory.params.max() == memory.labels.max() == 2
        assert reply.params.max() == reply.labels.max() == 1


@pytest.mark.parametrize("answer", [exchange.FAILED, exchange.TRAIN, b""])
def test_wrong_answer_or_none_stops_the_worker(worker, answer):
    code = f"""
import os, signal, sys
os.write(int(sys.argv[3]), {answer!r})
signal.pause() if {answer!r} else os._exit(0)
"""
    with worker(code) as begun:
        begun.await_start()
        with pytest.raises(ProcessStopped):
            begun.call(exchange.IMPORT)
        begun._session._deadline = now()
        assert begun.finish().status != "ok"


def test_last_command_of_a_worker_can_fail(driven):
    code = """
import gc
from implementations.idiomatic import softmax_numpy
class Trainer(softmax_numpy.Trainer):
    def predict(self, images):
        gc.disable()
        return super().predict(images)
"""
    drive, outcome = driven(code)
    assert outcome.status == "failed"
    assert outcome.reason.startswith("it changed the garbage collector")
    assert len(drive.evidence.predictions) >= 7  # all that was asked for


def test_missing_python_is_a_failure(launched, tmp_path):
    outcome = launched(child=ChildSpec(Installation(str(tmp_path / "python"))))
    assert outcome.status == "failed"
    assert "its Python is not there any more" in outcome.reason


@pytest.mark.parametrize(
    ("code", "timeout", "status"),
    [("", 240, "ok"), ("import signal\nsignal.pause()", 1, "timeout")],
)
def test_end_and_timeout_are_seen_without_pidfd(launched, monkeypatch, code, timeout, status):
    monkeypatch.delattr(os, "pidfd_open")
    monkeypatch.delattr(os, "waitid")  # as on macOS
    assert launched(code, ChildSpec(timeout=timeout)).status == status


def test_worker_has_an_empty_stdin(evaluated, typed_ahead):
    assert evaluated("__import__('sys').stdin.read()") == ""


def test_partial_stderr_is_kept_and_exit_handlers_are_skipped(launched, tmp_path):
    outcome = launched(
        """
import atexit, sys
from pathlib import Path
atexit.register(Path("late").touch)
sys.stderr.write("half a line")
"""
    )
    assert (outcome.status, outcome.stderr_tail) == ("ok", "half a line")
    assert not (tmp_path / "child" / "late").exists()
