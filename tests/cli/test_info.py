"""``bench list`` and ``bench machine`` describe frameworks, the machine and its GPUs."""

import importlib.metadata

import pytest

from bench.cli import info
from bench.worker.gpu import Gpu
from implementations import IMPLEMENTATIONS

ENTRIES = {entry.name: entry for entry in IMPLEMENTATIONS}


@pytest.mark.parametrize(
    ("name", "versions"),
    [("keras-jax", "keras 3.12, jax 0.8"), ("pytorch", "torch 2.9.1"), ("numpy", "numpy 2.4")],
)
def test_installed_versions_include_the_backend(monkeypatch, name, versions):
    releases = {"keras": "3.12", "jax": "0.8", "torch": "2.9.1", "numpy": "2.4"}
    monkeypatch.setattr(importlib.metadata, "version", releases.__getitem__)
    assert info.installed_versions(ENTRIES[name]) == versions


def test_absent_framework_is_named_with_its_extra(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert info.installed_versions(ENTRIES["keras-jax"]).endswith("'softmax-bench[keras,jax]'")


def test_machine_facts_are_in_two_columns():
    facts = {"cores": 2, "virtual": False, "gpus": [], "both": ["A", "B"], "distribution": ""}
    assert info.machine_lines(facts) == [
        "cores         2",
        "virtual       False",
        "gpus          none",
        "both          A, B",
        "distribution  none",
    ]


def gpu_line(**changes):
    values = {
        "index": 1,
        "name": "A GPU",
        "uuid": "GPU-1",
        "driver": "580.65",
        "cuda": "13.0",
        "memory_bytes": 80 * 2**30,
        "sm_mhz": 345.0,
        "most_sm_mhz": 1980.0,
        "memory_mhz": 2619.0,
        "most_memory_mhz": 2619.0,
    }
    (line,) = info.gpu_lines([Gpu(**{**values, **changes})])
    return line


def test_gpu_line_has_memory_driver_and_clocks():
    assert gpu_line() == (
        "gpu 1         A GPU, 80 GiB; driver 580.65 for CUDA up to 13.0; SM clock "
        "345 MHz of 1,980, memory clock 2,619 MHz of 2,619"
    )


def test_unknown_gpu_values_are_absent():
    assert "A GPU, memory not known; driver" in gpu_line(memory_bytes=None)
    clocks = gpu_line(sm_mhz=None, most_memory_mhz=None)
    assert clocks.endswith("SM clock —, memory clock 2,619 MHz")
