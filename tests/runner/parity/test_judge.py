"""The parent's judgement: what is honest passes, what is a little off does not."""

import dataclasses
import re

import numpy as np
import pytest

from bench.contract import Params, Problem
from bench.runner.parity import judge, oracle
from bench.runner.parity.draws import FIRST_EPOCH, NOISE_EPOCH, Draws, Epoch
from bench.runner.parity.evidence import Evidence, Labelling, join_params, split_params
from bench.runner.parity.judge import Judge, Judgement
from bench.worker import data
from bench.worker.workloads import WORKLOADS, get_workload
from implementations import TEXTBOOK_PROGRAMS
from implementations.idiomatic import ovr_sklearn, softmax_numpy
from implementations.many.idiomatic import many_numpy

DRAWS = Draws.make(42, 1)


@pytest.fixture(scope="module")
def images(digits):
    return {part: data.read(digits.folder, part) for part in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def digits_judge(digits):
    return Judge(digits.folder, 10)


@pytest.fixture
def train(images):
    """Return the evidence of a trainer: a stretch, timed epochs, and one on noise."""

    def run(
        trainer=softmax_numpy.Trainer,
        workload="sgd",
        batch_size=32,
        alter=lambda problem: problem,
        reorder=lambda order: order,
        epochs=3,
        timed=3,
    ):
        chosen = WORKLOADS[workload]
        problem = Problem(*images["train"], 10, batch_size, chosen.optimizer)
        program, evidence = trainer(alter(problem), "cpu"), Evidence()
        stretch = [Epoch("stretch", number + 1) for number in range(epochs)]
        for epoch in (*stretch, *(Epoch("timed", number + 1) for number in range(timed))):
            if epoch not in stretch[1:]:
                start = DRAWS.draw_initial_params(chosen, 64, 10, epoch)
                evidence.starts[epoch] = start
                program.reset(start)
            params = program.train_epoch(reorder(DRAWS.draw_order(epoch, 1440)))
            evidence.params[epoch] = join_params(params)
        evidence.predictions.append(predict(program, evidence.params[epoch], images["test"][0]))
        noise = DRAWS.draw_noise(problem)
        program = trainer(alter(noise), "cpu")
        start = DRAWS.draw_initial_params(chosen, 64, 10, NOISE_EPOCH)
        evidence.starts[NOISE_EPOCH] = start
        program.reset(start)
        for number in (1, 2):
            order = DRAWS.draw_order(Epoch("noise", number), noise.samples)
            params = program.train_epoch(reorder(order))
        evidence.params[NOISE_EPOCH] = join_params(params)
        return evidence

    return run


def predict(program, params, images, part="test"):
    """Return a prediction of averages of two images, the last one first."""
    first = np.arange(len(images))[::-1].copy()
    indices = np.stack([first, np.roll(first, 3)])
    return Labelling("", params, part, indices, program.predict(images[indices].mean(axis=0)))


@pytest.fixture
def judged(digits_judge, train, make_case):
    """Judge what a trainer returns, after it was changed by ``finish``."""

    def run(*, objective="softmax", finish=lambda evidence: None, **how):
        evidence = train(**how)
        finish(evidence)
        sizes = {name: how[name] for name in ("workload", "batch_size") if name in how}
        case = make_case(objective=objective, epochs=how.get("epochs", 3), **sizes)
        return digits_judge.judge(case, DRAWS, evidence, timed=100)

    return run


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("batch_size", [8, 32, 1440])
def test_honest_params_pass(judged, workload, batch_size):
    judgement = judged(workload=workload, batch_size=batch_size, epochs=7)
    assert judgement.fault is None
    stretch, timed = ([Epoch(part, n) for n in range(1, 8)] for part in ("stretch", "timed"))
    assert list(judgement.errors) == [*stretch[:5], *timed[:3], NOISE_EPOCH]
    on_data = {epoch: error for epoch, error in judgement.errors.items() if epoch != NOISE_EPOCH}
    assert judgement.parity.error == max(on_data.values())
    assert judgement.noise_parity.error == judgement.errors[NOISE_EPOCH]
    for parity in (judgement.parity, judgement.noise_parity):
        assert parity.passed
        assert 0 < parity.error < judge.TOLERANCE == parity.tolerance == 1e-5


@pytest.mark.parametrize("objective", ["softmax", "one-vs-rest"])
def test_scores_are_those_of_the_oracle(judged, images, objective):
    trainer = softmax_numpy.Trainer
    if objective == "one-vs-rest":
        pytest.importorskip("sklearn")
        trainer = ovr_sklearn.Trainer
    judgement = judged(trainer=trainer, objective=objective)
    assert judgement.fault is None
    problem = Problem(*images["train"], 10, 32, WORKLOADS["sgd"].optimizer)
    state = oracle.start(DRAWS.draw_initial_params(WORKLOADS["sgd"], 64, 10, FIRST_EPOCH))
    states = []
    for number in (1, 2, 3):
        order = DRAWS.draw_order(Epoch("stretch", number), 1440)
        state = oracle.train_epoch(problem, state, order, objective)
        states.append(state)
    for part, scores in (
        ("validation", judgement.validation_accuracy),
        ("test", judgement.test_accuracy),
    ):
        inputs, labels = images[part]
        logits = [oracle.forward(state.solution, inputs) for state in states]
        assert scores == pytest.approx([(one.argmax(axis=1) == labels).mean() for one in logits])
    assert 0.7 < judgement.validation_accuracy[0] < judgement.validation_accuracy[-1] < 1
    history = states if objective == "softmax" else []
    assert judgement.training_loss == [state.loss for state in history]
    assert judgement.training_accuracy == [state.accuracy for state in history]


class Decays(softmax_numpy.Trainer):
    def update(self, gradient):
        shrunk = [g + np.float32(1e-6) * w for g, w in zip(gradient, self.params, strict=True)]
        super().update(shrunk)


def learn_faster(problem):
    rate = problem.optimizer.learning_rate * (1 + 1e-4)
    optimizer = dataclasses.replace(problem.optimizer, learning_rate=rate)
    return dataclasses.replace(problem, optimizer=optimizer)


def swap_batches(order):
    return np.concatenate([order[32:64], order[:32], order[64:]])


def round_half(evidence):
    for params in evidence.params.values():
        params[:] = params.astype(np.float16)


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize(
    "fault",
    [
        {"trainer": Decays, "batch_size": 8},
        {"alter": learn_faster},
        {"reorder": swap_batches},
        {"finish": round_half},
    ],
    ids=["weight decay 1e-6", "learning rate 1e-4 off", "swapped batches", "float16"],
)
def test_what_is_a_little_off_fails(judged, workload, fault):
    judgement = judged(workload=workload, **fault)
    assert not judgement.parity.passed
    assert judgement.parity.error > judge.TOLERANCE
    worst = f"parity error {judgement.parity.error:.1e} is above 1e-05: other mathematics, in "
    assert judgement.fault.startswith(worst)


# ----- which epochs are compared


@pytest.mark.parametrize(
    ("epoch", "words", "compared"),
    [
        (Epoch("stretch", 1), "in epoch 1", True),
        (Epoch("stretch", 5), "in epoch 5", True),
        (Epoch("stretch", 6), "", False),
        (Epoch("timed", 1), "in timed epoch 1", True),
        (Epoch("timed", 7), "in timed epoch 7", True),
        (NOISE_EPOCH, "on noise: low precision, or other mathematics", True),
    ],
)
def test_spoiled_epoch_shows_where_it_is_compared(judged, epoch, words, compared):
    def spoil(evidence):
        evidence.params[epoch][5, 5] += 1e-3

    judgement = judged(finish=spoil, epochs=6, timed=7)
    assert (epoch in judgement.errors) == compared
    assert (judgement.fault or "").endswith(words)
    assert (judgement.fault is None) != compared
    on_data = not compared or epoch == NOISE_EPOCH
    assert (judgement.parity.passed, judgement.noise_parity.passed) == (
        on_data,
        epoch != NOISE_EPOCH,
    )


class Tires(softmax_numpy.Trainer):
    """Trains on a quarter of the batches in some timed epochs."""

    count, wrong = 0, ()

    def train_epoch(self, order):
        self.count += 1
        if self.count - 3 not in self.wrong:
            return super().train_epoch(order)
        for batch in order[:352].reshape(-1, 32):
            images, labels = self.problem.images[batch], self.problem.labels[batch]
            self.update(self.gradient(images, labels))
        return Params(*(part.copy() for part in self.params))


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("number", [1, 6, 9])
def test_timed_epoch_that_is_cut_short_is_a_fault_wherever_it_is(
    judged, digits_judge, train, make_case, monkeypatch, workload, number
):
    monkeypatch.setattr(Tires, "wrong", (number,))
    judgement = judged(trainer=Tires, workload=workload, timed=9)
    wrong = [epoch for epoch, error in judgement.errors.items() if error > judge.TOLERANCE]
    assert wrong == [Epoch("timed", number)]
    assert judgement.errors[wrong[0]] > 1000 * judge.TOLERANCE
    case, evidence = make_case(workload=workload), train(Tires, workload, timed=9)
    others = {*range(1, 10)} - {number}
    assert digits_judge.judge(case, DRAWS, evidence, timed=others).fault is None
    monkeypatch.setattr(judge.secrets, "choice", lambda epochs: epochs[number - 1])
    alone = digits_judge.judge_epoch(case, DRAWS, evidence)
    assert list(alone.errors) == wrong
    assert alone.fault.endswith(f"other mathematics, in timed epoch {number}")
    assert alone.validation_accuracy == []


def test_timed_epochs_are_drawn_anew_for_each_trial(digits_judge, train, make_case):
    evidence = train(timed=20)
    drawn = []
    for _ in range(10):
        errors = digits_judge.judge(make_case(epochs=3), DRAWS, evidence).errors
        drawn += [tuple(epoch.number for epoch in errors if epoch.part == "timed")]
    assert {len(set(numbers)) for numbers in drawn} == {judge.JUDGED_EPOCHS}
    assert len(set(drawn)) > 3  # of 15,504 ways
    assert {*sum(drawn, ())} <= {*range(1, 21)}


class Half(softmax_numpy.Trainer):
    """Multiplies in float16: on images of things, its rounding averages out."""

    def gradient(self, images, labels):
        one, (weight, bias) = np.float32(1), self.params
        images, weight = (part.astype(np.float16).astype(np.float32) for part in (images, weight))
        residual = np.exp(images @ weight + bias)
        residual /= residual.sum(axis=1, keepdims=True)
        residual[np.arange(len(labels)), labels] -= one
        residual = residual.astype(np.float16).astype(np.float32) / np.float32(len(labels))
        return [images.T @ residual, residual.sum(axis=0)]


class LaterHalf(Half):
    """Multiplies in float16 from the second epoch of a Trainer on."""

    epochs = 0

    def train_epoch(self, order):
        self.epochs += 1
        return super().train_epoch(order)

    def gradient(self, images, labels):
        of = super() if self.epochs > 1 else super(Half, self)
        return of.gradient(images, labels)


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("batch_size", [8, 32, 480])
@pytest.mark.parametrize("trainer", [Half, LaterHalf])
def test_low_precision_fails_on_noise_with_a_margin(judged, workload, batch_size, trainer):
    judgement = judged(trainer=trainer, workload=workload, batch_size=batch_size)
    assert judgement.noise_parity.error > 10 * judge.TOLERANCE


def spoil_one(evidence):
    evidence.params[Epoch("timed", 2)][5, 5] = np.inf


def spoil_all(evidence):
    for params in evidence.params.values():
        params[:] = np.nan


@pytest.mark.parametrize("finish", [spoil_one, spoil_all])
def test_params_that_are_not_finite_are_a_fault(digits_judge, train, make_case, finish):
    evidence = train()
    finish(evidence)
    for judgement in (
        digits_judge.judge(make_case(), DRAWS, evidence),
        digits_judge.judge_epoch(make_case(), DRAWS, evidence),
    ):
        assert judgement.parity is None
        assert judgement.fault == "its params are not finite: NaN or infinity after an epoch"


# ----- predictions


@pytest.mark.parametrize(("when", "end"), [("", "images"), ("there", "images there")])
def test_each_prediction_is_judged_by_its_own_params_and_images(
    digits_judge, train, make_case, images, when, end
):
    evidence, case = train(), make_case()
    program = softmax_numpy.Trainer(digits_judge.read_problem(case), "cpu")
    for number, part in ((1, "test"), (2, "test"), (2, "training"), (3, "training")):
        params = evidence.params[Epoch("timed", number)]
        program.reset(split_params(params))
        inputs = images["train" if part == "training" else "test"][0]
        evidence.predictions.append(predict(program, params, inputs, part))
    assert digits_judge.judge(case, DRAWS, evidence).fault is None
    for number, prediction in enumerate(evidence.predictions):
        spoiled = dataclasses.replace(prediction, when=when, labels=(prediction.labels + 1) % 10)
        others = [one for one in evidence.predictions if one is not prediction]
        changed = dataclasses.replace(evidence, predictions=[*others, spoiled])
        judgement = digits_judge.judge(case, DRAWS, changed)
        assert judgement.fault.endswith(f"on {len(prediction.labels)} {end}"), number
        assert judgement.parity.passed


@pytest.mark.parametrize(
    ("label", "fault"),
    [
        (0, None),
        (1, None),  # a tie
        (2, "predict disagrees with argmax(images @ weight + bias) on 1 images"),
        (-1, "predict returned labels out of range"),
        (3, "predict returned labels out of range"),
    ],
)
def test_labels_may_differ_where_the_best_logits_tie(label, fault):
    permitted = judge.find_permitted_labels(np.array([[1, 1 - 0.9e-4, 1 - 1.1e-4]]))
    assert judge.find_label_fault(permitted, np.array([label])) == fault


def test_mistaken_images_are_those_that_a_table_of_labels_gets_right(
    digits_judge, train, make_case, images, monkeypatch
):
    evidence, case = train(), make_case()
    params = evidence.params[Epoch("timed", 3)]
    mistaken = digits_judge.find_mistaken(case, params)
    inputs, labels = images["train"]
    predicted = oracle.forward(split_params(params), inputs).argmax(axis=1)
    assert 0 < len(mistaken) < 360
    assert np.all(predicted[mistaken] != labels[mistaken])
    assert np.array_equal(mistaken, np.flatnonzero(predicted != labels))
    known = np.stack([mistaken, mistaken])
    known = Labelling("of known ones", params, "training", known, labels[mistaken].astype(int))
    evidence.predictions.append(known)
    fault = digits_judge.judge(case, DRAWS, evidence).fault
    assert fault.endswith(f"on {len(mistaken)} images of known ones")
    monkeypatch.setattr(judge, "SEARCHED_IMAGES", 200)
    assert np.array_equal(digits_judge.find_mistaken(case, params), mistaken[mistaken < 200])
    ties = np.zeros_like(params)
    assert digits_judge.find_mistaken(case, ties).size == 0


# ----- several models


@pytest.fixture
def judged_models(digits_judge, make_case):
    """Judge twenty models; ``spoil`` changes their params after epochs, ``rate`` one's rate."""

    def run(spoil=lambda params: None, *spoiled, rate=1.0):
        case, evidence = make_case(workload="many-20", many=True), Evidence()
        problem = digits_judge.read_problem(case)
        for epoch in (FIRST_EPOCH, Epoch("timed", 1), NOISE_EPOCH):
            given = DRAWS.draw_noise(problem) if epoch == NOISE_EPOCH else problem
            rates = given.models.copy()
            rates[16] *= rate
            program = many_numpy.Trainer(dataclasses.replace(given, models=rates), "cpu")
            start = DRAWS.draw_initial_params(get_workload("many-20"), 64, 10, epoch)
            program.reset(start)
            for one in [Epoch("noise", 1), epoch] if epoch == NOISE_EPOCH else [epoch]:
                params = join_params(program.train_epoch(DRAWS.draw_order(one, given.samples)))
            evidence.starts[epoch], evidence.params[epoch] = start, params
            if epoch in (spoiled or {FIRST_EPOCH}):
                spoil(params)
        return digits_judge.judge(case, DRAWS, evidence)

    return run


def swap(params):
    params[[7, 16]] = params[[16, 7]]


def train_twice(params):
    params[16] = params[7]


@pytest.mark.parametrize("wrong", [{"spoil": swap}, {"spoil": train_twice}, {"rate": 1 + 1e-4}])
def test_one_wrong_model_of_many_is_found_after_the_first_epoch(judged_models, wrong):
    fault = judged_models(**wrong).fault
    assert re.fullmatch(r"parity error .* in epoch 1, model (8|17) of 20", fault)


@pytest.mark.parametrize("epoch", [Epoch("timed", 1), NOISE_EPOCH])
def test_drawn_models_are_judged_after_other_epochs(judged_models, epoch):
    drawn = DRAWS.draw_models(epoch, 20)
    for number in range(1, 21):

        def spoil(params, number=number):
            params[number - 1] *= 1.01

        judgement = judged_models(spoil, epoch)
        assert (judgement.fault is not None) == (number in drawn)
        assert judgement.fault is None or judgement.fault.endswith(f", model {number} of 20")
        assert judgement.validation_accuracy == []


def test_model_is_of_the_epoch_that_is_named(judged_models):
    timed = Epoch("timed", 1)
    drawn = [{*DRAWS.draw_models(epoch, 20)} for epoch in (timed, NOISE_EPOCH)]
    first, other = min(drawn[0] - drawn[1]), min(drawn[1] - drawn[0])

    def spoil(params):
        params[first - 1] *= 1.01
        params[other - 1] *= 2

    fault = judged_models(spoil, timed, NOISE_EPOCH).fault
    assert fault.endswith(f"in timed epoch 1, model {first} of 20")


# ----- the oracle


def test_validation_and_test_have_their_own_images(tmp_path, make_case):
    # The digits have the same images in both; here the first weight answers one, not the other.
    for part, pixel, label in (("train", 1, 0), ("validation", 1, 0), ("test", 2, 1)):
        np.save(tmp_path / f"{part}_images.npy", np.full((1, 1), pixel, np.float32))
        np.save(tmp_path / f"{part}_labels.npy", np.full(1, label, np.int32))
    params = Params(np.array([[1, 0]], np.float32), np.zeros(2, np.float32))
    evidence = Evidence({FIRST_EPOCH: params}, {FIRST_EPOCH: join_params(params)})
    judge, draws = Judge(tmp_path, 2), Draws.make(42, 1)
    wrong = Judgement(fault="other mathematics")  # then the oracle's loss is not asked for
    judgement = judge._score(make_case(), draws, evidence, wrong)
    assert (judgement.validation_accuracy, judgement.test_accuracy) == ([1.0], [0.0])


# ----- textbook


PUBLISHED = {figure.name: figure.published for figure in TEXTBOOK_PROGRAMS}


@pytest.mark.parametrize("name", PUBLISHED)
def test_textbook_numbers_must_be_within_tolerance(name):
    published = {quantity: value for quantity, (value, _) in PUBLISHED[name].items()}
    assert judge.find_textbook_fault(name, published) is None
    for quantity, (value, tolerance) in PUBLISHED[name].items():
        for off in (-1.1, 1.1, -0.9, 0.9, float("nan")):
            values = {**published, quantity: value + off * (tolerance or 1)}
            fault = judge.find_textbook_fault(name, values)
            assert (fault is None) == (tolerance is None or abs(off) < 1)


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("value", [None, "0.8463", [0.8463], {}, 10**400, -(10**400)])
def test_missing_or_invalid_textbook_numbers_are_a_fault(name, value):
    for values in (value, dict.fromkeys(PUBLISHED[name], value)):
        assert judge.find_textbook_fault(name, values).startswith("it returned no ")
