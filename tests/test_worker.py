"""The child's answers: a document for whatever is asked and whatever goes wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest

from bench import worker
from bench.contract import Unavailable
from bench.guard import FaultError


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
    assert answer(FaultError("it did wrong")) == expected


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
    assert worker.load({"module": "softmax_numpy"}).__name__ == "implementations.softmax_numpy"


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
    subprocess.run([sys.executable, "-m", "bench.worker", tmp_path], check=True)
    document = json.loads((tmp_path / "document.json").read_text())
    imported = {name.partition(".")[0] for name in document["objective"]}
    assert "numpy" in imported
    assert not imported & {
        "torch", "jax", "keras", "tensorflow", "sklearn", "scipy", "pandas",
        "msgspec", "typer", "rich", "pooch", "altair",
    }  # fmt: skip
    assert document["worker_seconds"] > 0
