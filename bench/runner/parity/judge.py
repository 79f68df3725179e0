"""The parent's judgement of a trial, from the params that it handed over.

A child cannot vouch for itself: parity, accuracy and loss are computed here, against an oracle
that is computed once for all trials of the same problem.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params, Problem
from bench.records.files import read_npy
from bench.records.schema import Case, Parity
from bench.runner.parity import oracle
from bench.worker import data
from bench.worker.conformance import list_predictions
from bench.worker.measure import MOST_REPEATS
from bench.worker.workloads import (
    EXAMINATION,
    TRIAL,
    WORKLOADS,
    Segment,
    draw_order,
    draw_start_params,
)
from implementations import TEXTBOOK_PROGRAMS

# Float32 in another order of summation stays below it; a weight decay of 1e-6, a learning rate off
# by 1e-4, swapped batches and half precision do not (tests/test_judge.py).
TOLERANCE = 1e-5
# Two labels may differ where the two best logits are this close: rounding decides.
LABEL_TIE = 1e-4

# What a quantity of a figure may be; a float holds it.
LARGEST = 1e18

# So many seconds of epochs tell how many cores they used.
MIN_SECONDS = 0.1

LOSSES = {"softmax": oracle.cross_entropy, "one-vs-rest": oracle.logistic_loss}

Script = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Parity and, for every timed epoch, accuracy and loss; ``fault`` says what is wrong.

    errors: the parity error after each epoch that was compared, in the order of the script.
    """

    parity: Parity | None = None
    errors: tuple[float, ...] = ()
    validation_accuracy: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    test_accuracy: tuple[float, ...] = ()
    fault: str | None = None


class Judge:
    """Judges the trials of a run on one data set; keeps the oracles it has computed."""

    def __init__(self, folder: Path, classes: int, seed: int) -> None:
        self._folder = folder
        self._classes = classes
        self.seed = seed
        self._validation = _double(*data.read(folder, "validation"))
        self._test = _double(*data.read(folder, "test"))
        self._oracles: dict[tuple[object, ...], list[oracle.Solution]] = {}

    def judge(self, case: Case, params: Path, predicted: Path, seconds: object) -> Judgement:
        """Judge the params and the predicted labels that a trial of this case left.

        seconds: what the child says of its timed epochs: a list, or there are none.
        """
        first, timed = TRIAL
        script = (first, Segment(timed.start, timed.epochs[: case.epochs]))
        count = len(seconds) if isinstance(seconds, list) else 0
        found = self._read(params, predicted, 1 + count)
        if isinstance(found, Judgement):
            return found
        most = max(case.epochs, MOST_REPEATS)
        if not case.epochs <= count <= most:
            return Judgement(fault=f"it timed {count} epochs, not {case.epochs} to {most}")
        epochs, labels = found
        judgement = self._scored(case, epochs[1:], self._compared(case, script, epochs))
        fault = label_fault(epochs[-1], self._test[0], labels) or judgement.fault
        return replace(judgement, fault=fault)

    def examine(self, case: Case, params: Path, predicted: Path) -> Judgement:
        """Judge what the script of ``bench check`` left: every epoch, every prediction."""
        found = self._read(params, predicted, sum(len(each.epochs) for each in EXAMINATION))
        if isinstance(found, Judgement):
            return found
        epochs, labels = found
        judgement = self._compared(case, EXAMINATION, epochs)
        if judgement.fault:
            return judgement
        shown = list_predictions(epochs, self.start(case, EXAMINATION[-1]), self._test[0])
        for (what, weights, images), part in zip(shown, _parts(labels, shown), strict=True):
            if fault := label_fault(weights, images, part):
                return replace(judgement, fault=f"{fault}, {what}")
        return judgement

    def _read(
        self, params: Path, predicted: Path, count: int
    ) -> tuple[list[Params], NDArray[np.int64]] | Judgement:
        """Read what a child handed over, or say what is wrong with it."""
        try:
            stack = read_npy(params, np.float32, 3)
            labels = read_npy(predicted, np.int64, 1)
        except (OSError, ValueError) as error:
            return Judgement(fault=f"what it handed over cannot be read: {error}")
        if fault := self._shape_fault(stack, count):
            return Judgement(fault=fault)
        return [Params(each[:-1], each[-1]) for each in stack], labels

    def _scored(self, case: Case, epochs: list[Params], judgement: Judgement) -> Judgement:
        """Add accuracy and loss after each of these epochs, in float64."""
        loss = LOSSES[case.objective]
        validation = oracle.forward_many(epochs, self._validation[0])
        test = oracle.forward_many(epochs, self._test[0])
        return replace(
            judgement,
            validation_accuracy=_accuracies(validation, self._validation[1]),
            validation_loss=tuple(loss(logits, self._validation[1]) for logits in validation),
            test_accuracy=_accuracies(test, self._test[1]),
        )

    def _shape_fault(self, stack: NDArray[np.float32], count: int) -> str | None:
        expected = (self._validation[0].shape[1] + 1, self._classes)
        if stack.shape[1:] != expected:
            return f"it handed over params of shape {stack.shape}, not (epochs, {expected})"
        if len(stack) != count:  # all are judged: of too many, the memory would not do
            return f"it handed over params of {len(stack)} epochs, not {count}"
        if not np.isfinite(stack).all():
            return "its params are not finite: NaN or infinity after an epoch"
        return None

    def _compared(self, case: Case, script: Script, epochs: list[Params]) -> Judgement:
        """Compare the params after each epoch of a script with the oracle; the worst counts."""
        truths = self._solutions(case, script)
        starts = [self.start(case, stretch) for stretch in script for _ in stretch.epochs]
        compared = zip(epochs, truths, starts, strict=False)  # a trial has more than is compared
        errors = tuple(oracle.parity_error(*each) for each in compared)
        error = max(errors)
        parity = Parity(error=error, tolerance=TOLERANCE, passed=bool(error <= TOLERANCE))
        return Judgement(parity=parity, errors=errors, fault=parity_fault(parity))

    def start(self, case: Case, stretch: Segment) -> Params:
        """Return the weights that a stretch of this case begins with."""
        features = self._validation[0].shape[1]
        workload = WORKLOADS[case.workload]
        return draw_start_params(stretch, workload, features, self._classes, self.seed)

    def problem(self, case: Case) -> Problem:
        """Return the problem that a case trains."""
        images, labels = data.read_samples(self._folder, case.samples)
        optimizer = WORKLOADS[case.workload].optimizer
        return Problem(images, labels, self._classes, case.batch_size, optimizer)

    def _solutions(self, case: Case, script: Script) -> list[oracle.Solution]:
        """Solutions after each epoch of a script."""
        return [each for stretch in script for each in self._oracle(case, stretch)]

    def _oracle(self, case: Case, stretch: Segment) -> list[oracle.Solution]:
        key = (case.workload, case.objective, case.batch_size, case.samples, stretch)
        if key not in self._oracles:
            orders = [draw_order(self.seed, epoch, case.samples) for epoch in stretch.epochs]
            self._oracles[key] = oracle.train(
                self.problem(case), self.start(case, stretch), orders, case.objective
            )
        return self._oracles[key]


def label_fault(
    params: Params, images: NDArray[np.float64], labels: NDArray[np.int64]
) -> str | None:
    """Hold predicted labels against the params that they were predicted with."""
    logits = oracle.forward(params, images)
    classes = logits.shape[1]
    if labels.shape != (len(logits),) or labels.min() < 0 or labels.max() >= classes:
        return "predict returned labels of the wrong shape or out of range"
    chosen = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    if wrong := int((logits.max(axis=1) - chosen > LABEL_TIE).sum()):
        return f"predict disagrees with argmax(images @ weight + bias) on {wrong} images"
    return None


def parity_fault(parity: Parity) -> str | None:
    """Say in a sentence that a trial computed something else."""
    if parity.passed:
        return None
    return f"parity error {parity.error:.1e} is above {parity.tolerance:.0e}: other mathematics"


def threads_in_force(document: Mapping[str, Any]) -> float | None:
    """CPU seconds over wall seconds of all timed epochs; None where they are not there."""
    try:
        return float(sum(document["epoch_cpu_seconds"]) / sum(document["epoch_seconds"]))
    except (KeyError, TypeError, ArithmeticError):  # integers of JSON have no end
        return None


def threads_fault(case: Case, in_force: float, seconds: float) -> str | None:
    """Say in a sentence that more cores were used than the case has threads.

    seconds: of all epochs together. Where they are few, threads that spin while the clocks are read
    count for as much as those that compute, and nothing can be told.
    """
    if in_force <= case.threads + 0.1 or seconds < MIN_SECONDS:
        return None
    return f"it used {in_force:.2f} threads where {case.threads} were allowed"


def textbook_fault(name: str, values: object) -> str | None:
    """Say in a sentence that a program of the textbook came out otherwise than published.

    values: what the child says, whatever that is: numbers by their quantity.
    """
    published = next(figure.published for figure in TEXTBOOK_PROGRAMS if figure.name == name)
    for quantity, (value, tolerance) in published.items():
        found = values.get(quantity) if isinstance(values, Mapping) else None
        if not isinstance(found, int | float) or abs(found) > LARGEST:
            return f"it returned no {quantity}"
        if tolerance is not None and not abs(found - value) <= tolerance:
            return f"{quantity} {found:.4f} is not within {tolerance} of {value}"
    return None


def _parts(labels: NDArray[np.int64], shown: Sequence[tuple[str, Params, Any]]) -> list[Any]:
    """Cut what was predicted, one prediction after the other, at their sizes."""
    return np.split(labels, np.cumsum([len(images) for *_, images in shown])[:-1])


def _double(
    images: NDArray[np.float32], labels: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Convert the images once: every epoch of every trial is judged on them, in float64."""
    return images.astype(np.float64), labels


def _accuracies(epochs: list[NDArray[np.float64]], labels: NDArray[np.int32]) -> tuple[float, ...]:
    return tuple(oracle.accuracy(logits, labels) for logits in epochs)
