"""The file that parent and worker both map."""

import os

import numpy as np
import pytest

from bench.worker.exchange import Exchange, ExchangeSize, create_file

NAMES = ("seconds", "count", "indices", "images", "labels", "params")


@pytest.fixture
def mapped(tmp_path):
    """Map a new exchange of this size twice, as the parent and as the worker."""

    def make(size):
        descriptor = create_file(tmp_path, size)
        return Exchange(descriptor, size), Exchange(descriptor, size)

    return make


@pytest.mark.parametrize("images", [5, 7])
def test_worker_sees_what_the_parent_writes_and_no_array_overlaps(mapped, images):
    parent, worker = mapped(ExchangeSize(samples=6, images=images, features=3, classes=2))
    for number, name in enumerate(NAMES, 1):
        getattr(parent, name)[:] = number
    for number, name in enumerate(NAMES, 1):
        assert np.all(getattr(worker, name) == number)
    shapes = {name: getattr(worker, name).shape for name in NAMES}
    assert list(shapes.values()) == [(1,), (1,), (6,), (images, 3), (images,), (4, 2)]
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


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="only Linux has sealed files")
def test_shared_memory_cannot_be_cut_short(tmp_path):
    descriptor = create_file(tmp_path, ExchangeSize(4, 4, 3, 2))
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)
