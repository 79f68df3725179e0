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


def answer(error, **request):
    def mode(request, folder):
        raise error

    return worker.answer(mode, request, None)


def absent(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_result_of_a_mode_is_the_document():
    result = worker.answer(lambda request, folder: {"seconds": request["x"]}, {"x": 3}, None)
    assert result == {"status": "ok", "seconds": 3}


def test_unavailable_has_a_reason_of_one_line():
    expected = {"status": "unavailable", "reason": "no GPU here"}
    assert answer(Unavailable("no GPU\n  here")) == expected


def test_contract_error_is_a_failure_with_its_message():
    expected = {"status": "failed", "reason": "it did wrong"}
    assert answer(ContractError("it did wrong")) == expected


def test_error_is_a_failure_with_traceback_on_stderr(capsys):
    result = answer(ValueError("first\n\nsecond"))
    assert result == {"status": "failed", "reason": "ValueError: first second"}
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Traceback")


def test_long_reason_is_cut(capsys):
    assert len(answer(ValueError("x" * 10_000))["reason"]) < 600


def test_memory_error_is_out_of_memory():
    assert answer(MemoryError())["status"] == "out-of-memory"


def test_missing_framework_is_unavailable_with_its_extra():
    assert answer(absent("jax.numpy"), extra="jax") == {
        "status": "unavailable",
        "reason": "jax is not installed: pip install 'softmax-bench[jax]'",
    }


@pytest.mark.parametrize("name", ["bench", "bench.nothing", "implementations.nothing", None])
def test_missing_module_of_the_suite_is_a_failure(name, capsys):
    assert answer(absent(name), extra="jax")["status"] == "failed"


def test_missing_module_of_a_user_file_is_a_failure(capsys):
    result = answer(absent("abacus"), extra="")
    assert result["status"] == "failed"
    assert result["reason"] == "ModuleNotFoundError: No module named 'abacus'"


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
    result = worker.run_preflight(own_file(code), None)
    assert result == {"trainer": trainer, "objective": objective}


def test_file_is_loaded_under_its_own_module_name(own_file):
    module = worker.load(own_file("class Trainer: ..."))
    assert module.Trainer.__module__ == "own_softmax"
    assert sys.modules["own_softmax"] is module


def test_file_that_is_not_python_is_an_import_error(tmp_path):
    (tmp_path / "own.txt").write_text("")
    with pytest.raises(ImportError, match=r"own.txt is not a Python file"):
        worker.load({"file": str(tmp_path / "own.txt")})


def test_implementation_is_imported_by_name():
    module = worker.load({"module": "idiomatic.softmax_numpy"})
    assert module.__name__ == "implementations.idiomatic.softmax_numpy"


def test_trial_writes_params_labels_and_times(make_request, quick_collector, tmp_path):
    result = worker.run_trial(make_request(samples=320, epochs=3), tmp_path)
    params = np.load(tmp_path / "params.npy")
    assert params.shape == (1 + len(result["epoch_seconds"]), 65, 10)
    assert np.load(tmp_path / "labels.npy").shape == (357,)
    assert len(result["epoch_seconds"]) == len(result["epoch_cpu_seconds"]) >= 3
    times = (
        "import_seconds",
        "setup_seconds",
        "reset_seconds",
        "first_epoch_seconds",
        "between_seconds",
        "first_predict_seconds",
    )
    assert all(result[name] > 0 for name in times)


def test_trial_uses_its_seed_and_workload(make_request, quick_collector, tmp_path):
    def params(**changes):
        worker.run_trial(make_request(samples=320, epochs=2, **changes), tmp_path)
        return np.load(tmp_path / "params.npy")[:3]

    first = params()
    assert np.array_equal(first, params())
    assert not np.array_equal(first, params(seed=43))
    assert not np.array_equal(first, params(workload="textbook"))


def test_figure_is_what_the_program_returns(own_file, digits, tmp_path):
    request = own_file("def run(textbook): return {'samples': float(len(textbook.images))}")
    result = worker.run_textbook({**request, "data": str(digits.folder)}, tmp_path)
    assert result["quantities"] == {"samples": 1797}
    assert result["program_seconds"] > 0


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
    problem, given = worker.prepare(request, None)
    assert parts == ["train", "test"]
    assert (problem.samples, problem.batch_size, problem.classes) == (320, 16, 10)
    assert problem.optimizer == WORKLOADS["textbook"].optimizer
    expected = draw_initial_params(WORKLOADS["textbook"], 64, 10, 43)
    assert np.array_equal(given.initial.weight, expected.weight)
    assert (given.seed, given.epochs) == (43, 7)
    assert np.array_equal(given.test_images, real(digits.folder, "test")[0])


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("OutOfMemoryError", "CUDA out of memory.", "out-of-memory"),
        ("ResourceExhaustedError", "failed to allocate memory", "out-of-memory"),
        ("XlaRuntimeError", "RESOURCE_EXHAUSTED: Out of memory while trying", "out-of-memory"),
        ("AcceleratorError", "CUDA error: out of memory", "out-of-memory"),
        ("XlaRuntimeError", "INTERNAL: RESOURCE_EXHAUSTED somewhere", "failed"),
        ("RuntimeError", "CUDA error: device-side assert triggered", "failed"),
    ],
)
def test_full_device_is_out_of_memory(name, text, status, tmp_path):
    def full(request, folder):
        raise type(name, (RuntimeError,), {})(text)

    result = worker.answer(full, {}, tmp_path)
    assert result == {"status": status, "reason": f"{name}: {text}"}


def test_gpu_trial_monitors_the_visible_gpu(monkeypatch):
    monkeypatch.setattr(worker, "GpuMonitor", lambda token: f"watch of {token}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert worker.create_monitor({"device": "gpu"}) == "watch of 3"
    assert worker.create_monitor({"device": "cpu"}) is None


def test_time_beside_trial_phases_is_between_seconds(make_request, monkeypatch, tmp_path):
    monkeypatch.setattr(worker, "time_call", lambda call, *arguments: (call(*arguments), 1.0))
    measured = (Measurement(between_seconds=10.0), np.zeros(1, np.float32), np.zeros(1, np.int64))
    monkeypatch.setattr(worker, "measure", lambda *_: measured)
    result = worker.run_trial(make_request(), tmp_path)
    # The device, the suite before and after the import, the data, what is left behind, and the
    # last look.
    assert (result["import_seconds"], result["between_seconds"]) == (1, 10 + 6)


def test_time_beside_checked_epochs_is_between_seconds(make_request, monkeypatch, tmp_path):
    monkeypatch.setattr(worker, "time_call", lambda call, *arguments: (call(*arguments), 1.0))
    measured = (
        Measurement(epoch_seconds=[0.25, 0.5]),
        np.zeros(1, np.float32),
        np.zeros(1, np.int64),
    )
    monkeypatch.setattr(worker, "check_module", lambda *_: measured)
    result = worker.run_check(make_request(), tmp_path)
    assert (result["import_seconds"], result["between_seconds"]) == (1, 0.25)


MODES = pytest.mark.parametrize("mode", [worker.run_trial, worker.run_check])


@MODES
def test_replacement_during_import_is_a_fault(
    own_file, make_request, monkeypatch, quick_collector, tmp_path, mode
):
    monkeypatch.setattr(measure, "WATCH_SECONDS", measure.WATCH_SECONDS)  # undone after the test
    own = own_file("""
from bench.worker import measure
from implementations.idiomatic import softmax_numpy
real, measure.WATCH_SECONDS = measure.WATCH_SECONDS, 0.0
class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        measure.WATCH_SECONDS = real
        super().__init__(problem, device)
""")
    with pytest.raises(ContractError, match=r"it replaced bench\.worker\.measure\.WATCH_SECONDS"):
        mode(make_request(**own), tmp_path)


@MODES
def test_replacement_during_the_last_call_is_a_fault(
    own_file, make_request, monkeypatch, quick_collector, tmp_path, mode
):
    monkeypatch.setattr(measure, "WATCH_SECONDS", measure.WATCH_SECONDS)  # undone after the test
    last = {worker.run_trial: 357, worker.run_check: 7}[mode]
    own = own_file(f"""
from bench.worker import measure
from implementations.idiomatic import softmax_numpy
class Trainer(softmax_numpy.Trainer):
    def predict(self, images):
        if len(images) == {last}:
            measure.WATCH_SECONDS = 0.0
        return super().predict(images)
""")
    with pytest.raises(ContractError, match=r"it replaced bench\.worker\.measure\.WATCH_SECONDS"):
        mode(make_request(**own), tmp_path)


@MODES
def test_changed_training_data_is_a_fault(saboteur, make_request, quick_collector, tmp_path, mode):
    with pytest.raises(ContractError, match="changed the training data that it received"):
        mode(make_request(file=saboteur("changes_images")), tmp_path)


@pytest.mark.parametrize("watch", [True, False])
def test_check_watches_when_requested(make_request, monkeypatch, tmp_path, watch):
    asked = []
    measured = (Measurement(), np.zeros(1, np.float32), np.zeros(1, np.int64))
    monkeypatch.setattr(
        worker, "check_trainer", lambda *arguments: asked.append(arguments[-1]) or measured
    )
    worker.run_check(make_request(watch=watch), tmp_path)
    assert [each.watch for each in asked] == [watch]
