"""``bench machine``: facts as in the records, GPUs, and what would disturb a run."""

import pytest

from bench.cli.verbs.machine import gpu_line
from bench.runner import machine
from bench.runner.gpu import Gpu
from bench.runner.process import preflight
from implementations import PROBES


def test_machine_prints_what_records_hold_and_disturbances(called, monkeypatch):
    disturbances = ["it is [b]hot[/b]", "x" * 500]
    monkeypatch.setattr(machine, "find_disturbances", lambda: disturbances)
    monkeypatch.setattr(preflight, "find_device_fault", lambda case: f"{case.framework} is blind")
    status, out, _ = called("machine")
    lines = out.splitlines()
    assert (status, lines[-2:]) == (0, disturbances)
    facts = dict(line.split(maxsplit=1) for line in lines[:-2])
    expected = machine.describe()
    frameworks = [probe.framework for probe in PROBES if "gpu" in probe.devices]
    assert [key for key in facts if key != "gpu"] == [*expected, *frameworks]
    assert (facts["id"], facts["name"]) == (expected["id"], expected["name"])
    blind = [f"no GPU: {name} is blind" for name in frameworks]
    assert [facts[name] for name in frameworks] == blind


@pytest.mark.parametrize(("memory", "words"), [(80 * 2**30, "80 GiB"), (None, "memory not known")])
def test_gpu_has_memory_and_driver(memory, words):
    line = gpu_line(Gpu(1, "A GPU", "GPU-1", "580.65", "13.0", memory))
    assert line == f"gpu 1         A GPU, {words}; driver 580.65 for CUDA up to 13.0"
