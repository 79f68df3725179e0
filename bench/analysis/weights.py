"""What a softmax classifier learns, computed by the oracle.

Every ranked implementation agrees with the oracle within the parity tolerance, so one set of
weights shows what all of them learn, and a report needs no trial's params.
"""

import numpy as np
from numpy.typing import NDArray

from bench.contract import Problem
from bench.data.dataset import Dataset
from bench.records.schema import Case
from bench.runner.parity import oracle
from bench.runner.parity.oracle import Solution
from bench.worker import data as prepared
from bench.worker.workloads import TRIAL_SCRIPT, WORKLOADS, draw_initial_params, draw_order


def compared_epochs(case: Case) -> tuple[int, ...]:
    """Return the numbers of the timed epochs of a case that parity compares."""
    return TRIAL_SCRIPT[1].epochs[: case.epochs]


def train_oracle(case: Case, seed: int, data: Dataset) -> Solution:
    """Return the oracle's params after the last epoch that parity compares.

    seed: the run's, from which the orders and the initial weights follow. Takes about two seconds
    at the default sizes. Raises DataError if the data cannot be read.
    """
    workload = WORKLOADS[case.workload]
    images, labels = prepared.read_samples(data.folder, case.samples)
    problem = Problem(images, labels, data.classes, case.batch_size, workload.optimizer)
    initial = draw_initial_params(workload, data.features, data.classes, seed)
    orders = [draw_order(seed, epoch, case.samples) for epoch in compared_epochs(case)]
    return oracle.train(problem, initial, orders)[-1]


def count_confusion(solution: Solution, data: Dataset) -> NDArray[np.int64]:
    """Count the test images by true class (rows) and predicted class (columns).

    Raises DataError if the data cannot be read.
    """
    images, labels = prepared.read(data.folder, "test")
    predicted = oracle.forward(solution, images).argmax(axis=1)
    counts: NDArray[np.int64] = np.zeros((data.classes, data.classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts
