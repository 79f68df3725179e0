"""Judge a trial by what its worker returned.

A worker never reports its own score: parity and accuracy are computed here, in the parent, against
an oracle. Every epoch that is ranked begins at weights that the parent drew, so all are judged by
the same yardstick: how far the oracle moves in that epoch.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Params, Problem
from bench.records.schema import TOLERANCE, BaseJudgement, Case, Parity
from bench.runner.parity import oracle
from bench.runner.parity.draws import FIRST_EPOCH, NOISE_EPOCH, Draws, Epoch
from bench.runner.parity.evidence import Evidence, pick_model, split_params
from bench.worker import data
from bench.worker.workloads import get_workload
from implementations import TEXTBOOK_PROGRAMS

# Two labels may differ where the two best logits are this close: rounding decides.
LABEL_TIE = 1e-4

# Rounding errors grow with the epochs: the stretch is compared up to the fifth.
FOLLOWED_EPOCHS = 5
# So many timed epochs are drawn when the worker has ended. The rows of a round share the oracle's.
JUDGED_EPOCHS = 5
SEARCHED_IMAGES = 4000
# Of the oracle: those of a round at some sizes. One takes 0.13 MB.
MAX_STATES = 2000

WHERE = {
    "stretch": ": other mathematics, in epoch {}",
    "timed": ": other mathematics, in timed epoch {}",
    "noise": " on noise: low precision, or other mathematics",
}

# The largest number that a textbook program may return.
MAX_QUANTITY = 1e18


class Judgement(BaseJudgement, frozen=True, kw_only=True):
    """Parity, and the accuracies after the epochs of the stretch."""

    errors: Mapping[Epoch, float] = {}  # the parity error of each epoch that was compared
    fault: str | None = None  # what is wrong, or None


class Judge:
    """Judge trials on one data set; the oracle is trained once for all trials of a round."""

    def __init__(self, folder: Path, classes: int) -> None:
        self._folder = folder
        self._classes = classes
        self._states: dict[tuple[object, ...], oracle.State] = {}
        self._problems: dict[tuple[object, ...], Problem] = {}  # the last one

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
        timed: int | Collection[int] = JUDGED_EPOCHS,
    ) -> Judgement:
        """Judge a trial: its stretch, its epoch on noise, and some of its timed epochs.

        timed: how many, drawn here when the worker has ended, or their numbers.
        """
        if fault := find_params_fault(evidence.params):
            return Judgement(fault=fault)
        stretch, others = evidence.list_part("stretch"), evidence.list_part("timed")
        if isinstance(timed, int):
            others = secrets.SystemRandom().sample(others, min(timed, len(others)))
        else:
            others = [epoch for epoch in others if epoch.number in timed]
        compared = [*stretch[:FOLLOWED_EPOCHS], *sorted(others), *evidence.list_part("noise")]
        judgement = make_judgement(
            {epoch: self.compare(case, draws, evidence, epoch) for epoch in compared}
        )
        workload = get_workload(case.workload)
        # Not of a pair or of a warm start, whose stretches are short.
        if len(stretch) == case.epochs and workload.is_scored:
            judgement = self._score(case, draws, evidence, judgement)
        if judgement.fault and workload.models:
            worst = max(judgement.errors.keys() - {NOISE_EPOCH}, key=judgement.errors.__getitem__)
            epoch = NOISE_EPOCH if judgement.parity and judgement.parity.passed else worst
            errors = self.compare_models(case, draws, evidence, epoch)
            model = max(errors, key=errors.__getitem__)
            return msgspec.structs.replace(
                judgement, fault=f"{judgement.fault}, model {model} of {workload.models}"
            )
        if judgement.fault:
            return judgement
        return msgspec.structs.replace(judgement, fault=self._find_prediction_fault(case, evidence))

    def judge_epoch(self, case: Case, draws: Draws, evidence: Evidence) -> Judgement:
        """Judge one timed epoch of a trial, drawn here: no predictions, and no accuracies."""
        if fault := find_params_fault(evidence.params):
            return Judgement(fault=fault)
        epoch = secrets.choice(evidence.list_part("timed"))
        return make_judgement({epoch: self.compare(case, draws, evidence, epoch)})

    def compare(self, case: Case, draws: Draws, evidence: Evidence, epoch: Epoch) -> float:
        """Return the parity error of the params after an epoch; of several models, the largest."""
        return max(self.compare_models(case, draws, evidence, epoch).values())

    def compare_models(
        self, case: Case, draws: Draws, evidence: Evidence, epoch: Epoch
    ) -> dict[int, float]:
        """Return the parity errors after an epoch by the number of the model; of one it is 0.

        Of the noise by how far the oracle moves in its last epoch alone.
        """
        begin, end, errors = evidence.get_start(epoch), split_params(evidence.params[epoch]), {}
        models = get_workload(case.workload).models
        for model in draws.draw_models(epoch, models) if models else [0]:
            start, params = pick_model(begin, model), pick_model(end, model)
            state = self.get_state(case, draws, start, epoch, model)
            since: Params | oracle.Solution = start
            if epoch.part == "noise":
                since = self.get_state_before(case, draws, start, epoch, model).solution
            errors[model] = oracle.parity_error(params, state.solution, since)
        return errors

    def get_state(
        self, case: Case, draws: Draws, start: Params, epoch: Epoch, model: int = 0
    ) -> oracle.State:
        """Return the oracle's state after an epoch, by these draws and from these params.

        Of the stretch and the noise: after all epochs up to this one. About 0.2 s for each epoch
        that is new. model: number of one of several. Raises DataError if the data cannot be read.
        """
        problem = (case.workload, case.objective, case.batch_size, case.samples, model)
        key = (draws.id, start.weight.tobytes(), epoch, *problem)
        if key not in self._states:
            if len(self._states) > MAX_STATES:
                self._states.clear()
            before = self.get_state_before(case, draws, start, epoch, model)
            given = self.read_problem(case)
            given = draws.draw_noise(given) if epoch.part == "noise" else given
            given = pick_problem(given, model)
            order = draws.draw_order(epoch, given.samples)
            self._states[key] = oracle.train_epoch(given, before, order, case.objective)
        return self._states[key]

    def get_state_before(
        self, case: Case, draws: Draws, start: Params, epoch: Epoch, model: int
    ) -> oracle.State:
        """Return the oracle's state before an epoch; see ``get_state``."""
        if epoch.number == 1 or epoch.part == "timed":
            return oracle.start(start)
        earlier = epoch._replace(number=epoch.number - 1)
        return self.get_state(case, draws, start, earlier, model)

    def _score(
        self, case: Case, draws: Draws, evidence: Evidence, judgement: Judgement
    ) -> Judgement:
        """Add the accuracies after each epoch of the stretch, in float64, and the oracle's loss."""
        stretch, start = evidence.list_part("stretch"), evidence.get_start(FIRST_EPOCH)
        params = [split_params(evidence.params[epoch]) for epoch in stretch]
        followed = () if judgement.fault else stretch[:FOLLOWED_EPOCHS]
        training = [self.get_state(case, draws, start, epoch) for epoch in followed]
        return msgspec.structs.replace(
            judgement,
            validation_accuracy=oracle.compute_accuracies(params, *self._validation),
            test_accuracy=oracle.compute_accuracies(params, *self._test),
            training_loss=[state.loss for state in training if state.loss is not None],
            training_accuracy=[state.accuracy for state in training if state.accuracy is not None],
        )

    def _find_prediction_fault(self, case: Case, evidence: Evidence) -> str | None:
        """Return the first fault of all predictions, or None."""
        logits: dict[int, oracle.Array] = {}  # of all test images, by params
        for prediction in evidence.predictions:
            key, params = id(prediction.params), split_params(prediction.params)
            first, second = prediction.indices
            if prediction.part == "training":
                images = self.read_problem(case).images
                pairs = [oracle.forward(params, images[half]) for half in (first, second)]
            else:
                if key not in logits:
                    logits[key] = oracle.forward(params, self._test[0])
                pairs = [logits[key][half] for half in (first, second)]
            # The logits of an average of two images are the average of theirs.
            labels = find_permitted_labels((pairs[0] + pairs[1]) / 2)
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
        given = np.take_along_axis(logits, labels[:, None].astype(np.int64), axis=1)[:, 0]
        mistaken: NDArray[np.int64] = np.flatnonzero(logits.max(axis=1) - given > LABEL_TIE)
        return mistaken

    def read_problem(self, case: Case) -> Problem:
        """Return the problem that a case trains. Raises DataError."""
        key = (case.workload, case.batch_size, case.samples)
        if key not in self._problems:
            self._problems = {
                key: data.read_problem(
                    self._folder,
                    case.workload,
                    classes=self._classes,
                    batch_size=case.batch_size,
                    samples=case.samples,
                )
            }
        return self._problems[key]


def pick_problem(problem: Problem, model: int) -> Problem:
    """Return the problem of one of several models, by its number; of one by itself, as it is."""
    if problem.models is None:
        return problem
    rate = float(problem.models[model - 1])
    return replace(problem, optimizer=SGD(rate), models=None)


def make_judgement(errors: Mapping[Epoch, float]) -> Judgement:
    """Return the judgement on parity errors: the worst one counts, and that on noise by itself."""
    noise = [epoch for epoch in errors if epoch.part == "noise"]
    worst = max(errors.keys() - {*noise}, key=errors.__getitem__)
    judged, fault = {}, None
    for epoch in (worst, *noise):
        error = errors[epoch]
        judged[epoch] = Parity(error=error, tolerance=TOLERANCE, passed=bool(error <= TOLERANCE))
        if fault is None and not judged[epoch].passed:
            where = WHERE[epoch.part].format(epoch.number)
            fault = f"parity error {error:.1e} is above {TOLERANCE:.0e}{where}"
    noise_parity = judged[noise[-1]] if noise else None
    return Judgement(parity=judged[worst], noise_parity=noise_parity, errors=errors, fault=fault)


def find_params_fault(params: Mapping[Epoch, NDArray[np.float32]]) -> str | None:
    """Return the fault of params that are not finite, or None."""
    if all(np.isfinite(array).all() for array in params.values()):
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
    published = next(program.published for program in TEXTBOOK_PROGRAMS if program.name == name)
    for quantity, (value, tolerance) in published.items():
        number = values.get(quantity) if isinstance(values, Mapping) else None
        if not isinstance(number, int | float) or abs(number) > MAX_QUANTITY:
            return f"it returned no {quantity}"
        if tolerance is not None and not abs(number - value) <= tolerance:
            return f"{quantity} {number:.4f} is not within {tolerance} of {value}"
    return None
