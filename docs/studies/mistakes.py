"""Measure how far low precision and small mistakes end from the oracle, by epoch and batch size.

``PYTHONPATH=docs python -m studies.mistakes > docs/studies/mistakes.csv`` takes about five minutes.
On data each error is that of one epoch, by a NumPy program in float32 that makes the mistake in it,
from the oracle's weights before it; on noise that of the last epoch, after mistakes in all.
"""

import csv
import sys
from dataclasses import dataclass, replace

import numpy as np

from bench.contract import Params
from bench.data import dataset
from bench.runner.parity import oracle
from bench.runner.parity.draws import FIRST_EPOCH, NOISE_EPOCH, Draws, Epoch
from bench.runner.parity.judge import TOLERANCE
from bench.worker import data
from bench.worker.workloads import WORKLOADS
from implementations.idiomatic import softmax_numpy

# Of a training that goes on: the first epoch is what a trial times.
EPOCHS = (1, 5)
BATCH_SIZES = (8, 32, 128, 384, 1920, 9600)
SEED, EASY = 42, 1e-4


def keep_bits(bits):
    """Return a function that rounds float32 to this many bits of fraction."""
    half, lost = np.uint32(1 << (22 - bits)), np.uint32(23 - bits)

    def round_bits(array):
        whole = np.ascontiguousarray(array).view(np.uint32)
        return ((whole + half) >> lost << lost).view(np.float32)

    return round_bits


def round_half(array):
    return array.astype(np.float16).astype(np.float32)


def keep(array):
    return array


@dataclass
class Mistake:
    """forward, backward: round the operands of a product. gradient: rounds its result.

    rate: factor of the learning rate. decay: of the weights. skips: images whose label is nearly
    certain. swaps: the first two batches.
    """

    forward: object = keep
    backward: object = keep
    gradient: object = keep
    rate: float = 1.0
    decay: float = 0.0
    skips: bool = False
    swaps: bool = False


MISTAKES = {
    "none": Mistake(),
    "float16 in both products": Mistake(round_half, round_half),
    "float16 in the gradient's product": Mistake(backward=round_half),
    "TF32 in both products": Mistake(keep_bits(10), keep_bits(10)),
    "TF32 in the forward product": Mistake(keep_bits(10)),
    "gradient in bfloat16": Mistake(gradient=keep_bits(7)),
    "skips images with p > 0.9999": Mistake(skips=True),
    "learning rate × 1.0001": Mistake(rate=1 + 1e-4),
    "learning rate × 1.0002": Mistake(rate=1 + 2e-4),
    "weight decay of 1e-6": Mistake(decay=1e-6),
    "swaps two batches": Mistake(swaps=True),
}


class Trainer(softmax_numpy.Trainer):
    """NumPy's program with a mistake."""

    def gradient(self, images, labels):
        mistake, (weight, bias) = self.mistake, self.params
        # A program that keeps pixels as bytes multiplies whole numbers, which are exact.
        rounded = [images, images]
        if not self.keeps_bytes:
            rounded = [mistake.forward(images), mistake.backward(images)]
        logits = rounded[0] @ mistake.forward(weight) + bias
        residual = np.exp(logits - logits.max(axis=1, keepdims=True))
        residual /= residual.sum(axis=1, keepdims=True)
        residual[np.arange(len(labels)), labels] -= 1
        residual[(np.abs(residual).max(axis=1) < EASY) & mistake.skips] = 0
        residual = mistake.backward(residual)
        share, ones = np.float32(1 / len(labels)), np.ones(len(labels), np.float32)
        products = [rounded[1].T @ residual, ones @ residual]
        decay = np.float32(mistake.decay)
        return [
            mistake.gradient(share * product) + decay * part
            for product, part in zip(products, self.params, strict=True)
        ]


def measure(problem, state, orders, mistake, *, keeps_bytes=False):
    """Return the deviation after the last of these epochs, and how far the oracle moves in it."""
    begin = Params(*(part.astype(np.float32) for part in state.solution))
    rate = replace(problem.optimizer, learning_rate=problem.optimizer.learning_rate * mistake.rate)
    program = Trainer(replace(problem, optimizer=rate), "cpu")
    program.mistake, program.keeps_bytes = mistake, keeps_bytes
    program.reset(begin)
    program.squares = [part.astype(np.float32) for part in state.squares]
    after, size = oracle.start(begin)._replace(squares=state.squares), problem.batch_size
    for order in orders:
        taken, before = order.copy(), after
        if mistake.swaps:
            taken[: 2 * size] = np.roll(taken[: 2 * size], size)
        params = program.train_epoch(taken)
        after = oracle.train_epoch(problem, before, order)
    end = oracle.flatten(after.solution)
    moved = np.abs(end - oracle.flatten(before.solution)).max()
    return np.abs(oracle.flatten(params) - end).max(), moved


def list_rows(prepared, workload, batch_size):
    """Yield each mistake with its errors: on noise, and in a training that goes on.

    Second on noise: of a program that keeps whole pixels as bytes.
    """
    draws, known, samples = Draws.make(SEED, 1), WORKLOADS[workload], 48_000
    arguments = {"classes": prepared.classes, "batch_size": batch_size, "samples": samples}
    problem = data.read_problem(prepared.folder, workload, **arguments)

    def start(epoch):
        features, classes = problem.features, problem.classes
        return oracle.start(draws.draw_initial_params(known, features, classes, epoch))

    noise, state, first = draws.draw_noise(problem), start(FIRST_EPOCH), start(FIRST_EPOCH)
    numbers, begin = range(1, 1 + NOISE_EPOCH.number), start(NOISE_EPOCH)
    orders = [draws.draw_order(Epoch("noise", number), noise.samples) for number in numbers]
    cells = {
        name: [measure(noise, begin, orders, one, keeps_bytes=kept) for kept in (False, True)]
        for name, one in MISTAKES.items()
    }
    ways = [cells["none"][0][1]] * 2
    for number in range(1, max(EPOCHS) + 1):
        order = draws.draw_order(FIRST_EPOCH._replace(number=number), samples)
        after = oracle.train_epoch(problem, state, order)
        if number in EPOCHS:
            moved = oracle.flatten(after.solution) - oracle.flatten(first.solution)
            ways.append(np.abs(moved).max())
            for name, mistake in MISTAKES.items():
                cells[name].append(measure(problem, state, [order], mistake))
        state = after
    for name, values in cells.items():
        yield name, [error / way for (error, _), way in zip(values, ways, strict=True)]


def main() -> None:
    """Print the table, in units of the tolerance."""
    prepared, write = dataset.find(), csv.writer(sys.stdout, lineterminator="\n").writerow
    write(["workload", "mistake", "batch size", "noise", "whole pixels", *EPOCHS])
    for workload in WORKLOADS:
        for batch_size in BATCH_SIZES:
            for name, errors in list_rows(prepared, workload, batch_size):
                texts = [f"{error / TOLERANCE:.2g}" for error in errors]
                write([workload, name, batch_size, *texts])


if __name__ == "__main__":
    main()
