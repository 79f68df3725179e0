"""What an implementation may not do, checked in its own process.

Every trial is checked, so this costs next to no time and needs only the standard library and
NumPy. It finds mistakes and shortcuts. Code that sets out to deceive its own process has other
ways, so the parent judges what decides a ranking: parity, accuracy and the sum of the times.
"""

import gc
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params, Problem

CLOCK = {"bench.worker.measure", "time"}


class ContractError(Exception):
    """The implementation broke the contract; the message says how."""


class ReturnedParams:
    """The params that train_epoch returned: a copy of each, beside the objects themselves."""

    def __init__(self, problem: Problem) -> None:
        self._shapes = ((problem.features, problem.classes), (problem.classes,))
        self._objects: list[Params] = []
        self._copies: list[Params] = []

    def take(self, params: Any) -> None:
        """Check shape, type and memory of params, and copy them. Raises ContractError."""
        if not isinstance(params, Params):
            raise ContractError(f"train_epoch must return Params, not {type(params).__name__}")
        for name, array, shape in zip(Params._fields, params, self._shapes, strict=True):
            if type(array) is not np.ndarray or array.dtype != np.float32:
                raise ContractError(f"train_epoch must return the {name} as a float32 NumPy array")
            if array.shape != shape:
                raise ContractError(f"train_epoch returned a {name} of {array.shape}, not {shape}")
            if not _owns_memory(array):
                raise ContractError(
                    f"train_epoch returned a {name} that is a view of its framework's memory; "
                    "return np.array(..., copy=True)"
                )
        self._objects.append(params)
        self._copies.append(Params(params.weight.copy(), params.bias.copy()))

    def stack(self) -> NDArray[np.float32]:
        """Return all params, (epochs, features + 1, classes), the bias as the last row.

        Raises ContractError if any object has changed since it was returned.
        """
        for params, copy in zip(self._objects, self._copies, strict=True):
            require_unchanged("params that it had returned (a view of live weights?)", copy, params)
        return np.stack([np.vstack([copy.weight, copy.bias]) for copy in self._copies])


def _owns_memory(array: NDArray[np.float32]) -> bool:
    """Return whether NumPy allocated the memory; a framework's buffer may change later."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.base is None and array.flags.owndata


def require_unchanged(what: str, expected: Iterable[Any], arrays: Iterable[Any]) -> None:
    """Raise ContractError where arrays differ from their copies in any bit."""
    for array, other in zip(expected, arrays, strict=True):
        # As unsigned integers, NaN is equal to itself.
        bits = (one.view(f"u{one.itemsize}") for one in (array, other))
        if not np.array_equal(*bits):
            raise ContractError(
                f"the implementation changed {what}; return a copy, and do not write to what you "
                "receive"
            )


def copy_labels(labels: Any, images: NDArray[np.float32]) -> NDArray[np.int64]:
    """Check what predict returned, and copy it. Raises ContractError."""
    if type(labels) is not np.ndarray or labels.shape != (len(images),):
        raise ContractError(f"predict must return an array of {len(images)} labels")
    if labels.dtype != np.int64:
        raise ContractError(f"predict must return int64 labels, not {labels.dtype}")
    return labels.copy()


class SuiteSnapshot:
    """Suite, clock, collector and cores as they were before an implementation was loaded."""

    def __init__(self) -> None:
        self._cores = _get_cores()
        self._before = dict(_list_values(_list_modules()))
        self._clock = {name: module for name, module in sys.modules.items() if name in CLOCK}
        self._clock_before = dict(_list_values(self._clock.values()))

    def check(self) -> None:
        """Raise ContractError where code was replaced, cores changed or the collector stopped."""
        _compare(self._before, dict(_list_values(_list_modules())))
        if _get_cores() != self._cores:
            raise ContractError("it left the cores it was given; compute on those")
        if not gc.isenabled():
            raise ContractError("it switched the garbage collector off; leave it on")

    def check_clock(self) -> None:
        """Check the clock only: little enough to be done between any two epochs."""
        _compare(self._clock_before, dict(_list_values(self._clock.values())))


def _get_cores() -> set[int] | None:
    """Return the cores that this thread may use; None where there is no affinity (macOS)."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _list_modules() -> list[ModuleType]:
    """Return the modules that measure and check, and those that they call."""
    own = [module for name, module in sys.modules.items() if name.partition(".")[0] == "bench"]
    main = sys.modules["__main__"]  # the worker itself, whose name is not bench.worker
    return [*own, main, sys.modules["time"], gc, json, np]


def _list_values(modules: Iterable[ModuleType]) -> Iterator[tuple[str, Any]]:
    """Yield the values of modules by name; of our own also what can change inside a value."""
    for module in modules:
        own = module.__name__.partition(".")[0] in {"bench", "__main__"}
        for name, value in list(vars(module).items()):
            path = f"{module.__name__}.{name}"
            if own or callable(value):  # any library may set time.tzname
                yield path, value
            if own:
                yield from _list_contents(path, value)
                if isinstance(value, type) and value.__module__ == module.__name__:
                    for attribute, member in vars(value).items():
                        yield from _list_contents(f"{path}.{attribute}", member)


def _list_contents(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what can change within a value that stays the same object."""
    if isinstance(value, FunctionType):
        yield f"the code of {path}", (value, value.__code__, value.__defaults__)
    elif isinstance(value, dict) and not path.endswith("__"):
        yield f"the contents of {path}", dict(value)


def _compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    for name, value in before.items():
        if name not in after or not _is_same(value, after[name]):
            raise ContractError(f"it replaced {name}; an implementation leaves the suite alone")


def _is_same(before: Any, after: Any) -> bool:
    """Compare by identity, one level deep; ``==`` can be anything, for arrays it is an array."""
    if isinstance(before, tuple) and isinstance(after, tuple):
        return len(before) == len(after) and all(a is b for a, b in zip(before, after, strict=True))
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(before[key] is after[key] for key in before)
    return before is after
