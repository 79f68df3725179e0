"""Every implementation of the registry, in a real child, against the oracle."""

import importlib.util

import numpy as np
import pytest

from bench import dataset, plan, probe, result
from bench.dataset import DataError
from bench.judge import TOLERANCE, Judge
from bench.launch import Child, launch
from bench.machine import usable_cores
from implementations import FIGURES, IMPLEMENTATIONS

# The design's only gaps: estimators of scikit-learn that have no RMSprop.
GAPS = {("textbook", "sklearn-softmax"), ("textbook", "sklearn-sgd")}
THREADS = len(usable_cores())
ENTRIES = [pytest.param(entry, id=entry.name) for entry in IMPLEMENTATIONS]
IMPORTED_AS = {"scikit-learn": "sklearn"}


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
    """Measure and judge one implementation; returns its outcome and the judgement."""

    def check(entry, data, **changes):
        needs_framework(entry)
        samples = len(dataset.read(data.folder, "train")[1])
        chosen = {"workload": "sgd", "batch_size": 32, "epochs": 5, **changes}
        case = result.msgspec.structs.replace(
            plan._case(entry), samples=samples, threads=THREADS, **chosen
        )
        request = {
            "mode": "trial", **probe.source(case), "data": str(data.folder),
            "classes": data.classes, "device": "cpu", "samples": samples, "seed": 42, **chosen,
        }  # fmt: skip
        child = Child(threads=THREADS, variables=case.variables, timeout=240)
        scratch = tmp_path / f"{case.slug}"
        outcome = launch(request, child, scratch)
        if outcome.status != "ok":
            return outcome, None
        judged = judge_of(data).judge(case, scratch / "params.npy", scratch / "labels.npy")
        return outcome, judged

    return check


def needs_framework(entry):
    """Skip what is not installed here: one framework is enough to test its own implementations."""
    for name in (entry.framework, entry.variables.get("KERAS_BACKEND")):
        if name and importlib.util.find_spec(IMPORTED_AS.get(name, name)) is None:
            pytest.skip(f"{name} is not installed")


def assert_conforms(outcome, judged):
    assert (outcome.status, outcome.reason) == ("ok", None), outcome.stderr_tail
    assert not outcome.printed
    assert judged.fault is None
    assert judged.parity.error <= TOLERANCE == 1e-5
    times = outcome.document
    cores = np.sum(times["epoch_cpu_seconds"]) / np.sum(times["epoch_seconds"])
    assert cores <= THREADS + 0.1


@pytest.mark.parametrize(
    ("workload", "batch_size"), [("sgd", 32), ("textbook", 96)], ids=["sgd-32", "textbook-96"]
)
@pytest.mark.parametrize("entry", ENTRIES)
def test_on_digits_every_implementation_agrees_with_the_oracle(
    conforms, digits, entry, workload, batch_size
):
    outcome, judged = conforms(entry, digits, workload=workload, batch_size=batch_size)
    if (workload, entry.name) in GAPS:
        assert outcome.status == "unavailable"
        assert outcome.reason.endswith("has no RMSprop")
    else:
        assert_conforms(outcome, judged)
        assert judged.validation_accuracy[4] > 0.8


# The compiler of pytorch-compiled takes longer than all the rest, and its shapes are those above.
@pytest.mark.parametrize(
    "entry",
    [pytest.param(entry, id=entry.name, marks=[pytest.mark.full] if "compiled" in entry.name else [])
     for entry in IMPLEMENTATIONS],
)  # fmt: skip
def test_on_fashion_mnist_every_implementation_agrees_after_an_epoch(conforms, fashion, entry):
    outcome, judged = conforms(entry, fashion, epochs=1)
    assert_conforms(outcome, judged)
    assert judged.validation_accuracy[0] > 0.75


@pytest.mark.full
@pytest.mark.parametrize("workload", ["sgd", "textbook"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_on_fashion_mnist_every_implementation_agrees_after_each_of_five_epochs(
    conforms, fashion, entry, workload
):
    outcome, judged = conforms(entry, fashion, workload=workload)
    if (workload, entry.name) in GAPS:
        assert outcome.status == "unavailable"
    else:
        assert_conforms(outcome, judged)
        assert max(judged.validation_accuracy[:5]) > 0.83


@pytest.mark.full
@pytest.mark.parametrize("figure", [pytest.param(each, id=each.name) for each in FIGURES])
def test_the_figures_of_the_textbook_come_out_as_published(fashion, figure, tmp_path):
    needs_framework(figure)
    request = {
        "mode": "figure", "module": figure.module, "file": None, "extra": figure.extra,
        "data": str(fashion.folder),
    }  # fmt: skip
    child = Child(threads=THREADS, variables=figure.variables, timeout=280)
    outcome = launch(request, child, tmp_path / "child")
    assert (outcome.status, outcome.reason) == ("ok", None), outcome.stderr_tail
    values = outcome.document["figure"]
    if figure.name == "figure-keras":
        assert values["validation_accuracy"] == pytest.approx(0.8463, abs=0.01)
    else:
        assert values["cross_validation_accuracy"] == pytest.approx(0.8196, abs=0.003)


def test_parity_fails_where_keras_on_jax_is_given_probabilities(
    digits, launched, make_case, saboteur, judge_of, tmp_path
):
    pytest.importorskip("keras")
    pytest.importorskip("jax")
    outcome = launched(file=saboteur("keras_jax_probabilities"), epochs=2)
    assert (outcome.status, outcome.reason) == ("ok", None), outcome.stderr_tail
    folder = tmp_path / "child"
    judged = judge_of(digits).judge(make_case(), folder / "params.npy", folder / "labels.npy")
    assert not judged.parity.passed
    assert judged.parity.error > 10 * TOLERANCE
