"""What NVML tells of GPUs, with a stand-in that says what it is told to, fails, or is not there."""

import importlib.util
import sys

import pytest
from support.nvml import gpu as make

from bench.worker import gpu
from bench.worker.gpu import GpuMonitor, NvmlError, find_module

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


# ----- one GPU, watched by the process that trains on it


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


# ----- NVML's module, for a worker


def test_the_module_is_the_file_that_a_child_is_lent(nvml, tmp_path):
    nvml([make()])
    assert find_module() == tmp_path / "nvml" / "pynvml.py"


def test_a_module_that_is_a_package_is_lent_whole(monkeypatch, tmp_path):
    (tmp_path / "pynvml").mkdir()
    (tmp_path / "pynvml" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert find_module() == tmp_path / "pynvml"


def test_without_the_module_there_is_nothing_to_lend(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert find_module() is None
