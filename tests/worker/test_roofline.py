"""How often a roofline probe is timed, and which results are faults."""

from types import SimpleNamespace

import numpy as np
import pytest

from bench.worker import roofline
from bench.worker.guard import ContractError
from implementations.roofline.roofline_numpy import Probe


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(roofline, "MATRIX_SIZE", 64)
    monkeypatch.setattr(roofline, "MIN_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def calls():
    Recorder.calls = []


class Recorder(Probe):
    calls: list

    def __init__(self, matrix, device):
        super().__init__(matrix, "cpu")
        self.calls.append("new")

    def multiply(self, times):
        self.calls.append(("multiply", times))
        return super().multiply(times)

    def place(self, images):
        self.calls.append(("place", images.shape, images.dtype, float(images.min())))
        super().place(images)

    def read(self, times):
        self.calls.append(("read", times))
        return super().read(times)

    def steps(self, count):
        self.calls.append(("steps", count))
        return super().steps(count)


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only where a probe says so."""
    clock = SimpleNamespace(seconds=0.0)

    def time_call(call, *args):
        start = clock.seconds
        return call(*args), clock.seconds - start

    monkeypatch.setattr(roofline, "time_call", time_call)
    return clock


def test_calls_repeat_until_min_seconds_excluding_warm_up(clock, monkeypatch):
    monkeypatch.setattr(roofline, "MIN_SECONDS", 1.0)

    class Slow(Probe):
        def multiply(self, times):
            clock.seconds += 0.25
            return super().multiply(times)

        def read(self, times):
            clock.seconds += 0.125
            return super().read(times)

    sample = roofline.measure_roofline(Slow, "cpu", 8, [50, 100])
    assert sample.product_seconds == [0.25] * 4
    assert sample.read_seconds == [0.125] * 16


def test_quick_calls_repeat_at_most_most_times(monkeypatch):
    monkeypatch.setattr(roofline, "MIN_SECONDS", 60.0)
    sample = roofline.measure_roofline(Recorder, "cpu", 8, [50, 100])
    assert len(sample.product_seconds) == roofline.MAX_REPEATS
    assert sample.read_bytes == [1600] * roofline.MAX_REPEATS + [3200] * roofline.MAX_REPEATS


def test_gpu_is_warm_and_its_work_is_queued(clock, monkeypatch):
    monkeypatch.setattr(roofline, "MIN_SECONDS", 0.5)

    class Gpu(Recorder):
        def multiply(self, times):
            clock.seconds += times / 800
            return super().multiply(1)

        def read(self, times):
            clock.seconds += times / 6400
            return super().read(1)

        def steps(self, count):
            clock.seconds += count / 64000
            return super().steps(count)

    sample = roofline.measure_roofline(Gpu, "gpu", 8, [100])
    assert sample.product_operations == 100 * 2 * 64**3
    assert sample.product_seconds == [0.125] * 4
    assert (sample.read_times, sample.read_seconds) == (100, [0.015625] * 32)
    assert (sample.chain_steps, sample.chain_seconds) == (1000, [0.015625] * 32)
    assert clock.seconds == pytest.approx(3 * 1.0 + 3 * 0.5 + 1 / 800)  # each was warm before


def in_half_precision(array):
    return array.astype(np.float16).astype(np.float32)


def to_bits(keep, half=0):
    """Return a function that keeps ``keep`` bits after the point: rounded, or cut off."""

    def round_bits(array):
        bits = np.ascontiguousarray(array).view(np.uint32) + np.uint32(half << (22 - keep))
        return (bits >> np.uint32(23 - keep) << np.uint32(23 - keep)).view(np.float32)

    return round_bits


ROUNDINGS = {
    "TF32, rounded": to_bits(10, 1),
    "TF32, cut off": to_bits(10),
    "bfloat16": to_bits(7, 1),
    "half": in_half_precision,
}


def multiply_rounded(inputs):
    def multiply(probe, times):
        rounded = inputs(probe.matrix)
        return (rounded @ rounded)[:8, :8]

    return multiply


@pytest.mark.parametrize("device", ["cpu", "gpu"])
@pytest.mark.parametrize("inputs", ROUNDINGS.values(), ids=ROUNDINGS)
def test_probe_that_rounds_its_inputs_fails(monkeypatch, device, inputs):
    monkeypatch.setattr(roofline, "WARM_SECONDS", {"cpu": 0.0, "gpu": 0.0})
    # Sums of random elements are right within this; those of fine ones are not.
    monkeypatch.setattr(roofline, "PRODUCT_TOLERANCE", 1e-4)
    wrong = type("Wrong", (Recorder,), {"multiply": multiply_rounded(inputs)})
    with pytest.raises(ContractError, match="a probe's result is off by"):
        roofline.measure_roofline(wrong, device, 8, [100])


def test_tf32_is_hidden_in_one_random_element_and_shown_in_every_fine_one():
    random = np.random.default_rng(42).random((2048, 2048), np.float32)
    fine = np.full((2048, 8), roofline.FINE, np.float32)
    rounded = to_bits(10, 1)
    hidden = (rounded(random[:1]) @ rounded(random[:, :1])) / (random[:1] @ random[:, :1]) - 1
    shown = (rounded(fine).T @ rounded(fine)) / (fine.T @ fine) - 1
    assert abs(hidden[0, 0]) < roofline.PRODUCT_TOLERANCE
    assert shown == pytest.approx(-(2**-11), rel=1e-2)


def product_of_steps(count):
    """A chain that was folded into one product: right but for the rounding."""
    return float(np.float32(roofline.GROWTH**count))


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("multiply", lambda probe, _: np.zeros((8, 8))),
        ("multiply", lambda probe, _: (probe.matrix @ probe.matrix)[:7, :8]),
        ("read", lambda probe, _: 799.0),
        ("read", lambda probe, _: float("nan")),
        ("steps", lambda probe, count: 1.0),
        ("steps", lambda probe, count: float(roofline.compute_chain(count - 1))),
        ("steps", lambda probe, count: product_of_steps(count)),
    ],
)
def test_wrong_result_is_a_fault(monkeypatch, method, call):
    monkeypatch.setattr(roofline, "WARM_SECONDS", {"cpu": 0.0, "gpu": 0.0})
    with pytest.raises(ContractError, match="a probe's result is off by"):
        roofline.measure_roofline(type("Wrong", (Recorder,), {method: call}), "gpu", 8, [100])
