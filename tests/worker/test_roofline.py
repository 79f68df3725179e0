"""How often a roofline probe is timed, and which results are faults."""

import numpy as np
import pytest

from bench.worker import roofline
from bench.worker.guard import ContractError
from implementations.roofline.roofline_numpy import Probe


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(roofline, "MATRIX_SIZE", 64)
    monkeypatch.setattr(roofline, "MIN_SECONDS", 0.0)


class Watched(Probe):
    """NumPy's probe, which also writes down what it is asked."""

    asked: list

    def __init__(self, matrix, device):
        super().__init__(matrix, "cpu")
        type(self).asked = []

    def multiply(self):
        self.asked.append("multiply")
        return super().multiply()

    def place(self, images):
        self.asked.append(("place", images.shape, images.dtype, float(images.min())))
        super().place(images)

    def read(self):
        self.asked.append("read")
        return super().read()

    def steps(self, count):
        self.asked.append(("steps", count))
        return super().steps(count)


def test_products_and_reads_are_timed_after_a_warm_up():
    sample = roofline.measure_roofline(Watched, "cpu", 8, [100, 50])
    assert sample.product_operations == 2 * 2048**3
    assert len(sample.product_seconds) == roofline.MIN_REPEATS
    assert sample.read_bytes == [3200] * roofline.MIN_REPEATS + [1600] * roofline.MIN_REPEATS
    assert len(sample.read_seconds) == 2 * roofline.MIN_REPEATS
    assert min(sample.product_seconds + sample.read_seconds) > 0
    assert sample.chain_seconds == []
    more = roofline.MIN_REPEATS + 1
    placed = [("place", (count, 8), np.float32, 1.0) for count in (100, 50, 1)]
    assert Watched.asked == [
        *["multiply"] * more,
        placed[0],
        *["read"] * more,
        placed[1],
        *["read"] * more,
        placed[2],
    ]


class Clock:
    """A clock on which giving images back takes as many seconds as there were of them."""

    def __init__(self, monkeypatch):
        self.seconds = 0.0
        monkeypatch.setattr(roofline, "time_call", self.timed)

    def timed(self, call, *args):
        begun = self.seconds
        return call(*args), self.seconds - begun


def test_calls_repeat_until_min_seconds_excluding_warm_up(monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(roofline, "MIN_SECONDS", 1.0)

    class Slow(Probe):
        def multiply(self):
            clock.seconds += 0.25
            return super().multiply()

        def read(self):
            clock.seconds += 0.125
            return super().read()

    sample = roofline.measure_roofline(Slow, "cpu", 8, [50])
    assert sample.product_seconds == [0.25] * 4
    assert sample.read_seconds == [0.125] * 8
    assert sample.between_seconds == 0.25 + 0.125


def test_freeing_images_is_between_seconds(monkeypatch):
    clock = Clock(monkeypatch)

    class Holds(Probe):
        count = 0

        def place(self, images):
            clock.seconds += self.count
            self.count = len(images)
            super().place(images)

    sample = roofline.measure_roofline(Holds, "cpu", 8, [50, 100])
    assert sample.between_seconds == 50 + 100


def test_quick_calls_repeat_at_most_most_times(monkeypatch):
    monkeypatch.setattr(roofline, "MIN_SECONDS", 60.0)
    sample = roofline.measure_roofline(Watched, "cpu", 8, [50, 100])
    assert len(sample.product_seconds) == roofline.MAX_REPEATS
    assert sample.read_bytes == [1600] * roofline.MAX_REPEATS + [3200] * roofline.MAX_REPEATS


def test_chains_are_timed_on_a_gpu():
    sample = roofline.measure_roofline(Watched, "gpu", 8, [100])
    assert len(sample.chain_seconds) == roofline.MIN_REPEATS
    assert Watched.asked[-1] == ("steps", sample.chain_steps)


@pytest.mark.parametrize(
    ("method", "result"), [("multiply", 0.0), ("read", 799.0), ("read", float("nan"))]
)
def test_wrong_result_is_a_fault(method, result):
    lazy = type("Lazy", (Probe,), {method: lambda self: result})
    with pytest.raises(ContractError, match="a probe returned"):
        roofline.measure_roofline(lazy, "cpu", 8, [100])


def test_half_precision_is_a_fault():
    class Half(Probe):
        def multiply(self):
            return float((self.matrix.astype(np.float16) @ self.matrix.astype(np.float16))[0, 0])

    with pytest.raises(ContractError, match="a probe returned"):
        roofline.measure_roofline(Half, "cpu", 8, [100])
