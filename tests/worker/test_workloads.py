"""The fixed experiments."""

from bench.contract import SGD, RMSprop
from bench.worker.workloads import WORKLOADS


def test_workloads_are_the_documented_ones():
    sgd, textbook = WORKLOADS["sgd"], WORKLOADS["textbook"]
    assert list(WORKLOADS) == ["sgd", "textbook"]
    assert (sgd.optimizer, sgd.initial) == (SGD(0.05), "zeros")
    assert (textbook.optimizer, textbook.initial) == (RMSprop(0.001, 0.9, 1e-7), "glorot")
    assert {(one.batch_size, one.epochs) for one in WORKLOADS.values()} == {(32, 5)}
    assert all(one.name == name for name, one in WORKLOADS.items())
