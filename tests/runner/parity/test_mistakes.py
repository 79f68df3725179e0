"""A common mistake is called by its name, and nothing else is."""

import numpy as np
import pytest

from bench.contract import Params, Problem
from bench.runner.parity import mistakes, oracle
from bench.worker import data
from bench.worker.workloads import WORKLOADS, draw_initial_params, draw_order
from implementations.idiomatic import softmax_numpy


@pytest.fixture(params=WORKLOADS)
def problem(request, digits):
    images, labels = data.read(digits.folder, "train")
    return Problem(images, labels, 10, 32, WORKLOADS[request.param].optimizer)


def initial_of(problem):
    (workload,) = (each for each in WORKLOADS.values() if each.optimizer == problem.optimizer)
    return draw_initial_params(workload, 64, 10, 42)


def single(solution):
    return Params(*(part.astype(np.float32) for part in solution))


@pytest.mark.parametrize("mistake", mistakes.MISTAKES, ids=lambda mistake: mistake.description)
def test_mistakes_are_distinguished(problem, mistake):
    initial, first = initial_of(problem), draw_order(42, 0, problem.samples)
    wrong = single(mistakes._epoch(mistake, problem, initial, first))
    if mistake.epsilon_outside and problem.optimizer == WORKLOADS["sgd"].optimizer:
        assert (
            mistakes.name_mistake(wrong, problem, initial, first, "softmax") is None
        )  # SGD has none
    else:
        assert (
            mistakes.name_mistake(wrong, problem, initial, first, "softmax") == mistake.description
        )


def test_correct_or_otherwise_wrong_params_have_no_name(problem):
    initial, first = initial_of(problem), draw_order(42, 0, problem.samples)
    (right,) = oracle.train(problem, initial, [first])
    assert mistakes.name_mistake(single(right), problem, initial, first, "softmax") is None
    other = Params(right.weight.astype(np.float32) * np.float32(1.01), single(right).bias)
    assert mistakes.name_mistake(other, problem, initial, first, "softmax") is None
    assert mistakes.name_mistake(initial, problem, initial, first, "one-vs-rest") is None


def test_epoch_without_a_mistake_equals_the_oracle(problem):
    initial, first = initial_of(problem), draw_order(42, 0, problem.samples)
    (right,) = oracle.train(problem, initial, [first])
    found = mistakes._epoch(mistakes.Mistake("none"), problem, initial, first)
    for a, b in zip(found, right, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def as_they_are(found):
    return found


@pytest.mark.parametrize(
    ("says", "batches", "slope"),
    [
        ("it hands back the weights", lambda batches: [], as_they_are),
        ("it adds up the loss", as_they_are, lambda found: [32 * part for part in found]),
        ("it leaves out the bias", as_they_are, lambda found: [found[0], 0 * found[1]]),
        ("it ignores the order", lambda _: np.arange(1440).reshape(45, 32), as_they_are),
        ("it takes the last batch first", lambda batches: batches[::-1], as_they_are),
        ("it skips the first batch", lambda batches: batches[1:], as_they_are),
        ("it skips the last batch", lambda batches: batches[:44], as_they_are),
    ],
)
def test_program_with_the_mistake_is_named(problem, says, batches, slope):
    initial, first = initial_of(problem), draw_order(42, 0, problem.samples)
    program = softmax_numpy.Trainer(problem, "cpu")
    program.reset(initial)
    for batch in batches(first.reshape(45, 32)):
        program.update(slope(program.gradient(problem.images[batch], problem.labels[batch])))
    found = mistakes.name_mistake(Params(*program.params), problem, initial, first, "softmax")
    assert found is not None
    assert found.startswith(says)
