"""The rules of the contract that a worker checks."""

import gc
import json
import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from bench.contract import SGD, Params, Problem
from bench.worker import guard, measure
from bench.worker.guard import ContractError, HarnessSnapshot, ReturnedParams

WEIGHT, BIAS = np.zeros((3, 2), np.float32), np.zeros(2, np.float32)


@pytest.fixture
def returned():
    images = np.zeros((4, 3), np.float32)
    return ReturnedParams(Problem(images, np.zeros(4, np.int32), 2, 4, SGD(0.1)))


class Window:
    """Somebody else's memory, as the array interface shows it."""

    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__


class Lazy(np.ndarray):
    """An array that might compute itself when it is looked at."""


def test_params_are_taken_if_numpy_owns_them(returned):
    returned.take(Params(WEIGHT.copy(), BIAS.copy()))
    returned.take(Params(WEIGHT.T.copy().T, np.zeros(4, np.float32)[:2]))
    assert returned.stack().shape == (2, 4, 2)


@pytest.mark.parametrize("array", [Window(WEIGHT), memoryview(WEIGHT)])
def test_params_in_foreign_memory_are_a_fault(returned, array):
    with pytest.raises(ContractError, match="a weight that is a view of its framework's memory"):
        returned.take(Params(np.asarray(array)[:, :], BIAS.copy()))


def test_params_of_an_array_subclass_are_a_fault(returned):
    with pytest.raises(ContractError, match="the bias as a float32 NumPy array"):
        returned.take(Params(WEIGHT.copy(), BIAS.copy().view(Lazy)))


def test_unchanged_compares_bits():
    nan = np.array([np.nan, 1], np.float32)
    guard.require_unchanged("it", [nan, np.arange(3)], [nan.copy(), np.arange(3)])
    for other in ([np.nan, 2], [0.0, 1]):
        with pytest.raises(ContractError, match="the implementation changed it; return a copy"):
            guard.require_unchanged("it", [nan], [np.array(other, np.float32)])
    with pytest.raises(ContractError):
        guard.require_unchanged("it", [np.array([0.0])], [np.array([-0.0])])


def test_labels_are_copied(returned):
    labels = np.arange(4)
    taken = guard.copy_labels(labels, np.zeros((4, 3)))
    labels[0] = 9
    assert taken.tolist() == [0, 1, 2, 3]


def test_untouched_harness_passes():
    before = HarnessSnapshot()
    before.check()
    json.scanner = json.scanner  # what only looks changed is not
    before.check()


@pytest.mark.parametrize(
    ("owner", "name", "says"),
    [
        (measure, "perf_counter_ns", "bench.worker.measure.perf_counter_ns"),
        (measure, "time_call", "bench.worker.measure.time_call"),
        (measure, "MAX_REPEATS", "bench.worker.measure.MAX_REPEATS"),
        (guard.ReturnedParams, "take", "the code of bench.worker.guard.ReturnedParams.take"),
        (json, "dumps", "json.dumps"),
        (gc, "collect", "gc.collect"),
        (np, "array_equal", "numpy.array_equal"),
    ],
)
def test_replaced_value_is_named(monkeypatch, owner, name, says):
    before = HarnessSnapshot()
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, lambda *_: 0)
        with pytest.raises(ContractError) as fault:
            before.check()
    assert str(fault.value) == f"it replaced {says}; an implementation leaves the suite alone"
    before.check()


def test_deleted_value_is_named(monkeypatch):
    before = HarnessSnapshot()
    monkeypatch.delattr(measure, "time_call")
    with pytest.raises(ContractError, match=r"it replaced bench\.worker\.measure\.time_call;"):
        before.check()


def test_changed_code_and_contents_are_named(monkeypatch):
    before = HarnessSnapshot()
    with monkeypatch.context() as patched:
        patched.setattr(guard.copy_labels, "__code__", (lambda labels, images: labels).__code__)
        with pytest.raises(ContractError, match=r"the code of bench\.worker\.guard\.copy_labels"):
            before.check()
    with monkeypatch.context() as patched:
        patched.setitem(measure.TIMED_SECONDS, "cpu", 0.0)
        with pytest.raises(
            ContractError, match=r"the contents of bench\.worker\.measure\.TIMED_SECONDS"
        ):
            before.check()
    before.check()


def test_stopped_collector_is_a_fault():
    before = HarnessSnapshot()
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


def test_params_that_view_a_view_of_a_copy_are_taken(returned):
    weight = WEIGHT.view(Lazy).copy()[:].view(np.ndarray)
    assert weight.base.base is not None  # NumPy shortens such a chain where the types agree
    returned.take(Params(weight, BIAS.copy()))
    assert returned.stack().shape == (1, 4, 2)


@pytest.mark.parametrize(
    ("owner", "name", "says"),
    [
        (measure, "time_call", "bench.worker.measure.time_call"),
        (measure, "MAX_REPEATS", "bench.worker.measure.MAX_REPEATS"),
        (sys.modules["time"], "thread_time_ns", "time.thread_time_ns"),
    ],
)
def test_replaced_clock_fails_both_checks(monkeypatch, owner, name, says):
    before = HarnessSnapshot()
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, lambda *_: 0)
        for check in (before.check_clock, before.check):
            with pytest.raises(ContractError, match=f"it replaced {re.escape(says)};"):
                check()
    before.check_clock()


def test_snapshot_covers_the_main_module(monkeypatch):
    main = ModuleType("__main__")
    main.MODES, main.leave = {"trial": 1}, guard.copy_labels
    monkeypatch.setitem(sys.modules, "__main__", main)
    before = HarnessSnapshot()
    main.MODES["trial"] = 2
    with pytest.raises(ContractError, match=r"it replaced the contents of __main__\.MODES"):
        before.check()
    main.MODES["trial"], main.leave = 1, guard.require_unchanged
    with pytest.raises(ContractError, match=r"it replaced __main__\.leave"):
        before.check()


def test_changed_defaults_and_added_contents_are_named(monkeypatch):
    before = HarnessSnapshot()
    with monkeypatch.context() as patched:
        patched.setattr(guard.copy_labels, "__defaults__", (np.zeros(3),))
        with pytest.raises(ContractError, match=r"the code of bench\.worker\.guard\.copy_labels"):
            before.check()
    with monkeypatch.context() as patched:
        patched.setitem(measure.TIMED_SECONDS, "tpu", 0.0)
        with pytest.raises(
            ContractError, match=r"the contents of bench\.worker\.measure\.TIMED_SECONDS"
        ):
            before.check()
    before.check()


def test_comparison_is_by_identity():
    assert guard._is_same((WEIGHT, "it"), (WEIGHT, "it"))
    assert not guard._is_same((WEIGHT, "it"), (WEIGHT.copy(), "it"))
    assert not guard._is_same((WEIGHT,), (WEIGHT, "it"))
