"""A common mistake is called by its name, and nothing else is."""

from dataclasses import replace

import numpy as np
import pytest

from bench.contract import Params, Problem
from bench.runner.parity import mistakes, oracle
from bench.runner.parity.draws import FIRST_EPOCH, NOISE_EPOCH, Draws
from bench.worker import data
from bench.worker.workloads import WORKLOADS
from implementations.idiomatic import softmax_numpy

DRAWS = Draws.make(42, 1)
ORDER = DRAWS.draw_order(FIRST_EPOCH, 1440)


@pytest.fixture(params=WORKLOADS)
def task(request, digits):
    """The problem of a workload on the digits, and its initial params."""
    workload = WORKLOADS[request.param]
    problem = Problem(*data.read(digits.folder, "train"), 10, 32, workload.optimizer)
    return problem, DRAWS.draw_initial_params(workload, 64, 10, FIRST_EPOCH)


def right(program, *batch):
    return program.gradient(*batch)


def smooth(program, images, labels):
    others = [program.gradient(images, np.full_like(labels, label)) for label in range(10)]
    own = program.gradient(images, labels)
    return [0.9 * part + 0.01 * sum(rest) for part, *rest in zip(own, *others, strict=True)]


def delay(program, *batch):
    late, program.late = getattr(program, "late", None), right(program, *batch)
    return late or [0 * part for part in program.late]


def slow_down(program, *batch):
    optimizer = program.problem.optimizer
    slower = replace(optimizer, learning_rate=0.98 * optimizer.learning_rate)
    program.problem = replace(program.problem, optimizer=slower)
    return right(program, *batch)


BATCHES = ORDER.reshape(45, 32)


@pytest.mark.parametrize(
    ("name", "batches", "gradient"),
    [
        ("it hands back the weights", [], right),
        ("it adds up the loss", BATCHES, lambda *batch: [32 * part for part in right(*batch)]),
        (
            "it leaves out the bias",
            BATCHES,
            lambda *batch: [part * (part.ndim > 1) for part in right(*batch)],
        ),
        ("it ignores the order", np.arange(1440).reshape(45, 32), right),
        ("it takes the last batch first", BATCHES[::-1], right),
        ("it skips the first batch", BATCHES[1:], right),
        ("it skips the last batch", BATCHES[:44], right),
        ("it takes every n-th sample", ORDER.reshape(32, 45).T, right),
        (
            "it takes the samples in another order",
            DRAWS.draw_order(NOISE_EPOCH, 1440).reshape(45, 32),
            right,
        ),
        ("it smooths the labels by 0.1", BATCHES, smooth),
        ("each of its gradients is one step late", BATCHES, delay),
        ("its learning rate falls within the epoch, by about 60%", BATCHES, slow_down),
    ],
)
def test_program_with_the_mistake_is_named(task, name, batches, gradient):
    problem, initial = task
    program = softmax_numpy.Trainer(problem, "cpu")
    program.reset(initial)
    for batch in batches:
        program.update(gradient(program, problem.images[batch], problem.labels[batch]))
    mistake = mistakes.name_mistake(Params(*program.params), *task, ORDER, "softmax")
    assert (mistake or "").startswith(name)


def test_correct_or_otherwise_wrong_params_have_no_name(task):
    problem, initial = task
    solution = oracle.train_epoch(problem, oracle.start(initial), ORDER).solution
    weight, bias = (part.astype(np.float32) for part in solution)
    for factor in (1, 1.01):
        params = Params(weight * np.float32(factor), bias)
        assert mistakes.name_mistake(params, *task, ORDER, "softmax") is None
    assert mistakes.name_mistake(initial, *task, ORDER, "one-vs-rest") is None


def test_learning_rate_that_is_wrong_throughout_is_named(task):
    problem, initial = task
    slower = replace(problem.optimizer, learning_rate=0.25 * problem.optimizer.learning_rate)
    params = oracle.train_epoch(replace(problem, optimizer=slower), oracle.start(initial), ORDER)
    mistake = mistakes.name_mistake(params.solution, *task, ORDER, "softmax")
    assert mistake.startswith("its learning rate is 0.25 times the right one, or it divides by 128")
