"""What will work on a GPU: the driver, the GPU and the programs, each with what to do."""

import sys

import pytest
from support.nvml import gpu as make

from bench.runner import doctor
from bench.runner.host import gpu
from bench.runner.process import preflight
from implementations import IMPLEMENTATIONS


def test_gpu_that_is_well_is_described(nvml):
    nvml([make(name="A GPU")])
    driver, device, *state = doctor.diagnose_gpu()
    assert driver.text == "580.65.06, for CUDA up to 13.1; NVML answers"
    assert device.text == "A GPU, number 0"
    assert "clocks" in {one.subject for one in state}
    assert not [one for one in (driver, device, *state) if one.remedy or one.blocks]


@pytest.mark.parametrize(
    ("visible", "text"),
    [
        ("1", "B, number 1 of 2: one is measured, and CUDA_VISIBLE_DEVICES chooses it"),
        ("MIG-1", "a part of one of 2 (MIG-1)"),
    ],
)
def test_gpu_that_is_measured_is_the_visible_one(nvml, monkeypatch, visible, text):
    nvml([make(name="A", uuid="GPU-1"), make(name="B", uuid="GPU-2")])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [one.text for one in doctor.diagnose_gpu()][1] == text


@pytest.mark.parametrize(
    ("gpus", "options", "visible", "reason", "remedy"),
    [
        ([make()], {"no_library": True}, None, "no NVIDIA driver is installed", "Install it"),
        (
            [make()],
            {"failing": {"nvmlInit": "RM has detected an NVML/RM version mismatch."}},
            None,
            "NVML says: RM has detected",
            "Reboot",
        ),
        ([make()], {}, "3", "there is no GPU 3", "Unset CUDA_VISIBLE_DEVICES"),
        ([make()], {}, "", "CUDA_VISIBLE_DEVICES hides every GPU. Unset it", ""),
        # A driver without a GPU is not a wrong variable.
        ([], {}, "0", "there is no GPU 0", "Look for it"),
        ([], {}, "MIG-1", "the driver knows none", "Look for it"),
    ],
)
def test_missing_gpu_blocks_and_has_a_remedy(
    nvml, monkeypatch, gpus, options, visible, reason, remedy
):
    nvml(gpus, **options)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    (diagnosis,) = doctor.diagnose_gpu()
    assert diagnosis.blocks
    assert diagnosis.text.startswith(reason)
    assert diagnosis.remedy.startswith(remedy)
    assert bool(diagnosis.remedy) == bool(remedy)


def test_without_nvml_frameworks_may_see_the_gpu(nvml, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    (diagnosis,) = doctor.diagnose_gpu()
    assert (diagnosis.blocks, bool(diagnosis.remedy)) == (False, True)


def test_macos_has_no_nvml(monkeypatch):
    monkeypatch.setattr(gpu.sys, "platform", "darwin")
    (diagnosis,) = doctor.diagnose_gpu()
    assert not diagnosis.blocks


def test_programs_are_asked_on_their_python_with_their_variables(monkeypatch):
    faults = {"jax": "JAX 1.0 finds no GPU because no plugin for one is installed"}
    asked = {}

    def find_fault(case):
        asked[case.implementation] = case
        return faults.get(case.implementation)

    monkeypatch.setattr(preflight, "find_device_fault", find_fault)
    diagnoses = {one.subject: one for one in doctor.examine_programs({"torch": "python-t"})}
    known = [one.name for one in IMPLEMENTATIONS if one.always and "gpu" in one.devices]
    assert list(diagnoses) == list(asked) == known
    assert [name for name, one in diagnoses.items() if one.blocks] == ["jax"]
    assert diagnoses["jax"].remedy.startswith("Run pip install 'jax[cuda13]'")
    assert {case.device for case in asked.values()} == {"gpu"}
    pythons = {name: case.interpreter for name, case in asked.items() if case.interpreter}
    assert pythons == dict.fromkeys(
        ("pytorch", "pytorch-dataloader", "pytorch-compiled", "keras-torch"), "python-t"
    )
    assert asked["keras-jax"].worker_variables["KERAS_BACKEND"] == "jax"


def test_unknown_reason_refers_to_the_page():
    assert "docs/gpu.md" in doctor.find_remedy("RuntimeError: something new")


@pytest.mark.parametrize("reads_gpus", [True, False])
@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("torch is not installed: pip install -e '.[pytorch]' in the suite's folder", ""),
        ("PyTorch 2.9 is a CPU-only build", "Install a CUDA build"),
        ("Keras finds no GPU with torch: Torch not compiled with CUDA enabled", "Install a CUDA"),
        ("RESOURCE_EXHAUSTED: Out of memory while trying to allocate", "End the process"),
    ],
)
def test_remedy_is_for_the_reason_of_the_framework(nvml, monkeypatch, reads_gpus, reason, remedy):
    nvml([], no_library=True)
    if not reads_gpus:
        monkeypatch.setitem(sys.modules, "pynvml", None)
    found = doctor.find_remedy(gpu.explain_unavailable(reason))
    assert found.startswith(remedy)
    assert bool(found) == bool(remedy)
