"""A hot loop: one call of NumPy after the other, on a vector that fits into any cache."""

import numpy as np

ROUNDS = 400_000


def run(rounds=ROUNDS):
    """Return a sum that depends on each of the rounds."""
    vector = np.linspace(0.0, 1.0, 1024, dtype=np.float32)
    for _ in range(rounds):
        np.subtract(1, vector, out=vector)
    return float(vector.sum())
