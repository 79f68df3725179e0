"""The file that parent and worker both map."""

import os
from pathlib import Path

import numpy as np
import pytest

from bench.worker.exchange import Exchange, ExchangeSize

NAMES = ("seconds", "count", "indices", "labels", "params")


@pytest.fixture
def mapped(tmp_path):
    """Map a new exchange of this size twice, as the parent and as the worker."""

    def make(size):
        parent = Exchange(tmp_path / "exchange", size, create=True)
        return parent, Exchange(tmp_path / "exchange", size)

    return make


@pytest.mark.parametrize("images", [5, 7])
def test_worker_sees_what_the_parent_writes_and_no_array_overlaps(mapped, images):
    parent, worker = mapped(ExchangeSize(samples=6, images=images, features=3, classes=2))
    for number, name in enumerate(NAMES, 1):
        getattr(parent, name)[:] = number
    for number, name in enumerate(NAMES, 1):
        assert np.all(getattr(worker, name) == number)
    shapes = {name: getattr(worker, name).shape for name in NAMES}
    more = max(6, images)  # an order of the samples, or images to label
    assert list(shapes.values()) == [(1,), (1,), (more,), (images,), (4, 2)]
    worker.params[3] = 9
    assert parent.params[-1].tolist() == [9, 9]


def test_indices_are_as_many_as_written_and_a_private_copy(mapped):
    parent, worker = mapped(ExchangeSize(samples=6, images=2))
    parent.write_indices(np.array([5, 3, 1, 0, 2, 4]))
    parent.write_indices(np.array([2, 0, 1]))
    order = worker.read_indices()
    parent.indices[:] = -1
    assert order.tolist() == [2, 0, 1]


def test_exchange_without_data_has_a_clock_only(mapped):
    parent, worker = mapped(ExchangeSize())
    parent.seconds[0] = 1.5
    assert worker.seconds[0] == 1.5
    assert worker.read_indices().size == worker.params.size == 0


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="sealing is Linux's")
def test_worker_cannot_cut_what_the_parent_reads(mapped, tmp_path):
    parent, _ = mapped(ExchangeSize(samples=6))
    with pytest.raises(PermissionError):
        os.truncate(tmp_path / "exchange", 0)
    assert parent.indices.tolist() == [0] * 6
    before = list(Path("/proc/self/fd").iterdir())
    del parent
    assert len(list(Path("/proc/self/fd").iterdir())) < len(before)
