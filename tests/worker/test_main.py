"""The child's answers: a document for whatever is asked and whatever goes wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest

from bench.contract import Unavailable
from bench.worker import __main__ as worker
from bench.worker import data, measure
from bench.worker.guard import ContractError
from bench.worker.measure import Measurement
from bench.worker.workloads import WORKLOADS, draw_initial_params


def test_worker_imports_numpy_and_the_standard_library_only():
    code = "import sys, bench.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert not modules & {
        "bench.data.dataset",
        "bench.data.idx",
        "bench.data.sources",
        "bench.data.cache",
        "msgspec",
    }
    packages = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names
    assert packages <= {"__main__", "bench", "numpy", "_distutils_hack", "coverage", "a1_coverage"}


def answer(error, **request):
    def mode(request, folder):
        raise error

    return worker.answer(mode, request, None)


def absent(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_what_a_mode_returns_is_the_document_and_all_is_well():
    found = worker.answer(lambda request, folder: {"seconds": request["x"]}, {"x": 3}, None)
    assert found == {"status": "ok", "seconds": 3}


def test_unavailable_is_a_status_with_its_reason_in_one_line():
    expected = {"status": "unavailable", "reason": "no GPU here"}
    assert answer(Unavailable("no GPU\n  here")) == expected


def test_a_fault_is_a_failure_in_its_own_words():
    expected = {"status": "failed", "reason": "it did wrong"}
    assert answer(ContractError("it did wrong")) == expected


def test_an_error_is_a_failure_in_one_line_and_a_traceback_on_stderr(capsys):
    found = answer(ValueError("first\n\nsecond"))
    assert found == {"status": "failed", "reason": "ValueError: first second"}
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Traceback")


def test_an_error_without_end_is_cut(capsys):
    assert len(answer(ValueError("x" * 10_000))["reason"]) < 600


def test_no_memory_is_a_status_of_its_own():
    assert answer(MemoryError())["status"] == "out-of-memory"


def test_a_framework_that_is_absent_is_unavailable_and_says_how_to_install_it():
    assert answer(absent("jax.numpy"), extra="jax") == {
        "status": "unavailable",
        "reason": "jax is not installed: pip install 'softmax-bench[jax]'",
    }


@pytest.mark.parametrize("name", ["bench", "bench.nothing", "implementations.nothing", None])
def test_a_module_of_ours_that_is_absent_is_a_failure(name, capsys):
    assert answer(absent(name), extra="jax")["status"] == "failed"


def test_a_module_that_somebodys_own_file_lacks_is_a_failure(capsys):
    found = answer(absent("abacus"), extra="")
    assert found["status"] == "failed"
    assert found["reason"] == "ModuleNotFoundError: No module named 'abacus'"


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
def test_a_probe_says_what_a_file_is(own_file, code, trainer, objective):
    found = worker.probe(own_file(code), None)
    assert found == {"trainer": trainer, "objective": objective}


def test_a_file_is_a_module_of_its_own_name_that_can_be_pickled_by_it(own_file):
    module = worker.load(own_file("class Trainer: ..."))
    assert module.Trainer.__module__ == "own_softmax"
    assert sys.modules["own_softmax"] is module


def test_a_file_that_is_not_python_is_an_import_error(tmp_path):
    (tmp_path / "own.txt").write_text("")
    with pytest.raises(ImportError, match=r"own.txt is not a Python file"):
        worker.load({"file": str(tmp_path / "own.txt")})


def test_a_module_of_the_suite_is_imported_by_its_name():
    module = worker.load({"module": "idiomatic.softmax_numpy"})
    assert module.__name__ == "implementations.idiomatic.softmax_numpy"


def test_a_trial_leaves_params_labels_and_times(make_request, quick_collector, tmp_path):
    found = worker.trial(make_request(samples=320, epochs=3), tmp_path)
    params = np.load(tmp_path / "params.npy")
    assert params.shape == (1 + len(found["epoch_seconds"]), 65, 10)
    assert np.load(tmp_path / "labels.npy").shape == (357,)
    assert len(found["epoch_seconds"]) == len(found["epoch_cpu_seconds"]) >= 3
    times = ("import_seconds", "setup_seconds", "reset_seconds", "first_epoch_seconds",
             "between_seconds", "first_predict_seconds")  # fmt: skip
    assert all(found[name] > 0 for name in times)


def test_a_trial_trains_on_the_first_samples_with_the_orders_of_its_seed(
    make_request, quick_collector, tmp_path
):
    def params(**changes):
        worker.trial(make_request(samples=320, epochs=2, **changes), tmp_path)
        return np.load(tmp_path / "params.npy")[:3]

    first = params()
    assert np.array_equal(first, params())
    assert not np.array_equal(first, params(seed=43))
    assert not np.array_equal(first, params(workload="textbook"))


def test_a_figure_is_what_the_program_returns(own_file, digits, tmp_path):
    request = own_file("def run(textbook): return {'samples': float(len(textbook.images))}")
    found = worker.figure({**request, "data": str(digits.folder)}, tmp_path)
    assert found["figure"] == {"samples": 1797}
    assert found["figure_seconds"] > 0


def test_a_document_is_written_whole(tmp_path):
    worker.write(tmp_path / "document.json", {"status": "ok"})
    assert [path.name for path in tmp_path.iterdir()] == ["document.json"]
    with pytest.raises(TypeError):
        worker.write(tmp_path / "document.json", {"status": object()})
    assert json.loads((tmp_path / "document.json").read_text()) == {"status": "ok"}


def test_the_worker_imports_neither_a_framework_nor_what_only_the_parent_needs(tmp_path):
    (tmp_path / "own.py").write_text("import sys\nOBJECTIVE = sorted(sys.modules)")
    request = {"mode": "probe", "file": str(tmp_path / "own.py")}
    (tmp_path / "request.json").write_text(json.dumps(request))
    subprocess.run([sys.executable, "-m", "bench.worker", tmp_path, "2"], check=True)
    document = json.loads((tmp_path / "document.json").read_text())
    imported = {name.partition(".")[0] for name in document["objective"]}
    assert "numpy" in imported
    assert not imported & {
        "torch", "jax", "keras", "tensorflow", "sklearn", "numba", "scipy", "pandas",
        "msgspec", "typer", "rich", "pooch", "altair",
    }  # fmt: skip
    assert document["worker_seconds"] > 0


def test_a_problem_and_what_is_asked_of_it_are_as_the_request_says(
    make_request, digits, monkeypatch
):
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
def test_a_full_device_is_known_by_the_words_of_each_framework(name, text, status, tmp_path):
    def full(request, folder):
        raise type(name, (RuntimeError,), {})(text)

    found = worker.answer(full, {}, tmp_path)
    assert found == {"status": status, "reason": f"{name}: {text}"}


def test_a_trial_on_a_gpu_watches_the_one_that_it_may_see(monkeypatch):
    monkeypatch.setattr(worker, "GpuMonitor", lambda token: f"watch of {token}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert worker.watched({"device": "gpu"}) == "watch of 3"
    assert worker.watched({"device": "cpu"}) is None


def test_what_a_trial_does_beside_its_phases_is_added_to_what_lies_between_them(
    make_request, monkeypatch, tmp_path
):
    monkeypatch.setattr(worker, "time_call", lambda call, *arguments: (call(*arguments), 1.0))
    left = (Measurement(between_seconds=10.0), np.zeros(1, np.float32), np.zeros(1, np.int64))
    monkeypatch.setattr(worker, "measure", lambda *_: left)
    found = worker.trial(make_request(), tmp_path)
    # The device, the suite before and after the import, the data, what is left behind, and the
    # last look.
    assert (found["import_seconds"], found["between_seconds"]) == (1, 10 + 6)


def test_what_an_examination_does_beside_its_epochs_lies_between_them(
    make_request, monkeypatch, tmp_path
):
    monkeypatch.setattr(worker, "time_call", lambda call, *arguments: (call(*arguments), 1.0))
    left = (Measurement(epoch_seconds=[0.25, 0.5]), np.zeros(1, np.float32), np.zeros(1, np.int64))
    monkeypatch.setattr(worker, "examined", lambda *_: left)
    found = worker.check(make_request(), tmp_path)
    assert (found["import_seconds"], found["between_seconds"]) == (1, 0.25)


MODES = pytest.mark.parametrize("mode", [worker.trial, worker.check])


@MODES
def test_what_is_replaced_by_an_import_is_seen_before_it_can_be_put_right(
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
def test_what_is_replaced_by_the_last_call_is_seen(
    own_file, make_request, monkeypatch, quick_collector, tmp_path, mode
):
    monkeypatch.setattr(measure, "WATCH_SECONDS", measure.WATCH_SECONDS)  # undone after the test
    last = {worker.trial: 357, worker.check: 7}[mode]
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
def test_training_data_that_was_changed_is_a_fault(
    saboteur, make_request, quick_collector, tmp_path, mode
):
    with pytest.raises(ContractError, match="changed the training data it was given"):
        mode(make_request(file=saboteur("changes_images")), tmp_path)


@pytest.mark.parametrize("watch", [True, False])
def test_an_examination_is_watched_where_the_request_says_so(
    make_request, monkeypatch, tmp_path, watch
):
    asked = []
    left = (Measurement(), np.zeros(1, np.float32), np.zeros(1, np.int64))
    monkeypatch.setattr(worker, "examine", lambda *arguments: asked.append(arguments[-1]) or left)
    worker.check(make_request(watch=watch), tmp_path)
    assert [each.watch for each in asked] == [watch]
