"""What an implementation may not do, looked at in its own process.

Only the standard library and NumPy, and next to no time: every trial is held to it. It finds
mistakes and shortcuts. Code that sets out to deceive the process it runs in has other ways, so
what decides a ranking (parity, accuracy, the sum of the times) is judged by the parent.
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
    """The params that train_epoch handed back, copied at once, beside the very objects."""

    def __init__(self, problem: Problem) -> None:
        self._shapes = ((problem.features, problem.classes), (problem.classes,))
        self._objects: list[Params] = []
        self._copies: list[Params] = []

    def take(self, params: Any) -> None:
        """Check shape, type and memory, and keep params; raises FaultError."""
        if not isinstance(params, Params):
            raise ContractError(f"train_epoch must return Params, not {type(params).__name__}")
        for name, array, shape in zip(Params._fields, params, self._shapes, strict=True):
            if type(array) is not np.ndarray or array.dtype != np.float32:
                raise ContractError(f"train_epoch must return the {name} as a float32 NumPy array")
            if array.shape != shape:
                raise ContractError(f"train_epoch returned a {name} of {array.shape}, not {shape}")
            if not _own_memory(array):
                raise ContractError(
                    f"train_epoch returned a {name} that is a view of its framework's memory; "
                    "return np.array(..., copy=True)"
                )
        self._objects.append(params)
        self._copies.append(Params(params.weight.copy(), params.bias.copy()))

    def stack(self) -> NDArray[np.float32]:
        """All params, (epochs, features + 1, classes); raises FaultError if any changed since."""
        for taken, copy in zip(self._objects, self._copies, strict=True):
            require_unchanged("params it had handed back (a view of live weights?)", copy, taken)
        return np.stack([np.vstack([copy.weight, copy.bias]) for copy in self._copies])


def _own_memory(array: NDArray[np.float32]) -> bool:
    """Tell memory that NumPy allocated from a window on somebody else's."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.base is None and array.flags.owndata


def require_unchanged(what: str, expected: Iterable[Any], found: Iterable[Any]) -> None:
    """Raise FaultError where arrays that were handed out or back have changed."""
    pairs = zip(expected, found, strict=True)
    if not all(np.array_equal(_bits(a), _bits(b)) for a, b in pairs):
        raise ContractError(f"the implementation changed {what}; hand over and keep copies")


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    """View numbers as their bits, by which NaN is equal to itself."""
    return array.view(f"u{array.itemsize}")


def copy_labels(found: Any, images: NDArray[np.float32]) -> NDArray[np.int64]:
    """Check what predict returned, and copy it; raises FaultError."""
    if type(found) is not np.ndarray or found.shape != (len(images),):
        raise ContractError(f"predict must return an array of {len(images)} labels")
    if found.dtype != np.int64:
        raise ContractError(f"predict must return int64 labels, not {found.dtype}")
    return found.copy()


class HarnessSnapshot:
    """Harness, clock, collector and cores as they were before an implementation came."""

    def __init__(self) -> None:
        self._cores = _cores()
        self._before = dict(_state(_modules()))
        self._clock = {name: module for name, module in sys.modules.items() if name in CLOCK}
        self._clock_before = dict(_state(self._clock.values()))

    def check(self) -> None:
        """Raise FaultError where any of it was replaced, switched off or left."""
        _compare(self._before, dict(_state(_modules())))
        if _cores() != self._cores:
            raise ContractError("it left the cores it was given; compute on those")
        if not gc.isenabled():
            raise ContractError("it switched the garbage collector off; leave it on")

    def check_clock(self) -> None:
        """Look at the clock only: little enough to be done before every epoch, in its caches."""
        _compare(self._clock_before, dict(_state(self._clock.values())))


def _cores() -> set[int] | None:
    """Return the cores that this thread may use; None where there is no affinity (macOS)."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for name, value in before.items():
        if name not in now or not _equal(value, now[name]):
            raise ContractError(f"it replaced {name}; an implementation leaves the suite alone")


def _modules() -> list[ModuleType]:
    own = [module for name, module in sys.modules.items() if name.partition(".")[0] == "bench"]
    main = sys.modules["__main__"]  # the worker itself, whose name is not bench.worker
    return [*own, main, sys.modules["time"], gc, json, np]


def _state(modules: Iterable[ModuleType]) -> Iterator[tuple[str, Any]]:
    """Everything that measures or judges, by name; what is called, by its code."""
    for module in modules:
        own = module.__name__.partition(".")[0] in {"bench", "__main__"}
        for name, value in list(vars(module).items()):
            where = f"{module.__name__}.{name}"
            if own or callable(value):  # time.tzname is any library's to set
                yield where, value
            if own:
                yield from _inside(where, value)
                if isinstance(value, type) and value.__module__ == module.__name__:
                    for part, inner in vars(value).items():
                        yield from _inside(f"{where}.{part}", inner)


def _inside(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    """What can be changed within a value that stays the same object."""
    if isinstance(value, FunctionType):
        yield f"the code of {where}", (value, value.__code__, value.__defaults__)
    elif isinstance(value, dict) and not where.endswith("__"):
        yield f"the contents of {where}", dict(value)


def _equal(before: Any, now: Any) -> bool:
    """Compare by identity, one level deep: equality may be anything, arrays' least of all."""
    if isinstance(before, tuple) and isinstance(now, tuple):
        return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))
    if isinstance(before, dict) and isinstance(now, dict):
        return before.keys() == now.keys() and all(before[key] is now[key] for key in before)
    return before is now
