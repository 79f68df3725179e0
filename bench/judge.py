"""The parent's judgement of a trial, from the params that it handed over.

A child cannot vouch for itself: parity, accuracy and loss are computed here, against an oracle
that is computed once for all trials of the same problem.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bench import dataset, reference
from bench.contract import Params, Problem
from bench.result import Case, Parity
from bench.workload import FIRST_EPOCH, WORKLOADS, initial_params, order
from implementations import FIGURES

# Float32 in another order of summation stays below it; a weight decay of 1e-6, a learning rate off
# by 1e-4, swapped batches and half precision do not (tests/test_judge.py).
TOLERANCE = 1e-5
# Longer runs are not compared: rounding grows with the epochs, and five show a fault.
JUDGED_EPOCHS = 5
# Two labels may differ where the two best logits are this close: rounding decides.
TIE = 1e-4

LOSSES = {"softmax": reference.cross_entropy, "one-vs-rest": reference.logistic_loss}

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Parity and, for every timed epoch, accuracy and loss; ``fault`` says what is wrong."""

    parity: Parity | None = None
    validation_accuracy: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    test_accuracy: tuple[float, ...] = ()
    fault: str | None = None


class Judge:
    """Judges the trials of a run on one data set; keeps the oracles it has computed."""

    def __init__(self, folder: Path, classes: int, seed: int) -> None:
        self._folder = folder
        self._classes = classes
        self._seed = seed
        self._validation = _double(*dataset.read(folder, "validation"))
        self._test = _double(*dataset.read(folder, "test"))
        self._oracles: dict[tuple[object, ...], list[reference.Solution]] = {}

    def judge(self, case: Case, params: Path, predicted: Path) -> Judgement:
        """Judge the params and the predicted labels that a trial of this case left."""
        try:
            stack = _load(params, np.float32)
            labels = _load(predicted, np.int64)
        except (OSError, EOFError, ValueError) as error:
            return Judgement(fault=f"what it handed over cannot be read: {error}")
        if fault := self._shape_fault(case, stack):
            return Judgement(fault=fault)
        epochs = [Params(params[:-1], params[-1]) for params in stack]
        parity = self._parity(case, epochs)
        fault = self._label_fault(epochs[-1], labels) or parity_fault(parity)
        loss = LOSSES[case.objective]
        validation = [reference.forward(params, self._validation[0]) for params in epochs[1:]]
        test = [reference.forward(params, self._test[0]) for params in epochs[1:]]
        return Judgement(
            parity=parity,
            validation_accuracy=_accuracies(validation, self._validation[1]),
            validation_loss=tuple(loss(logits, self._validation[1]) for logits in validation),
            test_accuracy=_accuracies(test, self._test[1]),
            fault=fault,
        )

    def _shape_fault(self, case: Case, stack: NDArray[np.float32]) -> str | None:
        expected = (self._validation[0].shape[1] + 1, self._classes)
        if stack.ndim != 3 or stack.shape[1:] != expected or len(stack) < 1 + case.epochs:
            return f"it handed over params of shape {stack.shape}, not (epochs, {expected})"
        if not np.isfinite(stack).all():
            return "its params are not finite: NaN or infinity after an epoch"
        return None

    def _parity(self, case: Case, epochs: list[Params]) -> Parity:
        """Compare the first epoch and the first five timed ones; the largest error counts."""
        first, *timed = self._oracle(case)
        initial = self._initial(case)
        compared = zip(epochs, [first, *timed], strict=False)
        error = max(reference.parity_error(found, truth, initial) for found, truth in compared)
        return Parity(error=error, tolerance=TOLERANCE, passed=bool(error <= TOLERANCE))

    def _initial(self, case: Case) -> Params:
        features = self._validation[0].shape[1]
        return initial_params(WORKLOADS[case.workload], features, self._classes, self._seed)

    def _oracle(self, case: Case) -> list[reference.Solution]:
        """Solutions after the first epoch and after each judged one, as the trial trains them."""
        epochs = min(case.epochs, JUDGED_EPOCHS)
        key = (case.workload, case.objective, case.batch_size, case.samples, epochs)
        if key not in self._oracles:
            images, labels = dataset.read_samples(self._folder, case.samples)
            optimizer = WORKLOADS[case.workload].optimizer
            problem = Problem(images, labels, self._classes, case.batch_size, optimizer)
            initial = self._initial(case)
            orders = [order(self._seed, epoch, case.samples) for epoch in range(1 + epochs)]
            first = orders.pop(FIRST_EPOCH)
            self._oracles[key] = [
                *reference.train(problem, initial, [first], case.objective),
                *reference.train(problem, initial, orders, case.objective),
            ]
        return self._oracles[key]

    def _label_fault(self, params: Params, labels: NDArray[np.int64]) -> str | None:
        """Hold the predicted labels against the params of the last epoch."""
        logits = reference.forward(params, self._test[0])
        if labels.shape != (len(logits),) or labels.min() < 0 or labels.max() >= self._classes:
            return "predict returned labels of the wrong shape or out of range"
        chosen = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
        wrong = int((logits.max(axis=1) - chosen > TIE).sum())
        if wrong:
            return f"predict disagrees with argmax(images @ weight + bias) on {wrong} images"
        return None


def parity_fault(parity: Parity) -> str | None:
    """Say in a sentence that a trial computed something else."""
    if parity.passed:
        return None
    return f"parity error {parity.error:.1e} is above {parity.tolerance:.0e}: other mathematics"


def figure_fault(name: str, values: Mapping[str, float]) -> str | None:
    """Say in a sentence that a program of the textbook came out otherwise than published."""
    published = next(figure.published for figure in FIGURES if figure.name == name)
    for quantity, (value, tolerance) in published.items():
        if quantity not in values:
            return f"it returned no {quantity}"
        if tolerance is not None and not abs(values[quantity] - value) <= tolerance:
            return f"{quantity} {values[quantity]:.4f} is not within {tolerance} of {value}"
    return None


def _double(
    images: NDArray[np.float32], labels: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Convert the images once: every epoch of every trial is judged on them, in float64."""
    return images.astype(np.float64), labels


def _accuracies(epochs: list[NDArray[np.float64]], labels: NDArray[np.int32]) -> tuple[float, ...]:
    return tuple(reference.accuracy(logits, labels) for logits in epochs)


def _load(path: Path, dtype: type[Scalar]) -> NDArray[Scalar]:
    array: NDArray[Scalar] = np.load(path, allow_pickle=False)
    if array.dtype != dtype:
        raise ValueError(f"{path.name} is {array.dtype}, not {np.dtype(dtype).name}")
    return array
