"""What NVML tells of GPUs, with a stand-in that says what it is told to, fails, or is not there."""

import sys

import pytest
from support.nvml import gpu as make

from bench import gpu
from bench.nvml import NvmlError

TWO = [make(name="First", uuid="GPU-1a2b"), make(name="Second", uuid="GPU-1c3d", celsius=70)]


# ----- which there are


def test_a_gpu_is_told_with_memory_driver_and_clocks(nvml):
    nvml([make()])
    assert gpu.list_gpus() == [
        gpu.Gpu(0, "A GPU", "GPU-aaaa", "580.65.06", "13.1", 8 * 2**30, 900, 1800, 2000, 2000)
    ]


def test_two_gpus_are_told_in_the_drivers_order(nvml):
    nvml(TWO)
    assert [(each.index, each.name) for each in gpu.list_gpus()] == [(0, "First"), (1, "Second")]


def test_a_clock_that_cannot_be_read_is_absent_and_the_gpu_is_not(nvml):
    nvml([make()], failing={"nvmlDeviceGetMaxClockInfo": "Not Supported"})
    (found,) = gpu.list_gpus()
    assert (found.sm_mhz, found.most_sm_mhz, found.most_memory_mhz) == (900, None, None)


def test_without_the_module_it_says_what_to_install(no_nvml):
    with pytest.raises(NvmlError, match=r"pip install 'softmax-bench\[gpu\]'"):
        gpu.list_gpus()
    assert gpu.find_gpus() == []


def test_without_a_driver_it_says_so(nvml):
    nvml([], no_library=True)
    with pytest.raises(NvmlError, match="no NVIDIA driver is installed"):
        gpu.list_gpus()
    assert gpu.find_gpus() == []


def test_what_nvml_says_when_it_fails_is_passed_on(nvml):
    nvml([make()], failing={"nvmlInit": "RM has detected an NVML/RM version mismatch."})
    with pytest.raises(NvmlError, match="NVML says: RM has detected an NVML/RM version mismatch"):
        gpu.list_gpus()


def test_a_gpu_that_is_lost_takes_no_other_with_it(nvml):
    nvml([make(name=None), make(name="Second", uuid="GPU-2", celsius=70)])
    assert [(each.index, each.name) for each in gpu.list_gpus()] == [(1, "Second")]
    assert "the driver knows 1" in gpu.explain_absence({})


# ----- which one is used


@pytest.mark.parametrize(
    ("variables", "token"),
    [
        ({}, "0"),
        ({"CUDA_VISIBLE_DEVICES": "1"}, "1"),
        ({"CUDA_VISIBLE_DEVICES": " 1 , 0"}, "1"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1c,0"}, "GPU-1c"),
        ({"CUDA_VISIBLE_DEVICES": ""}, ""),
    ],
)
def test_the_first_gpu_that_is_left_to_us_is_the_one_that_is_used(variables, token):
    assert gpu.visible_gpu(variables) == token


@pytest.mark.parametrize(
    ("token", "name"), [("0", "First"), ("1", "Second"), ("GPU-1c", "Second"), ("GPU-1a", "First")]
)
def test_a_gpu_is_named_by_its_index_or_the_beginning_of_its_uuid(nvml, token, name):
    nvml(TWO)
    assert gpu.select_gpu(token, gpu.list_gpus()).name == name


@pytest.mark.parametrize("token", ["2", "GPU-9", "GPU-1", "-1", "", "1a2b"])
def test_what_names_no_gpu_is_told_with_those_there_are(nvml, token):
    nvml(TWO)
    with pytest.raises(NvmlError, match=f"there is no GPU {token} .*the driver knows 0, 1"):
        gpu.select_gpu(token, gpu.list_gpus())


# ----- why none is seen


def test_nothing_hinders_a_framework_where_there_is_a_gpu(nvml):
    nvml([make()])
    assert gpu.explain_absence({}) is None
    assert gpu.explain_unavailable("too old a driver") == (
        "too old a driver; driver 580.65.06 serves CUDA up to 13.1"
    )


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_variable_that_hides_every_gpu_is_named_whatever_there_is(nvml, hidden):
    nvml([make()])
    assert gpu.explain_absence({"CUDA_VISIBLE_DEVICES": hidden}) == (
        "CUDA_VISIBLE_DEVICES hides every GPU; unset it"
    )


def test_a_variable_that_names_a_gpu_that_is_not_there_is_named(nvml):
    nvml([make()])
    assert gpu.explain_absence({"CUDA_VISIBLE_DEVICES": "3"}) == (
        "there is no GPU 3 (CUDA_VISIBLE_DEVICES); the driver knows 0"
    )


def test_a_driver_without_a_gpu_is_told(nvml):
    nvml([])
    assert "the driver knows none" in gpu.explain_absence({})


def test_a_missing_driver_explains_what_the_framework_says(nvml):
    nvml([], no_library=True)
    assert gpu.explain_unavailable("a CPU build") == "a CPU build; no NVIDIA driver is installed"
    assert gpu.explain_unavailable(None) == "no NVIDIA driver is installed"


def test_no_driver_of_nvidia_is_missed_on_a_mac(nvml, monkeypatch):
    nvml([], no_library=True)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert gpu.explain_absence({}) is None
