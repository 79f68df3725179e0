"""What an implementation may not do, looked at without a process of its own."""

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
def handed():
    images = np.zeros((4, 3), np.float32)
    return ReturnedParams(Problem(images, np.zeros(4, np.int32), 2, 4, SGD(0.1)))


class Window:
    """Somebody else's memory, as the array interface shows it."""

    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__


class Lazy(np.ndarray):
    """An array that might compute itself when it is looked at."""


def test_a_copy_is_taken_and_so_is_a_view_of_one(handed):
    handed.take(Params(WEIGHT.copy(), BIAS.copy()))
    handed.take(Params(WEIGHT.T.copy().T, np.zeros(4, np.float32)[:2]))
    assert handed.stack().shape == (2, 4, 2)


@pytest.mark.parametrize("array", [Window(WEIGHT), memoryview(WEIGHT)])
def test_memory_that_is_not_numpys_is_a_fault(handed, array):
    with pytest.raises(ContractError, match="a weight that is a view of its framework's memory"):
        handed.take(Params(np.asarray(array)[:, :], BIAS.copy()))


def test_a_kind_of_array_that_is_not_numpys_own_is_a_fault(handed):
    with pytest.raises(ContractError, match="the bias as a float32 NumPy array"):
        handed.take(Params(WEIGHT.copy(), BIAS.copy().view(Lazy)))


def test_what_is_the_same_bit_for_bit_is_the_same_whatever_it_means():
    nan = np.array([np.nan, 1], np.float32)
    guard.require_unchanged("it", [nan, np.arange(3)], [nan.copy(), np.arange(3)])
    for other in ([np.nan, 2], [0.0, 1]):
        with pytest.raises(
            ContractError, match="the implementation changed it; hand over and keep"
        ):
            guard.require_unchanged("it", [nan], [np.array(other, np.float32)])
    with pytest.raises(ContractError):
        guard.require_unchanged("it", [np.array([0.0])], [np.array([-0.0])])


def test_labels_are_copied(handed):
    found = np.arange(4)
    taken = guard.copy_labels(found, np.zeros((4, 3)))
    found[0] = 9
    assert taken.tolist() == [0, 1, 2, 3]


def test_a_harness_that_nobody_touched_is_untouched():
    before = HarnessSnapshot()
    before.check()
    json.scanner = json.scanner  # what only looks changed is not
    before.check()


@pytest.mark.parametrize(
    ("owner", "name", "says"),
    [
        (measure, "perf_counter_ns", "bench.worker.measure.perf_counter_ns"),
        (measure, "time_call", "bench.worker.measure.time_call"),
        (measure, "MOST_REPEATS", "bench.worker.measure.MOST_REPEATS"),
        (guard.ReturnedParams, "take", "the code of bench.worker.guard.ReturnedParams.take"),
        (json, "dumps", "json.dumps"),
        (gc, "collect", "gc.collect"),
        (np, "array_equal", "numpy.array_equal"),
    ],
)
def test_what_is_replaced_is_named(monkeypatch, owner, name, says):
    before = HarnessSnapshot()
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, lambda *_: 0)
        with pytest.raises(ContractError) as fault:
            before.check()
    assert str(fault.value) == f"it replaced {says}; an implementation leaves the suite alone"
    before.check()


def test_what_is_taken_away_is_named(monkeypatch):
    before = HarnessSnapshot()
    monkeypatch.delattr(measure, "time_call")
    with pytest.raises(ContractError, match=r"it replaced bench\.worker\.measure\.time_call;"):
        before.check()


def test_other_code_and_other_contents_in_the_same_object_are_seen(monkeypatch):
    before = HarnessSnapshot()
    with monkeypatch.context() as patched:
        patched.setattr(guard.copy_labels, "__code__", (lambda found, images: found).__code__)
        with pytest.raises(ContractError, match=r"the code of bench\.worker\.guard\.copy_labels"):
            before.check()
    with monkeypatch.context() as patched:
        patched.setitem(measure.TIMED_SECONDS, "cpu", 0.0)
        with pytest.raises(
            ContractError, match=r"the contents of bench\.worker\.measure\.TIMED_SECONDS"
        ):
            before.check()
    before.check()


def test_the_collector_stays_on():
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
def test_memory_is_numpys_own_where_it_has_no_base_and_is_freed_with_the_array(base, owned, own):
    array = SimpleNamespace(base=base, flags=SimpleNamespace(owndata=owned))
    assert guard._own_memory(array) == own


def test_a_view_of_a_view_of_a_copy_is_taken(handed):
    weight = WEIGHT.view(Lazy).copy()[:].view(np.ndarray)
    assert weight.base.base is not None  # NumPy shortens such a chain where the types agree
    handed.take(Params(weight, BIAS.copy()))
    assert handed.stack().shape == (1, 4, 2)


@pytest.mark.parametrize(
    ("owner", "name", "says"),
    [
        (measure, "time_call", "bench.worker.measure.time_call"),
        (measure, "MOST_REPEATS", "bench.worker.measure.MOST_REPEATS"),
        (sys.modules["time"], "thread_time_ns", "time.thread_time_ns"),
    ],
)
def test_a_clock_that_is_replaced_is_seen_by_either_check(monkeypatch, owner, name, says):
    before = HarnessSnapshot()
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, lambda *_: 0)
        for check in (before.check_clock, before.check):
            with pytest.raises(ContractError, match=f"it replaced {re.escape(says)};"):
                check()
    before.check_clock()


def test_the_worker_is_looked_after_though_its_name_is_main(monkeypatch):
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


def test_other_defaults_and_more_contents_in_the_same_object_are_seen(monkeypatch):
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


def test_what_is_equal_is_not_the_same_and_arrays_are_not_asked():
    assert guard._equal((WEIGHT, "it"), (WEIGHT, "it"))
    assert not guard._equal((WEIGHT, "it"), (WEIGHT.copy(), "it"))
    assert not guard._equal((WEIGHT,), (WEIGHT, "it"))
