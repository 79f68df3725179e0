"""The worker's part of the roofline: measure the peak rates of a framework on this machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isclose

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Probe
from bench.worker.guard import ContractError
from bench.worker.measure import time_call

# Large enough for the peak rate of a matrix product, small enough for a second of one core.
MATRIX_SIZE = 2048
STEPS = 1000
MIN_SECONDS = 0.4
MIN_REPEATS, MAX_REPEATS = 3, 50
# Relative tolerances. The error of float32 over 2,048 products is smaller, that of half precision
# is larger. A sum over hundreds of millions of ones depends on how it is split.
PRODUCT_TOLERANCE, SUM_TOLERANCE = 1e-5, 1e-3


@dataclass(slots=True)
class RooflineSample:
    """The raw values of one probe: seconds of products, of reads with their bytes, and of chains.

    product_operations: floating-point operations of one product, 2 n^3 for n x n matrices.
    chain_steps: dependent updates in each chain; measured on a GPU only.
    """

    product_operations: int = 2 * MATRIX_SIZE**3
    product_seconds: list[float] = field(default_factory=list)
    read_bytes: list[int] = field(default_factory=list)
    read_seconds: list[float] = field(default_factory=list)
    chain_steps: int = STEPS
    chain_seconds: list[float] = field(default_factory=list)
    setup_seconds: float = 0.0
    between_seconds: float = 0.0


def measure_roofline(
    implementation: Callable[[NDArray[np.float32], Device], Probe],
    device: Device,
    features: int,
    samples: Sequence[int],
) -> RooflineSample:
    """Time products of matrices, and sums over images of ones for every number of samples.

    Raises Unavailable as the probe does, ContractError where a result is wrong.
    """
    sample = RooflineSample()
    generator, shape = np.random.default_rng(42), (MATRIX_SIZE, MATRIX_SIZE)
    matrix, sample.between_seconds = time_call(lambda: generator.random(shape, np.float32))
    probe, sample.setup_seconds = time_call(implementation, matrix, device)

    def place(count: int) -> None:
        probe.place(np.ones((count, features), np.float32))

    product = float(matrix[0].astype(float) @ matrix[:, 0])
    result = _repeat(sample, sample.product_seconds, probe.multiply)
    _require_near(result, product, PRODUCT_TOLERANCE)
    for count in samples:
        sample.between_seconds += time_call(place, count)[1]
        before = len(sample.read_seconds)
        result = _repeat(sample, sample.read_seconds, probe.read)
        _require_near(result, count * features, SUM_TOLERANCE)
        sample.read_bytes += [4 * count * features] * (len(sample.read_seconds) - before)
    # It takes 0.2 s to free a gigabyte: do that here, where it is timed, and not at the end.
    sample.between_seconds += time_call(place, 1)[1]
    if device == "gpu":
        _repeat(sample, sample.chain_seconds, lambda: probe.steps(STEPS))
    return sample


def _repeat(sample: RooflineSample, seconds: list[float], call: Callable[[], float]) -> float:
    """Call once as a warm-up, then time calls for MIN_SECONDS; return the last result."""
    result, last_seconds = time_call(call)
    sample.between_seconds += last_seconds
    count, total = 0, 0.0
    while count < MAX_REPEATS and (count < MIN_REPEATS or total < MIN_SECONDS):
        result, last_seconds = time_call(call)
        seconds.append(last_seconds)
        count, total = count + 1, total + last_seconds
    return float(result)


def _require_near(result: float, expected: float, tolerance: float) -> None:
    """Raise ContractError where a result was not computed in float32."""
    if not isclose(result, expected, rel_tol=tolerance):
        raise ContractError(f"a probe returned {result:g} where {expected:g} is right")
