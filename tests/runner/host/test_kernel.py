"""The reference kernel runs on one core, checks its product and leaves no trace."""

import os
import resource

import numpy as np
import pytest

from bench.runner.host import kernel

pinning = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")


@pinning
def test_kernel_runs_on_the_core_and_restores_the_affinity(monkeypatch):
    before, used, multiply = os.sched_getaffinity(0), set(), kernel._multiply

    def watch(repeats):
        used.add(frozenset(os.sched_getaffinity(0)))
        multiply(repeats)

    monkeypatch.setattr(kernel, "_multiply", watch)
    assert kernel.measure_kernel(max(before)) > 0
    assert used == {frozenset({max(before)})}
    assert os.sched_getaffinity(0) == before


@pinning
@pytest.mark.parametrize("worth", [np.nan, 2 / kernel.SIZE])
def test_wrong_product_is_an_error_and_restores_the_affinity(monkeypatch, worth):
    before = os.sched_getaffinity(0)
    monkeypatch.setattr(kernel.np, "matmul", lambda *_, out: out.fill(worth))
    with pytest.raises(RuntimeError, match="matrix product"):
        kernel.measure_kernel(max(before))
    assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(not hasattr(resource, "RUSAGE_THREAD"), reason="no clock of a thread here")
def test_kernel_takes_cpu_time_of_the_calling_thread_only():
    """A BLAS with threads would compute on cores that the kernel is not pinned on."""

    def read():
        usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_THREAD))
        return np.array([usage.ru_utime + usage.ru_stime for usage in usages])

    before = read()
    for _ in range(20):
        kernel._multiply(kernel.REPEATS)  # unpinned
    process, thread = read() - before
    assert process < 1.2 * thread


def test_kernel_without_affinity_measures_all_the_same(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert kernel.measure_kernel(0) > 0
