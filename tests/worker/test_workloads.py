"""The fixed experiments: initial weights and orders."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.contract import SGD, RMSprop
from bench.worker.workloads import FIRST_EPOCH, WORKLOADS, draw_initial_params, draw_order

SEEDS = st.integers(0, 2**31 - 1)


def test_workloads_are_the_documented_ones():
    sgd, textbook = WORKLOADS["sgd"], WORKLOADS["textbook"]
    assert list(WORKLOADS) == ["sgd", "textbook"]
    assert (sgd.optimizer, sgd.initial) == (SGD(0.05), "zeros")
    assert (textbook.optimizer, textbook.initial) == (RMSprop(0.001, 0.9, 1e-7), "glorot")
    assert {(one.batch_size, one.epochs) for one in WORKLOADS.values()} == {(32, 5)}
    assert all(one.name == name for name, one in WORKLOADS.items())


def test_sgd_starts_from_zeros():
    weight, bias = draw_initial_params(WORKLOADS["sgd"], 784, 10, seed=42)
    assert (weight.shape, weight.dtype, weight.any()) == ((784, 10), np.float32, False)
    assert (bias.shape, bias.dtype, bias.any()) == ((10,), np.float32, False)


@given(seed=SEEDS)
def test_textbook_starts_from_glorot_uniform(seed):
    weight, bias = draw_initial_params(WORKLOADS["textbook"], 784, 10, seed)
    limit = np.sqrt(6 / 794)  # 0.0869
    assert (weight.shape, weight.dtype) == ((784, 10), np.float32)
    assert (bias.shape, bias.dtype, bias.any()) == ((10,), np.float32, False)
    assert np.abs(weight).max() <= np.float32(limit)
    assert np.abs(weight).max() > 0.99 * limit
    # Of 7,840 uniform values, the mean's standard error is limit / sqrt(3 * 7840); six of them
    # leave one seed in a thousand million.
    assert abs(weight.mean()) < 6 * limit / np.sqrt(3 * 7840)
    assert weight.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


@given(seed=SEEDS, other=SEEDS)
def test_initial_weights_depend_on_the_seed_only(seed, other):
    first, second, third = (
        draw_initial_params(WORKLOADS["textbook"], 8, 3, one).weight for one in (seed, seed, other)
    )
    assert np.array_equal(first, second)
    assert np.array_equal(first, third) == (seed == other)


@given(seed=SEEDS, epoch=st.integers(0, 200), samples=st.integers(1, 300))
def test_order_is_a_reproducible_permutation(seed, epoch, samples):
    taken = draw_order(seed, epoch, samples)
    assert taken.dtype == np.int64
    assert np.array_equal(np.sort(taken), np.arange(samples))
    assert np.array_equal(taken, draw_order(seed, epoch, samples))


@given(seed=SEEDS, other=SEEDS)
def test_orders_differ_between_epochs_and_seeds(seed, other):
    epochs = range(FIRST_EPOCH, 201)  # a first epoch, and as many as are ever timed
    orders = {
        (one, epoch): draw_order(one, epoch, 64).tobytes()
        for one in (seed, other)
        for epoch in epochs
    }
    assert len(set(orders.values())) == len(orders)


def test_first_epoch_shares_no_order_with_timed_ones():
    assert FIRST_EPOCH < 1  # the timed ones count from 1


def test_order_is_that_of_published_runs():
    assert draw_order(42, 1, 10).tolist() == [0, 8, 7, 4, 3, 1, 2, 9, 6, 5]
