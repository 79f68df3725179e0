"""Whole runs on the CPU and on a stand-in for a GPU, with a stand-in for NVML."""

import importlib.util
import os
import re
import shutil
import sys
import tomllib
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from support.nvml import gpu
from support.processes import ASSETS

from bench.records.store import read_environments, read_records, read_run
from bench.report import write
from bench.runner import drive, loop
from bench.worker import machine
from bench.worker.machine import ROOT

SMALL = ("--data=digits", "--workload=sgd", "--batch-size=288", "--no-roofline", "--output=run")


@pytest.fixture(autouse=True)
def no_charts(monkeypatch):
    monkeypatch.setattr(write, "can_draw", lambda: False)


@pytest.fixture
def measured(called, tmp_path, monkeypatch, short_trials):
    """Run one of the fake GPUs beside the CPU; return exit status, output and the GPU's records."""
    monkeypatch.setitem(drive.WARM_SECONDS, "gpu", 0.1)

    def run(name):
        file = ASSETS / "fake_gpus" / f"{name}.py"
        devices = ("--device=cpu,gpu", "--threads=1", f"--implementation={file}")
        status, out, err = called("run", *SMALL, *devices, "--rounds=1")
        records = read_records(tmp_path / "run")
        assert {record.status for record in records if record.case.device == "cpu"} == {"ok"}
        gpu_records = [record for record in records if record.case.device == "gpu"]
        return status, out + err, gpu_records

    return run


def use_memory(_):
    """Return the memory of a GPU, of which a worker uses a gibibyte."""
    workers = 0
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it has just ended
            workers += "bench.worker" in child.cmdline()
    return SimpleNamespace(total=2**33, used=2**30 if workers else 2**20)


def test_run_on_both_devices_records_the_gpu_and_compares_the_two(
    measured, nvml, tmp_path, monkeypatch
):
    nvml([gpu(name="Slow steps", others=1)])
    module = importlib.import_module("pynvml")
    monkeypatch.setattr(module, "nvmlDeviceGetMemoryInfo", use_memory, raising=False)
    status, out, (record,) = measured("two_speeds")
    assert status == 0, out
    assert sum(record.warmup_seconds) >= 0.1
    assert record.peak_device_bytes == 2**30 - 2**20
    assert record.device_conditions["sm_mhz_before"] == 900
    assert record.device_conditions["other_processes"] == 1
    assert "framework_peak_bytes" in record.device_conditions
    # 100 W during the epochs and between them; few short ones last less than two seconds.
    seconds = sum(record.epoch_seconds)
    assert seconds < 2 or record.energy_joules > 100 * seconds
    assert record.device_conditions["power_seconds_after"] == 0
    (environment, *_) = read_environments(tmp_path / "run").values()
    assert environment.machine["gpus"] == ["Slow steps"]
    assert environment.machine["gpu_driver"] == "580.65.06"
    report = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert "CPU against GPU" in report
    for text in (out, report):
        for device in ("cpu", "gpu"):
            assert re.search(rf"two\\?_speeds.*\b{device}\b", text)


def test_only_the_visible_gpu_is_monitored_until_it_is_lost(measured, nvml, monkeypatch):
    gpus = [gpu(uuid="GPU-1", celsius=20), gpu(uuid="GPU-2", celsius=80)]
    nvml(gpus, lost_after="nvmlDeviceGetTotalEnergyConsumption")
    monkeypatch.setattr(loop, "compile_kernels", lambda *_: ())  # a trial, too
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    status, out, (record,) = measured("two_speeds")
    assert (status, record.status) == (0, "ok"), out
    assert record.energy_joules is None
    conditions = record.device_conditions
    assert (conditions["celsius_before"], conditions["celsius_after"]) == (80, None)


@pytest.mark.parametrize(
    ("name", "expected", "reason"),
    [
        ("runs_out", "out-of-memory", "CUDA out of memory. Tried to allocate 2.00 GiB."),
        ("vanishes", "failed", "CUDA error: the launch timed out and was terminated"),
    ],
)
def test_failing_gpu_is_a_row_with_its_reason(measured, nvml, tmp_path, name, expected, reason):
    nvml([gpu()])
    status, out, (record,) = measured(name)
    assert (status, record.status) == (3, expected), out
    assert record.reason.endswith(reason)
    assert reason in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")


# What a look-up returns where the CPU stands in for a GPU.
STAND_INS = {
    "torch": 'torch.device("cpu")',
    "jax": 'jax.devices("cpu")[0]',
    "keras": '"cpu"',
    "tensorflow": '"/CPU:0"',
}


@pytest.fixture
def rehearsal(called, nvml, tmp_path, monkeypatch):
    """The command line of a suite whose look-ups find a GPU, with a stand-in for NVML."""
    nvml([gpu(name="NVIDIA H100 80GB HBM3")])
    suite = tmp_path / "suite"
    shutil.copytree(ROOT / "implementations", suite / "implementations")
    (suite / "bench").symlink_to(ROOT / "bench")
    for name, device in STAND_INS.items():
        with (suite / "implementations" / "_devices" / f"{name}.py").open("a") as file:
            file.write(f"\n\ndef find_device(device):\n    return {device}\n")
    monkeypatch.setattr(machine, "ROOT", suite)
    return called


@pytest.mark.full
def test_rehearsal_from_the_doctor_to_a_speedup(rehearsal, tmp_path):
    for package in ("torch", "jax", "tensorflow", "keras"):
        pytest.importorskip(package)
    status, out, err = rehearsal("machine", "--gpu")
    lines = {line[4:].split("  ")[0]: line for line in out.splitlines()}
    assert (status, err) == (0, ""), out
    assert lines["gpu"].endswith("NVIDIA H100 80GB HBM3, number 0")
    assert lines["persistence mode"].endswith("on")
    assert {line[:4] for line in lines.values() if "trains a step" in line} == {"ok  "}
    assert out.splitlines()[-1] == "measure: softmax-bench run --device cpu,gpu --quick"

    names = ("--implementation=pytorch", "--implementation=jax-scan")
    # No probes: their matrices are too large for a CPU. test_gpu_paths.py has them.
    names += ("--no-roofline",)
    status, out, err = rehearsal(
        *("run", "--data=digits", "--device=cpu,gpu", "--quick", "--output=run", *names)
    )
    assert (status, err) == (0, ""), out
    records = [one for one in read_records(tmp_path / "run") if one.kind == "trial"]
    assert {(one.case.implementation, one.case.device, one.status) for one in records} == {
        (name, device, "ok") for name in ("pytorch", "jax-scan") for device in ("cpu", "gpu")
    }
    (facts, *_) = read_environments(tmp_path / "run").values()
    assert facts.machine["gpus"] == ["NVIDIA H100 80GB HBM3"]
    report = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    table = report.partition("Training and predicting, sgd")[2].partition("\n\n**")[0]
    assert re.search(r"^\| pytorch \| [\d,]+ \| [\d,]+ \|.*\d\.\d", table, re.MULTILINE)
    if machine.list_usable_cores()[1:]:
        assert "measured with one number of threads" in report
    status, out, err = rehearsal("check", "run")
    assert (status, err) == (0, ""), out
    assert "4 of 4 rows" in out


def test_framework_runs_on_its_own_python_which_resume_needs(called, tmp_path):
    (tmp_path / "python").symlink_to(sys.executable)
    python = f"--python=scikit-learn={tmp_path}/python"
    names = ("--implementation=numpy", "--implementation=sklearn-softmax")
    status, out, err = called("run", *SMALL, *names, "--rounds=1", python)
    assert status == 0, out + err
    cases = [record.case for record in read_records(tmp_path / "run")]
    assert {case.implementation: case.interpreter for case in cases} == {
        "numpy": None,
        "sklearn-softmax": "./python",
    }
    assert {case.interpreter for case in read_run(tmp_path / "run").cases} == {None, "./python"}
    (tmp_path / "python").unlink()
    (tmp_path / "run" / "trials.jsonl").write_text("")
    status, out, err = called("run", "--resume", "--output=run", python)
    assert (status, out, err.count("\n")) == (2, "", 1)


EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


class Session:
    """The part of nox.Session that ``bench_gpu`` uses; it records the commands."""

    def __init__(self, folder, *posargs):
        self.virtualenv = SimpleNamespace(location=str(folder))
        self.posargs = list(posargs)
        self.installed, self.commands = [], []

    def install(self, *requirements):
        self.installed.append(requirements)

    def run(self, *command, external=False):
        if command[1:3] == ("-m", "virtualenv"):
            Path(command[3]).mkdir(parents=True, exist_ok=True)
        self.commands.append(command)


@pytest.fixture(scope="module")
def bench_gpu():
    """The session of the noxfile, loaded once: nox registers each session only once."""
    pytest.importorskip("nox")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        spec = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module.bench_gpu


def test_bench_gpu_builds_an_environment_for_each_framework_once_unless_asked(bench_gpu, tmp_path):
    first = Session(tmp_path, "--quick")
    bench_gpu(first)
    assert first.installed == [("-e", ".[sklearn,numba,report,gpu]")]
    folder = Path(os.path.relpath(tmp_path)) / "cuda"
    pythons = {name: f"{folder / name}/bin/python" for name in ("torch", "jax", "tensorflow")}
    options = [f"--python={name}={python}" for name, python in pythons.items()]
    installs = [
        (python, "-m", "pip", "install", *EXTRAS[f"cuda-{name}"])
        for name, python in pythons.items()
    ]
    run = ("python", "-m", "bench", "run", "--device", "cpu,gpu", *options, "--quick")
    assert first.commands[1::2] == installs
    assert first.commands[-1] == run
    again = Session(tmp_path, "--resume")
    bench_gpu(again)
    assert again.commands == [("python", "-m", "bench", "run", *options, "--resume")]
    here = Session(tmp_path, "--here", "--quick", "--python", "jax=other/python")
    bench_gpu(here)
    pythons = [f"--python={name}={sys.executable}" for name in ("torch", "tensorflow")]
    assert here.commands == [(*run[:6], *pythons, *here.posargs[1:])]
