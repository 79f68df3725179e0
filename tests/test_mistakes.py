"""A common mistake is called by its name, and nothing else is."""

import numpy as np
import pytest

from bench import dataset, mistakes, reference
from bench.contract import Params, Problem
from bench.workload import WORKLOADS, initial_params, order


@pytest.fixture(params=WORKLOADS)
def problem(request, digits):
    images, labels = dataset.read(digits.folder, "train")
    return Problem(images, labels, 10, 32, WORKLOADS[request.param].optimizer)


def initial_of(problem):
    (workload,) = (each for each in WORKLOADS.values() if each.optimizer == problem.optimizer)
    return initial_params(workload, 64, 10, 42)


def single(solution):
    return Params(*(part.astype(np.float32) for part in solution))


@pytest.mark.parametrize("mistake", mistakes.MISTAKES, ids=lambda mistake: mistake.says)
def test_every_mistake_is_told_from_the_others(problem, mistake):
    initial, first = initial_of(problem), order(42, 0, problem.samples)
    wrong = single(mistakes._epoch(mistake, problem, initial, first))
    if mistake.epsilon_outside and problem.optimizer == WORKLOADS["sgd"].optimizer:
        assert mistakes.name(wrong, problem, initial, first, "softmax") is None  # SGD has none
    else:
        assert mistakes.name(wrong, problem, initial, first, "softmax") == mistake.says


def test_what_is_right_or_wrong_in_another_way_has_no_name(problem):
    initial, first = initial_of(problem), order(42, 0, problem.samples)
    (right,) = reference.train(problem, initial, [first])
    assert mistakes.name(single(right), problem, initial, first, "softmax") is None
    other = Params(right.weight.astype(np.float32) * np.float32(1.01), single(right).bias)
    assert mistakes.name(other, problem, initial, first, "softmax") is None
    assert mistakes.name(initial, problem, initial, first, "one-vs-rest") is None


def test_without_a_mistake_the_epoch_is_the_oracles(problem):
    initial, first = initial_of(problem), order(42, 0, problem.samples)
    (right,) = reference.train(problem, initial, [first])
    found = mistakes._epoch(mistakes.Mistake("none"), problem, initial, first)
    for a, b in zip(found, right, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
