"""Judge a trial by the params that it returned.

A worker never reports its own score: parity, accuracy and loss are computed here, in the parent,
against an oracle that is trained once for all trials of the same problem.
"""

from collections.abc import Mapping
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
    CHECK_SCRIPT,
    TRIAL_SCRIPT,
    WORKLOADS,
    Segment,
    draw_order,
    draw_start_params,
)
from implementations import TEXTBOOK_PROGRAMS

# Float32 with another order of summation stays below it. A weight decay of 1e-6, a learning rate
# off by 1e-4, swapped batches and half precision exceed it (tests/runner/parity/test_judge.py).
TOLERANCE = 1e-5
# Two labels may differ where the two best logits are this close: rounding decides.
LABEL_TIE = 1e-4

# The largest number that a textbook program may return.
LARGEST = 1e18

# Epochs shorter than this, all together, do not tell how many cores they used.
MIN_SECONDS = 0.1

# Why a trial without valid times failed.
NO_TIMES = "the process left a result without its epochs"

LOSSES = {"softmax": oracle.cross_entropy, "one-vs-rest": oracle.logistic_loss}

Script = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Parity and, for every timed epoch, accuracy and loss.

    errors: the parity error after each compared epoch, in the order of the script. fault: what is
    wrong, or None.
    """

    parity: Parity | None = None
    errors: tuple[float, ...] = ()
    validation_accuracy: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    test_accuracy: tuple[float, ...] = ()
    fault: str | None = None


class Judge:
    """Judge the trials of a run on one data set; oracles are trained once."""

    def __init__(self, folder: Path, classes: int, seed: int) -> None:
        self._folder = folder
        self._classes = classes
        self.seed = seed
        self._validation = _double(*data.read(folder, "validation"))
        self._test = _double(*data.read(folder, "test"))
        self._oracles: dict[tuple[object, ...], list[oracle.Solution]] = {}

    def judge(self, case: Case, params: Path, predicted: Path, seconds: object) -> Judgement:
        """Judge the files of params and predicted labels that a trial of this case returned.

        seconds: the ``epoch_seconds`` that the worker reported, not validated.
        """
        first, timed = TRIAL_SCRIPT
        script = (first, Segment(timed.start, timed.epochs[: case.epochs]))
        count = len(seconds) if isinstance(seconds, list) else 0
        returned = self._read(params, predicted, 1 + count)
        if isinstance(returned, Judgement):
            return returned
        most = max(case.epochs, MOST_REPEATS)
        if not case.epochs <= count <= most:
            return Judgement(fault=f"it timed {count} epochs, not {case.epochs} to {most}")
        epochs, labels = returned
        judgement = self._add_scores(case, epochs[1:], self._compare(case, script, epochs))
        fault = find_label_fault(epochs[-1], self._test[0], labels) or judgement.fault
        return replace(judgement, fault=fault)

    def examine(self, case: Case, params: Path, predicted: Path) -> Judgement:
        """Judge every epoch and every prediction of the script of ``bench check``."""
        returned = self._read(params, predicted, sum(len(part.epochs) for part in CHECK_SCRIPT))
        if isinstance(returned, Judgement):
            return returned
        epochs, labels = returned
        judgement = self._compare(case, CHECK_SCRIPT, epochs)
        if judgement.fault:
            return judgement
        predictions = list_predictions(epochs, self.start(case, CHECK_SCRIPT[-1]), self._test[0])
        ends = np.cumsum([len(images) for *_, images in predictions])
        parts = np.split(labels, ends[:-1])
        for (moment, params_then, images), part in zip(predictions, parts, strict=True):
            if fault := find_label_fault(params_then, images, part):
                return replace(judgement, fault=f"{fault}, {moment}")
        return judgement

    def _read(
        self, params: Path, predicted: Path, count: int
    ) -> tuple[list[Params], NDArray[np.int64]] | Judgement:
        """Return params and labels, or a judgement that says why they cannot be read."""
        try:
            stack = read_npy(params, np.float32, 3)
            labels = read_npy(predicted, np.int64, 1)
        except (OSError, ValueError) as error:
            return Judgement(fault=f"its params or labels cannot be read: {error}")
        if fault := self._shape_fault(stack, count):
            return Judgement(fault=fault)
        return [Params(epoch[:-1], epoch[-1]) for epoch in stack], labels

    def _add_scores(self, case: Case, epochs: list[Params], judgement: Judgement) -> Judgement:
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
            return f"it returned params of shape {stack.shape}, not (epochs, {expected})"
        if len(stack) != count:  # judging too many could exceed the memory
            return f"it returned params of {len(stack)} epochs, not {count}"
        if not np.isfinite(stack).all():
            return "its params are not finite: NaN or infinity after an epoch"
        return None

    def _compare(self, case: Case, script: Script, epochs: list[Params]) -> Judgement:
        """Compare the params after each epoch of a script with the oracle; the worst counts."""
        solutions = [solution for part in script for solution in self.train_oracle(case, part)]
        starts = [self.start(case, part) for part in script for _ in part.epochs]
        # A trial may have more epochs than the script.
        triples = zip(epochs, solutions, starts, strict=False)
        errors = tuple(oracle.parity_error(*triple) for triple in triples)
        error = max(errors)
        parity = Parity(error=error, tolerance=TOLERANCE, passed=bool(error <= TOLERANCE))
        return Judgement(parity=parity, errors=errors, fault=find_parity_fault(parity))

    def start(self, case: Case, segment: Segment) -> Params:
        """Return the params with which a segment of this case begins."""
        features = self._validation[0].shape[1]
        workload = WORKLOADS[case.workload]
        return draw_start_params(segment, workload, features, self._classes, self.seed)

    def problem(self, case: Case) -> Problem:
        """Return the problem that a case trains."""
        images, labels = data.read_samples(self._folder, case.samples)
        optimizer = WORKLOADS[case.workload].optimizer
        return Problem(images, labels, self._classes, case.batch_size, optimizer)

    def train_oracle(self, case: Case, segment: Segment) -> list[oracle.Solution]:
        """Return the oracle's params after each epoch of a segment."""
        key = (case.workload, case.objective, case.batch_size, case.samples, segment)
        if key not in self._oracles:
            orders = [draw_order(self.seed, epoch, case.samples) for epoch in segment.epochs]
            self._oracles[key] = oracle.train(
                self.problem(case), self.start(case, segment), orders, case.objective
            )
        return self._oracles[key]


def find_label_fault(
    params: Params, images: NDArray[np.float64], labels: NDArray[np.int64]
) -> str | None:
    """Return how predicted labels disagree with the params of the prediction, or None."""
    logits = oracle.forward(params, images)
    classes = logits.shape[1]
    if labels.shape != (len(logits),) or labels.min() < 0 or labels.max() >= classes:
        return "predict returned labels of the wrong shape or out of range"
    chosen = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    if wrong := int((logits.max(axis=1) - chosen > LABEL_TIE).sum()):
        return f"predict disagrees with argmax(images @ weight + bias) on {wrong} images"
    return None


def find_parity_fault(parity: Parity) -> str | None:
    """Return the fault of a trial whose parity error is above the tolerance, or None."""
    if parity.passed:
        return None
    return f"parity error {parity.error:.1e} is above {parity.tolerance:.0e}: other mathematics"


def threads_in_force(document: Mapping[str, Any]) -> float | None:
    """Return CPU seconds over wall seconds of all timed epochs; None without valid times."""
    try:
        return float(sum(document["epoch_cpu_seconds"]) / sum(document["epoch_seconds"]))
    except (KeyError, TypeError, ArithmeticError):  # JSON allows integers of any size
        return None


def find_threads_fault(case: Case, in_force: float, seconds: float) -> str | None:
    """Return the fault of a trial that used more cores than its case has threads, or None.

    seconds: of all epochs together. Too few of them tell nothing: threads that spin while the
    clocks are read then count as much as those that compute.
    """
    if in_force <= case.threads + 0.1 or seconds < MIN_SECONDS:
        return None
    return f"it used {in_force:.2f} threads where {case.threads} were allowed"


def find_textbook_fault(name: str, values: object) -> str | None:
    """Return how the numbers of a textbook program differ from the published ones, or None.

    values: numbers by quantity as the worker reported them, not validated.
    """
    published = next(figure.published for figure in TEXTBOOK_PROGRAMS if figure.name == name)
    for quantity, (value, tolerance) in published.items():
        number = values.get(quantity) if isinstance(values, Mapping) else None
        if not isinstance(number, int | float) or abs(number) > LARGEST:
            return f"it returned no {quantity}"
        if tolerance is not None and not abs(number - value) <= tolerance:
            return f"{quantity} {number:.4f} is not within {tolerance} of {value}"
    return None


def _double(
    images: NDArray[np.float32], labels: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the images in float64, converted once for all trials."""
    return images.astype(np.float64), labels


def _accuracies(epochs: list[NDArray[np.float64]], labels: NDArray[np.int32]) -> tuple[float, ...]:
    return tuple(oracle.accuracy(logits, labels) for logits in epochs)
