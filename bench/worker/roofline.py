"""The worker's part of the roofline: measure the peak rates of a framework on this machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.contract import GROWTH, Device, Probe
from bench.worker.guard import ContractError
from bench.worker.measure import time_call

T = TypeVar("T")

# Large enough for the peak rate of a matrix product, small enough for a second of one core.
MATRIX_SIZE = 2048
STEPS = 1000
# A GPU raises its clocks while it works, so it works this long untimed.
WARM_SECONDS: dict[Device, float] = {"cpu": 0.0, "gpu": 1.0}
# Work of a GPU is queued, so that starting it and fetching a result take no share of the time.
TIMES: dict[Device, int] = {"cpu": 1, "gpu": 100}
MIN_SECONDS = 0.4
MIN_REPEATS = 3
MAX_REPEATS = 2000  # a bound of the record's size
# Relative tolerances. The error of float32 over 2,048 products is smaller, that of half precision
# is larger. A sum over hundreds of millions of ones depends on how it is split.
PRODUCT_TOLERANCE, SUM_TOLERANCE = 1e-5, 1e-3
# What TF32 and half precision lose: rounded to ten bits after the point, it is 1.
FINE = 1 + 2.0**-12


@dataclass(slots=True)
class RooflineSample:
    """The raw values of a probe: seconds of products, of reads with their bytes, and of chains."""

    # Floating-point operations of one repetition, 2 n^3 for each product of n x n matrices.
    product_operations: int = 0
    product_seconds: list[float] = field(default_factory=list)
    read_times: int = 1  # how often each repetition reads ``read_bytes``
    read_bytes: list[int] = field(default_factory=list)
    read_seconds: list[float] = field(default_factory=list)
    chain_steps: int = STEPS  # dependent updates in each chain; measured on a GPU only
    chain_seconds: list[float] = field(default_factory=list)
    setup_seconds: float = 0.0


def measure_roofline(
    implementation: Callable[[NDArray[np.float32], Device], Probe],
    device: Device,
    features: int,
    samples: Sequence[int],
) -> RooflineSample:
    """Time products of matrices, and sums over images of ones for every number of samples.

    Raises Unavailable as the probe does, ContractError where a result is wrong.
    """
    times = TIMES[device]
    sample = RooflineSample(product_operations=2 * MATRIX_SIZE**3 * times, read_times=times)
    generator, shape = np.random.default_rng(42), (MATRIX_SIZE, MATRIX_SIZE)
    matrix = generator.random(shape, np.float32)
    probe, sample.setup_seconds = time_call(implementation, matrix, device)
    product, sample.product_seconds = _repeat(device, lambda: probe.multiply(times))
    require_product(product, matrix)
    for count in samples:
        probe.place(np.ones((count, features), np.float32))
        pixels, seconds = _repeat(device, lambda: probe.read(times))
        require_near(pixels, count * features, SUM_TOLERANCE)
        sample.read_seconds += seconds
        sample.read_bytes += [4 * count * features] * len(seconds)
    if device == "gpu":
        last, sample.chain_seconds = _repeat(device, lambda: probe.steps(STEPS))
        require_near(last, compute_chain(STEPS), 0.0)
    # A probe that rounds loses a share of 2^-12 of every element of this matrix, so of every sum of
    # products 2^-11, which is 49 times the tolerance. The elements of a random matrix are rounded
    # up and down: most of their sums stay within it.
    fine = (FINE * generator.integers(1, 3, shape)).astype(np.float32)
    require_product(implementation(fine, device).multiply(1), fine)
    return sample


def _repeat(device: Device, call: Callable[[], T]) -> tuple[T, list[float]]:
    """Warm up, then time calls for MIN_SECONDS; return the last result and the seconds of each."""
    result, warm_seconds = time_call(call)
    while warm_seconds < WARM_SECONDS[device]:
        warm_seconds += time_call(call)[1]
    seconds: list[float] = []
    while len(seconds) < MAX_REPEATS and (len(seconds) < MIN_REPEATS or sum(seconds) < MIN_SECONDS):
        result, last_seconds = time_call(call)
        seconds.append(last_seconds)
    return result, seconds


def require_product(result: NDArray[np.float32], matrix: NDArray[np.float32]) -> None:
    """Raise ContractError where the first 8 x 8 elements of a matrix times itself are wrong."""
    wide = matrix.astype(float)
    require_near(result, wide[:8] @ wide[:, :8], PRODUCT_TOLERANCE)


def compute_chain(count: int) -> np.float32:
    """Return the right end of a chain, one float32 product after the other."""
    products = np.multiply.accumulate(np.full(count, GROWTH, np.float32))
    return np.float32(products[-1])


def require_near(result: ArrayLike, expected: ArrayLike, tolerance: float) -> None:
    """Raise ContractError where a result was not computed in float32."""
    actual, right = np.asarray(result, float), np.asarray(expected, float)
    error = np.inf
    if actual.shape == right.shape:
        error = float(np.max(np.abs(actual / right - 1)))
    if not error <= tolerance:  # not a number, too
        raise ContractError(
            f"a probe's result is off by a share of {error:.2g}, and {tolerance:g} is allowed"
        )
