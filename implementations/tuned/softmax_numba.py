"""Softmax regression in Numba, with an epoch as one compiled function for one core.

Follows https://numba.readthedocs.io/en/stable/user/performance-tips.html: loops over contiguous
memory, whose sums may be reordered, compile to vector instructions. Pixels stay bytes: the products
convert them in registers, and the logits and the gradient are multiplied by 1 / 255. An intrinsic
(https://numba.readthedocs.io/en/stable/extending/high-level.html) prefetches the next batch.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import float32, int32, njit, void
from numba.core.cgutils import get_item_pointer, voidptr_t  # private API, of Numba 0.68
from numba.extending import intrinsic
from numpy.typing import NDArray

from bench.contract import SGD, Device, Params, Problem, Unavailable

# Images and classes that a loop processes together: their 20 sums fit into registers.
TALL, WIDE = 4, 5
# Reorder sums, divide by multiplying, and assume finite numbers.
FAST = {"reassoc", "contract", "arcp", "nsz", "nnan", "ninf"}

Array = NDArray[Any]
Four = tuple[float, float, float, float]  # one number for each of TALL images


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if device != "cpu":
            raise Unavailable("Numba compiles loops for the CPU only")
        self.problem, scale = problem, 1.0
        self.images: Array = np.ascontiguousarray(problem.images)
        pixels = (problem.images * 255 + 0.5).astype(np.uint8)
        if np.array_equal(pixels / np.float32(255), problem.images):
            self.images, scale = pixels, 1 / 255
        # A row for each class, padded with empty rows to a multiple of WIDE.
        shape = (-(-problem.classes // WIDE) * WIDE, problem.features)
        self.weight, self.bias = np.zeros(shape, np.float32), np.zeros(problem.classes, np.float32)
        self.squares = np.zeros_like(self.weight), np.zeros_like(self.bias)
        self.epoch = make_epoch(problem, shape, np.float32(scale))
        self.train_epoch(np.empty(0, np.int64))  # compiles

    def reset(self, params: Params) -> None:
        self.weight[: self.problem.classes], self.bias[:] = params.weight.T, params.bias
        for square in self.squares:
            square.fill(0)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        self.epoch((self.weight, self.bias), self.squares, self.images, self.problem.labels, order)
        return Params(self.weight[: self.problem.classes].T.copy(), self.bias.copy())

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return (images @ self.weight[: self.problem.classes].T + self.bias).argmax(axis=1)


def make_epoch(problem: Problem, shape: tuple[int, int], scale: np.float32) -> Any:
    """Return the compiled loop over the batches. Sizes are compiled as constants.

    shape: of the padded weight. scale: of the pixels.
    """
    size, share = problem.batch_size, np.float32(1 / problem.batch_size)
    padded = shape[0], -(-size // TALL) * TALL
    rule = make_rule(problem.optimizer)

    @njit(fastmath=FAST, cache=True)
    def epoch(params: Any, squares: Any, images: Array, labels: Array, order: Array) -> None:
        (weight, bias), bias_slope = params, np.zeros_like(params[1])
        logits, slope = np.zeros(padded, np.float32), np.zeros(shape, np.float32)
        for start in range(0, len(order), size):
            batch, following = order[start : start + size], order[start + size : start + 2 * size]
            forward(images, batch, following, weight, logits)
            softmax(logits, scale, bias, labels, batch)
            accumulate(images, batch, logits, slope)
            flat = weight.reshape(-1), slope.reshape(-1), squares[0].reshape(-1)
            update(*flat, scale * share, rule)
            for c in range(len(bias)):
                bias_slope[c] = logits[c].sum()
            update(bias, bias_slope, squares[1], share, rule)

    return epoch


@njit(fastmath=FAST)
def forward(images: Array, batch: Array, following: Array, weight: Array, logits: Array) -> None:
    """Compute the logits (classes, samples) without scale and bias; prefetch the next batch."""
    for s in range(0, len(batch), TALL):
        for row in following[s : s + TALL]:
            for f in range(0, images.shape[1], 64 // images.itemsize):
                prefetch(images, row, f)
        rows = choose(images, batch, s)
        for k in range(0, len(weight), WIDE):
            a = b = c = d = e = (float32(0), float32(0), float32(0), float32(0))
            for f in range(images.shape[1]):
                x = column(rows, f)
                a, b = add(a, weight[k, f], x), add(b, weight[k + 1, f], x)
                c, d = add(c, weight[k + 2, f], x), add(d, weight[k + 3, f], x)
                e = add(e, weight[k + 4, f], x)
            for n in range(TALL):
                logits[k : k + WIDE, s + n] = a[n], b[n], c[n], d[n], e[n]


@njit(fastmath=FAST, error_model="numpy")
def softmax(logits: Array, scale: float, bias: Array, labels: Array, batch: Array) -> None:
    """Replace logits by probabilities minus one-hot labels, and the padding by zeros."""
    top, total = logits[0] * scale + bias[0], np.zeros(logits.shape[1], np.float32)
    for c in range(len(bias)):
        for s in range(len(top)):
            logits[c, s] = logits[c, s] * scale + bias[c]
            top[s] = max(top[s], logits[c, s])  # prevents an overflow of exp
    for c in range(len(bias)):
        for s in range(len(top)):
            logits[c, s] = exp(logits[c, s] - top[s])
            total[s] += logits[c, s]
    for c in range(len(bias)):
        for s in range(len(top)):
            logits[c, s] /= total[s]
    for s, row in enumerate(batch):
        logits[labels[row], s] -= float32(1)
    logits[: len(bias), len(batch) :] = 0


@njit(fastmath=FAST, error_model="numpy")
def exp(x: float) -> float:
    """Return e ** x for x <= 0 with instructions that vectorize, unlike the library's function.

    x = n log 2 + rest, so it is 2 ** n times the Taylor series of the rest, which errs by 5e-9. In
    a float32, n + 127 stands above 23 bits.
    """
    x = max(x, float32(-87))  # the smallest result that is not denormal
    n = int32(x * float32(1 / np.log(2)) - float32(0.5))
    rest, series = x - float32(n) * float32(np.log(2)), float32(1)
    for k in range(7, 0, -1):
        series = float32(1) + series * rest / float32(k)
    return series * np.int32((n + 127) << 23).view(np.float32)


@njit(fastmath=FAST)
def accumulate(images: Array, batch: Array, residual: Array, slope: Array) -> None:
    """Add the gradient of the weight, without the scale, to the slope (classes, features)."""
    for s in range(0, len(batch), TALL):
        rows = choose(images, batch, s)
        for k in range(0, len(slope), WIDE):
            a, b, c = four(residual[k], s), four(residual[k + 1], s), four(residual[k + 2], s)
            d, e = four(residual[k + 3], s), four(residual[k + 4], s)
            for f in range(images.shape[1]):
                x = column(rows, f)
                slope[k, f] += dot(a, x)
                slope[k + 1, f] += dot(b, x)
                slope[k + 2, f] += dot(c, x)
                slope[k + 3, f] += dot(d, x)
                slope[k + 4, f] += dot(e, x)


@njit
def choose(images: Array, batch: Array, s: int) -> tuple[Array, Array, Array, Array]:
    """Return TALL images of a batch from one on; after its end, the last one again."""
    last = len(batch) - 1
    b, c, d = batch[min(s + 1, last)], batch[min(s + 2, last)], batch[min(s + 3, last)]
    return images[batch[s]], images[b], images[c], images[d]


@njit
def column(rows: tuple[Array, Array, Array, Array], f: int) -> Four:
    """Return one pixel of TALL images."""
    return float32(rows[0][f]), float32(rows[1][f]), float32(rows[2][f]), float32(rows[3][f])


@njit
def four(residual: Array, s: int) -> Four:
    """Return the residuals of TALL images for one class."""
    return residual[s], residual[s + 1], residual[s + 2], residual[s + 3]


@njit(fastmath=FAST)
def dot(a: Four, x: Four) -> float:
    """Return the sum of TALL products."""
    return a[0] * x[0] + a[1] * x[1] + a[2] * x[2] + a[3] * x[3]


@njit(fastmath=FAST)
def add(sums: Four, w: float, x: Four) -> Four:
    """Add the products of a weight and a pixel of TALL images to their sums."""
    return sums[0] + w * x[0], sums[1] + w * x[1], sums[2] + w * x[2], sums[3] + w * x[3]


@intrinsic
def prefetch(_: Any, images: Any, row: Any, f: Any) -> Any:
    """Load a pixel's cache line into the L2 cache; the program does not wait for it."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        array = context.make_array(images)(context, builder, arguments[0])
        address = get_item_pointer(context, builder, images, array, arguments[1:])
        integer = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [voidptr_t, integer, integer, integer])
        function = builder.module.declare_intrinsic("llvm.prefetch", [voidptr_t], kind)
        # To read, into the L2 cache (2 of 0 to 3, the L1 cache), data.
        builder.call(function, [builder.bitcast(address, voidptr_t), *map(integer, (0, 2, 1))])
        return context.get_dummy_value()

    return void(images, row, f), generate


def make_rule(optimizer: Any) -> tuple[bool, Any, Any, Any, Any]:
    """Return whether the optimizer is plain, its rate, rho, 1 - rho and epsilon, as float32."""
    plain, rate = isinstance(optimizer, SGD), np.float32(optimizer.learning_rate)
    rho, epsilon = (0, 0) if plain else (optimizer.rho, optimizer.epsilon)
    return plain, rate, np.float32(rho), np.float32(1 - rho), np.float32(epsilon)


@njit(fastmath=FAST, error_model="numpy")
def update(w: Array, slope: Array, v: Array, scale: float, rule: tuple[Any, ...]) -> None:
    """Take the optimizer's step in place, and set the slope to zero.

    scale: what the slope is multiplied by to be the gradient of the mean loss.
    """
    plain, rate, rho, rest, epsilon = rule
    for i in range(len(w)):
        g = scale * slope[i]
        if plain:
            w[i] -= rate * g
        else:
            v[i] = rho * v[i] + rest * g * g
            w[i] -= rate * g / np.sqrt(v[i] + epsilon)
        slope[i] = 0
