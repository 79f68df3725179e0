"""The rules of the contract that a worker checks."""

import gc

import numpy as np
import pytest

from bench.contract import Params
from bench.worker import guard
from bench.worker.guard import ContractError

WEIGHT, BIAS = np.zeros((3, 2), np.float32), np.zeros(2, np.float32)


class Foreign:
    """Somebody else's memory, as the array interface shows it."""

    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__


class Lazy(np.ndarray):
    """An array that might compute itself when it is looked at."""


class LateParams(Params):
    """Params that might train when they are unpacked."""


def test_params_are_copied_with_the_bias_as_last_row():
    target = np.zeros((4, 2), np.float32)
    weight = np.arange(6, dtype=np.float32).reshape(2, 3).T  # not contiguous
    params = Params(weight, np.array([8, 9], np.float32))
    guard.copy_params(params, target)
    weight[:] = -1
    assert target.tolist() == [[0, 3], [1, 4], [2, 5], [8, 9]]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ((WEIGHT, BIAS), "train_epoch must return Params, not tuple"),
        (None, "train_epoch must return Params, not NoneType"),
        (LateParams(WEIGHT, BIAS), "train_epoch must return Params, not LateParams"),
        (Params(WEIGHT.astype(float), BIAS), "return the weight as a float32 NumPy array"),
        (Params(WEIGHT, BIAS.astype("f2")), "return the bias as a float32 NumPy array"),
        (Params(WEIGHT.tolist(), BIAS), "return the weight as a float32 NumPy array"),
        (Params(WEIGHT.view(Lazy), BIAS), "return the weight as a float32 NumPy array"),
        (Params(WEIGHT, BIAS.copy().view(Lazy)), "return the bias as a float32 NumPy array"),
        (Params(WEIGHT.T, BIAS), r"returned a weight of \(2, 3\), not \(3, 2\)"),
        (Params(WEIGHT, BIAS[None]), r"returned a bias of \(1, 2\), not \(2,\)"),
    ],
)
def test_params_of_wrong_kind_or_shape_are_a_fault(params, message):
    target = np.full((4, 2), 7, np.float32)
    with pytest.raises(ContractError, match=message):
        guard.copy_params(params, target)
    assert np.all(target == 7)


def test_memory_that_numpy_owns_is_accepted():
    view_of_a_view = WEIGHT.view(Lazy).copy()[:].view(np.ndarray)
    assert view_of_a_view.base.base is not None  # NumPy shortens such a chain of equal types
    for weight in (WEIGHT.copy(), WEIGHT.T.copy().T, view_of_a_view):
        guard.require_own_memory(Params(weight, np.zeros(4, np.float32)[:2]))


@pytest.mark.parametrize("wrap", [Foreign, memoryview])
@pytest.mark.parametrize("part", ["weight", "bias"])
def test_memory_of_a_framework_is_a_fault(wrap, part):
    foreign = np.asarray(wrap(getattr(Params(WEIGHT, BIAS), part)))[:]
    params = Params(WEIGHT, BIAS)._replace(**{part: foreign})
    with pytest.raises(ContractError, match=f"a {part} that is a view of its framework's memory"):
        guard.require_own_memory(params)


def test_unchanged_compares_bits():
    nan = np.array([np.nan, 1], np.float32)
    guard.require_unchanged("it", [nan, np.arange(3)], [nan.copy(), np.arange(3)])
    for other in ([np.nan, 2], [0.0, 1]):
        with pytest.raises(ContractError, match="the implementation changed it"):
            guard.require_unchanged("it", [nan], [np.array(other, np.float32)])
    with pytest.raises(ContractError):
        guard.require_unchanged("it", [np.array([0.0])], [np.array([-0.0])])


def test_labels_are_copied():
    labels, target = np.arange(4), np.zeros(4, np.int64)
    guard.copy_labels(labels, target)
    labels[0] = 9
    assert target.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(4, np.int64), "an array of 5 labels"),
        (np.zeros((5, 1), np.int64), "an array of 5 labels"),
        ([0] * 5, "an array of 5 labels"),
        (np.zeros(5, np.int64).view(Lazy), "an array of 5 labels"),
        (np.zeros(5, np.int32), "int64 labels, not int32"),
        (np.zeros(5), "int64 labels, not float64"),
    ],
)
def test_labels_of_wrong_type_or_shape_are_a_fault(labels, message):
    with pytest.raises(ContractError, match=message):
        guard.copy_labels(labels, np.zeros(5, np.int64))


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        (gc.disable, gc.enable),
        (lambda: gc.set_threshold(10**9), lambda: gc.set_threshold(*THRESHOLDS)),
        (gc.freeze, gc.unfreeze),
    ],
    ids=["off", "thresholds", "frozen"],
)
def test_changed_collector_is_a_fault(change, undo):
    before = guard.read_collector()
    change()
    try:
        with pytest.raises(ContractError, match="it changed the garbage collector"):
            guard.require_collector(before)
    finally:
        undo()
    guard.require_collector(before)


THRESHOLDS = gc.get_threshold()
