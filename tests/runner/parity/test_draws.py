"""What a round draws: orders and initial weights, from entropy that nobody knows beforehand."""

import dataclasses
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.contract import SGD, Problem
from bench.runner.parity.draws import FIRST_EPOCH, NOISE_EPOCH, Draws, Epoch
from bench.worker.workloads import WORKLOADS, get_workload

DRAWS = st.builds(Draws, st.binary(min_size=16, max_size=16).map(bytes.hex))
TEXTBOOK = WORKLOADS["textbook"]
DRAWN = Draws.make(42, 1)
EPOCHS = st.builds(Epoch, st.sampled_from(["stretch", "timed", "warm-up"]), st.integers(1, 2000))


def test_sgd_starts_from_zeros():
    weight, bias = Draws.make(42, 1).draw_initial_params(WORKLOADS["sgd"], 784, 10, FIRST_EPOCH)
    assert (weight.shape, weight.dtype, weight.any()) == ((784, 10), np.float32, False)
    assert (bias.shape, bias.dtype, bias.any()) == ((10,), np.float32, False)


@given(draws=DRAWS)
def test_textbook_starts_from_glorot_uniform(draws):
    limit = np.sqrt(6 / 794)  # 0.0869
    weight, bias = draws.draw_initial_params(TEXTBOOK, 784, 10, FIRST_EPOCH)
    assert (weight.shape, weight.dtype) == ((784, 10), np.float32)
    assert (bias.shape, bias.dtype, bias.any()) == ((10,), np.float32, False)
    assert 0.99 * limit < np.abs(weight).max() <= np.float32(limit)
    # Of 7,840 uniform values, the mean's standard error is limit / sqrt(3 * 7840); six of them
    # leave one draw in a thousand million.
    assert abs(weight.mean()) < 6 * limit / np.sqrt(3 * 7840)
    assert weight.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


def test_several_models_have_weights_of_their_own():
    for epoch, different in ((FIRST_EPOCH, 12), (Epoch("timed", 2), 12), (NOISE_EPOCH, 1)):
        weight, bias = DRAWN.draw_initial_params(get_workload("many-12"), 8, 3, epoch)
        assert (weight.shape, weight.dtype) == ((12, 8, 3), np.float32)
        assert (bias.shape, bias.dtype, bias.any()) == ((12, 3), np.float32, False)
        assert len({one.tobytes() for one in weight}) == different


@given(draws=DRAWS, models=st.integers(1, 2000))
def test_all_models_are_judged_first_and_five_later(draws, models):
    assert len(set(draws.draw_models(FIRST_EPOCH, models))) == min(models, 1000)
    drawn = draws.draw_models(Epoch("timed", 1), models)
    assert len(set(drawn)) == min(models, 5)
    assert set(drawn) <= set(range(1, models + 1))
    assert drawn == Draws(draws.entropy).draw_models(Epoch("timed", 1), models)
    others = {tuple(draws.draw_models(Epoch("timed", n), 1000)) for n in range(1, 6)}
    assert len(others) == 5


@given(draws=DRAWS, other=DRAWS)
def test_weights_depend_on_the_entropy_and_the_epoch_only(draws, other):
    def draw(one, epoch=FIRST_EPOCH):
        return one.draw_initial_params(TEXTBOOK, 8, 3, epoch).weight.tobytes()

    assert draw(draws) == draw(Draws(draws.entropy))
    assert (draw(draws) == draw(other)) == (draws == other)
    assert len({draw(draws), *(draw(draws, Epoch("timed", n)) for n in range(1, 51))}) == 51


@pytest.mark.parametrize(
    ("given", "batch_size", "samples", "size"),
    [(12_000, 480, 9600, 480), (12_000, 6000, 9600, 1920), (1440, 1, 1440, 8), (7, 7, 7, 7)],
)
def test_noise_is_uniform_and_trained_by_sgd(given, batch_size, samples, size):
    images, optimizer = np.zeros((given, 64), np.float32), TEXTBOOK.optimizer
    problem = Problem(images, np.zeros(given), 10, batch_size, optimizer)
    noise = DRAWN.draw_noise(problem)
    assert (noise.batch_size, noise.optimizer) == (size, SGD(0.05))
    assert DRAWN.draw_noise(dataclasses.replace(problem, models=np.ones(3))).batch_size == min(
        given, 32
    )
    start = DRAWN.draw_initial_params(WORKLOADS["sgd"], 64, 10, NOISE_EPOCH)
    assert 0.9 < np.abs(start.weight).max() / (0.1 * np.sqrt(6 / 74)) <= 1
    assert (noise.images.shape, noise.images.dtype) == ((samples, 64), np.float32)
    assert (noise.labels.shape, noise.labels.dtype) == ((samples,), np.int32)
    assert set(noise.labels) <= set(range(10))
    assert 0 <= noise.images.min() < 0.05
    assert 0.95 < noise.images.max() <= 1
    assert abs(noise.images.mean() - 0.5) < 6 / np.sqrt(12 * 64 * samples)
    # As those of photographs: programs that keep bytes train it in bytes.
    assert np.array_equal(noise.images, np.rint(255 * noise.images) / np.float32(255))


@given(draws=DRAWS, epoch=EPOCHS, samples=st.integers(1, 300))
def test_order_is_a_reproducible_permutation(draws, epoch, samples):
    order = draws.draw_order(epoch, samples)
    assert order.dtype == np.int64
    assert np.array_equal(np.sort(order), np.arange(samples))
    assert np.array_equal(order, Draws(draws.entropy).draw_order(epoch, samples))


@given(draws=DRAWS, other=DRAWS)
def test_orders_differ_between_epochs_and_rounds(draws, other):
    epochs = [Epoch(part, n) for part in ("stretch", "timed", "warm-up") for n in range(1, 80)]
    epochs.append(NOISE_EPOCH)
    orders = {
        (one, epoch): one.draw_order(epoch, 64).tobytes()
        for one in (draws, other)
        for epoch in epochs
    }
    assert len(set(orders.values())) == len(orders)
    assert len(orders) == len(epochs) * len({draws, other})


def test_seed_repeats_the_draws_of_each_round():
    draws = [Draws.make(seed, number) for seed in (42, 43, 421) for number in (1, 2, 11)]
    again = [Draws.make(seed, number) for seed in (42, 43, 421) for number in (1, 2, 11)]
    assert draws == again
    assert len({one.entropy for one in draws}) == len(draws)
    assert Draws.make(0, 1) != Draws.make(None, 1)
    assert len({Draws.make(42, 1), Draws.make(42, 1, 0), Draws.make(42, 1, 1)}) == 3


def test_draws_without_a_seed_cannot_be_known():
    entropies = set()
    for _ in range(20):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002 - what a worker might do
        entropies.add(Draws.make(None, 1).entropy)
    assert len(entropies) == 20
    assert {len(bytes.fromhex(entropy)) for entropy in entropies} == {16}


def test_published_name_of_the_entropy_is_no_part_of_it():
    names = {}
    for number in range(200):
        draws = Draws.make(42, number)
        names[draws.id] = draws
        assert draws.id == Draws(draws.entropy).id
        assert draws.id not in draws.entropy
        # Nor are other draws those of the name.
        assert int(draws.id, 16) != int(draws.entropy, 16) % 16 ** len(draws.id)
    assert len(names) == 200
    assert {len(name) for name in names} == {12}


def test_draws_are_those_of_published_runs():
    draws, timed = Draws("00112233445566778899aabbccddeeff"), Epoch("timed", 1)
    weight = draws.draw_initial_params(TEXTBOOK, 2, 2, timed).weight
    given = Problem(np.zeros((2, 2), np.float32), np.zeros(2), 10, 2, SGD(0.1))
    noise = Draws(draws.entropy, whole_noise=False, noise_epochs=1).draw_noise(given)
    pixels = 255 * draws.draw_noise(given).images
    older = Draws(draws.entropy, noise_epochs=1)
    many = Problem(np.zeros((64, 2), np.float32), np.zeros(64), 10, 64, SGD(0.1))
    assert (older.draw_noise(many).batch_size, draws.draw_noise(many).batch_size) == (32, 64)
    assert not older.draw_initial_params(TEXTBOOK, 2, 2, Epoch("noise", 1)).weight.any()
    assert draws.draw_order(FIRST_EPOCH, 8).tolist() == [3, 5, 4, 6, 1, 0, 2, 7]
    assert draws.draw_order(timed, 8).tolist() == [4, 2, 0, 5, 6, 7, 3, 1]
    assert weight.ravel().tolist() == pytest.approx([-0.3463954, -1.134249, -0.5536109, -0.144527])
    assert noise.images.ravel().tolist() == pytest.approx(
        [0.2465951, 0.1137618, 0.4450348, 0.4617012]
    )
    assert noise.labels.tolist() == [3, 1]
    assert pixels.ravel().tolist() == pytest.approx([63, 29, 113, 118], abs=1e-4)
    assert draws.id == "5947d7c33d78"
