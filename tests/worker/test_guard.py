"""The rules of the contract that a worker checks."""

import gc
import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from bench.contract import SGD, Params, Problem
from bench.worker import guard, measure
from bench.worker.guard import ContractError, ReturnedParams, SuiteSnapshot

WEIGHT, BIAS = np.zeros((3, 2), np.float32), np.zeros(2, np.float32)


@pytest.fixture
def returned():
    images = np.zeros((4, 3), np.float32)
    return ReturnedParams(Problem(images, np.zeros(4, np.int32), 2, 4, SGD(0.1)))


class Foreign:
    """Somebody else's memory, as the array interface shows it."""

    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__


class Lazy(np.ndarray):
    """An array that might compute itself when it is looked at."""


def test_params_are_taken_if_numpy_owns_them(returned):
    view_of_a_view = WEIGHT.view(Lazy).copy()[:].view(np.ndarray)
    assert view_of_a_view.base.base is not None  # NumPy shortens such a chain of equal types
    for weight in (WEIGHT.copy(), WEIGHT.T.copy().T, view_of_a_view):
        returned.take(Params(weight, np.zeros(4, np.float32)[:2]))
    assert returned.stack().shape == (3, 4, 2)


FOREIGN = "a weight that is a view of its framework's memory"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ((WEIGHT, BIAS), "train_epoch must return Params, not tuple"),
        (None, "train_epoch must return Params, not NoneType"),
        (Params(WEIGHT.astype(float), BIAS), "return the weight as a float32 NumPy array"),
        (Params(WEIGHT, BIAS.astype("f2")), "return the bias as a float32 NumPy array"),
        (Params(WEIGHT.tolist(), BIAS), "return the weight as a float32 NumPy array"),
        (Params(WEIGHT, BIAS.copy().view(Lazy)), "return the bias as a float32 NumPy array"),
        (Params(WEIGHT.T, BIAS), r"returned a weight of \(2, 3\), not \(3, 2\)"),
        (Params(WEIGHT, BIAS[None]), r"returned a bias of \(1, 2\), not \(2,\)"),
        (Params(np.asarray(Foreign(WEIGHT))[:, :], BIAS), FOREIGN),
        (Params(np.asarray(memoryview(WEIGHT))[:, :], BIAS), FOREIGN),
    ],
)
def test_params_of_wrong_kind_shape_or_memory_are_a_fault(returned, params, message):
    with pytest.raises(ContractError, match=message):
        returned.take(params)


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_params_changed_after_return_are_a_fault(returned, part):
    params = Params(WEIGHT.copy(), BIAS.copy())
    returned.take(params)
    getattr(params, part)[0] = np.nan
    with pytest.raises(ContractError, match="that it had returned"):
        returned.stack()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(4, np.int64), "an array of 5 labels"),
        (np.zeros((5, 1), np.int64), "an array of 5 labels"),
        ([0] * 5, "an array of 5 labels"),
        (np.zeros(5, np.int32), "int64 labels, not int32"),
        (np.zeros(5), "int64 labels, not float64"),
    ],
)
def test_labels_of_wrong_type_or_shape_are_a_fault(labels, message):
    with pytest.raises(ContractError, match=message):
        guard.copy_labels(labels, np.zeros((5, 3)))


def test_unchanged_compares_bits():
    nan = np.array([np.nan, 1], np.float32)
    guard.require_unchanged("it", [nan, np.arange(3)], [nan.copy(), np.arange(3)])
    for other in ([np.nan, 2], [0.0, 1]):
        with pytest.raises(ContractError, match="the implementation changed it; return a copy"):
            guard.require_unchanged("it", [nan], [np.array(other, np.float32)])
    with pytest.raises(ContractError):
        guard.require_unchanged("it", [np.array([0.0])], [np.array([-0.0])])


def test_labels_are_copied():
    labels = np.arange(4)
    taken = guard.copy_labels(labels, np.zeros((4, 3)))
    labels[0] = 9
    assert taken.tolist() == [0, 1, 2, 3]


def test_untouched_suite_passes():
    before = SuiteSnapshot()
    before.check()
    json.scanner = json.scanner  # what only looks changed is not
    before.check()


def assert_replaced(check, what):
    with pytest.raises(ContractError) as fault:
        check()
    assert str(fault.value) == f"it replaced {what}; an implementation leaves the suite alone"


@pytest.mark.parametrize(
    ("owner", "name", "what", "is_clock"),
    [
        (measure, "perf_counter_ns", "bench.worker.measure.perf_counter_ns", True),
        (measure, "time_call", "bench.worker.measure.time_call", True),
        (measure, "MAX_REPEATS", "bench.worker.measure.MAX_REPEATS", True),
        (sys.modules["time"], "thread_time_ns", "time.thread_time_ns", True),
        (guard.ReturnedParams, "take", "the code of bench.worker.guard.ReturnedParams.take", False),
        (json, "dumps", "json.dumps", False),
        (gc, "collect", "gc.collect", False),
        (np, "array_equal", "numpy.array_equal", False),
    ],
)
def test_replaced_value_is_named(monkeypatch, owner, name, what, is_clock):
    before = SuiteSnapshot()
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, lambda *_: 0)
        assert_replaced(before.check, what)
        if is_clock:
            assert_replaced(before.check_clock, what)
    before.check()
    before.check_clock()


CODE = "the code of bench.worker.guard.copy_labels"
CONTENTS = "the contents of bench.worker.measure.TIMED_SECONDS"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda patch: patch.delattr(measure, "time_call"), "bench.worker.measure.time_call"),
        (
            lambda patch: patch.setattr(guard.copy_labels, "__code__", (lambda a, b: a).__code__),
            CODE,
        ),
        (lambda patch: patch.setattr(guard.copy_labels, "__defaults__", (np.zeros(3),)), CODE),
        (lambda patch: patch.setitem(measure.TIMED_SECONDS, "cpu", 0.0), CONTENTS),
        (lambda patch: patch.setitem(measure.TIMED_SECONDS, "tpu", 0.0), CONTENTS),
    ],
)
def test_deleted_or_changed_code_and_contents_are_named(monkeypatch, change, what):
    before = SuiteSnapshot()
    with monkeypatch.context() as patched:
        change(patched)
        assert_replaced(before.check, what)
    before.check()


def test_stopped_collector_is_a_fault():
    before = SuiteSnapshot()
    gc.disable()
    try:
        with pytest.raises(ContractError, match="switched the garbage collector off; leave it on"):
            before.check()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("base", "owned", "own"), [(None, True, True), (None, False, False), (b"theirs", True, False)]
)
def test_memory_is_owned_without_base_and_with_owndata(base, owned, own):
    array = SimpleNamespace(base=base, flags=SimpleNamespace(owndata=owned))
    assert guard._owns_memory(array) == own


def test_snapshot_covers_the_main_module(monkeypatch):
    main = ModuleType("__main__")
    main.MODES, main.leave = {"trial": 1}, guard.copy_labels
    monkeypatch.setitem(sys.modules, "__main__", main)
    before = SuiteSnapshot()
    main.MODES["trial"] = 2
    assert_replaced(before.check, "the contents of __main__.MODES")
    main.MODES["trial"], main.leave = 1, guard.require_unchanged
    assert_replaced(before.check, "__main__.leave")


def test_comparison_is_by_identity():
    assert guard._is_same((WEIGHT, "it"), (WEIGHT, "it"))
    assert not guard._is_same((WEIGHT, "it"), (WEIGHT.copy(), "it"))
    assert not guard._is_same((WEIGHT,), (WEIGHT, "it"))
