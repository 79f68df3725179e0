"""Judge a trial by the params that it returned.

A worker never reports its own score: parity and accuracy are computed here, in the parent,
against an oracle that is trained once for all trials of the same problem.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params, Problem
from bench.records.files import read_npy
from bench.records.schema import Case, Parity
from bench.runner.parity import oracle
from bench.worker import data
from bench.worker.check import list_predictions
from bench.worker.measure import MAX_REPEATS
from bench.worker.workloads import (
    CHECK_SEGMENTS,
    TRIAL_SEGMENTS,
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
MAX_QUANTITY = 1e18

# Epochs shorter than this, all together, do not tell how many cores they used.
MIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Judgement:
    """Parity and, for every timed epoch, the accuracies.

    errors: the parity error after each compared epoch, in their order. fault: what is wrong,
    or None.
    """

    parity: Parity | None = None
    errors: tuple[float, ...] = ()
    validation_accuracy: tuple[float, ...] = ()
    test_accuracy: tuple[float, ...] = ()
    fault: str | None = None


class Judge:
    """Judge the trials of a run on one data set; oracles are trained once."""

    def __init__(self, folder: Path, classes: int, seed: int) -> None:
        self._folder = folder
        self._classes = classes
        self.seed = seed
        self._oracles: dict[tuple[object, ...], list[oracle.Solution]] = {}

    @cached_property
    def _validation(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        images, labels = data.read(self._folder, "validation")
        return images.astype(np.float64), labels

    @cached_property
    def _test(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        images, labels = data.read(self._folder, "test")
        return images.astype(np.float64), labels

    def judge(self, case: Case, params: Path, predicted: Path, seconds: object) -> Judgement:
        """Judge the files of params and predicted labels that a trial of this case returned.

        seconds: the ``epoch_seconds`` that the worker reported, not validated.
        """
        count = len(seconds) if isinstance(seconds, list) else 0
        returned = self._read(params, predicted, 1 + count)
        if isinstance(returned, Judgement):
            return returned
        max_epochs = max(case.epochs, MAX_REPEATS)
        if not case.epochs <= count <= max_epochs:
            return Judgement(fault=f"it timed {count} epochs, not {case.epochs} to {max_epochs}")
        epochs, labels = returned
        judgement = self._add_scores(epochs[1:], self._compare(case, list_segments(case), epochs))
        fault = find_label_fault(epochs[-1], self._test[0], labels) or judgement.fault
        return replace(judgement, fault=fault)

    def judge_check(self, case: Case, params: Path, predicted: Path) -> Judgement:
        """Judge every epoch and every prediction that ``bench check`` asks for."""
        count = sum(len(segment.epochs) for segment in CHECK_SEGMENTS)
        returned = self._read(params, predicted, count)
        if isinstance(returned, Judgement):
            return returned
        epochs, labels = returned
        judgement = self._compare(case, CHECK_SEGMENTS, epochs)
        if judgement.fault:
            return judgement
        start = self.draw_start(case, CHECK_SEGMENTS[-1])
        predictions = list_predictions(epochs, start, self._test[0])
        ends = np.cumsum([len(images) for *_, images in predictions])
        parts = np.split(labels, ends[:-1])
        for (moment, params_then, images), part in zip(predictions, parts, strict=True):
            if fault := find_label_fault(params_then, images, part):
                return replace(judgement, fault=f"{fault}, {moment}")
        return judgement

    def _read(
        self, params: Path, predicted: Path, count: int
    ) -> tuple[list[Params], NDArray[np.int64]] | Judgement:
        """Return the params of ``count`` epochs and the labels, or a judgement with the fault."""
        try:
            stack = read_npy(params, np.float32, 3)
            labels = read_npy(predicted, np.int64, 1)
        except (OSError, ValueError) as error:
            return Judgement(fault=f"its params or labels cannot be read: {error}")
        expected = (data.count_features(self._folder) + 1, self._classes)
        if stack.shape[1:] != expected:
            fault = f"it returned params of shape {stack.shape}, not (epochs, {expected})"
        elif len(stack) != count:  # judging too many could exceed the memory
            fault = f"it returned params of {len(stack)} epochs, not {count}"
        elif not np.isfinite(stack).all():
            fault = "its params are not finite: NaN or infinity after an epoch"
        else:
            return [Params(epoch[:-1], epoch[-1]) for epoch in stack], labels
        return Judgement(fault=fault)

    def _add_scores(self, epochs: list[Params], judgement: Judgement) -> Judgement:
        """Add the accuracies after each of these epochs, in float64."""
        images, labels = self._validation
        test_images, test_labels = self._test
        validation = oracle.forward_many(epochs, images)
        test = oracle.forward_many(epochs, test_images)
        return replace(
            judgement,
            validation_accuracy=tuple(oracle.compute_accuracy(one, labels) for one in validation),
            test_accuracy=tuple(oracle.compute_accuracy(one, test_labels) for one in test),
        )

    def _compare(self, case: Case, segments: Sequence[Segment], epochs: list[Params]) -> Judgement:
        """Compare the params after each epoch of the segments with the oracle; the worst counts."""
        solutions = [solution for part in segments for solution in self.train_oracle(case, part)]
        starts = [self.draw_start(case, part) for part in segments for _ in part.epochs]
        # A trial may have more epochs than are compared.
        triples = zip(epochs, solutions, starts, strict=False)
        errors = tuple(oracle.parity_error(*triple) for triple in triples)
        error = max(errors)
        fault = f"parity error {error:.1e} is above {TOLERANCE:.0e}: other mathematics"
        parity = Parity(error=error, tolerance=TOLERANCE, passed=bool(error <= TOLERANCE))
        return Judgement(parity=parity, errors=errors, fault=None if parity.passed else fault)

    def draw_start(self, case: Case, segment: Segment) -> Params:
        """Return the params with which a segment of this case begins."""
        features = data.count_features(self._folder)
        return draw_start_params(
            segment, WORKLOADS[case.workload], features, self._classes, self.seed
        )

    def read_problem(self, case: Case) -> Problem:
        """Return the problem that a case trains."""
        return data.read_problem(
            self._folder,
            case.workload,
            classes=self._classes,
            batch_size=case.batch_size,
            samples=case.samples,
        )

    def train_oracle(self, case: Case, segment: Segment) -> list[oracle.Solution]:
        """Return the oracle's params after each epoch of a segment.

        Takes about two seconds at the default sizes. Raises DataError if the data cannot be read.
        """
        key = (case.workload, case.objective, case.batch_size, case.samples, segment)
        if key not in self._oracles:
            orders = [draw_order(self.seed, epoch, case.samples) for epoch in segment.epochs]
            self._oracles[key] = oracle.train(
                self.read_problem(case), self.draw_start(case, segment), orders, case.objective
            )
        return self._oracles[key]


def list_segments(case: Case) -> tuple[Segment, Segment]:
    """Return the epochs of a trial that are compared: the first, and up to five timed ones."""
    first, timed = TRIAL_SEGMENTS
    return first, Segment(timed.start, timed.epochs[: case.epochs])


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


def judge_threads(case: Case, document: Mapping[str, Any]) -> tuple[float | None, str | None]:
    """Return the threads in force in a trial, and the fault if there were too many, or None.

    Threads in force are CPU seconds over wall seconds of all timed epochs, None without valid
    times, which is a fault. Too short epochs are none: threads that spin while the clocks are read
    count as much there as those that compute.
    """
    try:
        seconds = float(sum(document["epoch_seconds"]))
        threads = float(sum(document["epoch_cpu_seconds"]) / seconds)
    except (KeyError, TypeError, ArithmeticError):  # JSON allows integers of any size
        return None, "the process left a result without its epochs"
    if threads <= case.threads + 0.1 or seconds < MIN_SECONDS:
        return threads, None
    return threads, f"it used {threads:.2f} threads where {case.threads} were allowed"


def find_textbook_fault(name: str, values: object) -> str | None:
    """Return how the numbers of a textbook program differ from the published ones, or None.

    values: numbers by quantity as the worker reported them, not validated.
    """
    published = next(one.published for one in TEXTBOOK_PROGRAMS if one.name == name)
    for quantity, (value, tolerance) in published.items():
        number = values.get(quantity) if isinstance(values, Mapping) else None
        if not isinstance(number, int | float) or abs(number) > MAX_QUANTITY:
            return f"it returned no {quantity}"
        if tolerance is not None and not abs(number - value) <= tolerance:
            return f"{quantity} {number:.4f} is not within {tolerance} of {value}"
    return None
