"""The child's part of the ceiling: what a framework can do at all on this machine.

Needs the standard library, NumPy and the probe, nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isclose

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Probe
from bench.worker.guard import ContractError
from bench.worker.measure import time_call

# Large enough to reach the peak of a matrix product, small enough for a second of one core.
MATRIX = 2048
STEPS = 1000
SECONDS = 0.4
LEAST, MOST = 3, 50
# What float32 may be off over two thousand products; half precision is not that near. A sum over
# hundreds of millions of ones is only as near as it is added up in parts.
NEAR_PRODUCT, NEAR_SUM = 1e-5, 1e-3


@dataclass(slots=True)
class RooflineSample:
    """Raw values of one probe: seconds of each product, of each read with its bytes, of chains.

    product_operations: floating-point operations of one product, 2 n^3 for n x n matrices.
    chain_steps: dependent updates in each chain; a GPU's only.
    """

    product_operations: int = 2 * MATRIX**3
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
    """Time products of matrices, and sums over images of ones of every number of samples.

    Raises Unavailable as the probe does, FaultError where a result is wrong.
    """
    found = RooflineSample()
    matrix, found.between_seconds = time_call(_matrix)
    probe, found.setup_seconds = time_call(implementation, matrix, device)
    first = float(matrix[0].astype(float) @ matrix[:, 0])
    _repeat(found, found.product_seconds, probe.multiply, (first, NEAR_PRODUCT))
    for count in samples:
        found.between_seconds += time_call(_place, probe, count, features)[1]
        times = _repeat(found, found.read_seconds, probe.read, (count * features, NEAR_SUM))
        found.read_bytes += [4 * count * features] * times
    # To give a gigabyte back takes a fifth of a second, which is seen here and not after the end.
    found.between_seconds += time_call(_place, probe, 1, features)[1]
    if device == "gpu":
        _repeat(found, found.chain_seconds, lambda: probe.steps(STEPS), None)
    return found


def _matrix() -> NDArray[np.float32]:
    return np.random.default_rng(42).random((MATRIX, MATRIX), dtype=np.float32)


def _place(probe: Probe, count: int, features: int) -> None:
    probe.place(np.ones((count, features), np.float32))


def _repeat(
    found: RooflineSample,
    seconds: list[float],
    call: Callable[[], float],
    expected: tuple[float, float] | None,
) -> int:
    """Call once for nothing, then time it until it has been measured; return how often.

    expected: the result, and how near to it is right; what is not was not computed in float32.
    """
    result, took = time_call(call)
    found.between_seconds += took
    begun, spent = len(seconds), 0.0
    while len(seconds) - begun < MOST and (len(seconds) - begun < LEAST or spent < SECONDS):
        result, took = time_call(call)
        seconds.append(took)
        spent += took
    if expected is not None and not isclose(result, expected[0], rel_tol=expected[1]):
        raise ContractError(f"a probe returned {result:g} where {expected[0]:g} is right")
    return len(seconds) - begun
