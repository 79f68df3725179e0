"""The parent's judgement: what is honest passes, what is a little off does not."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Params, Problem
from bench.records.schema import Parity
from bench.runner.parity import judge, oracle
from bench.runner.parity.judge import Judge
from bench.worker import check, data, guard
from bench.worker.check import CheckRequest
from bench.worker.workloads import (
    CHECK_SEGMENTS,
    TRIAL_SEGMENTS,
    WORKLOADS,
    draw_initial_params,
    draw_order,
)
from implementations import TEXTBOOK_PROGRAMS
from implementations.idiomatic import ovr_sklearn, softmax_numpy

EPOCHS = 3


@pytest.fixture(scope="module")
def images(digits):
    return {part: data.read(digits.folder, part) for part in ("train", "validation", "test")}


@pytest.fixture
def judged(digits, images, make_case, tmp_path):
    """Judge what a trainer returns after the first epoch and three timed ones."""

    def run(
        trainer=softmax_numpy.Trainer,
        workload="sgd",
        batch_size=32,
        objective="softmax",
        alter=lambda problem: problem,
        reorder=lambda order: order,
        finish=lambda stack: stack,
        relabel=lambda labels: labels,
        epochs=EPOCHS,
        timed=None,
    ):
        chosen = WORKLOADS[workload]
        problem = Problem(*images["train"], 10, batch_size, chosen.optimizer)
        program = trainer(alter(problem), "cpu")
        stack = []
        for epoch in range(1 + epochs):
            if epoch in (0, 1):
                program.reset(draw_initial_params(chosen, 64, 10, 42))
            stack.append(np.vstack(program.train_epoch(reorder(draw_order(42, epoch, 1440)))))
        np.save(tmp_path / "params.npy", finish(np.stack(stack)))
        np.save(tmp_path / "labels.npy", relabel(program.predict(images["test"][0])))
        case = make_case(
            workload=workload, batch_size=batch_size, objective=objective, epochs=epochs
        )
        judging = Judge(digits.folder, 10, 42)
        seconds = [0.5] * epochs if timed is None else timed
        return judging.judge(case, tmp_path / "params.npy", tmp_path / "labels.npy", seconds)

    return run


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("batch_size", [8, 32, 1440])
def test_honest_params_pass(judged, workload, batch_size):
    judgement = judged(workload=workload, batch_size=batch_size)
    assert judgement.fault is None
    assert judgement.parity.passed
    assert 0 < judgement.parity.error < judge.TOLERANCE == judgement.parity.tolerance == 1e-5


def test_scores_are_of_every_timed_epoch(judged, images):
    judgement = judged()
    problem = Problem(*images["train"], 10, 32, WORKLOADS["sgd"].optimizer)
    orders = [draw_order(42, epoch, 1440) for epoch in range(1, EPOCHS + 1)]
    truth = oracle.train(problem, draw_initial_params(WORKLOADS["sgd"], 64, 10, 42), orders)
    logits = [oracle.forward(solution, images["validation"][0]) for solution in truth]
    labels = images["validation"][1]
    accuracies = [float((epoch.argmax(axis=1) == labels).mean()) for epoch in logits]
    assert judgement.validation_accuracy == pytest.approx(accuracies)
    losses = [oracle.cross_entropy(epoch, labels) for epoch in logits]
    assert judgement.validation_loss == pytest.approx(losses, rel=1e-5)
    test = [oracle.forward(solution, images["test"][0]) for solution in truth]
    expected = [oracle.compute_accuracy(each, images["test"][1]) for each in test]
    assert judgement.test_accuracy == pytest.approx(expected)
    assert 0.7 < accuracies[0] < accuracies[-1] < 1


def test_one_vs_rest_has_its_own_oracle_and_its_own_loss(judged, images):
    pytest.importorskip("sklearn")
    judgement = judged(ovr_sklearn.Trainer, objective="one-vs-rest")
    assert judgement.fault is None
    problem = Problem(*images["train"], 10, 32, WORKLOADS["sgd"].optimizer)
    orders = [draw_order(42, epoch, 1440) for epoch in range(1, EPOCHS + 1)]
    initial = draw_initial_params(WORKLOADS["sgd"], 64, 10, 42)
    truth = oracle.train(problem, initial, orders, "one-vs-rest")
    logits = [oracle.forward(solution, images["validation"][0]) for solution in truth]
    losses = [oracle.logistic_loss(epoch, images["validation"][1]) for epoch in logits]
    assert judgement.validation_loss == pytest.approx(losses, rel=1e-5)


def test_one_objective_does_not_pass_for_the_other(judged):
    pytest.importorskip("sklearn")
    assert "other mathematics" in judged(objective="one-vs-rest").fault
    assert "other mathematics" in judged(ovr_sklearn.Trainer).fault


class Decays(softmax_numpy.Trainer):
    def update(self, gradient):
        shrunk = [g + np.float32(1e-6) * w for g, w in zip(gradient, self.params, strict=True)]
        super().update(shrunk)


def faster(problem):
    rate = problem.optimizer.learning_rate * (1 + 1e-4)
    optimizer = dataclasses.replace(problem.optimizer, learning_rate=rate)
    return dataclasses.replace(problem, optimizer=optimizer)


def swapped(order):
    return np.concatenate([order[32:64], order[:32], order[64:]])


def rounded(stack):
    return stack.astype(np.float16).astype(np.float32)


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize(
    "fault",
    [
        {"trainer": Decays, "batch_size": 8},
        {"alter": faster},
        {"reorder": swapped},
        {"finish": rounded},
    ],
    ids=["weight decay 1e-6", "learning rate 1e-4 off", "swapped batches", "float16"],
)
def test_what_is_a_little_off_fails(judged, workload, fault):
    judgement = judged(workload=workload, **fault)
    assert not judgement.parity.passed
    assert judgement.parity.error > judge.TOLERANCE
    assert judgement.fault


def test_the_fault_of_parity_names_the_error(judged):
    judgement = judged(reorder=swapped)
    expected = f"parity error {judgement.parity.error:.1e} is above 1e-05: other mathematics"
    assert judgement.fault == expected


@pytest.mark.parametrize("epoch", range(EPOCHS + 1))
def test_the_first_epoch_and_each_timed_one_are_compared(judged, epoch):
    def spoil(stack):
        stack[epoch, 5, 5] += 1e-3
        return stack

    assert not judged(finish=spoil).parity.passed


@pytest.mark.parametrize(("epoch", "passed"), [(5, False), (6, True)])
def test_first_five_timed_epochs_are_compared(judged, epoch, passed):
    def spoil(stack):
        stack[epoch, 5, 5] += 1e-4
        return stack

    assert judged(finish=spoil, epochs=7).parity.passed == passed


@pytest.mark.parametrize(
    ("finish", "fault"),
    [
        (lambda stack: stack * np.float32("nan"), "not finite"),
        (lambda stack: stack * np.float32("inf"), "not finite"),
        (lambda stack: stack[:EPOCHS], "params of 3 epochs, not 4"),
        (lambda stack: stack[:, :-1], r"params of shape \(4, 64, 10\)"),
        (lambda stack: stack[0], r"\(65, 10\)"),
        (lambda stack: stack.astype(float), "<f8"),
    ],
)
def test_params_that_cannot_be_judged_are_a_fault(judged, finish, fault):
    with np.errstate(invalid="ignore"):
        judgement = judged(finish=finish)
    assert judgement.parity is None
    assert re.search(fault, judgement.fault)


def test_labels_that_differ_from_the_params_are_a_fault(judged):
    def change(labels):
        labels[:3] = (labels[:3] + 1) % 10
        return labels

    judgement = judged(relabel=change)
    assert judgement.fault == "predict disagrees with argmax(images @ weight + bias) on 3 images"


@pytest.mark.parametrize(
    ("relabel", "says"),
    [
        (lambda labels: labels[:-1], "of the wrong shape or out of range"),
        (lambda labels: labels + 10, "of the wrong shape or out of range"),
        (lambda labels: labels - 10, "of the wrong shape or out of range"),
        (lambda labels: labels[:, None], "has shape (357, 1)"),
    ],
)
def test_invalid_labels_are_a_fault(judged, relabel, says):
    assert says in judged(relabel=relabel).fault


@pytest.fixture
def one_image(tmp_path):
    """A data set of one image of one bright pixel, whose logits are the weight's only row."""
    for part in ("train", "validation", "test"):
        np.save(tmp_path / f"{part}_images.npy", np.ones((1, 1), np.float32))
        np.save(tmp_path / f"{part}_labels.npy", np.zeros(1, np.int32))
    return Judge(tmp_path, 3, 42)


@pytest.mark.parametrize(
    ("label", "allowed"), [(0, True), (1, True), (2, False)], ids=["best", "tie", "beaten"]
)
def test_labels_may_differ_where_the_best_logits_tie(one_image, label, allowed):
    params = Params(np.array([[1, 1 - 0.9e-4, 1 - 1.1e-4]], np.float32), np.zeros(3, np.float32))
    fault = judge.find_label_fault(params, one_image._test[0], np.array([label]))
    assert (fault is None) == allowed


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x93NUMPY\x01\x00"])
def test_unreadable_params_are_a_fault(digits, make_case, tmp_path, content):
    path = tmp_path / "params.npy"
    path.write_bytes(content)
    judgement = Judge(digits.folder, 10, 42).judge(make_case(), path, path, [0.5])
    assert judgement.fault.startswith("its params or labels cannot be read: ")


def test_absent_params_are_a_fault(digits, make_case):
    absent = Path("/no/such/params.npy")
    judgement = Judge(digits.folder, 10, 42).judge(make_case(), absent, absent, [0.5])
    assert judgement.fault.startswith("its params or labels cannot be read: ")


def test_oracle_is_trained_once_a_problem(digits, make_case, monkeypatch):
    computed = []
    real = oracle.train

    def train(problem, *arguments):
        computed.append(problem.batch_size)
        return real(problem, *arguments)

    monkeypatch.setattr(judge.oracle, "train", train)
    judging = Judge(digits.folder, 10, 42)
    for segment in TRIAL_SEGMENTS:
        first = judging.train_oracle(make_case(implementation="numpy"), segment)
        assert judging.train_oracle(make_case(implementation="pytorch"), segment) is first
    assert len(computed) == 2  # the first epoch, and the timed ones
    judging.train_oracle(make_case(batch_size=96), TRIAL_SEGMENTS[0])
    assert computed == [32, 32, 96]


@pytest.mark.parametrize(("error", "passed"), [(9e-6, True), (1.1e-5, False)])
def test_parity_above_tolerance_is_a_fault(error, passed):
    fault = judge.find_parity_fault(Parity(error=error, tolerance=1e-5, passed=passed))
    assert (fault is None) == passed


PUBLISHED = {figure.name: figure.published for figure in TEXTBOOK_PROGRAMS}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_textbook_numbers_have_no_fault(name):
    values = {quantity: value for quantity, (value, _) in PUBLISHED[name].items()}
    assert judge.find_textbook_fault(name, values) is None


@pytest.mark.parametrize("name", PUBLISHED)
def test_textbook_numbers_must_be_within_tolerance(name):
    for quantity, (value, tolerance) in PUBLISHED[name].items():
        values = {other: published for other, (published, _) in PUBLISHED[name].items()}
        for off in (-1.1, 1.1, -0.9, 0.9):
            values[quantity] = value + off * (tolerance or 1)
            fault = judge.find_textbook_fault(name, values)
            assert (fault is not None) == (tolerance is not None and abs(off) > 1)
        values[quantity] = float("nan")
        assert (judge.find_textbook_fault(name, values) is None) == (tolerance is None)


@pytest.mark.parametrize("name", PUBLISHED)
def test_missing_textbook_number_is_a_fault(name):
    assert judge.find_textbook_fault(name, {}).startswith("it returned no ")


@pytest.mark.parametrize("name", PUBLISHED)
def test_invalid_textbook_numbers_are_a_fault(name):
    for values in (None, 0.85, "all", [*PUBLISHED[name]], " ".join(PUBLISHED[name])):
        assert judge.find_textbook_fault(name, values).startswith("it returned no ")
    for value in (None, "0.8463", [0.8463], {}, 10**400, -(10**400)):
        values = dict.fromkeys(PUBLISHED[name], value)
        assert judge.find_textbook_fault(name, values).startswith("it returned no ")


@pytest.mark.parametrize(
    ("in_force", "fine"), [(1.9, True), (2.1, True), (2.11, False)], ids=["less", "edge", "more"]
)
def test_more_threads_than_allowed_are_a_fault(make_case, in_force, fine):
    assert (judge.find_threads_fault(make_case(threads=2), in_force, 0.1) is None) == fine


def test_short_epochs_do_not_tell_the_threads(make_case):
    assert judge.find_threads_fault(make_case(threads=2), 2.47, 0.099) is None
    assert judge.find_threads_fault(make_case(threads=2), 2.47, 0.1) is not None


def test_additional_epochs_are_scored_and_not_compared(judged):
    more = [0.5] * (EPOCHS + 1)
    judgement = judged(finish=lambda stack: np.concatenate([stack, stack[-1:]]), timed=more)
    assert judgement.fault is None
    assert len(judgement.errors) == 1 + EPOCHS
    assert len(judgement.validation_loss) == len(judgement.test_accuracy) == EPOCHS + 1


@pytest.mark.parametrize(
    ("returned", "timed", "fault"),
    [
        (5, EPOCHS, "it returned params of 5 epochs, not 4"),
        (2000, EPOCHS, "it returned params of 2000 epochs, not 4"),
        (4, EPOCHS + 1, "it returned params of 4 epochs, not 5"),
        (3, EPOCHS - 1, "it timed 2 epochs, not 3 to 200"),
        (202, 201, "it timed 201 epochs, not 3 to 200"),
        (201, 200, None),
    ],
)
def test_params_must_match_the_timed_epochs(judged, returned, timed, fault):
    judgement = judged(
        finish=lambda stack: stack[np.minimum(np.arange(returned), EPOCHS)], timed=[0.5] * timed
    )
    assert judgement.fault == fault
    assert (judgement.parity is None) == (fault is not None)


@pytest.mark.parametrize("timed", [{}, "1234", 3, {"0": 0.5}])
def test_times_that_are_not_a_list_are_a_fault(judged, timed):
    assert judged(timed=timed).fault == "it returned params of 4 epochs, not 1"


def test_check_must_have_all_epochs_of_its_segments(digits, make_case, tmp_path):
    np.save(tmp_path / "params.npy", np.zeros((8, 65, 10), np.float32))
    np.save(tmp_path / "labels.npy", np.zeros(1, np.int64))
    judging = Judge(digits.folder, 10, 42)
    judgement = judging.judge_check(make_case(), tmp_path / "params.npy", tmp_path / "labels.npy")
    assert judgement.fault == "it returned params of 8 epochs, not 7"


def test_one_infinite_weight_is_a_fault(judged):
    def spoil(stack):
        stack[2, 5, 5] = np.inf
        return stack

    judgement = judged(finish=spoil)
    assert judgement.parity is None
    assert judgement.fault == "its params are not finite: NaN or infinity after an epoch"


def test_validation_and_test_have_their_own_images(make_case, tmp_path):
    # The digits have the same images in both; here the first weight answers one, not the other.
    for part, pixel, label in (("train", 1, 0), ("validation", 1, 0), ("test", 2, 1)):
        np.save(tmp_path / f"{part}_images.npy", np.full((1, 1), pixel, np.float32))
        np.save(tmp_path / f"{part}_labels.npy", np.full(1, label, np.int32))
    params = Params(np.array([[1, 0]], np.float32), np.zeros(2, np.float32))
    judging = Judge(tmp_path, 2, 42)
    judgement = judging._add_scores(make_case(), [params], judge.Judgement())
    assert (judgement.validation_accuracy, judgement.test_accuracy) == ((1.0,), (0.0,))
    assert judgement.validation_loss == pytest.approx([np.log1p(np.exp(-1))])


@pytest.mark.parametrize(
    "change",
    [{"workload": "textbook"}, {"objective": "one-vs-rest"}, {"samples": 320}, {"batch_size": 96}],
    ids=lambda change: next(iter(change)),
)
def test_another_problem_has_another_oracle(digits, make_case, change):
    judging = Judge(digits.folder, 10, 42)
    (first,) = judging.train_oracle(make_case(), TRIAL_SEGMENTS[0])
    (other,) = judging.train_oracle(make_case(**change), TRIAL_SEGMENTS[0])
    (fresh,) = Judge(digits.folder, 10, 42).train_oracle(make_case(**change), TRIAL_SEGMENTS[0])
    assert np.array_equal(other.weight, fresh.weight)
    assert not np.array_equal(other.weight, first.weight)


def test_label_just_out_of_range_is_a_fault(one_image):
    params = Params(np.zeros((1, 3), np.float32), np.zeros(3, np.float32))
    for label in (-1, 3):
        fault = judge.find_label_fault(params, one_image._test[0], np.array([label]))
        assert fault == "predict returned labels of the wrong shape or out of range"


@pytest.mark.parametrize(
    ("document", "in_force"),
    [
        ({"epoch_cpu_seconds": [1.0, 2.0], "epoch_seconds": [0.5, 0.75]}, 2.4),
        ({"epoch_cpu_seconds": [0.0], "epoch_seconds": [0.0]}, None),
        ({"epoch_cpu_seconds": None, "epoch_seconds": [1.0]}, None),
        ({"epoch_seconds": [1.0]}, None),
        ({}, None),
        ({"epoch_cpu_seconds": [10**400], "epoch_seconds": [0.5]}, None),
        ({"epoch_cpu_seconds": [0.5], "epoch_seconds": [10**400]}, None),
    ],
)
def test_threads_in_force_are_cpu_seconds_over_wall_seconds(document, in_force):
    assert judge.compute_threads_in_force(document) == in_force


@pytest.mark.parametrize(
    ("first", "when"),
    [
        (None, None),
        (0, "after five epochs"),
        (357, "after a reset to other weights"),
        (714, "of other images in the same array"),
        (1071, "of 7 images"),
    ],
)
def test_every_prediction_of_a_check_is_judged(digits, images, make_case, tmp_path, first, when):
    judging, case = Judge(digits.folder, 10, 42), make_case()
    starts = {segment: judging.draw_start(case, segment) for segment in CHECK_SEGMENTS}
    asked = CheckRequest(starts, 42, images["test"][0], False, guard.HarnessSnapshot())
    _, params, labels = check.check_trainer(
        softmax_numpy.Trainer, judging.read_problem(case), "cpu", asked
    )
    if first is not None:
        labels[first] = (labels[first] + 1) % 10
    np.save(tmp_path / "params.npy", params)
    np.save(tmp_path / "labels.npy", labels)
    judgement = judging.judge_check(case, tmp_path / "params.npy", tmp_path / "labels.npy")
    assert len(judgement.errors) == 7
    said = "predict disagrees with argmax(images @ weight + bias) on 1 images"
    assert judgement.fault == (when and f"{said}, {when}")


@pytest.mark.parametrize("samples", [320, 2000])
def test_problem_has_the_samples_of_its_case(digits, make_case, samples):
    problem = Judge(digits.folder, 10, 42).read_problem(make_case(samples=samples))
    assert problem.samples == len(problem.labels) == samples
