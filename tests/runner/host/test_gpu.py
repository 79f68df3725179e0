"""GPUs and their monitor, with a stand-in for NVML that answers, fails, or is absent."""

import importlib
import sys

import pytest
from support.nvml import gpu as make

from bench.runner.host import gpu
from bench.runner.host.gpu import GpuMonitor, NvmlError

TWO = [make(name="First", uuid="GPU-1a2b"), make(name="Second", uuid="GPU-1c3d", celsius=70)]
ONE_LOST = [make(name=None), TWO[1]]
MISMATCH = {"nvmlInit": "RM has detected an NVML/RM version mismatch."}

# ----- the GPUs, and the one that is used


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (None, r"pip install -e '\.\[gpu\]'"),
        ({"no_library": True}, "no NVIDIA driver is installed"),
        ({"failing": MISMATCH}, f"NVML says: {MISMATCH['nvmlInit']}"),
    ],
    ids=["no module", "no driver", "error"],
)
def test_list_without_nvml_has_a_reason(nvml, monkeypatch, options, reason):
    if options is None:
        monkeypatch.setitem(sys.modules, "pynvml", None)
    else:
        nvml([make()], **options)
    with pytest.raises(NvmlError, match=reason):
        gpu.list_gpus()
    assert gpu.find_gpus() == []


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


NO_DRIVER = "no NVIDIA driver is installed"
HIDDEN = "CUDA_VISIBLE_DEVICES hides every GPU. Unset it"


@pytest.mark.parametrize(
    ("gpus", "options", "visible", "absence"),
    [
        ([make()], {}, None, None),
        ([make(divided=True)], {}, "MIG-1", None),
        ([make()], {}, "", HIDDEN),
        ([make()], {}, "-1", HIDDEN),
        ([make()], {}, "3", "there is no GPU 3 (CUDA_VISIBLE_DEVICES); the driver knows 0"),
        ([], {}, None, "there is no GPU 0 (CUDA_VISIBLE_DEVICES); the driver knows none"),
        (ONE_LOST, {}, None, "there is no GPU 0 (CUDA_VISIBLE_DEVICES); the driver knows 1"),
        ([], {"no_library": True}, None, NO_DRIVER),
    ],
)
def test_absence_of_a_gpu_is_explained(nvml, monkeypatch, gpus, options, visible, absence):
    nvml(gpus, **options)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu.explain_absence() == absence
    known = "driver 580.65.06 serves CUDA up to 13.1"
    assert gpu.explain_unavailable("no GPU") == f"no GPU; {absence or known}"
    assert gpu.explain_unavailable(None) == (absence or known)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert gpu.explain_absence() is None


# ----- one GPU, monitored by the process that trains on it


@pytest.mark.parametrize(("after", "peak"), [(2300, 1000), (1300, None), (200, None)])
def test_peak_is_growth_of_memory_in_use(nvml, after, peak):
    nvml([make(used=[1300, after])])
    assert GpuMonitor("0").read_peak_bytes() == peak


def test_conditions_are_those_of_the_visible_gpu(nvml):
    limited = {"POWER": 1_500_000_000, "THERMAL": 250_000_000}  # nanoseconds
    nvml([make(name=None), make(celsius=71, limited=limited, others=2)])
    monitor = GpuMonitor("1")
    assert monitor.read_conditions() == {
        "celsius": 71,
        "sm_mhz": 900,
        "memory_mhz": 2000,
        "power_seconds": 1.5,
        "heat_seconds": 0.25,
        "board_seconds": 0,
        "reliability_seconds": 0,
    }
    assert monitor.other_processes == 2


@pytest.mark.parametrize(
    ("before", "after", "seconds", "joules"),
    [(5.5, 9.0, 2.0, 3.5), (5.5, 9.0, 1.99, None), (None, 9.0, 2.0, None), (5.5, None, 2.0, None)],
)
def test_energy_of_less_than_two_seconds_is_absent(before, after, seconds, joules):
    assert gpu.subtract_joules(before, after, seconds) == joules


ALL_WELL = {
    "MIG": "off",
    "persistence mode": "on",
    "power limit": "700 W",
    "MPS": "off, or unused",
    "clocks": "900 MHz now, 1800 MHz at most; NVML does not see locked ones",
    "throttling": "not known, because the GPU is idle; a run counts it under load",
    "memory": "8.0 of 8.0 GiB free",
    "other processes": "none",
}


@pytest.mark.parametrize(
    ("changes", "different"),
    [
        ({}, {}),
        ({"others": 2}, {"other processes": "2 compute on GPU 1"}),
        (
            {"persistent": 0},
            {"persistence mode": "off: the driver starts anew for the first process after a pause"},
        ),
        ({"cap": (300, 700)}, {"power limit": "300 W, below its maker's 700 W"}),
        ({"mps": 2}, {"MPS": "on: 2 processes share the GPU"}),
        ({"mode": 2}, {"compute mode": "no process may compute"}),
        ({"reasons": 0x5}, {"throttling": "the clocks are held down by the power cap"}),
        (
            {"reasons": 0x60},
            {"throttling": "the clocks are held down by heat and heat (hardware)"},
        ),
        ({"used": (7 * 2**30,)}, {"memory": "1.0 of 8.0 GiB free"}),
    ],
)
def test_what_is_wrong_with_a_gpu_has_a_remedy(nvml, changes, different):
    nvml([make(), make(**changes)])
    diagnoses = list(GpuMonitor("1").examine())
    assert {one.subject: one.text for one in diagnoses} == {**ALL_WELL, **different}
    assert {one.subject for one in diagnoses if one.remedy} == different.keys()
    assert {one.subject for one in diagnoses if one.blocks} == different.keys() & {"compute mode"}


def test_busy_gpu_that_nothing_holds_down_is_said_to_be_so(nvml):
    nvml([make(reasons=0)])
    (text,) = (one.text for one in GpuMonitor("0").examine() if one.subject == "throttling")
    assert text == "nothing holds the clocks down now"


def test_reasons_for_low_clocks_have_another_name_in_older_drivers(nvml):
    older = make(reasons=0x4)
    older["nvmlDeviceGetCurrentClocksThrottleReasons"] = older.pop(
        "nvmlDeviceGetCurrentClocksEventReasons"
    )
    nvml([older])
    (text,) = (one.text for one in GpuMonitor("0").examine() if one.subject == "throttling")
    assert text.endswith("by the power cap")


def test_of_a_lost_gpu_nothing_is_known_and_of_a_divided_one_only_that(nvml):
    nvml([make(), make(name=None), make(divided=1)])
    assert list(GpuMonitor("1").examine()) == []
    for token in ("2", "MIG-1"):
        assert [one.subject for one in GpuMonitor(token).examine()] == ["MIG"]


def list_absent(monitor):
    """Return the names of NVML's readings that are None."""
    values = {"peak": monitor.read_peak_bytes(), "others": monitor.other_processes}
    values |= {"joules": monitor.read_joules(), **monitor.read_conditions()}
    return {name for name, value in values.items() if value is None}


LIMITS = {f"{name}_seconds" for name in gpu.LIMITS}
ALL = {"peak", "others", "joules", "celsius", "sm_mhz", "memory_mhz", *LIMITS}


@pytest.mark.parametrize(
    ("function", "absent"),
    [
        ("nvmlDeviceGetTotalEnergyConsumption", {"joules"}),
        ("nvmlDeviceGetComputeRunningProcesses", {"others"}),
        ("nvmlDeviceGetTemperature", {"celsius"}),
        ("nvmlDeviceGetMemoryInfo", {"peak"}),
        ("nvmlDeviceGetViolationStatus", LIMITS),
        ("nvmlInit", ALL),
    ],
)
@pytest.mark.parametrize("missing", [False, True], ids=["fails", "is missing in an old module"])
def test_unreadable_value_is_none_and_others_are_read(nvml, function, absent, missing):
    nvml([make(used=[300, 900])], failing={function: "Not Supported"})
    if missing:
        importlib.import_module("pynvml").FUNCTIONS.remove(function)
    assert list_absent(GpuMonitor("0")) == absent


@pytest.mark.parametrize("token", ["0", "", "GPU-9"])
def test_monitor_of_no_gpu_reads_none(nvml, monkeypatch, token):
    nvml([make()] if token else [])
    if token == "0":
        monkeypatch.setitem(sys.modules, "pynvml", None)
    assert list_absent(GpuMonitor(token)) == ALL


@pytest.mark.parametrize(
    ("divided", "token", "absent"), [(True, "MIG-1", ALL), (True, "0", ALL), (False, "0", {"peak"})]
)
def test_divided_gpu_is_not_monitored(nvml, divided, token, absent):
    nvml([make(divided=divided)])
    assert list_absent(GpuMonitor(token)) == absent
