"""A common mistake is called by its name, and nothing else is."""

import numpy as np
import pytest

from bench.contract import Params, Problem
from bench.runner.parity import mistakes, oracle
from bench.runner.parity.draws import FIRST_EPOCH, Draws
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


def unchanged(value):
    return value


@pytest.mark.parametrize(
    ("name", "batches", "slope"),
    [
        ("it hands back the weights", lambda batches: [], unchanged),
        ("it adds up the loss", unchanged, lambda slope: [32 * part for part in slope]),
        ("it leaves out the bias", unchanged, lambda slope: [slope[0], 0 * slope[1]]),
        ("it ignores the order", lambda _: np.arange(1440).reshape(45, 32), unchanged),
        ("it takes the last batch first", lambda batches: batches[::-1], unchanged),
        ("it skips the first batch", lambda batches: batches[1:], unchanged),
        ("it skips the last batch", lambda batches: batches[:44], unchanged),
    ],
)
def test_program_with_the_mistake_is_named(task, name, batches, slope):
    problem, initial = task
    program = softmax_numpy.Trainer(problem, "cpu")
    program.reset(initial)
    for batch in batches(ORDER.reshape(45, 32)):
        program.update(slope(program.gradient(problem.images[batch], problem.labels[batch])))
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
