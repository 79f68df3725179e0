"""Facts of a machine that a worker needs."""

import os
from types import SimpleNamespace

import pytest

from bench.worker import machine


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000\n", None), ("150000 100000\n", 1.5), ("", None), ("nonsense\n", None)],
)
def test_cgroup_quota_is_in_cores(tmp_path, text, cores):
    assert machine.read_cgroup_quota(tmp_path / "cpu.max") is None
    (tmp_path / "cpu.max").write_text(text)
    assert machine.read_cgroup_quota(tmp_path / "cpu.max") == cores


@pytest.mark.parametrize(
    ("quota", "cores"), [(None, [1, 3, 8]), (2.9, [1, 3]), (0.5, [1]), (8.0, [1, 3, 8])]
)
def test_usable_cores_are_the_affinity_cut_to_the_quota(monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {8, 1, 3})
    monkeypatch.setattr(machine, "read_cgroup_quota", lambda _: quota)
    assert machine.list_usable_cores() == cores


def test_usable_cores_without_affinity_are_all(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(machine, "read_cgroup_quota", lambda _: None)
    assert machine.list_usable_cores() == [0, 1, 2, 3]


def test_fingerprint_depends_on_values_and_not_on_their_order():
    assert machine.fingerprint({"a": 1, "b": 2}) == machine.fingerprint({"b": 2, "a": 1})
    assert machine.fingerprint({"a": 1}) != machine.fingerprint({"a": 2})


def test_peak_memory_follows_use():
    before = machine.read_peak_memory(os.getpid())
    assert before > 2**20
    block = bytearray(before + 2**26)
    assert machine.read_peak_memory(os.getpid()) >= len(block)


@pytest.mark.parametrize(
    ("status", "peak"),
    [
        ("VmPeak:\t    9000 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1000 kB\n", 2 * 2**20),
        ("VmRSS:\t    1000 kB\n", None),
    ],
)
def test_peak_memory_is_the_high_water_mark(monkeypatch, status, peak):
    asked, file = [], SimpleNamespace(read_text=lambda: status)
    monkeypatch.setattr(machine, "Path", lambda path: asked.append(path) or file)
    assert machine.read_peak_memory(7) == peak
    assert asked == ["/proc/7/status"]
