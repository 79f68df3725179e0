"""GPUs and their monitor, with a stand-in for NVML that answers, fails, or is absent."""

import importlib.util
import sys

import pytest
from support.nvml import gpu as make

from bench.worker import gpu
from bench.worker.gpu import GpuMonitor, NvmlError, find_module

TWO = [make(name="First", uuid="GPU-1a2b"), make(name="Second", uuid="GPU-1c3d", celsius=70)]


# ----- which there are


def test_list_has_memory_driver_and_clocks(nvml):
    nvml([make()])
    assert gpu.list_gpus() == [gpu.Gpu(0, "A GPU", "GPU-aaaa", "580.65.06", "13.1", 8 * 2**30)]


def test_list_is_in_driver_order(nvml):
    nvml(TWO)
    assert [(each.index, each.name) for each in gpu.list_gpus()] == [(0, "First"), (1, "Second")]


def test_missing_module_names_the_extra(no_nvml):
    with pytest.raises(NvmlError, match=r"pip install 'softmax-bench\[gpu\]'"):
        gpu.list_gpus()
    assert gpu.find_gpus() == []


def test_missing_driver_is_named(nvml):
    nvml([], no_library=True)
    with pytest.raises(NvmlError, match="no NVIDIA driver is installed"):
        gpu.list_gpus()
    assert gpu.find_gpus() == []


def test_nvml_error_is_passed_on(nvml):
    nvml([make()], failing={"nvmlInit": "RM has detected an NVML/RM version mismatch."})
    with pytest.raises(NvmlError, match="NVML says: RM has detected an NVML/RM version mismatch"):
        gpu.list_gpus()


def test_lost_gpu_is_left_out_of_the_list(nvml):
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
def test_visible_gpu_is_the_first_of_the_variable(variables, token):
    assert gpu.get_visible_gpu(variables) == token


@pytest.mark.parametrize(
    ("token", "name"), [("0", "First"), ("1", "Second"), ("GPU-1c", "Second"), ("GPU-1a", "First")]
)
def test_gpu_is_selected_by_index_or_uuid_prefix(nvml, token, name):
    nvml(TWO)
    assert gpu.select_gpu(token, gpu.list_gpus()).name == name


@pytest.mark.parametrize("token", ["2", "GPU-9", "GPU-1", "-1", "", "1a2b"])
def test_unknown_gpu_names_the_known_ones(nvml, token):
    nvml(TWO)
    with pytest.raises(NvmlError, match=f"there is no GPU {token} .*the driver knows 0, 1"):
        gpu.select_gpu(token, gpu.list_gpus())


# ----- why none is seen


def test_with_a_gpu_only_the_driver_is_explained(nvml):
    nvml([make()])
    assert gpu.explain_absence({}) is None
    assert gpu.explain_unavailable("too old a driver") == (
        "too old a driver; driver 580.65.06 serves CUDA up to 13.1"
    )


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_variable_that_hides_every_gpu_is_named(nvml, hidden):
    nvml([make()])
    assert gpu.explain_absence({"CUDA_VISIBLE_DEVICES": hidden}) == (
        "CUDA_VISIBLE_DEVICES hides every GPU; unset it"
    )


def test_variable_that_names_an_absent_gpu_is_named(nvml):
    nvml([make()])
    assert gpu.explain_absence({"CUDA_VISIBLE_DEVICES": "3"}) == (
        "there is no GPU 3 (CUDA_VISIBLE_DEVICES); the driver knows 0"
    )


def test_driver_without_gpu_is_explained(nvml):
    nvml([])
    assert "the driver knows none" in gpu.explain_absence({})


def test_missing_driver_is_added_to_the_framework_reason(nvml):
    nvml([], no_library=True)
    assert gpu.explain_unavailable("a CPU build") == "a CPU build; no NVIDIA driver is installed"
    assert gpu.explain_unavailable(None) == "no NVIDIA driver is installed"


def test_macos_needs_no_nvidia_driver(nvml, monkeypatch):
    nvml([], no_library=True)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert gpu.explain_absence({}) is None


# ----- one GPU, watched by the process that trains on it


def test_peak_is_growth_of_memory_in_use(nvml):
    nvml([make(used=[300, 1300, 2300])])  # the first answer is to the list of all GPUs
    assert GpuMonitor("0").read_peak_bytes() == 1000


@pytest.mark.parametrize("after", [200, 300])
def test_peak_is_none_when_memory_did_not_grow(nvml, after):
    nvml([make(used=[300, 300, after])])
    assert GpuMonitor("0").read_peak_bytes() is None


def test_reading_has_temperature_clocks_and_throttle_reasons(nvml):
    nvml([make(celsius=71, throttle=0x44)])
    assert GpuMonitor("0").read_conditions() == {
        "celsius": 71,
        "sm_mhz": 900,
        "memory_mhz": 2000,
        "throttle": 0x44,
    }


def test_second_gpu_is_monitored_when_visible(nvml):
    nvml(TWO)
    assert GpuMonitor("1").read_conditions()["celsius"] == 70


def test_energy_is_in_joules(nvml, monkeypatch):
    nvml([make()])
    watch = GpuMonitor("0")
    monkeypatch.setattr(watch, "read_energy", lambda: 5500)
    assert watch.read_energy_since(3000) == (2.5, None)


def test_energy_counter_counts(nvml):
    nvml([make(watts=1_000_000)])
    watch = GpuMonitor("0")
    joules, absent = watch.read_energy_since(watch.read_energy())
    assert joules > 0
    assert absent is None


def test_gpu_without_energy_counter_is_still_monitored(nvml):
    nvml([make()], failing={"nvmlDeviceGetTotalEnergyConsumption": "Not Supported"})
    watch = GpuMonitor("0")
    assert watch.read_energy_since(watch.read_energy()) == (
        None,
        "the GPU's energy counter: NVML says: Not Supported",
    )
    assert watch.read_conditions()["celsius"] == 40


def test_other_processes_are_counted_at_creation(nvml):
    nvml([make(others=2)])
    assert GpuMonitor("0").other_processes == 2


@pytest.mark.parametrize(
    "function", ["nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetTemperature"]
)
def test_unreadable_value_is_none_and_others_are_read(nvml, function):
    nvml([make()], failing={function: "Insufficient Permissions"})
    watch = GpuMonitor("0")
    values = {"others": watch.other_processes, **watch.read_conditions()}
    lacking = "others" if "Processes" in function else "celsius"
    assert {name for name, value in values.items() if value is None} == {lacking}


def test_vanished_gpu_reads_none_with_reason(nvml):
    nvml([make()])
    watch = GpuMonitor("0")
    before = watch.read_energy()
    sys.modules["pynvml"].lost = True
    assert set(watch.read_conditions().values()) == {None}
    assert watch.read_peak_bytes() is None
    assert watch.read_energy_since(before) == (
        None,
        "the GPU's energy counter: NVML says: GPU is lost",
    )


@pytest.mark.parametrize("token", ["0", ""])
def test_monitor_without_nvml_reads_none_with_reason(no_nvml, token):
    watch = GpuMonitor(token)
    assert (watch.read_peak_bytes(), watch.other_processes) == (None, None)
    assert set(watch.read_conditions().values()) == {None}
    joules, absent = watch.read_energy_since(watch.read_energy())
    assert joules is None
    assert "not installed" in absent


def test_gpu_without_memory_info_is_still_monitored(nvml):
    nvml([make()], failing={"nvmlDeviceGetMemoryInfo": "Not Supported"})
    assert gpu.list_gpus()[0].memory_bytes is None
    watch = GpuMonitor("0")
    assert watch.read_peak_bytes() is None
    assert watch.read_conditions()["celsius"] == 40


def test_missing_nvml_function_reads_none(nvml):
    nvml([make()])
    watch = GpuMonitor("0")
    del sys.modules["pynvml"].nvmlDeviceGetCurrentClocksEventReasons
    assert watch.read_conditions()["throttle"] is None
    assert watch.read_conditions()["celsius"] == 40


def test_divided_gpu_is_not_monitored(nvml):
    nvml([make(divided=True)])
    assert gpu.explain_absence({"CUDA_VISIBLE_DEVICES": "MIG-1"}) is None
    for token in ("MIG-1", "0"):
        watch = GpuMonitor(token)
        assert watch.absent == gpu.SHARED
        assert (watch.read_peak_bytes(), watch.other_processes) == (None, None)
    nvml([make(divided=False)])
    assert GpuMonitor("0").absent is None


def test_lost_gpu_does_not_stop_monitoring_another(nvml):
    nvml([make(name=None), make(name="Second", uuid="GPU-2", celsius=70)])
    assert GpuMonitor("1").read_conditions()["celsius"] == 70


# ----- NVML's module, for a worker


def test_nvml_module_is_its_file(nvml, tmp_path):
    nvml([make()])
    assert find_module() == tmp_path / "nvml" / "pynvml.py"


def test_nvml_package_is_its_folder(monkeypatch, tmp_path):
    (tmp_path / "pynvml").mkdir()
    (tmp_path / "pynvml" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert find_module() == tmp_path / "pynvml"


def test_missing_nvml_module_is_none(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert find_module() is None
