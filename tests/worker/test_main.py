"""The worker's modes and its answers to whatever goes wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Unavailable
from bench.worker import __main__ as worker
from bench.worker import data, machine, measure
from bench.worker.guard import ContractError
from bench.worker.measure import Measurement
from bench.worker.workloads import WORKLOADS, draw_initial_params


def test_worker_needs_numpy_contract_and_errors_only(tmp_path):
    (tmp_path / "path" / "bench").mkdir(parents=True)
    for name in ("__init__.py", "contract.py", "errors.py", "worker"):
        (tmp_path / "path" / "bench" / name).symlink_to(machine.ROOT / "bench" / name)
    for folder in Path(np.__file__).parent.parent.glob("numpy*"):
        (tmp_path / "path" / folder.name).symlink_to(folder)
    (tmp_path / "own.py").write_text("import sys\nOBJECTIVE = sorted(sys.modules)")
    request = {"mode": "preflight", "file": str(tmp_path / "own.py")}
    (tmp_path / "request.json").write_text(json.dumps(request))
    # Without site (-S) there is nothing to import but the standard library and this path.
    command = [sys.executable, "-S", "-m", "bench.worker", tmp_path, "2"]
    subprocess.run(command, env={"PYTHONPATH": str(tmp_path / "path")}, check=True)
    document = json.loads((tmp_path / "document.json").read_text())
    packages = {name.partition(".")[0] for name in document["objective"]}
    assert packages - sys.stdlib_module_names <= {"__main__", "bench", "numpy", "own"}
    assert document["worker_seconds"] > 0


def test_crash_writes_no_core_file():
    code = (
        "import resource; from bench.worker import __main__ as worker; worker.disable_core_dumps();"
        "assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def absent(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


def device_error(name, text):
    return type(name, (RuntimeError,), {})(text)


@pytest.mark.parametrize(
    ("error", "extra", "status", "reason"),
    [
        (Unavailable("no GPU\n  here"), "", "unavailable", "no GPU here"),
        (ContractError("it did wrong"), "", "failed", "it did wrong"),
        (ValueError("first\n\nsecond"), "", "failed", "ValueError: first second"),
        (MemoryError(), "", "out-of-memory", "the process ran out of memory"),
        (absent("jax.numpy"), "jax", "unavailable", "jax is not installed: pip install 'softmax-"),
        (absent("abacus"), "", "failed", "ModuleNotFoundError: No module named 'abacus'"),
        *((absent(name), "jax", "failed", "") for name in ("bench.no", "implementations.no", None)),
        (device_error("OutOfMemoryError", "CUDA out of memory."), "", "out-of-memory", "OutOf"),
        (device_error("ResourceExhaustedError", "failed to allo"), "", "out-of-memory", "Resource"),
        (device_error("XlaError", "RESOURCE_EXHAUSTED: Out of"), "", "out-of-memory", "XlaError: "),
        (device_error("XlaError", "INTERNAL: RESOURCE_EXHAUSTED"), "", "failed", "XlaError: INTE"),
        (device_error("AcceleratorError", "CUDA error: out of memory"), "", "out-of-memory", "Acc"),
        (RuntimeError("CUDA error: device-side assert"), "", "failed", "RuntimeError: CUDA error"),
    ],
)
def test_error_has_a_status_and_a_reason(error, extra, status, reason):
    def mode(_):
        raise error

    document = worker.answer(mode, {"extra": extra})
    assert document["status"] == status
    assert document["reason"].startswith(reason)


def test_traceback_of_an_error_is_on_stderr(capsys):
    worker.answer(lambda request: request["nothing"], {})
    out, err = capsys.readouterr()
    assert (out, err.startswith("Traceback")) == ("", True)


@pytest.fixture
def own_file(tmp_path):
    def write(code):
        path = tmp_path / "own_softmax.py"
        path.write_text(code)
        return {"file": str(path)}

    yield write
    sys.modules.pop("own_softmax", None)


@pytest.mark.parametrize(
    ("code", "trainer", "objective"),
    [
        ("class Trainer: ...", True, "softmax"),
        ("OBJECTIVE = 'one-vs-rest'\nclass Trainer: ...", True, "one-vs-rest"),
        ("Trainer = 3", False, "softmax"),
        ("", False, "softmax"),
    ],
)
def test_preflight_describes_a_file(own_file, code, trainer, objective):
    description = worker.run_preflight(own_file(code))
    assert description == {"trainer": trainer, "objective": objective}
    assert sys.modules["own_softmax"].__name__ == "own_softmax"  # so that its classes can be found


def test_file_that_is_not_python_is_an_import_error(tmp_path):
    (tmp_path / "own.txt").write_text("")
    with pytest.raises(ImportError, match=r"own.txt is not a Python file"):
        worker.load({"file": str(tmp_path / "own.txt")})


def test_textbook_program_returns_its_quantities(own_file, digits):
    request = own_file("def run(textbook): return {'samples': float(len(textbook.images))}")
    document = worker.run_textbook({**request, "data": str(digits.folder)})
    assert document["quantities"] == {"samples": 1797}
    assert document["program_seconds"] > 0


def test_document_is_written_whole_or_not(tmp_path):
    worker.write_document(tmp_path / "document.json", {"status": "ok"})
    assert [path.name for path in tmp_path.iterdir()] == ["document.json"]
    with pytest.raises(TypeError):
        worker.write_document(tmp_path / "document.json", {"status": object()})
    assert json.loads((tmp_path / "document.json").read_text()) == {"status": "ok"}


def test_problem_and_trial_follow_the_request(make_request, digits, monkeypatch):
    parts, real = [], data.read
    monkeypatch.setattr(data, "read", lambda folder, part: parts.append(part) or real(folder, part))
    request = make_request(workload="textbook", samples=320, batch_size=16, epochs=7, seed=43)
    problem, trial = worker.prepare(request, None)
    assert parts == ["train", "test"]
    assert (problem.samples, problem.batch_size, problem.classes) == (320, 16, 10)
    assert problem.optimizer == WORKLOADS["textbook"].optimizer
    expected = draw_initial_params(WORKLOADS["textbook"], 64, 10, 43)
    assert np.array_equal(trial.initial.weight, expected.weight)
    assert (trial.seed, trial.epochs) == (43, 7)
    assert np.array_equal(trial.test_images, real(digits.folder, "test")[0])


def test_gpu_trial_monitors_the_visible_gpu(monkeypatch):
    monkeypatch.setattr(worker, "GpuMonitor", lambda token: f"monitor of {token}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert worker.create_monitor({"device": "gpu"}) == "monitor of 3"
    assert worker.create_monitor({"device": "cpu"}) is None


def test_time_beside_phases_is_between_seconds(make_request, monkeypatch, tmp_path):
    for module in (worker, measure):
        monkeypatch.setattr(module, "time_call", lambda call, *arguments: (call(*arguments), 1.0))
    times = Measurement(between_seconds=10.0, epoch_seconds=[0.25, 0.5])
    measured = (times, np.zeros(1, np.float32), np.zeros(1, np.int64))
    monkeypatch.setattr(worker, "measure", lambda *_: measured)
    monkeypatch.setattr(worker, "check_module", lambda *_: measured)
    # The device, the suite before and after the import, the data, what is saved, the last look.
    trial = worker.run_trial(make_request(folder=tmp_path))
    assert (trial["import_seconds"], trial["between_seconds"]) == (1, 10 + 6)
    check = worker.run_check(make_request(folder=tmp_path))
    assert (check["import_seconds"], check["between_seconds"]) == (1, 1 - 0.75)


WRONG = """
from bench.worker import measure
from implementations.idiomatic import softmax_numpy
real = measure.WATCH_SECONDS
{at_import}
class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        measure.WATCH_SECONDS = real
        super().__init__(problem, device)
    def predict(self, images):
        {in_predict}
        return super().predict(images)
"""
REPLACED = r"it replaced bench\.worker\.measure\.WATCH_SECONDS"
# A trial's predictions are of 357 images, the last one of a check of 7.
REPLACE_LAST = "if len(images) == {}: measure.WATCH_SECONDS = 0.0"


@pytest.mark.parametrize(
    ("mode", "at_import", "in_predict", "fault"),
    [
        (worker.run_trial, "measure.WATCH_SECONDS = 0.0", "", REPLACED),
        (worker.run_check, "measure.WATCH_SECONDS = 0.0", "", REPLACED),
        (worker.run_trial, "", REPLACE_LAST.format(357), REPLACED),
        (worker.run_check, "", REPLACE_LAST.format(7), REPLACED),
        (worker.run_trial, "", "self.problem.images[-1] = 0", "changed the training data"),
    ],
)
def test_change_at_import_or_in_the_last_call_is_a_fault(
    own_file,
    make_request,
    monkeypatch,
    quick_collector,
    tmp_path,
    mode,
    at_import,
    in_predict,
    fault,
):
    monkeypatch.setattr(measure, "WATCH_SECONDS", measure.WATCH_SECONDS)  # undone after the test
    own = own_file(WRONG.format(at_import=at_import, in_predict=in_predict))
    with pytest.raises(ContractError, match=fault):
        mode(make_request(folder=tmp_path, **own))
