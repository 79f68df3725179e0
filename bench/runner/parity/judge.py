"""Judge a trial by what its worker returned.

A worker never reports its own score: parity and accuracy are computed here, in the parent, against
an oracle. Any epoch that is ranked can be judged.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params, Problem, RMSprop
from bench.records.schema import Case, Parity
from bench.runner.parity import oracle
from bench.runner.parity.draws import FIRST_EPOCH, Draws
from bench.runner.parity.evidence import Evidence, split_params
from bench.worker import data
from bench.worker.workloads import TARGET_ACCURACY
from implementations import TEXTBOOK_PROGRAMS

# Float32 with another order of summation stays below it. A weight decay of 1e-6, a learning rate
# off by 1e-4, swapped batches and half precision exceed it (tests/runner/parity/test_judge.py).
TOLERANCE = 1e-5
# Two labels may differ where the two best logits are this close: rounding decides.
LABEL_TIE = 1e-4

# Rounding errors grow with the epochs, so the oracle's own path is compared up to the fifth. Later
# epochs are compared one by one.
FOLLOWED_EPOCHS = 5
LATER_EPOCHS = 1
SEARCHED_IMAGES = 4000

# The largest number that a textbook program may return.
MAX_QUANTITY = 1e18


@dataclass(frozen=True, slots=True)
class Judgement:
    """Parity, and the accuracies after the timed epochs that tables show.

    errors: the parity error of each epoch that was compared, by its number. training_loss,
    training_accuracy: see ``JudgedRecord``. fault: what is wrong, or None.
    """

    parity: Parity | None = None
    errors: Mapping[int, float] = field(default_factory=dict)
    validation_accuracy: tuple[float, ...] = ()
    test_accuracy: tuple[float, ...] = ()
    training_loss: tuple[float, ...] = ()
    training_accuracy: tuple[float, ...] = ()
    fault: str | None = None


class Judge:
    """Judge trials on one data set; the oracle is trained once for all trials of a round."""

    def __init__(self, folder: Path, classes: int) -> None:
        self._folder = folder
        self._classes = classes
        self._paths: dict[tuple[object, ...], oracle.Path] = {}

    @cached_property
    def _validation(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        images, labels = data.read(self._folder, "validation")
        return images.astype(np.float64), labels

    @cached_property
    def _test(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        images, labels = data.read(self._folder, "test")
        return images.astype(np.float64), labels

    def judge(
        self,
        case: Case,
        draws: Draws,
        evidence: Evidence,
        *,
        later: int | Sequence[int] = LATER_EPOCHS,
    ) -> Judgement:
        """Judge a trial: its first epoch, the timed epochs up to the fifth, and ``later`` others.

        The others are drawn here, when the worker has ended, unless ``later`` has their numbers.
        Each is compared with the epoch that the oracle trains from the params that the worker had
        before it.
        """
        if fault := find_params_fault(evidence.params):
            return Judgement(fault=fault)
        count = max(evidence.params)
        drawn = later
        if isinstance(drawn, int):
            others = range(FOLLOWED_EPOCHS + 1, count + 1)
            drawn = secrets.SystemRandom().sample(others, min(drawn, len(others)))
        start = evidence.initial
        path = self.get_path(case, draws, start)
        states = {
            epoch: path.get_state(epoch) for epoch in range(1, min(count, FOLLOWED_EPOCHS) + 1)
        }
        followed = dict(states)
        if FIRST_EPOCH in evidence.params:
            first = self.get_path(case, draws, start, first=FIRST_EPOCH)
            followed[FIRST_EPOCH] = first.get_state(1)
        errors = {
            epoch: oracle.parity_error(split_params(evidence.params[epoch]), state.solution, start)
            for epoch, state in sorted(followed.items())
        }
        errors |= {
            epoch: self._compare_alone(case, draws, evidence, epoch) for epoch in sorted(drawn)
        }
        judgement = make_judgement(errors)
        if not states:  # a warm start has a first epoch only
            return judgement
        judgement = self._score(case, evidence, judgement)
        if judgement.fault:
            return judgement
        return replace(
            judgement,
            training_loss=tuple(one.loss for one in states.values() if one.loss is not None),
            training_accuracy=tuple(
                one.accuracy for one in states.values() if one.accuracy is not None
            ),
            fault=self._find_prediction_fault(case, evidence),
        )

    def judge_epoch(self, case: Case, draws: Draws, evidence: Evidence) -> Judgement:
        """Judge one timed epoch of a trial, drawn here: no predictions, and no accuracies."""
        if fault := find_params_fault(evidence.params):
            return Judgement(fault=fault)
        epoch = 1 + secrets.randbelow(max(evidence.params))
        return make_judgement({epoch: self._compare_alone(case, draws, evidence, epoch)})

    def _compare_alone(self, case: Case, draws: Draws, evidence: Evidence, epoch: int) -> float:
        """Return the parity error of an epoch that the oracle begins where the worker began it.

        RMSprop's mean squared gradients are those of the oracle's own path.
        """
        path = self.get_path(case, draws, evidence.initial)
        before = split_params(evidence.params[epoch - 1]) if epoch > 1 else evidence.initial
        has_squares = isinstance(path.problem.optimizer, RMSprop)
        squares = path.get_state(epoch - 1).squares if has_squares else None
        solution = path.train_on(oracle.start(before, squares), epoch).solution
        return oracle.parity_error(split_params(evidence.params[epoch]), solution, evidence.initial)

    def _score(self, case: Case, evidence: Evidence, judgement: Judgement) -> Judgement:
        """Add the accuracies after each epoch of the case, in float64.

        If they do not reach TARGET_ACCURACY on validation images, later epochs are scored on these
        until one does. Nothing shows more.
        """
        timed = [
            split_params(evidence.params[epoch]) for epoch in range(1, max(evidence.params) + 1)
        ]
        validation: list[float] = []
        while len(validation) < len(timed) and max(validation, default=0) < TARGET_ACCURACY:
            following = timed[len(validation) : len(validation) + case.epochs]
            validation += oracle.compute_accuracies(following, *self._validation)
        test = oracle.compute_accuracies(timed[: case.epochs], *self._test)
        return replace(judgement, validation_accuracy=tuple(validation), test_accuracy=tuple(test))

    def _find_prediction_fault(self, case: Case, evidence: Evidence) -> str | None:
        """Return the first fault of all predictions, or None."""
        permitted: dict[int, NDArray[np.bool_]] = {}  # of all test images, by params
        for prediction in evidence.predictions:
            key, params = id(prediction.params), split_params(prediction.params)
            if prediction.part == "training":
                images = self.read_problem(case).images[prediction.indices]
                labels = find_permitted_labels(oracle.forward(params, images))
            else:
                if key not in permitted:
                    permitted[key] = find_permitted_labels(oracle.forward(params, self._test[0]))
                labels = permitted[key][prediction.indices]
            if fault := find_label_fault(labels, prediction.labels):
                return f"{fault} {prediction.when}".rstrip()
        return None

    def find_mistaken(self, case: Case, params: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return indices of training images whose labels these params clearly get wrong.

        Of the first SEARCHED_IMAGES; params as in ``Evidence``.
        """
        if not np.isfinite(params).all():  # it fails for that
            return np.array([], np.int64)
        problem = self.read_problem(case)
        images, labels = problem.images[:SEARCHED_IMAGES], problem.labels[:SEARCHED_IMAGES]
        logits = oracle.forward(split_params(params), images)
        own = np.take_along_axis(logits, labels[:, None].astype(np.int64), axis=1)[:, 0]
        mistaken: NDArray[np.int64] = np.flatnonzero(logits.max(axis=1) - own > LABEL_TIE)
        return mistaken

    def read_problem(self, case: Case) -> Problem:
        """Return the problem that a case trains."""
        return data.read_problem(
            self._folder,
            case.workload,
            classes=self._classes,
            batch_size=case.batch_size,
            samples=case.samples,
        )

    def get_path(self, case: Case, draws: Draws, start: Params, first: int = 1) -> oracle.Path:
        """Return the oracle's path from these params; its first epoch has this number.

        Raises DataError if the data cannot be read.
        """
        problem = (case.workload, case.objective, case.batch_size, case.samples)
        key = (draws.id, first, start.weight.tobytes(), *problem)
        if key not in self._paths:
            # Another round's paths are not asked for again.
            self._paths = {old: path for old, path in self._paths.items() if old[0] == draws.id}
            self._paths[key] = oracle.Path(
                self.read_problem(case),
                start,
                lambda epoch: draws.draw_order(epoch, case.samples),
                first=first,
                objective=case.objective,
            )
        return self._paths[key]


def make_judgement(errors: Mapping[int, float]) -> Judgement:
    """Return the judgement on parity errors by epoch: the worst one counts."""
    worst = max(errors, key=lambda epoch: errors[epoch])
    parity = Parity(
        error=errors[worst], tolerance=TOLERANCE, passed=bool(errors[worst] <= TOLERANCE)
    )
    fault = f"parity error {errors[worst]:.1e} is above {TOLERANCE:.0e}: other mathematics"
    if FIRST_EPOCH != worst > FOLLOWED_EPOCHS:
        fault += f", in timed epoch {worst}"
    return Judgement(parity=parity, errors=errors, fault=None if parity.passed else fault)


def find_params_fault(params: Mapping[int, NDArray[np.float32]]) -> str | None:
    """Return the fault of params that are not finite, or None."""
    if all(np.isfinite(one).all() for one in params.values()):
        return None
    return "its params are not finite: NaN or infinity after an epoch"


def find_permitted_labels(logits: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return, as (n, classes), which labels have the largest logit, or one that ties with it."""
    best = logits.max(axis=1, keepdims=True)
    permitted: NDArray[np.bool_] = best - logits <= LABEL_TIE
    return permitted


def find_label_fault(permitted: NDArray[np.bool_], labels: NDArray[np.int64]) -> str | None:
    """Return how predicted labels (n,) disagree with the permitted ones (n, classes), or None."""
    if labels.min() < 0 or labels.max() >= permitted.shape[1]:
        return "predict returned labels out of range"
    if wrong := int((~permitted[np.arange(len(labels)), labels]).sum()):
        return f"predict disagrees with argmax(images @ weight + bias) on {wrong} images"
    return None


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
