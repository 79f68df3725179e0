"""Every implementation of the registry, in a real child, against the oracle."""

import importlib.util
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.data import dataset
from bench.errors import DataError
from bench.runner import plan
from bench.runner.parity import conformance
from bench.runner.parity.judge import TOLERANCE, Judge
from bench.runner.process import spec
from bench.runner.process.launch import launch
from bench.runner.process.spec import ChildSpec
from bench.worker import data as prepared
from bench.worker.machine import usable_cores
from implementations import IMPLEMENTATIONS, TEXTBOOK_PROGRAMS

# The design's only gaps: estimators of scikit-learn that have no RMSprop.
GAPS = {("textbook", "sklearn-softmax"), ("textbook", "sklearn-sgd")}
# What is said where no GPU can be seen: which build it is, or the framework's own words.
REASONS = {
    "torch": r"PyTorch \S+ (is a CPU-only build|finds no GPU: \w.*)",
    "jax": r"JAX \S+ finds no GPU (because no plugin for one is installed|with [\w, ]+: \w.*)",
    "tensorflow": r"TensorFlow \S+ finds no GPU; it is (a CPU-only build|built for CUDA \d).*",
    # By the backend, whose words they are.
    (
        "keras",
        "torch",
    ): r"Keras finds no GPU with torch: (Torch not compiled with CUDA|Found no NVIDIA driver).*",
    ("keras", "jax"): r"Keras finds no GPU with jax: .*no platforms that are instances of gpu.*",
}
IMPORTED_AS = {"scikit-learn": "sklearn"}
ENTRIES = [pytest.param(entry, id=entry.name) for entry in IMPLEMENTATIONS]
# The compiler of pytorch-compiled takes longer than all the rest; every day it has to run once.
ONCE = [
    pytest.param(entry, id=entry.name, marks=[pytest.mark.full] * entry.name.endswith("-compiled"))
    for entry in IMPLEMENTATIONS
]


@pytest.fixture(scope="module")
def fashion():
    """Fashion-MNIST, where it can be had."""
    try:
        return dataset.find()
    except DataError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def judge_of():
    """The judge of a data set, which keeps its oracles from one implementation to the next."""
    judges = {}

    def find(data):
        if data.name not in judges:
            judges[data.name] = Judge(data.folder, data.classes, 42)
        return judges[data.name]

    return find


@pytest.fixture
def conforms(judge_of, tmp_path):
    """Measure and judge one implementation; returns the child's outcome and the judgement."""

    def check(entry, data, **changes):
        needs_framework(entry)
        samples = len(prepared.read(data.folder, "train")[1])
        # One thread, because two of them wait for each other where the machine is busy.
        chosen = {"workload": "sgd", "device": "cpu", "batch_size": 32, "samples": samples}
        chosen |= {"epochs": 5, "threads": 1, **changes}
        case = msgspec.structs.replace(plan.case_from_entry(entry), **chosen)
        asked = spec.request_training("trial", case, data, 42)
        child = ChildSpec(threads=case.threads, variables=case.variables, timeout=240)
        outcome = launch(asked, child, tmp_path / "child")
        if outcome.status != "ok":
            return outcome, None
        left = (tmp_path / "child" / name for name in ("params.npy", "labels.npy"))
        return outcome, judge_of(data).judge(case, *left, outcome.document["epoch_seconds"])

    return conformance


def needs_framework(entry):
    """Skip what is not installed here: one framework is enough to test its own implementations."""
    for name in (entry.framework, entry.variables.get("KERAS_BACKEND")):
        if name and importlib.util.find_spec(IMPORTED_AS.get(name, name)) is None:
            pytest.skip(f"{name} is not installed")


def assert_conforms(outcome, judged, threads=1):
    assert (outcome.status, outcome.reason) == ("ok", None), outcome.stderr_tail
    assert judged.fault is None
    assert judged.parity.error <= TOLERANCE == 1e-5
    times = outcome.document
    assert sum(times["epoch_cpu_seconds"]) / sum(times["epoch_seconds"]) <= threads + 0.1


@pytest.fixture
def examiner(digits, monkeypatch):
    """Examine on digits, in the workload's own batches and in others."""
    monkeypatch.setattr(conformance, "BATCH_SIZES", {"digits": {"sgd": (32,), "textbook": (96,)}})
    return conformance.Examiner([digits], seed=42, threads=1, timeout=240, device="cpu")


@pytest.mark.parametrize("entry", ENTRIES)
def test_on_digits_every_implementation_passes_the_script_of_check(examiner, entry):
    needs_framework(entry)
    found = list(examiner.examine(plan.find_implementation(entry.name, None)))
    sgd, textbook, *gpu = found
    assert (sgd.status, sgd.reason) == ("ok", None)
    assert sgd.error <= TOLERANCE == 1e-5
    if ("textbook", entry.name) in GAPS:
        assert textbook.status == "unavailable"
        assert textbook.reason.endswith("has no RMSprop")
    else:
        assert (textbook.status, textbook.reason) == ("ok", None)
        assert textbook.error <= TOLERANCE
    # Whoever may run on a GPU must say where there is none.
    assert [each.status for each in gpu] == ["unavailable"] * ("gpu" in entry.devices)
    for each in gpu:
        backend = entry.variables.get("KERAS_BACKEND", entry.framework)
        words = REASONS.get((entry.framework, backend)) or REASONS[backend]
        assert re.match(words, each.reason)


@pytest.mark.parametrize("entry", ONCE)
def test_on_fashion_mnist_every_implementation_agrees_after_an_epoch(conforms, fashion, entry):
    outcome, judged = conforms(entry, fashion, epochs=1)
    assert_conforms(outcome, judged)
    assert judged.validation_accuracy[0] > 0.75


def test_parity_fails_where_keras_on_jax_is_given_probabilities(conforms, fashion, saboteur):
    (entry,) = [entry for entry in IMPLEMENTATIONS if entry.name == "keras-jax"]
    path = saboteur("keras_jax_probabilities")
    outcome, judged = conforms(entry, fashion, workload="textbook", epochs=2, file=path)
    assert outcome.status == "ok"
    assert not judged.parity.passed
    assert judged.parity.error > 100 * TOLERANCE
    assert judged.fault.endswith("is above 1e-05: other mathematics")


@pytest.mark.full
@pytest.mark.parametrize("workload", ["sgd", "textbook"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_on_fashion_mnist_every_implementation_agrees_after_each_of_five_epochs(
    conforms, fashion, entry, workload
):
    threads = len(usable_cores())
    outcome, judged = conforms(entry, fashion, workload=workload, threads=threads)
    if (workload, entry.name) in GAPS:
        assert outcome.status == "unavailable"
    else:
        assert_conforms(outcome, judged, threads)
        assert np.max(judged.validation_accuracy[:5]) > 0.83


@pytest.mark.full
@pytest.mark.parametrize("figure", [pytest.param(each, id=each.name) for each in TEXTBOOK_PROGRAMS])
def test_the_figures_of_the_textbook_come_out_as_published(fashion, figure, tmp_path):
    needs_framework(figure)
    asked = {"mode": "textbook", "module": figure.module, "file": None, "extra": figure.extra}
    asked["data"] = str(fashion.folder)
    child = ChildSpec(threads=len(usable_cores()), variables=figure.variables, timeout=280)
    outcome = launch(asked, child, tmp_path / "child")
    assert (outcome.status, outcome.reason) == ("ok", None), outcome.stderr_tail
    values = outcome.document["quantities"]
    if figure.name == "figure-keras":
        assert values["validation_accuracy"] == pytest.approx(0.8463, abs=0.01)
    else:
        assert values["cross_validation_accuracy"] == pytest.approx(0.8196, abs=0.003)


def test_the_example_of_the_documentation_conforms(digits, launched, make_case, judge_of, tmp_path):
    page = Path(__file__).parents[2] / "docs" / "adding-an-implementation.md"
    example = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    outcome = launched(example[1])
    assert (outcome.status, outcome.reason) == ("ok", None), outcome.stderr_tail
    folder = tmp_path / "child"
    left = (folder / "params.npy", folder / "labels.npy", outcome.document["epoch_seconds"])
    judged = judge_of(digits).judge(make_case(), *left)
    assert judged.fault is None
    assert judged.parity.passed
