"""Measure how far low precision and small mistakes end from the oracle, by epoch and batch size.

``PYTHONPATH=tests:. python -m support.matrix`` prints the tables of docs/parity.md, in about five
minutes. Each error is that of one epoch, by a NumPy program in float32 that makes the mistake in
it, from the oracle's weights before it, in units of the tolerance: a row passes up to 1.
"""

import dataclasses

import numpy as np

from bench.contract import Params
from bench.data import dataset
from bench.runner.parity import oracle
from bench.runner.parity.draws import FIRST_EPOCH, NOISE_EPOCH, Draws
from bench.runner.parity.judge import TOLERANCE
from bench.worker import data
from bench.worker.workloads import WORKLOADS
from implementations.idiomatic import softmax_numpy

EPOCHS = (1, 2, 3, 6, 12, 25, 50)
BATCH_SIZES = (8, 32, 480)
SEED = 42
EASY = 1e-4


def round_half(array):
    return array.astype(np.float16).astype(np.float32)


def round_bits(array, bits):
    """Return float32 with this many bits of fraction."""
    lost = np.uint32(23 - bits)
    whole = np.ascontiguousarray(array).view(np.uint32)
    return ((whole + (np.uint32(1) << (lost - np.uint32(1)))) >> lost << lost).view(np.float32)


def keep(array):
    return array


@dataclasses.dataclass
class Mistake:
    """forward, backward: round the operands of a product. gradient: rounds its result.

    rate: factor of the learning rate. skips: images whose label is nearly certain.
    """

    forward: object = keep
    backward: object = keep
    gradient: object = keep
    rate: float = 1.0
    skips: bool = False


def round_tf32(array):
    return round_bits(array, 10)


MISTAKES = {
    "none": Mistake(),
    "float16 in both products": Mistake(round_half, round_half),
    "float16 in the gradient's product": Mistake(backward=round_half),
    "TF32 in both products": Mistake(round_tf32, round_tf32),
    "TF32 in the forward product": Mistake(round_tf32),
    "gradient in bfloat16": Mistake(gradient=lambda array: round_bits(array, 7)),
    "skips images with p > 0.9999": Mistake(skips=True),
    "learning rate × 1.0001": Mistake(rate=1 + 1e-4),
    "learning rate × 1.0002": Mistake(rate=1 + 2e-4),
}


class Trainer(softmax_numpy.Trainer):
    """NumPy's program with a mistake."""

    mistake = MISTAKES["none"]

    def gradient(self, images, labels):
        mistake, (weight, bias) = self.mistake, self.params
        logits = mistake.forward(images) @ mistake.forward(weight) + bias
        residual = np.exp(logits - logits.max(axis=1, keepdims=True))
        residual /= residual.sum(axis=1, keepdims=True)
        residual[np.arange(len(labels)), labels] -= 1
        if mistake.skips:
            residual[np.abs(residual).max(axis=1) < EASY] = 0
        residual = mistake.backward(residual)
        share, ones = np.float32(1 / len(labels)), np.ones(len(labels), np.float32)
        products = [mistake.backward(images).T @ residual, ones @ residual]
        return [mistake.gradient(share * product) for product in products]


def measure(problem, state, order, mistake):
    """Return the deviation after an epoch from a state of the oracle, and how far that moves."""
    optimizer = problem.optimizer
    rate = dataclasses.replace(optimizer, learning_rate=optimizer.learning_rate * mistake.rate)
    program = Trainer(dataclasses.replace(problem, optimizer=rate), "cpu")
    program.mistake = mistake
    program.reset(Params(*(part.astype(np.float32) for part in state.solution)))
    program.squares = [part.astype(np.float32) for part in state.squares]
    params = program.train_epoch(order)
    start = oracle.start(Params(*(part.astype(np.float32) for part in state.solution)))
    after = oracle.train_epoch(problem, start._replace(squares=state.squares), order)
    ends, begins = flatten(after.solution), flatten(start.solution)
    return np.abs(flatten(params) - ends).max(), np.abs(ends - begins).max()


def flatten(params):
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in params])


def list_rows(folder, workload, classes, batch_size):
    """Yield each mistake with its errors: in a training that goes on, and on noise."""
    draws, known = Draws.make(SEED, 1), WORKLOADS[workload]
    samples = len(data.read_labels(folder, "train"))
    problem = data.read_problem(
        folder, workload, classes=classes, batch_size=batch_size, samples=samples
    )
    start = draws.draw_initial_params(known, problem.features, classes, FIRST_EPOCH)
    noise, state, cells = draws.draw_noise(problem), oracle.start(start), {}
    for number in range(1, max(EPOCHS) + 1):
        order = draws.draw_order(FIRST_EPOCH._replace(number=number), samples)
        after = oracle.train_epoch(problem, state, order)
        way = np.abs(flatten(after.solution) - flatten(start)).max()
        for name, mistake in MISTAKES.items() if number in EPOCHS else ():
            error, own = measure(problem, state, order, mistake)
            cells.setdefault(name, []).append((error / way, error / own))
        state = after
    order = draws.draw_order(NOISE_EPOCH, noise.samples)
    start = draws.draw_initial_params(known, problem.features, classes, NOISE_EPOCH)
    for name, mistake in MISTAKES.items():
        error, own = measure(noise, oracle.start(start), order, mistake)
        yield name, cells[name], error / own


def main() -> None:
    """Print a table for each workload."""
    prepared = dataset.find()
    titles = ["1", *(f"{number}" for number in EPOCHS[1:]), *(f"{n} alone" for n in EPOCHS[1:4])]
    for workload in WORKLOADS:
        print(f"\n| {workload}: mistake | batch | noise | {' | '.join(titles)} |")
        print("| --- " + "| ---: " * (2 + len(titles)) + "|")
        for batch_size in BATCH_SIZES:
            rows = list_rows(prepared.folder, workload, prepared.classes, batch_size)
            for name, errors, noise in rows:
                values = [noise, *(whole for whole, _ in errors), *(own for _, own in errors[1:4])]
                texts = " | ".join(f"{value / TOLERANCE:.2g}" for value in values)
                print(f"| {name} | {batch_size} | {texts} |", flush=True)


if __name__ == "__main__":
    main()
