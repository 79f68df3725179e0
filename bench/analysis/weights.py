"""What a softmax classifier learns, computed by the oracle.

Every ranked implementation agrees with the oracle within the parity tolerance, so one set of
weights shows what all of them learn, and a report needs no trial's params.
"""

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import Dataset
from bench.records.schema import Case
from bench.runner.parity import oracle
from bench.runner.parity.judge import Judge, list_segments
from bench.runner.parity.oracle import Solution
from bench.worker import data as prepared


def train_oracle(case: Case, seed: int, data: Dataset) -> Solution:
    """Return the oracle's params after the last epoch that parity compares.

    seed: the run's, from which the orders and the initial weights follow. Takes about two seconds
    at the default sizes. Raises DataError if the data cannot be read.
    """
    _, timed = list_segments(case)
    return Judge(data.folder, data.classes, seed).train_oracle(case, timed)[-1]


def count_confusion(solution: Solution, data: Dataset) -> NDArray[np.int64]:
    """Count the test images by true class (rows) and predicted class (columns).

    Raises DataError if the data cannot be read.
    """
    images, labels = prepared.read(data.folder, "test")
    predicted = oracle.forward(solution, images).argmax(axis=1)
    counts: NDArray[np.int64] = np.zeros((data.classes, data.classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts
