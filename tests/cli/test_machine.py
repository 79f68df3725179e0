"""``bench machine``: facts as in the records, GPUs, and what would disturb a run."""

from bench.cli.machine import gpu_lines, machine_lines
from bench.runner import machine
from bench.worker.gpu import Gpu
from implementations import PROBES


def test_machine_prints_what_records_hold_and_disturbances(called, monkeypatch):
    disturbances = ["it is [b]hot[/b]", "x" * 500]
    monkeypatch.setattr(machine, "find_disturbances", lambda: disturbances)
    status, out, _ = called("machine")
    lines = out.splitlines()
    assert (status, lines[-2:]) == (0, disturbances)
    facts = dict(line.split(maxsplit=1) for line in lines[:-2])
    expected = machine.describe()
    frameworks = [probe.framework for probe in PROBES if "gpu" in probe.devices]
    assert [key for key in facts if key != "gpu"] == [*expected, *frameworks]
    assert (facts["id"], facts["name"]) == (expected["id"], expected["name"])


def test_machine_facts_are_in_two_columns():
    facts = {"cores": 2, "virtual": False, "gpus": [], "both": ["A", "B"], "distribution": ""}
    assert machine_lines(facts) == [
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
    (line,) = gpu_lines([Gpu(**{**values, **changes})])
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
