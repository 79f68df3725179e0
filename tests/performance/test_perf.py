"""How long the suite's own parts take: run by nox -s perf, skipped by the tests."""

import itertools

import numpy as np
import pytest

from bench import dataset, reference
from bench.contract import SGD, Problem
from bench.workload import WORKLOADS, initial_params, order


@pytest.fixture(scope="module")
def digits():
    return dataset.find("digits")


def test_reading_the_prepared_data(benchmark):
    found = dataset.find()
    images, _ = benchmark(dataset.read, found.folder, "train")
    assert images.shape == (48000, 784)


def test_finding_prepared_data(benchmark):
    dataset.find()
    assert benchmark(dataset.find).name == "fashion-mnist"


def test_an_epoch_of_the_oracle(benchmark, digits):
    images, labels = dataset.read(digits.folder, "train")
    problem = Problem(images, labels, 10, 32, SGD(0.05))
    initial = initial_params(WORKLOADS["sgd"], 64, 10, seed=42)
    (found,) = benchmark(reference.train, problem, initial, [order(42, 1, 1440)])
    assert np.isfinite(found.weight).all()


def test_drawing_an_order(benchmark):
    epochs = itertools.count(1)
    assert len(benchmark(lambda: order(42, next(epochs), 48000))) == 48000
