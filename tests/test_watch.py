"""One GPU is watched, with a stand-in for NVML that tells, fails, or is not there."""

import sys

import pytest
from support.nvml import gpu as make

from bench import gpu
from bench.watch import GpuMonitor

TWO = [make(name="First", uuid="GPU-1a2b"), make(name="Second", uuid="GPU-1c3d", celsius=70)]


def test_the_peak_is_what_the_memory_in_use_has_grown_by(nvml):
    nvml([make(used=[300, 1300, 2300])])  # the first answer is to the list of all GPUs
    assert GpuMonitor("0").peak_bytes() == 1000


@pytest.mark.parametrize("after", [200, 300])
def test_where_others_gave_memory_back_meanwhile_the_peak_is_not_known(nvml, after):
    nvml([make(used=[300, 300, after])])
    assert GpuMonitor("0").peak_bytes() is None


def test_a_reading_has_temperature_clocks_and_what_lowers_them(nvml):
    nvml([make(celsius=71, throttle=0x44)])
    assert GpuMonitor("0").reading() == {
        "celsius": 71, "sm_mhz": 900, "memory_mhz": 2000, "throttle": 0x44,
    }  # fmt: skip


def test_the_second_of_two_gpus_is_watched_where_it_is_the_one_that_is_used(nvml):
    nvml(TWO)
    assert GpuMonitor("1").reading()["celsius"] == 70


def test_energy_is_in_joules(nvml, monkeypatch):
    nvml([make()])
    watch = GpuMonitor("0")
    monkeypatch.setattr(watch, "energy", lambda: 5500)
    assert watch.energy_since(3000) == (2.5, None)


def test_the_counter_of_energy_counts(nvml):
    nvml([make(watts=1_000_000)])
    watch = GpuMonitor("0")
    joules, absent = watch.energy_since(watch.energy())
    assert joules > 0
    assert absent is None


def test_a_gpu_without_a_counter_says_so_and_is_watched_all_the_same(nvml):
    nvml([make()], failing={"nvmlDeviceGetTotalEnergyConsumption": "Not Supported"})
    watch = GpuMonitor("0")
    assert watch.energy_since(watch.energy()) == (
        None, "the GPU's energy counter: NVML says: Not Supported",
    )  # fmt: skip
    assert watch.reading()["celsius"] == 40


def test_other_processes_are_counted_before_anything_is_loaded(nvml):
    nvml([make(others=2)])
    assert GpuMonitor("0").other_processes == 2


@pytest.mark.parametrize(
    "function", ["nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetTemperature"]
)
def test_what_cannot_be_read_is_none_and_the_rest_is_there(nvml, function):
    nvml([make()], failing={function: "Insufficient Permissions"})
    watch = GpuMonitor("0")
    found = {"others": watch.other_processes, **watch.reading()}
    lacking = "others" if "Processes" in function else "celsius"
    assert {name for name, value in found.items() if value is None} == {lacking}


def test_a_gpu_that_vanishes_leaves_everything_unread_and_says_so(nvml):
    nvml([make()])
    watch = GpuMonitor("0")
    before = watch.energy()
    sys.modules["pynvml"].lost = True
    assert set(watch.reading().values()) == {None}
    assert watch.peak_bytes() is None
    assert watch.energy_since(before) == (None, "the GPU's energy counter: NVML says: GPU is lost")


@pytest.mark.parametrize("token", ["0", ""])
def test_without_nvml_a_watch_reads_nothing_and_says_why(no_nvml, token):
    watch = GpuMonitor(token)
    assert (watch.peak_bytes(), watch.other_processes) == (None, None)
    assert set(watch.reading().values()) == {None}
    joules, absent = watch.energy_since(watch.energy())
    assert joules is None
    assert "not installed" in absent


def test_a_gpu_that_does_not_tell_its_memory_is_watched_all_the_same(nvml):
    nvml([make()], failing={"nvmlDeviceGetMemoryInfo": "Not Supported"})
    assert gpu.list_gpus()[0].memory_bytes is None
    watch = GpuMonitor("0")
    assert watch.peak_bytes() is None
    assert watch.reading()["celsius"] == 40


def test_a_module_that_lacks_a_function_is_as_if_it_failed(nvml):
    nvml([make()])
    watch = GpuMonitor("0")
    del sys.modules["pynvml"].nvmlDeviceGetCurrentClocksEventReasons
    assert watch.reading()["throttle"] is None
    assert watch.reading()["celsius"] == 40


def test_a_part_of_a_gpu_is_used_but_the_counters_of_the_whole_are_not(nvml):
    nvml([make(divided=True)])
    assert gpu.explain_absence({"CUDA_VISIBLE_DEVICES": "MIG-1"}) is None
    for token in ("MIG-1", "0"):
        watch = GpuMonitor(token)
        assert watch.absent == gpu.SHARED
        assert (watch.peak_bytes(), watch.other_processes) == (None, None)
    nvml([make(divided=False)])
    assert GpuMonitor("0").absent is None


def test_a_gpu_that_is_lost_leaves_another_watched(nvml):
    nvml([make(name=None), make(name="Second", uuid="GPU-2", celsius=70)])
    assert GpuMonitor("1").reading()["celsius"] == 70
