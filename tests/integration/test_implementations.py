"""Implementations in real workers against the oracle: one per framework of a default run every day.

tests/runner/parity/test_conformance.py checks every implementation on Fashion-MNIST.
"""

import importlib
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import distributions
from itertools import product

import msgspec
import numpy as np
import psutil
import pytest

from bench.contract import SGD, Params, Problem
from bench.data import dataset
from bench.errors import DataError
from bench.planning.cases import find_implementation
from bench.records import store
from bench.records.schema import TOLERANCE
from bench.runner import conformance
from bench.runner.process.launch import Worker
from bench.runner.process.session import ProcessStopped
from bench.runner.process.spec import ChildSpec
from bench.worker import data, exchange, machine
from bench.worker.machine import list_usable_cores
from implementations import IMPLEMENTATIONS, MANY, TEXTBOOK_PROGRAMS
from implementations.many.idiomatic import many_numpy, processes_numpy

# Of the programs of one model in a default run, and NumPy's of several.
EVERY_DAY = {
    (entry.framework, entry.many): entry
    for entry in reversed((*IMPLEMENTATIONS, *MANY))
    if entry.always and (entry.framework == "numpy" or not entry.many)
}.values()
OTHERS = [
    entry
    for entry in (*IMPLEMENTATIONS, *MANY)
    if "cpu" in entry.devices and (entry.many or not entry.always) and entry not in EVERY_DAY
]


def by_name(entries):
    return [pytest.param(entry, id=entry.name) for entry in entries]


@pytest.fixture
def check_on_digits(digits, monkeypatch):
    """Check an implementation at one batch size of the digits; return the finding."""
    sizes = {"sgd": (96,), "many-3": (96,)}
    monkeypatch.setattr(conformance, "BATCH_SIZES", {"digits": sizes})
    checker = conformance.Checker([digits], threads=1, timeout=240, device="cpu")

    def check(name):
        case = msgspec.structs.replace(find_implementation(name, None), devices=("cpu",))
        (finding,) = checker.check(case)
        return finding

    return check


def require_framework(entry):
    """Skip an implementation whose framework is not installed here."""
    for name in (entry.framework, entry.variables.get("KERAS_BACKEND")):
        if name and not [*distributions(name=name)]:
            pytest.skip(f"{name} is not installed")
    if entry.framework == "tinygrad" and shutil.which("clang") is None:
        pytest.skip("clang is not installed")


@pytest.mark.parametrize(
    "entry",
    [
        *by_name(EVERY_DAY),
        # Some of these compile for a minute.
        *(pytest.param(entry, id=entry.name, marks=pytest.mark.full) for entry in OTHERS),
    ],
)
def test_framework_has_parity_on_digits(check_on_digits, entry):
    require_framework(entry)
    finding = check_on_digits(entry.name)
    assert (finding.status, finding.reason) == ("ok", None), finding.reason
    assert finding.error <= TOLERANCE == 1e-5


@pytest.mark.parametrize(("variable", "value"), [("PATH", "/nowhere"), ("CC", "/bin/false")])
def test_tinygrad_without_clang_is_unavailable(check_on_digits, monkeypatch, variable, value):
    pytest.importorskip("tinygrad")
    monkeypatch.setenv(variable, value)
    finding = check_on_digits("tinygrad")
    assert finding.status == "unavailable"
    assert "Install clang" in finding.reason


@pytest.mark.full
def test_quick_run_measures_every_implementation_with_parity(bench, tmp_path):
    # Longer epochs than those of the digits, in which the waits of tf.data would be the most.
    options = ("--data=digits", "--samples=14400", "--quick", "--no-roofline")
    ended = bench("run", *options, "--output=out")
    assert (ended.returncode, ended.stderr) == (0, "")
    records = {
        record.case.implementation: record for record in store.read_records(tmp_path / "out")
    }
    assert set(records) == {entry.name for entry in IMPLEMENTATIONS if entry.always}
    for name, record in records.items():
        assert (record.status, record.parity.passed) == ("ok", True), name


@pytest.mark.full
@pytest.mark.parametrize("figure", by_name(TEXTBOOK_PROGRAMS))
def test_textbook_programs_reproduce_the_published_accuracy(figure, tmp_path):
    require_framework(figure)
    try:
        folder = dataset.find().folder
    except DataError as error:
        pytest.skip(str(error))
    request = {"mode": "textbook", "module": figure.module, "file": None, "extra": figure.extra}
    request["data"] = str(folder)
    child = ChildSpec(threads=len(list_usable_cores()), variables=figure.variables, timeout=280)
    with Worker(request, child, tmp_path / "child") as worker:
        worker.await_start()
        with suppress(ProcessStopped):
            for command in (exchange.IMPORT, exchange.READ_DATA, exchange.RUN):
                worker.call(command)
        outcome = worker.finish()
    assert (outcome.status, outcome.reason) == ("ok", None), outcome.stderr_tail
    values = outcome.document["quantities"]
    if figure.name == "textbook-keras":
        assert values["validation_accuracy"] == pytest.approx(0.8463, abs=0.01)
        # The first of five epochs, from fresh weights: not what the textbook prints as its first.
        assert values["training_loss_1"] == pytest.approx(0.61, abs=0.02)
        assert values["training_accuracy_5"] == pytest.approx(0.8553, abs=0.003)
    else:
        assert values["cross_validation_accuracy"] == pytest.approx(0.8196, abs=0.003)


def test_processes_train_their_shares_and_end_with_the_trainer(digits, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("PYTHONPATH", str(machine.ROOT))
    rates = np.array([0.01, 0.02, 0.05], np.float32)
    problem = Problem(*data.read(digits.folder, "train"), 10, 32, SGD(0.05), rates)
    shared, whole = (one.Trainer(problem, "cpu") for one in (processes_numpy, many_numpy))
    for trainer in (shared, whole):
        trainer.reset(Params(np.zeros((3, 64, 10), np.float32), np.zeros((3, 10), np.float32)))
    pairs = zip(*(one.train_epoch(np.arange(1440)) for one in (shared, whole)), strict=True)
    assert all(np.allclose(*pair, atol=1e-6) for pair in pairs)
    assert [len(range(3)[share]) for share in shared.shares] == [2, 1]
    env = psutil.Process(shared.processes[0].pid).environ()
    count = [sys.executable, "-c", "import numba; print(numba.get_num_threads())"]
    assert subprocess.run(count, env=env, capture_output=True, check=True).stdout == b"1\n"
    for process in shared.processes:
        process.stdin.close()
        assert process.wait(timeout=60) == 0
        process.stdout.close()


def test_run_of_several_models_says_which_cannot(bench, tmp_path):
    programs = ("numpy", "numpy-batched", "numpy-processes")
    chosen = [f"--implementation={name}" for name in programs]
    options = ("--data=digits", "--workload=many-1,many-3", "--rounds=1", "--no-roofline")
    ended = bench("run", *options, *chosen, "--output=out")
    assert (ended.returncode, ended.stderr) == (0, "")
    records = store.read_records(tmp_path / "out")
    statuses = {(one.case.workload, one.case.implementation): one.status for one in records}
    ranked = dict.fromkeys(product(("many-1", "many-3"), programs[1:]), "ok")
    unavailable = dict.fromkeys(product(("many-1", "many-3"), programs[:1]), "unavailable")
    assert statuses == ranked | unavailable
    assert "Many models at once" in (tmp_path / "out" / "report.md").read_text()


def pack(framework, module, images):
    """Return the type in which a tuned implementation keeps images, and the images it restores."""
    problem = Problem(images, np.zeros(len(images), np.int32), 10, len(images), SGD(0.05))
    if framework == "torch":
        stored = module.pack(module.torch.from_numpy(images)).numpy()
    else:
        trainer = module.Trainer(problem, "cpu")
        stored = np.asarray(trainer.data[0] if framework == "jax" else trainer.images)
    if stored.dtype == np.float32:
        return stored.dtype, stored
    return stored.dtype, stored.view(np.uint8) / np.float32(255)


@pytest.mark.parametrize(
    "name",
    [
        "numba:softmax_numba",
        "jax:softmax_jax_scan",
        "tensorflow:softmax_tensorflow_loop",
        "torch:softmax_pytorch_compiled",
    ],
)
def test_tuned_implementation_keeps_bytes_only_where_they_restore_every_pixel(name, monkeypatch):
    framework, file = name.split(":")
    pytest.importorskip(framework)
    module = importlib.import_module(f"implementations.tuned.{file}")
    if framework == "numba":  # compiles for long what no image passes through here
        monkeypatch.setattr(module, "make_epoch", lambda *_: lambda *_: None)
    images = np.tile(np.arange(256, dtype=np.float32) / np.float32(255), (8, 1))
    dtype, restored = pack(framework, module, images)
    assert dtype.kind == "u"
    assert np.array_equal(restored, images)
    images[3, 7] = np.nextafter(images[3, 7], np.float32(1))
    dtype, restored = pack(framework, module, images)
    assert dtype == np.float32
    assert np.array_equal(restored, images)
