"""What a classifier has learned: its weights, what it predicts, and which classes it confuses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from bench import prepared, reference, store
from bench.contract import Params
from bench.dataset import Dataset
from bench.result import Case, Record

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Learned:
    """One case after its workload's last epoch, as its first round with params kept left it.

    weight: float32 (features, classes). predicted: int64 (tests,), of the test images.
    """

    case: Case
    weight: NDArray[np.float32]
    predicted: Labels


def learned(
    folder: Path, cases: Iterable[Case], records: Sequence[Record], data: Dataset
) -> list[Learned]:
    """Return what these cases have learned, in their order; those without kept params are left out.

    folder: the run's. Raises DataError where the data cannot be read.
    """
    kept = [(case, params) for case in cases
            if (params := _last(folder, case, records, data)) is not None]  # fmt: skip
    if not kept:
        return []
    images = prepared.read(data.folder, "test")[0].astype(np.float64)
    logits = reference.forward_each([params for _, params in kept], images)
    return [
        Learned(case, params.weight, each.argmax(axis=1))
        for (case, params), each in zip(kept, logits, strict=True)
    ]


def confusion(labels: NDArray[np.int32], predicted: Labels, classes: int) -> NDArray[np.int64]:
    """Count the images of each class (rows) by the class that was predicted (columns)."""
    counts: NDArray[np.int64] = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def differing(one: Learned, other: Learned) -> int:
    """Count the test images that two classifiers put into different classes."""
    return int((one.predicted != other.predicted).sum())


def _last(folder: Path, case: Case, records: Iterable[Record], data: Dataset) -> Params | None:
    """Return the params after the last epoch of the first good trial whose params are there."""
    trials = [one for one in records
              if one.kind == "trial" and one.status == "ok" and one.case == case]  # fmt: skip
    shape = (data.features + 1, data.classes)
    for trial in sorted(trials, key=lambda one: one.round):
        stack = store.read_params(folder, trial.trial)
        if _fits(stack, case.epochs, shape):
            last = stack[case.epochs]  # after the first epoch, which has an index too
            return Params(last[:-1], last[-1])
    return None


def _fits(
    stack: NDArray[np.float32] | None, epochs: int, shape: tuple[int, int]
) -> TypeGuard[NDArray[np.float32]]:
    """Tell whether a file holds what a trial of this problem leaves."""
    return (
        stack is not None
        and len(stack) > epochs
        and stack.shape[1:] == shape
        and bool(np.isfinite(stack[epochs]).all())
    )
