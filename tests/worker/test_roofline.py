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


class Recorder(Probe):
    """NumPy's probe, which also records its calls."""

    calls: list

    def __init__(self, matrix, device):
        super().__init__(matrix, "cpu")
        type(self).calls = []

    def multiply(self):
        self.calls.append("multiply")
        return super().multiply()

    def place(self, images):
        self.calls.append(("place", images.shape, images.dtype, float(images.min())))
        super().place(images)

    def read(self):
        self.calls.append("read")
        return super().read()

    def steps(self, count):
        self.calls.append(("steps", count))
        return super().steps(count)


def test_products_and_reads_are_timed_after_a_warm_up():
    sample = roofline.measure_roofline(Recorder, "cpu", 8, [100, 50])
    assert sample.product_operations == 2 * 2048**3
    assert len(sample.product_seconds) == roofline.MIN_REPEATS
    assert sample.read_bytes == [3200] * roofline.MIN_REPEATS + [1600] * roofline.MIN_REPEATS
    assert len(sample.read_seconds) == 2 * roofline.MIN_REPEATS
    assert min(sample.product_seconds + sample.read_seconds) > 0
    assert sample.chain_seconds == []
    more = roofline.MIN_REPEATS + 1
    placed = [("place", (count, 8), np.float32, 1.0) for count in (100, 50, 1)]
    assert Recorder.calls == [
        *["multiply"] * more,
        placed[0],
        *["read"] * more,
        placed[1],
        *["read"] * more,
        placed[2],
    ]


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
        """A probe for which it also takes long to free the last images."""

        count = 0

        def multiply(self):
            clock.seconds += 0.25
            return super().multiply()

        def place(self, images):
            clock.seconds += self.count
            self.count = len(images)
            super().place(images)

        def read(self):
            clock.seconds += 0.125
            return super().read()

    sample = roofline.measure_roofline(Slow, "cpu", 8, [50, 100])
    assert sample.product_seconds == [0.25] * 4
    assert sample.read_seconds == [0.125] * 16
    assert sample.between_seconds == 0.25 + 2 * 0.125 + 50 + 100


def test_quick_calls_repeat_at_most_most_times(monkeypatch):
    monkeypatch.setattr(roofline, "MIN_SECONDS", 60.0)
    sample = roofline.measure_roofline(Recorder, "cpu", 8, [50, 100])
    assert len(sample.product_seconds) == roofline.MAX_REPEATS
    assert sample.read_bytes == [1600] * roofline.MAX_REPEATS + [3200] * roofline.MAX_REPEATS


def test_chains_are_timed_on_a_gpu():
    sample = roofline.measure_roofline(Recorder, "gpu", 8, [100])
    assert len(sample.chain_seconds) == roofline.MIN_REPEATS
    assert Recorder.calls[-1] == ("steps", sample.chain_steps)


def multiply_in_half_precision(probe):
    half = probe.matrix.astype(np.float16)
    return float((half @ half)[0, 0])


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("multiply", lambda _: 0.0),
        ("multiply", multiply_in_half_precision),
        ("read", lambda _: 799.0),
        ("read", lambda _: float("nan")),
    ],
)
def test_wrong_result_is_a_fault(method, call):
    with pytest.raises(ContractError, match="a probe returned"):
        roofline.measure_roofline(type("Wrong", (Probe,), {method: call}), "cpu", 8, [100])
