"""What ``bench machine`` prints: facts, GPUs, and who sees them."""

from bench.cli import machine_lines
from bench.worker.gpu import Gpu


def make(**changes):
    values = {
        "index": 1, "name": "A GPU", "uuid": "GPU-1", "driver": "580.65", "cuda": "13.0",
        "memory_bytes": 80 * 2**30, "sm_mhz": 345.0, "most_sm_mhz": 1980.0, "memory_mhz": 2619.0,
        "most_memory_mhz": 2619.0,
    }  # fmt: skip
    return Gpu(**{**values, **changes})


def test_facts_stand_in_two_columns_and_what_is_empty_is_none():
    assert machine_lines.facts({"cores": 2, "virtual": False, "gpus": [], "distribution": ""}) == [
        "cores         2", "virtual       False", "gpus          none", "distribution  none",
    ]  # fmt: skip


def test_several_gpus_are_one_fact():
    assert machine_lines.facts({"gpus": ["A", "B"]}) == ["gpus          A, B"]


def test_a_gpu_is_a_line_with_its_clocks():
    assert machine_lines.gpus([make()]) == [
        (
            "gpu 1         A GPU, 80 GiB; driver 580.65, which serves CUDA up to 13.0; SM clock "
            "345 MHz of 1,980, memory clock 2,619 MHz of 2,619"
        )
    ]


def test_a_gpu_may_not_tell_its_memory():
    assert "A GPU, memory not known; driver" in machine_lines.gpus([make(memory_bytes=None)])[0]


def test_clocks_that_are_not_known_are_absent():
    (line,) = machine_lines.gpus([make(sm_mhz=None, most_memory_mhz=None)])
    assert line.endswith("SM clock —, memory clock 2,619 MHz")


def test_a_framework_sees_the_gpu_or_says_why_not():
    assert machine_lines.sight("torch", None) == "torch         sees the GPU"
    assert machine_lines.sight("jax", "a CPU build") == "jax           no GPU: a CPU build"
