"""Softmax regression in Numba, with an epoch as one compiled function for one core.

Follows https://numba.readthedocs.io/en/stable/user/performance-tips.html: loops over contiguous
memory, whose sums may be reordered, compile to vector instructions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import float32, njit, uint8
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem, Unavailable

# Images and classes that one loop processes together: their 20 sums fit into registers.
TALL, WIDE = 4, 5
ROWS = 32  # images at a time: as float32 they fit into the L2 cache with the weight
LINE = 64  # bytes in a cache line
# Reorder sums and assume finite numbers, but keep exact divisions.
SUMS = {"reassoc", "contract", "nsz", "nnan", "ninf"}

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]
Four = tuple[float, float, float, float]  # of one class, for TALL images


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if device != "cpu":
            raise Unavailable("Numba compiles loops for the CPU only")
        self.problem = problem
        self.data = compress(np.ascontiguousarray(problem.images))
        # A row for each class, padded with empty rows to a multiple of WIDE.
        shape = (-(-problem.classes // WIDE) * WIDE, problem.features)
        self.weight, self.bias = np.zeros(shape, np.float32), np.zeros(problem.classes, np.float32)
        self.squares = np.zeros(self.weight.size, np.float32), np.zeros_like(self.bias)
        self.epoch = make_epoch(problem, wide=shape[0])
        self.run(np.empty(0, np.int32))  # compiles

    def reset(self, params: Params) -> None:
        self.weight[: self.problem.classes], self.bias[:] = params.weight.T, params.bias
        for square in self.squares:
            square.fill(0)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        self.run(order.astype(np.int32))
        return Params(self.weight[: self.problem.classes].T.copy(), self.bias.copy())

    def predict(self, images: Floats) -> NDArray[np.int64]:
        return (images @ self.weight[: self.problem.classes].T + self.bias).argmax(axis=1)

    def run(self, order: Integers) -> None:
        params = self.weight.reshape(-1), self.bias
        self.epoch(params, self.squares, self.data, self.problem.labels, order)


def compress(images: Floats) -> tuple[NDArray[Any], np.float32, np.float32]:
    """Store pixels as bytes if decoding restores every float32 exactly.

    Returns the images and the two factors of ``decode``: 1 / 255 as the sum of two float32, or 1.
    """
    pixels, high = np.empty(images.shape, np.uint8), np.float32(1 / 255)
    low = np.float32(1 / 255 - float(high))
    if encode(images, pixels, high, low):
        return pixels, high, low
    return images, np.float32(1), np.float32(0)


@njit(fastmath={"contract"})
def encode(images: Floats, pixels: NDArray[np.uint8], high: float, low: float) -> bool:
    """Fill the pixels; return whether decoding restores every float32."""
    exact = True
    for row in range(len(images)):
        for f in range(images.shape[1]):
            pixels[row, f] = uint8(images[row, f] * 255 + 0.5)
            exact &= decode(pixels[row, f], high, low) == images[row, f]
    return exact


@njit(fastmath={"contract"})
def decode(pixel: Any, high: float, low: float) -> float:
    """Return a pixel as float32, rounded like a division by 255, which would be slower."""
    return float32(pixel) * high + float32(pixel) * low


@njit(fastmath={"contract"})
def gather(images: NDArray[Any], high: float, low: float, batch: Integers, rows: Floats) -> None:
    """Copy the images of a batch side by side, as float32."""
    for s, row in enumerate(batch):
        for f in range(images.shape[1]):
            rows[s, f] = decode(images[row, f], high, low)


@njit
def fetch(images: NDArray[Any], batch: Integers) -> int:
    """Prefetch the images of a batch, by reading one pixel of each cache line.

    Returns the sum of these pixels, or the compiler would remove the loop.
    """
    total = 0
    for row in batch:
        for f in range(0, images.shape[1], LINE // images.itemsize):
            total += int(images[row, f])
    return total


# inline="always" makes the sizes constants here, too. Then the compiler knows that rows do not
# overlap, and vectorizes the loop.
@njit(fastmath=SUMS, inline="always")
def forward(rows: Floats, weight: Floats, logits: Floats, wide: int, features: int) -> None:
    """Compute the logits (wide, ROWS) of ROWS images, without the bias."""
    for s in range(0, ROWS, TALL):
        for k in range(0, wide, WIDE):
            i, j = s * features, k * features
            a = b = c = d = e = (float32(0), float32(0), float32(0), float32(0))
            for f in range(features):
                x = column(rows, i + f, features)
                a = add(a, weight[j + f], x)
                b = add(b, weight[j + features + f], x)
                c = add(c, weight[j + 2 * features + f], x)
                d = add(d, weight[j + 3 * features + f], x)
                e = add(e, weight[j + 4 * features + f], x)
            for n in range(TALL):
                logits[k, s + n], logits[k + 1, s + n], logits[k + 2, s + n] = a[n], b[n], c[n]
                logits[k + 3, s + n], logits[k + 4, s + n] = d[n], e[n]


@njit(fastmath=SUMS, error_model="numpy")
def softmax(logits: Floats, bias: Floats, labels: Integers, batch: Integers) -> None:
    """Replace logits by probabilities minus one-hot labels, and pad the batch with zeros."""
    for s in range(len(batch)):
        top = logits[0, s] + bias[0]
        for c in range(len(bias)):
            logits[c, s] += bias[c]
            top = max(top, logits[c, s])  # prevents an overflow of exp
        total = float32(0)
        for c in range(len(bias)):
            logits[c, s] = np.exp(logits[c, s] - top)
            total += logits[c, s]
        for c in range(len(bias)):
            logits[c, s] /= total
        logits[labels[batch[s]], s] -= float32(1)
    for c in range(len(bias)):
        for s in range(len(batch), ROWS):
            logits[c, s] = 0


@njit(fastmath=SUMS, inline="always")
def accumulate(rows: Floats, residual: Floats, slope: Floats, wide: int, features: int) -> None:
    """Add the contribution of ROWS images to the flattened weight gradient (wide * features,)."""
    for s in range(0, ROWS, TALL):
        for k in range(0, wide, WIDE):
            i, j = s * features, k * features
            a, b, c = four(residual[k], s), four(residual[k + 1], s), four(residual[k + 2], s)
            d, e = four(residual[k + 3], s), four(residual[k + 4], s)
            for f in range(features):
                x = column(rows, i + f, features)
                slope[j + f] += dot(a, x)
                slope[j + features + f] += dot(b, x)
                slope[j + 2 * features + f] += dot(c, x)
                slope[j + 3 * features + f] += dot(d, x)
                slope[j + 4 * features + f] += dot(e, x)


@njit(inline="always")
def column(rows: Floats, at: int, features: int) -> Four:
    """Return one pixel of four images."""
    return rows[at], rows[at + features], rows[at + 2 * features], rows[at + 3 * features]


@njit(inline="always")
def four(residual: Floats, at: int) -> Four:
    """Return the residuals of four images."""
    return residual[at], residual[at + 1], residual[at + 2], residual[at + 3]


@njit(fastmath=SUMS)
def add(sums: Four, w: float, x: Four) -> Four:
    """Add one product to each of four sums."""
    return sums[0] + w * x[0], sums[1] + w * x[1], sums[2] + w * x[2], sums[3] + w * x[3]


@njit(fastmath=SUMS)
def dot(residual: Four, x: Four) -> float:
    """Return the sum of four products."""
    return residual[0] * x[0] + residual[1] * x[1] + residual[2] * x[2] + residual[3] * x[3]


def make_epoch(problem: Problem, wide: int) -> Callable[..., int]:
    """Return the compiled loop over the batches. Sizes and optimizer are compiled as constants."""
    size, features, classes = problem.batch_size, problem.features, problem.classes
    update = make_update(problem.optimizer, np.float32(1 / size))

    @njit(fastmath=SUMS)
    def epoch(params: Any, squares: Any, data: Any, labels: Integers, order: Integers) -> int:
        (weight, bias), (weight_squares, bias_squares) = params, squares
        images, high, low = data
        rows, logits = np.zeros((ROWS, features), np.float32), np.zeros((wide, ROWS), np.float32)
        flat = rows.reshape(ROWS * features)
        slope, bias_slope = np.zeros_like(weight), np.zeros_like(bias)
        fetched = 0
        for start in range(0, len(order), size):
            for first in range(start, start + size, ROWS):
                last = min(first + ROWS, start + size)
                gather(images, high, low, order[first:last], rows)
                fetched += fetch(images, order[last : last + ROWS])  # overlaps with the computation
                forward(flat, weight, logits, wide, features)
                softmax(logits, bias, labels, order[first:last])
                accumulate(flat, logits, slope, wide, features)
                for c in range(classes):
                    for s in range(ROWS):
                        bias_slope[c] += logits[c, s]
            update(weight, slope, weight_squares)
            update(bias, bias_slope, bias_squares)
        return fetched

    return epoch


def make_update(optimizer: Optimizer, share: np.float32) -> Callable[..., None]:
    """Return the optimizer's step in place. share: 1 / batch size, for the mean of the sums."""
    rate, plain = np.float32(optimizer.learning_rate), isinstance(optimizer, SGD)
    rho, rest, epsilon = np.float32(0), np.float32(1), np.float32(0)
    if not isinstance(optimizer, SGD):
        rho, rest = np.float32(optimizer.rho), np.float32(1 - optimizer.rho)
        epsilon = np.float32(optimizer.epsilon)

    @njit(fastmath=SUMS, error_model="numpy")
    def update(w: Floats, slope: Floats, v: Floats) -> None:
        for i in range(len(w)):
            g = share * slope[i]
            if plain:
                w[i] -= rate * g
            else:
                v[i] = rho * v[i] + rest * g * g
                w[i] -= rate * g / np.sqrt(v[i] + epsilon)
            slope[i] = 0

    return update
