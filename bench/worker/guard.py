"""The rules of the contract that only the implementation's own process can check.

They catch mistakes: a view of live weights, an array that was written to, a garbage collector that
was switched off. Code that sets out to deceive has other ways in its own process, so what decides a
ranking is checked by the parent: params, labels, cores, and a clock of its own.
"""

import gc
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params


class ContractError(Exception):
    """The implementation broke the contract; the message says how."""


def copy_params(params: Any, target: NDArray[np.float32]) -> None:
    """Copy what train_epoch returned to (features + 1, classes), the bias as the last row.

    Of several models, to (models, features + 1, classes).
    Exactly ``Params`` of two NumPy arrays are accepted: a subclass could compute when it is read.
    Raises ContractError.
    """
    if type(params) is not Params:
        raise ContractError(f"train_epoch must return Params, not {type(params).__name__}")
    *models, rows, classes = target.shape
    shapes = {"weight": (*models, rows - 1, classes), "bias": (*models, classes)}
    for (name, shape), array in zip(shapes.items(), params, strict=True):
        if type(array) is not np.ndarray or array.dtype != np.float32:
            raise ContractError(f"train_epoch must return the {name} as a float32 NumPy array")
        if array.shape != shape:
            raise ContractError(f"train_epoch returned a {name} of {array.shape}, not {shape}")
    target[..., :-1, :], target[..., -1, :] = params


def require_own_memory(params: Params) -> None:
    """Raise ContractError where NumPy did not allocate the params: a framework's buffer changes."""
    for name, array in zip(Params._fields, params, strict=True):
        base: Any = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        if not base.flags.owndata:
            raise ContractError(
                f"train_epoch returned a {name} that is a view of its framework's memory. "
                "Return np.array(..., copy=True)"
            )


def require_unchanged(what: str, expected: Iterable[Any], arrays: Iterable[Any]) -> None:
    """Raise ContractError where arrays differ from their copies in any bit."""
    for array, other in zip(expected, arrays, strict=True):
        # As unsigned integers, NaN is equal to itself.
        bits = (values.view(f"u{values.itemsize}") for values in (array, other))
        if not np.array_equal(*bits):
            raise ContractError(
                f"the implementation changed {what}. Return a copy, and do not write to what you "
                "receive"
            )


def copy_labels(labels: Any, target: NDArray[np.int64]) -> None:
    """Copy what predict returned to (n,). Raises ContractError."""
    if type(labels) is not np.ndarray or labels.shape != target.shape:
        raise ContractError(f"predict must return an array of {len(target)} labels")
    if labels.dtype != np.int64:
        raise ContractError(f"predict must return int64 labels, not {labels.dtype}")
    target[:] = labels


def read_collector() -> tuple[object, ...]:
    """Return how the garbage collector is set: whether it is on, its thresholds, what is frozen."""
    return gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()


def require_collector(before: tuple[object, ...]) -> None:
    """Raise ContractError where the garbage collector is set otherwise than before."""
    if read_collector() != before:
        raise ContractError(
            "it changed the garbage collector: on or off, thresholds or frozen objects. Leave it"
        )
