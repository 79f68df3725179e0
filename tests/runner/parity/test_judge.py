"""The parent's judgement: what is honest passes, what is a little off does not."""

import dataclasses

import numpy as np
import pytest

from bench.contract import Params, Problem
from bench.runner.parity import judge, oracle
from bench.runner.parity.draws import Draws
from bench.runner.parity.evidence import Evidence, Prediction, join_params, split_params
from bench.runner.parity.judge import Judge, Judgement
from bench.worker import data
from bench.worker.workloads import WORKLOADS
from implementations import TEXTBOOK_PROGRAMS
from implementations.idiomatic import ovr_sklearn, softmax_numpy

DRAWS = Draws.make(42, 1)


@pytest.fixture(scope="module")
def images(digits):
    return {part: data.read(digits.folder, part) for part in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def digits_judge(digits):
    return Judge(digits.folder, 10)


@pytest.fixture
def train(images):
    """Return the evidence of a trainer: the first epoch, and timed ones from the same start."""

    def run(
        trainer=softmax_numpy.Trainer,
        workload="sgd",
        batch_size=32,
        alter=lambda problem: problem,
        reorder=lambda order: order,
        epochs=3,
    ):
        chosen = WORKLOADS[workload]
        problem = Problem(*images["train"], 10, batch_size, chosen.optimizer)
        program = trainer(alter(problem), "cpu")
        evidence = Evidence(DRAWS.draw_initial_params(chosen, 64, 10))
        for epoch in range(1 + epochs):
            if epoch in (0, 1):
                program.reset(evidence.initial)
            params = program.train_epoch(reorder(DRAWS.draw_order(epoch, 1440)))
            evidence.params[epoch] = join_params(params)
        evidence.predictions.append(predict(program, evidence.params[epochs], images["test"][0]))
        return evidence

    return run


def predict(program, params, images, part="test"):
    """Return a prediction of images, the last one first."""
    indices = np.arange(len(images))[::-1].copy()
    return Prediction("", params, part, indices, program.predict(images[indices]))


@pytest.fixture
def judged(digits_judge, train, make_case):
    """Judge what a trainer returns, after it was changed by ``finish``."""

    def run(*, objective="softmax", finish=lambda evidence: None, later=10, **how):
        evidence = train(**how)
        finish(evidence)
        sizes = {name: how[name] for name in ("workload", "batch_size") if name in how}
        case = make_case(objective=objective, epochs=how.get("epochs", 3), **sizes)
        return digits_judge.judge(case, DRAWS, evidence, later=later)

    return run


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("batch_size", [8, 32, 1440])
def test_honest_params_pass(judged, workload, batch_size):
    judgement = judged(workload=workload, batch_size=batch_size, epochs=9)
    assert judgement.fault is None
    assert judgement.parity.passed
    assert list(judgement.errors) == list(range(10))
    assert judgement.parity.error == max(judgement.errors.values())
    assert 0 < judgement.parity.error < judge.TOLERANCE == judgement.parity.tolerance == 1e-5


@pytest.mark.parametrize("objective", ["softmax", "one-vs-rest"])
def test_scores_are_those_of_the_oracle(judged, images, objective):
    trainer = softmax_numpy.Trainer
    if objective == "one-vs-rest":
        pytest.importorskip("sklearn")
        trainer = ovr_sklearn.Trainer
    judgement = judged(trainer=trainer, objective=objective)
    assert judgement.fault is None
    problem = Problem(*images["train"], 10, 32, WORKLOADS["sgd"].optimizer)
    initial = DRAWS.draw_initial_params(WORKLOADS["sgd"], 64, 10)
    path = oracle.Path(problem, initial, lambda n: DRAWS.draw_order(n, 1440), objective=objective)
    for part, scores in (
        ("validation", judgement.validation_accuracy),
        ("test", judgement.test_accuracy),
    ):
        inputs, labels = images[part]
        logits = [oracle.forward(path.get_state(epoch).solution, inputs) for epoch in (1, 2, 3)]
        assert scores == pytest.approx([(one.argmax(axis=1) == labels).mean() for one in logits])
    assert 0.7 < judgement.validation_accuracy[0] < judgement.validation_accuracy[-1] < 1
    history = [path.get_state(epoch) for epoch in (1, 2, 3)] if objective == "softmax" else []
    assert judgement.training_loss == tuple(state.loss for state in history)
    assert judgement.training_accuracy == tuple(state.accuracy for state in history)


@pytest.mark.parametrize(("place", "scored"), [(0, 5), (5, 10), (None, 12)])
def test_validation_scores_go_on_until_the_target(
    digits_judge, train, make_case, monkeypatch, place, scored
):
    evidence, case = train(epochs=12), make_case(epochs=5)
    monkeypatch.setattr(judge, "TARGET_ACCURACY", 1.1)  # it is never reached
    complete = digits_judge.judge(case, DRAWS, evidence)
    curve = complete.validation_accuracy
    assert (len(complete.test_accuracy), len(curve)) == (5, 12)
    if place is not None:
        assert curve[place] > max(curve[:place], default=0)
        monkeypatch.setattr(judge, "TARGET_ACCURACY", curve[place])
    judgement = digits_judge.judge(case, DRAWS, evidence)
    assert judgement.validation_accuracy == curve[:scored]
    assert judgement.test_accuracy == complete.test_accuracy


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
    expected = f"parity error {judgement.parity.error:.1e} is above 1e-05: other mathematics"
    assert judgement.fault == expected


# ----- which epochs are compared


def spoil(epoch):
    def change(evidence):
        evidence.params[epoch][5, 5] += 1e-3

    return change


@pytest.mark.parametrize("epoch", range(8))
def test_spoiled_epoch_shows_where_it_is_compared(judged, epoch):
    judgement = judged(finish=spoil(epoch), epochs=7, later=0)
    assert list(judgement.errors) == [0, 1, 2, 3, 4, 5]
    assert judgement.parity.passed == (epoch > 5)
    assert epoch > 5 or judgement.errors[epoch] > judge.TOLERANCE
    judgement = judged(finish=spoil(epoch), epochs=7, later=2)
    assert list(judgement.errors) == list(range(8))
    assert judgement.errors[epoch] > judge.TOLERANCE
    assert epoch <= 5 or judgement.fault.endswith(", in timed epoch 6" if epoch == 6 else " 7")


class TiresAfterFive(softmax_numpy.Trainer):
    """Trains on a quarter of the batches from the sixth timed epoch on."""

    def reset(self, params):
        super().reset(params)
        self.count = 0

    def train_epoch(self, order):
        self.count += 1
        if self.count <= 5:
            return super().train_epoch(order)
        for batch in order[:352].reshape(-1, 32):
            images, labels = self.problem.images[batch], self.problem.labels[batch]
            self.update(self.gradient(images, labels))
        return Params(*(part.copy() for part in self.params))


@pytest.fixture
def drawn(monkeypatch):
    """Let a number decide which later epochs are drawn; return what they were drawn from."""

    def fix(number):
        asked = []

        class Random:
            def sample(self, population, count):
                asked.append((list(population), count))
                return [number][:count]

        monkeypatch.setattr(judge.secrets, "SystemRandom", Random)
        monkeypatch.setattr(judge.secrets, "randbelow", lambda n: asked.append(n) or number - 1)
        return asked

    return fix


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("epoch", [6, 8, 9])
def test_epochs_cut_short_after_the_fifth_are_a_fault(judged, drawn, workload, epoch):
    asked = drawn(epoch)
    how = {"workload": workload, "epochs": 9, "later": 1}
    assert judged(**how).fault is None
    judgement = judged(trainer=TiresAfterFive, **how)
    assert judgement.fault.endswith(f"other mathematics, in timed epoch {epoch}")
    assert [number for number, error in judgement.errors.items() if error > 1e-5] == [epoch]
    assert asked == [([6, 7, 8, 9], 1)] * 2


def test_later_epochs_are_drawn_anew_for_each_trial(digits_judge, train, make_case):
    evidence = train(epochs=20)
    drawn = {
        max(digits_judge.judge(make_case(), DRAWS, evidence).errors) for _ in range(30)
    }  # fewer than four of fifteen epochs: once in 10**18
    assert len(drawn) > 3
    assert drawn <= set(range(6, 21))


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("epoch", [1, 5, 6, 9])
def test_one_epoch_of_a_pair_is_judged_alone(
    digits_judge, train, make_case, drawn, workload, epoch
):
    asked, case = drawn(epoch), make_case(workload=workload)
    honest = train(workload=workload, epochs=9)
    honest.predictions[0].labels[:] = 0  # a pair's are not asked for
    judgement = digits_judge.judge_epoch(case, DRAWS, honest)
    assert (judgement.fault, list(judgement.errors)) == (None, [epoch])
    assert judgement.validation_accuracy == judgement.test_accuracy == ()
    cheat = train(TiresAfterFive, workload, epochs=9)
    assert (digits_judge.judge_epoch(case, DRAWS, cheat).fault is None) == (epoch <= 5)
    assert asked == [9, 9]


def spoil_one(evidence):
    evidence.params[2][5, 5] = np.inf


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


def change_three(labels):
    labels[:3] = (labels[:3] + 1) % 10


def add_ten(labels):
    labels += 10


def subtract_ten(labels):
    labels -= 10


@pytest.mark.parametrize(
    ("relabel", "fault"),
    [
        (change_three, "predict disagrees with argmax(images @ weight + bias) on 3 images"),
        (add_ten, "predict returned labels out of range"),
        (subtract_ten, "predict returned labels out of range"),
    ],
)
def test_wrong_labels_are_a_fault(judged, relabel, fault):
    judgement = judged(finish=lambda evidence: relabel(evidence.predictions[0].labels))
    assert judgement.fault == fault
    assert judgement.parity.passed


def test_each_prediction_is_judged_by_its_own_params_and_images(
    digits_judge, train, make_case, images
):
    evidence, case = train(), make_case()
    program = softmax_numpy.Trainer(digits_judge.read_problem(case), "cpu")
    for params, part in ((1, "test"), (2, "test"), (2, "training"), (3, "training")):
        program.reset(split_params(evidence.params[params]))
        inputs = images["train" if part == "training" else "test"][0]
        evidence.predictions.append(predict(program, evidence.params[params], inputs, part))
    assert digits_judge.judge(case, DRAWS, evidence).fault is None
    for number, prediction in enumerate(evidence.predictions):
        spoiled = dataclasses.replace(prediction, when="there", labels=(prediction.labels + 1) % 10)
        others = [one for one in evidence.predictions if one is not prediction]
        changed = dataclasses.replace(evidence, predictions=[*others, spoiled])
        fault = digits_judge.judge(case, DRAWS, changed).fault
        assert fault.endswith(f"on {len(prediction.labels)} images there"), number


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
    params = evidence.params[3]
    mistaken = digits_judge.find_mistaken(case, params)
    inputs, labels = images["train"]
    predicted = oracle.forward(split_params(params), inputs).argmax(axis=1)
    assert 0 < len(mistaken) < 360
    assert np.all(predicted[mistaken] != labels[mistaken])
    assert np.array_equal(mistaken, np.flatnonzero(predicted != labels))
    known = Prediction("of known ones", params, "training", mistaken, labels[mistaken].astype(int))
    evidence.predictions.append(known)
    fault = digits_judge.judge(case, DRAWS, evidence).fault
    assert fault.endswith(f"on {len(mistaken)} images of known ones")
    monkeypatch.setattr(judge, "SEARCHED_IMAGES", 200)
    assert np.array_equal(digits_judge.find_mistaken(case, params), mistaken[mistaken < 200])
    ties = np.zeros_like(params)
    assert digits_judge.find_mistaken(case, ties).size == 0


# ----- the oracle


def test_validation_and_test_have_their_own_images(tmp_path, make_case):
    # The digits have the same images in both; here the first weight answers one, not the other.
    for part, pixel, label in (("train", 1, 0), ("validation", 1, 0), ("test", 2, 1)):
        np.save(tmp_path / f"{part}_images.npy", np.full((1, 1), pixel, np.float32))
        np.save(tmp_path / f"{part}_labels.npy", np.full(1, label, np.int32))
    params = Params(np.array([[1, 0]], np.float32), np.zeros(2, np.float32))
    evidence = Evidence(params, {1: join_params(params)})
    judgement = Judge(tmp_path, 2)._score(make_case(), evidence, Judgement())
    assert (judgement.validation_accuracy, judgement.test_accuracy) == ((1.0,), (0.0,))


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
