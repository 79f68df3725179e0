"""The oracle against numbers worked out by hand, finite differences and scikit-learn."""

from math import log, sqrt

import numpy as np
import pytest

from bench.contract import SGD, Params, Problem, RMSprop
from bench.runner.parity import oracle

# Two float64 programs of the same mathematics differ by the order of their sums only.
ROUNDING = 1e-12


def make_problem(images, labels, optimizer, classes=3, batch_size=1):
    return Problem(
        np.array(images, np.float32), np.array(labels, np.int32), classes, batch_size, optimizer
    )


def train(problem, params, orders, objective="softmax"):
    return [state.solution for state in follow(problem, params, orders, objective)]


def follow(problem, params, orders, objective="softmax"):
    """Return the states after one epoch after the other."""
    state, states = oracle.start(params), []
    for order in orders:
        state = oracle.train_epoch(problem, state, order, objective)
        states.append(state)
    return states


def zeros(features, classes):
    return Params(np.zeros((features, classes), np.float32), np.zeros(classes, np.float32))


@pytest.fixture(scope="module")
def digits():
    """Inputs to train on: problem under SGD, initial parameters away from zero, three orders."""
    datasets = pytest.importorskip("sklearn.datasets")
    bunch = datasets.load_digits()
    problem = make_problem(bunch.data[:1440] / 16, bunch.target[:1440], SGD(0.05), 10, 32)
    rng = np.random.default_rng(7)
    start = Params(
        rng.uniform(-0.3, 0.3, (64, 10)).astype(np.float32), np.linspace(-1, 1, 10, dtype="f4")
    )
    return problem, start, [rng.permutation(problem.samples) for _ in range(3)]


def cross_entropy(logits, labels):
    return float(-oracle.log_softmax(logits)[np.arange(len(labels)), labels].mean())


def test_cross_entropy_by_hand():
    # Probabilities 1/8, 2/8, 5/8 and 1/3 each.
    logits = np.array([[0, log(2), log(5)], [4, 4, 4]])
    result = cross_entropy(logits, np.array([2, 0], np.int32))
    assert result == pytest.approx((log(8 / 5) + log(3)) / 2, rel=ROUNDING)


def test_cross_entropy_does_not_overflow():
    logits = np.array([[1000.0, 0.0], [-1000.0, 0.0]])
    # The losses are 1000 and 0, each within exp(-1000).
    assert cross_entropy(logits, np.array([1, 1], np.int32)) == 500


def test_accuracies_by_hand():
    images = np.array([[1.0, 2.0], [2.0, 1.0], [0.0, 3.0], [5.0, 4.0]])
    labels = np.array([1, 0, 0, 0], np.int32)
    # The first params copy the pixels, and label 1, 0, 1, 0. The second add 2 to the first pixel,
    # and label 0, 0, 1, 0. The third exchange the pixels, and label 0, 1, 0, 1.
    copy, bias = np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
    epochs = [Params(copy, bias), Params(copy, bias + np.float32([2, 0])), Params(copy[::-1], bias)]
    assert oracle.compute_accuracies(epochs, images, labels) == [0.75, 0.5, 0.25]
    assert oracle.compute_accuracies(epochs[1:2], images, labels) == [0.5]


def test_gradient_agrees_with_finite_differences():
    rng = np.random.default_rng(3)
    images = rng.random((5, 3), np.float32)
    labels = rng.integers(0, 4, 5).astype(np.int32)
    point = np.append(rng.normal(size=(3, 4)), rng.normal(size=4))

    def solution(flat: np.ndarray) -> oracle.Solution:
        return oracle.Solution(flat[:12].reshape(3, 4), flat[12:])

    def loss(flat: np.ndarray) -> float:
        return cross_entropy(oracle.forward(solution(flat), images), labels)

    step = 1e-5  # the error is about step squared, plus 1e-16 / step
    slopes = [(loss(point + d) - loss(point - d)) / (2 * step) for d in step * np.eye(len(point))]
    log_probabilities = oracle.log_softmax(oracle.forward(solution(point), images))
    result = oracle.compute_gradient(np.float64(images), log_probabilities, labels)
    np.testing.assert_allclose(np.append(*result), slopes, atol=1e-9)


def test_one_step_of_softmax_by_hand():
    # From zeros all probabilities are 1/3. The residuals (p - y) / 2 of the batch of two are
    #   (-1/3, 1/6, 1/6) for (1, 0), label 0, and (1/6, 1/6, -1/3) for (1/2, 1), label 2;
    # the gradient of the weight is r1 + r2/2 = (-1/4, 1/4, 0) and r2, of the bias r1 + r2.
    problem = make_problem([[1, 0], [0.5, 1]], [0, 2], SGD(1.2), batch_size=2)
    (result,) = train(problem, zeros(2, 3), [np.array([0, 1])])
    np.testing.assert_allclose(result.weight, [[0.3, -0.3, 0], [-0.2, -0.2, 0.4]], atol=ROUNDING)
    np.testing.assert_allclose(result.bias, [0.2, -0.4, 0.2], atol=ROUNDING)


def test_loss_and_accuracy_of_an_epoch_are_those_before_each_update():
    # Images of zeros leave the bias to train. The first sample has label 1 and probabilities 1/2,
    # where argmax takes class 0: the bias becomes ln2 * (-1/2, 1/2). The second sample has label 0
    # and the probability 1/3 for it. Both are wrong.
    problem = make_problem([[0], [0]], [0, 1], SGD(log(2)), classes=2)
    orders = np.array([[1, 0], [1, 1]])
    state, second = follow(problem, zeros(1, 2), orders)
    assert state.loss == pytest.approx((log(2) + log(3)) / 2, rel=ROUNDING)
    assert state.accuracy == 0
    # The bias is now ln2 * (1/6, -1/6), so class 0 is chosen; the gradient for label 1 is (p, -p)
    # with p = 1 / (1 + exp(-ln2 / 3)); then the bias is ln2 * (1/6 - p, p - 1/6), and p > 1/6.
    p = 1 / (1 + 2 ** (-1 / 3))
    losses = -log(1 - p), log(1 + 2 ** (1 / 3 - 2 * p))
    assert second.loss == pytest.approx(sum(losses) / 2, rel=ROUNDING)
    assert second.accuracy == 0.5


def test_two_steps_of_rmsprop_by_hand():
    # Step 1: g = -+1/2, v = (1/4)(1/4) = 9/144, with epsilon 16/144, so sqrt = 1/3;
    #   bias = +-(ln2 / 3)(1/2)(3) = +-ln2 / 2, probabilities (2/3, 1/3).
    # Step 2: g = -+1/3, v = (3/4)(1/16) + (1/4)(1/9) = 43/576, with epsilon 71/576;
    #   bias = +-(ln2 / 2 + (ln2 / 3)(1/3)(24 / sqrt(71))).
    # One step is an epoch here, so the mean square must live on from epoch to epoch.
    optimizer = RMSprop(learning_rate=log(2) / 3, rho=0.75, epsilon=7 / 144)
    problem = make_problem([[0]], [0], optimizer, classes=2)
    first, second = train(problem, zeros(1, 2), [np.array([0])] * 2)
    np.testing.assert_allclose(first.bias, [log(2) / 2, -log(2) / 2], atol=ROUNDING)
    expected = log(2) / 2 + 8 * log(2) / (3 * sqrt(71))
    np.testing.assert_allclose(second.bias, [expected, -expected], atol=ROUNDING)
    np.testing.assert_array_equal(second.weight, 0)


def test_two_updates_of_one_vs_rest_by_hand():
    # eta = learning rate / batch size = ln2; x = 1, so weight and bias move alike.
    # Sample 1, label 0: every sigmoid is 1/2; weight = ln2 * (1, -1, -1) / 2.
    # Sample 2, label 1: logits ln2 * (1, -1, -1), sigmoids (2/3, 1/3, 1/3), residuals
    #   (2/3, -2/3, 1/3); weight = ln2 * (1/2 - 2/3, -1/2 + 2/3, -1/2 - 1/3).
    problem = make_problem([[1], [1]], [0, 1], SGD(2 * log(2)), batch_size=2)
    (result,) = train(problem, zeros(1, 3), [np.array([0, 1])], "one-vs-rest")
    expected = log(2) * np.array([-1, 1, -5]) / 6
    np.testing.assert_allclose(result.weight, [expected], atol=ROUNDING)
    np.testing.assert_allclose(result.bias, expected, atol=ROUNDING)


def test_one_vs_rest_does_not_overflow():
    problem = make_problem([[1]], [0], SGD(1), classes=2)
    start = Params(np.array([[-2000, 2000]], np.float32), np.zeros(2, np.float32))
    (result,) = train(problem, start, [np.array([0])], "one-vs-rest")
    np.testing.assert_array_equal(result.weight, [[-1999, 1999]])


def test_one_vs_rest_refuses_rmsprop():
    problem = make_problem([[0]], [0], RMSprop(0.001, 0.9, 1e-7))
    with pytest.raises(ValueError, match="SGD only"):
        train(problem, zeros(1, 3), [np.array([0])], "one-vs-rest")


def test_softmax_agrees_with_a_perceptron_without_hidden_layer(digits):
    problem, start, orders = digits
    network = pytest.importorskip("sklearn.neural_network").MLPClassifier(
        hidden_layer_sizes=(),
        solver="sgd",
        alpha=0,
        batch_size=32,
        learning_rate_init=0.05,
        shuffle=False,
        momentum=0,
        nesterovs_momentum=False,
    )
    images = problem.images.astype(np.float64)
    network.partial_fit(images[:32], problem.labels[:32], classes=range(10))
    network.coefs_ = [start.weight.astype(np.float64)]
    network.intercepts_ = [start.bias.astype(np.float64)]
    for order, result in zip(orders, train(problem, start, orders), strict=True):
        network.partial_fit(images[order], problem.labels[order])
        np.testing.assert_allclose(result.weight, network.coefs_[0], atol=ROUNDING)
        np.testing.assert_allclose(result.bias, network.intercepts_[0], atol=ROUNDING)


def parity(weight, bias):
    """Parity error of one weight and one bias, where the oracle moved from 1 to 3 and to 9."""
    initial = Params(np.array([[1]], np.float32), np.array([1], np.float32))
    truth = oracle.Solution(np.array([[3.0]]), np.array([9.0]))
    params = Params(np.array([[weight]], np.float32), np.array([bias], np.float32))
    return oracle.parity_error(params, truth, initial)


@pytest.mark.parametrize(
    ("weight", "bias", "expected"),
    [(3, 9, 0), (3.5, 9, 1 / 16), (2, 9, 1 / 8), (3, 9.5, 1 / 16), (3, 1, 1), (2, 7, 1 / 4)],
)
def test_parity_error_by_hand(weight, bias, expected):
    assert parity(weight, bias) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_parity_error_of_non_finite_params_fails_any_tolerance(value):
    assert parity(value, 9) == float("inf")
    assert parity(3, value) == float("inf")
