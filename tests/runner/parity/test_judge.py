"""The parent's judgement: what is honest passes, what is a little off does not."""

import dataclasses

import numpy as np
import pytest

from bench.contract import Params, Problem
from bench.runner.parity import judge, oracle
from bench.runner.parity.judge import Judge
from bench.worker import check, data, guard
from bench.worker.measure import Request
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


@pytest.fixture(scope="module")
def digits_judge(digits):
    """A judge that trains each oracle once for all tests."""
    return Judge(digits.folder, 10, 42)


@pytest.fixture
def judged(digits_judge, images, make_case, tmp_path):
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
        seconds = [0.5] * epochs if timed is None else timed
        return digits_judge.judge(case, tmp_path / "params.npy", tmp_path / "labels.npy", seconds)

    return run


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("batch_size", [8, 32, 1440])
def test_honest_params_pass(judged, workload, batch_size):
    judgement = judged(workload=workload, batch_size=batch_size)
    assert judgement.fault is None
    assert judgement.parity.passed
    assert 0 < judgement.parity.error < judge.TOLERANCE == judgement.parity.tolerance == 1e-5


@pytest.mark.parametrize("objective", ["softmax", "one-vs-rest"])
def test_scores_are_of_every_timed_epoch(judged, images, objective):
    trainer = softmax_numpy.Trainer
    if objective == "one-vs-rest":
        pytest.importorskip("sklearn")
        trainer = ovr_sklearn.Trainer
    judgement = judged(trainer, objective=objective)
    assert judgement.fault is None
    problem = Problem(*images["train"], 10, 32, WORKLOADS["sgd"].optimizer)
    orders = [draw_order(42, epoch, 1440) for epoch in range(1, EPOCHS + 1)]
    initial = draw_initial_params(WORKLOADS["sgd"], 64, 10, 42)
    solutions = oracle.train(problem, initial, orders, objective)
    for part, scores in (
        ("validation", judgement.validation_accuracy),
        ("test", judgement.test_accuracy),
    ):
        inputs, labels = images[part]
        logits = [oracle.forward(solution, inputs) for solution in solutions]
        assert scores == pytest.approx([(one.argmax(axis=1) == labels).mean() for one in logits])
    assert 0.7 < judgement.validation_accuracy[0] < judgement.validation_accuracy[-1] < 1


@pytest.mark.parametrize(
    ("trainer", "objective"),
    [(softmax_numpy.Trainer, "one-vs-rest"), (ovr_sklearn.Trainer, "softmax")],
)
def test_one_objective_does_not_pass_for_the_other(judged, trainer, objective):
    pytest.importorskip("sklearn")
    assert "other mathematics" in judged(trainer, objective=objective).fault


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


def round_half(stack):
    return stack.astype(np.float16).astype(np.float32)


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


@pytest.mark.parametrize("epoch", range(8))
def test_first_epoch_and_first_five_timed_ones_are_compared(judged, epoch):
    def spoil(stack):
        stack[epoch, 5, 5] += 1e-3
        return stack

    judgement = judged(finish=spoil, epochs=7)
    assert judgement.parity.passed == (epoch > 5)
    assert len(judgement.errors) == 6


def spoil_one(stack):
    stack[2, 5, 5] = np.inf
    return stack


def repeat_last(count):
    return lambda stack: stack[np.minimum(np.arange(count), EPOCHS)]


@pytest.mark.parametrize(
    ("finish", "timed", "fault"),
    [
        (lambda stack: stack * np.float32("nan"), 3, "its params are not finite: NaN or infinity"),
        (spoil_one, 3, "its params are not finite: NaN or infinity"),
        (lambda stack: stack[:, :-1], 3, "params of shape (4, 64, 10)"),
        (lambda stack: stack[0], 3, "(65, 10)"),
        (lambda stack: stack.astype(float), 3, "<f8"),
        (repeat_last(5), 3, "it returned params of 5 epochs, not 4"),
        (repeat_last(2000), 3, "it returned params of 2000 epochs, not 4"),
        (repeat_last(4), 4, "it returned params of 4 epochs, not 5"),
        (repeat_last(3), 2, "it timed 2 epochs, not 3 to 200"),
        (repeat_last(202), 201, "it timed 201 epochs, not 3 to 200"),
    ],
)
def test_params_that_cannot_be_judged_are_a_fault(judged, finish, timed, fault):
    judgement = judged(finish=finish, timed=[0.5] * timed)
    assert judgement.parity is None
    assert fault in judgement.fault


@pytest.mark.parametrize("timed", [{}, "1234", 3, {"0": 0.5}])
def test_times_that_are_not_a_list_are_a_fault(judged, timed):
    assert judged(timed=timed).fault == "it returned params of 4 epochs, not 1"


@pytest.mark.parametrize("timed", [4, 200])
def test_additional_epochs_are_scored_and_not_compared(judged, timed):
    judgement = judged(finish=repeat_last(timed + 1), timed=[0.5] * timed)
    assert judgement.fault is None
    assert len(judgement.errors) == 1 + EPOCHS
    assert len(judgement.validation_accuracy) == len(judgement.test_accuracy) == timed


def change_three(labels):
    labels[:3] = (labels[:3] + 1) % 10
    return labels


@pytest.mark.parametrize(
    ("relabel", "fault"),
    [
        (change_three, "predict disagrees with argmax(images @ weight + bias) on 3 images"),
        (lambda labels: labels[:-1], "of the wrong shape or out of range"),
        (lambda labels: labels + 10, "of the wrong shape or out of range"),
        (lambda labels: labels - 10, "of the wrong shape or out of range"),
        (lambda labels: labels[:, None], "has shape (357, 1)"),
    ],
)
def test_wrong_or_invalid_labels_are_a_fault(judged, relabel, fault):
    assert fault in judged(relabel=relabel).fault


@pytest.mark.parametrize(
    ("label", "fault"),
    [
        (0, None),
        (1, None),  # a tie
        (2, "predict disagrees with argmax(images @ weight + bias) on 1 images"),
        *(
            (label, "predict returned labels of the wrong shape or out of range")
            for label in (-1, 3)
        ),
    ],
)
def test_labels_may_differ_where_the_best_logits_tie(label, fault):
    params = Params(np.array([[1, 1 - 0.9e-4, 1 - 1.1e-4]], np.float32), np.zeros(3, np.float32))
    assert judge.find_label_fault(params, np.ones((1, 1)), np.array([label])) == fault


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"\x93NUMPY\x01\x00"])
def test_unreadable_params_are_a_fault(digits_judge, make_case, tmp_path, content):
    path = tmp_path / "params.npy"
    if content is not None:
        path.write_bytes(content)
    fault = digits_judge.judge(make_case(), path, path, [0.5]).fault
    assert fault.startswith("its params or labels cannot be read: ")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"implementation": "pytorch"}, True),
        ({"workload": "textbook"}, False),
        ({"objective": "one-vs-rest"}, False),
        ({"samples": 320}, False),
        ({"batch_size": 96}, False),
    ],
    ids=lambda change: next(iter(change)) if isinstance(change, dict) else "",
)
def test_oracle_is_trained_once_a_problem(digits, digits_judge, make_case, change, same):
    segment = TRIAL_SEGMENTS[0]
    first = digits_judge.train_oracle(make_case(), segment)
    other = digits_judge.train_oracle(make_case(**change), segment)
    (fresh,) = Judge(digits.folder, 10, 42).train_oracle(make_case(**change), segment)
    assert np.array_equal(other[0].weight, fresh.weight)
    assert (other is first) == np.array_equal(other[0].weight, first[0].weight) == same


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


def test_check_must_have_all_epochs_of_its_segments(digits_judge, make_case, tmp_path):
    np.save(tmp_path / "params.npy", np.zeros((8, 65, 10), np.float32))
    np.save(tmp_path / "labels.npy", np.zeros(1, np.int64))
    judgement = digits_judge.judge_check(
        make_case(), tmp_path / "params.npy", tmp_path / "labels.npy"
    )
    assert judgement.fault == "it returned params of 8 epochs, not 7"


def test_validation_and_test_have_their_own_images(tmp_path):
    # The digits have the same images in both; here the first weight answers one, not the other.
    for part, pixel, label in (("train", 1, 0), ("validation", 1, 0), ("test", 2, 1)):
        np.save(tmp_path / f"{part}_images.npy", np.full((1, 1), pixel, np.float32))
        np.save(tmp_path / f"{part}_labels.npy", np.full(1, label, np.int32))
    params = Params(np.array([[1, 0]], np.float32), np.zeros(2, np.float32))
    judgement = Judge(tmp_path, 2, 42)._add_scores([params], judge.Judgement())
    assert (judgement.validation_accuracy, judgement.test_accuracy) == ((1.0,), (0.0,))


NO_EPOCHS = "the process left a result without its epochs"


@pytest.mark.parametrize(
    ("cpu", "wall", "threads", "fault"),
    [
        ([0.07, 0.12], [0.05, 0.05], 1.9, None),
        ([0.21], [0.1], 2.1, None),
        ([0.211], [0.1], 2.11, "it used 2.11 threads where 2 were allowed"),
        ([0.247], [0.0999], 2.472, None),  # too short to judge
        ([0.0], [0.0], None, NO_EPOCHS),
        (None, [1.0], None, NO_EPOCHS),
        ([10**400], [0.5], None, NO_EPOCHS),
        ([0.5], [10**400], None, NO_EPOCHS),
    ],
)
def test_threads_in_force_are_cpu_over_wall_seconds(make_case, cpu, wall, threads, fault):
    document = {"epoch_cpu_seconds": cpu, "epoch_seconds": wall}
    expected = (threads and pytest.approx(threads, rel=1e-3), fault)
    assert judge.judge_threads(make_case(threads=2), document) == expected
    assert judge.judge_threads(make_case(), {"epoch_seconds": wall}) == (None, NO_EPOCHS)


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
def test_every_prediction_of_a_check_is_judged(
    digits_judge, images, make_case, tmp_path, first, when
):
    case = make_case()
    starts = {segment: digits_judge.draw_start(case, segment) for segment in CHECK_SEGMENTS}
    request = Request(starts[CHECK_SEGMENTS[0]], 42, 5, images["test"][0], guard.SuiteSnapshot())
    problem = digits_judge.read_problem(case)
    _, params, labels = check.check_trainer(
        softmax_numpy.Trainer, problem, "cpu", request, starts, watch=False
    )
    if first is not None:
        labels[first] = (labels[first] + 1) % 10
    np.save(tmp_path / "params.npy", params)
    np.save(tmp_path / "labels.npy", labels)
    judgement = digits_judge.judge_check(case, tmp_path / "params.npy", tmp_path / "labels.npy")
    assert len(judgement.errors) == 7
    fault = "predict disagrees with argmax(images @ weight + bias) on 1 images"
    assert judgement.fault == (when and f"{fault}, {when}")


@pytest.mark.parametrize("samples", [320, 2000])
def test_problem_has_the_samples_of_its_case(digits_judge, make_case, samples):
    problem = digits_judge.read_problem(make_case(samples=samples))
    assert problem.samples == len(problem.labels) == samples
