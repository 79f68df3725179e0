"""A whole run on the CPU and on a made-up GPU, with NVML telling of it or not."""

import json
import sys

import pytest
from support.nvml import gpu
from support.processes import ASSETS

from bench.records.store import read_environments, read_records

FAKE_GPUS = ASSETS / "fake_gpus"


@pytest.fixture
def measured(called, tmp_path):
    """Run a file on both devices with the small data; return exit status, output and records."""

    def run(name, *flags):
        status, out, err = called(
            "run", "--implementation", FAKE_GPUS / f"{name}.py", "--data", "digits", "--device",
            "cpu,gpu", "--workload", "sgd", "--threads", "1", "--output", "run", "--no-roofline",
            *flags,
        )  # fmt: skip
        return status, out + err, read_records(tmp_path / "run")

    return run


def on_gpu(records):
    return [each for each in records if each.case.device == "gpu"]


def test_a_run_on_both_devices_says_where_the_gpu_pays(measured, nvml, tmp_path):
    nvml([gpu(name="Slow steps", used=[2**20, 2**20, 2**30], others=1)])
    status, out, records = measured("two_speeds", "--rounds", "2", "--batch-size", "8,288")
    assert status == 0, out
    assert len(on_gpu(records)) == 4
    assert all(sum(each.warmup_seconds) >= 1 for each in on_gpu(records))
    assert not any(each.warmup_seconds for each in records if each.case.device == "cpu")
    for each in on_gpu(records):
        assert each.peak_device_bytes == 2**30 - 2**20
        assert each.device_conditions["sm_mhz_before"] == 900
        assert each.device_conditions["other_processes"] == 1
        # 100 W for the two seconds of epochs, and for what lies between them.
        assert each.energy_joules > 100 * sum(each.epoch_seconds)
        assert each.energy_absent is None
    (environment, *_) = read_environments(tmp_path / "run").values()
    assert environment.machine["gpus"] == ["Slow steps"]
    assert environment.machine["gpu_driver"] == "580.65.06"
    report = (tmp_path / "run" / "report.md").read_text()
    assert "CPU against GPU" in report


def test_a_gpu_that_nvml_does_not_tell_of_is_measured_and_says_what_is_not_known(measured, nvml):
    nvml([], no_library=True)
    status, out, records = measured("two_speeds", "--rounds", "1", "--batch-size", "288")
    assert status == 0, out
    (found,) = on_gpu(records)
    assert (found.status, found.peak_device_bytes, found.energy_joules) == ("ok", None, None)
    assert found.energy_absent == "no NVIDIA driver is installed"
    assert set(found.device_conditions.values()) == {None}


def test_a_gpu_whose_counters_fail_is_measured_without_them(measured, nvml):
    nvml([gpu()], failing={"nvmlDeviceGetTotalEnergyConsumption": "Not Supported",
                           "nvmlDeviceGetTemperature": "Unknown Error"})  # fmt: skip
    status, out, records = measured("two_speeds", "--rounds", "1", "--batch-size", "288")
    assert status == 0, out
    (found,) = on_gpu(records)
    assert found.energy_absent == "the GPU's energy counter: NVML says: Not Supported"
    assert found.device_conditions["celsius_after"] is None
    assert found.device_conditions["sm_mhz_after"] == 900


def test_the_second_of_two_gpus_is_used_where_only_that_is_left_to_us(measured, nvml, monkeypatch):
    nvml([gpu(uuid="GPU-1", celsius=20), gpu(uuid="GPU-2", celsius=80)])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    _, _, records = measured("two_speeds", "--rounds", "1", "--batch-size", "288")
    (found,) = on_gpu(records)
    assert found.device_conditions["celsius_before"] == 80


def test_a_gpu_that_runs_out_of_memory_is_a_row_with_its_reason(measured, nvml, tmp_path):
    nvml([gpu()])
    status, out, records = measured("runs_out", "--rounds", "1", "--batch-size", "288")
    assert status == 3, out
    (found,) = on_gpu(records)
    assert found.status == "out-of-memory"
    assert found.reason == ("OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.")
    assert "CUDA out of memory" in (tmp_path / "run" / "report.md").read_text()


def test_what_nvml_loses_meanwhile_is_absent_and_the_rest_is_kept(measured, nvml):
    nvml([gpu()], lost_after="nvmlDeviceGetTotalEnergyConsumption")
    status, out, records = measured("two_speeds", "--rounds", "1", "--batch-size", "288")
    assert status == 0, out
    (found,) = on_gpu(records)
    assert found.energy_absent == "the GPU's energy counter: NVML says: GPU is lost"
    assert found.device_conditions["sm_mhz_before"] == 900
    assert found.device_conditions["sm_mhz_after"] is None


def test_a_gpu_that_vanishes_fails_its_trial_and_the_run_goes_on(measured, nvml):
    nvml([gpu()])
    status, out, records = measured("vanishes", "--rounds", "1", "--batch-size", "8,288")
    assert status == 3, out
    assert [each.status for each in on_gpu(records)] == ["failed"] * 2
    assert {each.reason for each in on_gpu(records)} == {
        "RuntimeError: CUDA error: the launch timed out and was terminated"
    }
    assert [each.status for each in records if each.case.device == "cpu"] == ["ok"] * 2


def test_a_row_says_why_there_is_no_gpu(called, nvml, tmp_path):
    nvml([], no_library=True)
    status, out, err = called(
        "run", "--implementation", "pytorch", "--data", "digits", "--device", "gpu", "--workload",
        "sgd", "--rounds", "1", "--output", "run", "--no-roofline",
    )  # fmt: skip
    (found,) = read_records(tmp_path / "run")
    assert found.status == "unavailable", out + err
    assert found.reason.endswith("; no NVIDIA driver is installed")
    assert "no NVIDIA driver is installed" in (tmp_path / "run" / "report.md").read_text()
    assert status == 0


def test_the_machine_is_told_with_its_gpus_and_who_sees_them(called, nvml, monkeypatch):
    nvml([gpu(name="First", uuid="GPU-1"), gpu(name="Second", uuid="GPU-2")])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    _, out, _ = called("machine")
    lines = {line[:14].strip(): line[14:] for line in out.splitlines()}
    assert lines["gpus"] == "First, Second"
    assert lines["gpu 1"].startswith(
        "Second, 8 GiB; driver 580.65.06, which serves CUDA up to 13.1; SM clock 900 MHz of 1,800"
    )
    for framework in ("torch", "jax", "tensorflow"):
        assert lines[framework].startswith("no GPU: ")
        assert lines[framework].endswith("; CUDA_VISIBLE_DEVICES hides every GPU; unset it")


def test_each_framework_runs_on_the_python_it_is_given(called, tmp_path):
    (tmp_path / "python").symlink_to(sys.executable)
    status, out, err = called(
        "run", "--implementation", "numpy", "--implementation", "sklearn-softmax", "--data",
        "digits", "--workload", "sgd", "--rounds", "1", "--batch-size", "288", "--no-roofline",
        "--python", f"scikit-learn={tmp_path}/python", "--output", "run",
    )  # fmt: skip
    assert status == 0, out + err
    found = {each.case.implementation: each for each in read_records(tmp_path / "run")}
    assert found["numpy"].case.interpreter is None
    assert found["sklearn-softmax"].case.interpreter == "./python"
    planned = json.loads((tmp_path / "run" / "run.json").read_text())
    assert [each.get("interpreter") for each in planned["cases"]] == [None, "./python"]


def test_a_python_that_has_gone_since_is_one_line_and_loses_nothing(called, tmp_path):
    (tmp_path / "python").symlink_to(sys.executable)
    called(
        "run", "--implementation", "numpy", "--data", "digits", "--workload", "sgd", "--rounds",
        "1", "--batch-size", "288", "--no-roofline", "--python", f"numpy={tmp_path}/python",
        "--output", "run",
    )  # fmt: skip
    (tmp_path / "python").unlink()
    (tmp_path / "run" / "trials.jsonl").write_text("")
    status, out, err = called(
        "run", "--resume", "--output", "run", "--python", f"numpy={tmp_path}/python"
    )
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "is no executable" in err
