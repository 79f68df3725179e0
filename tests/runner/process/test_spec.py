"""What a worker gets: installation, variables and request."""

import json
import sys
from pathlib import Path

import pytest

from bench.runner.process.spec import (
    CACHES,
    ChildSpec,
    Installation,
    build_variables,
    describe_source,
    redact_variables,
    request_roofline,
    request_training,
)
from bench.worker import machine

SCRATCH = Path("/scratch")


def test_default_installation_is_this_python_and_suite():
    assert ChildSpec().installation == Installation(
        sys.executable, machine.ROOT / "implementations"
    )


def test_worker_imports_the_given_implementations(launched, tmp_path):
    place = tmp_path / "implementations"
    place.mkdir()
    (place / "__init__.py").touch()
    (place / "softmax_old.py").write_text(
        "from pathlib import Path\nimport bench.contract\n"
        "Path('seen').write_text(f'{__file__}\\n{bench.contract.__file__}')\n"
    )
    child = ChildSpec(installation=Installation(implementations=place), timeout=240)
    assert launched(child=child, mode="preflight", module="softmax_old").status == "ok"
    ours, suite = (tmp_path / "child" / "seen").read_text().splitlines()
    assert Path(ours).resolve() == place / "softmax_old.py"
    # The harness is the running one, whatever the implementations are.
    assert Path(suite).resolve() == machine.ROOT / "bench" / "contract.py"


def test_worker_runs_the_given_python(launched, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho asked > "$2.asked"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    child = ChildSpec(installation=Installation(str(python)), timeout=240)
    assert launched(child=child, mode="preflight").status == "ok"
    assert (tmp_path / "child" / "bench.worker.asked").exists()


@pytest.mark.parametrize(("threads", "expected"), [(3, "3"), (1, "1")])
def test_every_thread_pool_gets_its_size(threads, expected):
    values = build_variables(ChildSpec(threads=threads), SCRATCH)
    pools = [name for name in values if name.endswith("_THREADS") or name == "NPROC"]
    assert len(pools) == 6
    assert {values[name] for name in pools} == {expected}


@pytest.mark.parametrize(
    ("ours", "theirs"), [(None, "0"), ("1", "1"), ("3,1", "3"), ("", ""), ("-1", "-1")]
)
def test_gpu_worker_sees_the_first_visible_gpu(monkeypatch, ours, theirs):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if ours is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ours)
    values = build_variables(ChildSpec(device="gpu"), SCRATCH)
    assert values["CUDA_VISIBLE_DEVICES"] == theirs
    assert values["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert "JAX_PLATFORMS" not in values


def test_cpu_worker_sees_no_gpu_whatever_is_visible(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    values = build_variables(ChildSpec(), SCRATCH)
    assert (values["CUDA_VISIBLE_DEVICES"], values["JAX_PLATFORMS"]) == ("", "cpu")


def test_gpu_worker_preallocates_no_memory():
    values = build_variables(ChildSpec(device="gpu"), SCRATCH)
    assert values["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert values["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert values["TORCHINDUCTOR_COMPILE_THREADS"] == "1"
    assert not build_variables(ChildSpec(), SCRATCH).keys() & {
        "TORCHINDUCTOR_COMPILE_THREADS",
        "XLA_PYTHON_CLIENT_PREALLOCATE",
        "TF_FORCE_GPU_ALLOW_GROWTH",
    }


def test_gpu_worker_computes_in_full_precision():
    values = build_variables(ChildSpec(device="gpu"), SCRATCH)
    assert values["NVIDIA_TF32_OVERRIDE"] == "0"
    assert values["JAX_DEFAULT_MATMUL_PRECISION"] == "highest"


def test_implementation_variables_override():
    own = {"KERAS_BACKEND": "jax", "NPROC": "7"}
    values = build_variables(ChildSpec(threads=1, variables=own), SCRATCH)
    assert values["KERAS_BACKEND"] == "jax"
    assert values["NPROC"] == "7"


def test_caches_are_below_the_scratch_folder():
    values = build_variables(ChildSpec(), SCRATCH)
    folders = [Path(values[name]) for name in CACHES]
    assert {folder.parent for folder in folders} == {SCRATCH / "cache"}
    assert len(set(folders)) == len(CACHES)


def test_recorded_variables_have_no_path_of_this_machine(monkeypatch):
    monkeypatch.setenv("CXX", "/opt/private/g++")
    monkeypatch.delenv("LC_ALL", raising=False)
    python = Installation("/opt/private/python", Path("/opt/private/implementations"))
    values = redact_variables(ChildSpec(installation=python, variables={"KERAS_BACKEND": "jax"}))
    assert values["CXX"] == "<passed on>"
    assert values["KERAS_BACKEND"] == "jax"
    assert values["HOME"] == "<scratch>/cache/home"
    assert "LC_ALL" not in values
    assert not [value for value in values.values() if value.startswith("/")]


def test_only_listed_variables_are_recorded(monkeypatch):
    needed = ("PATH", "CXX", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "COVERAGE_PROCESS_CONFIG")
    others = (
        "LD_PRELOAD",
        "PYTHONHASHSEED",
        "PYTHONSTARTUP",
        "PYTHONOPTIMIZE",
        "MALLOC_ARENA_MAX",
        "KMP_AFFINITY",
        "GOMP_CPU_AFFINITY",
        "CUDA_LAUNCH_BLOCKING",
    )
    for name in (*needed, *others):
        monkeypatch.setenv(name, "set")
    values = redact_variables(ChildSpec())
    assert {name for name, value in values.items() if value == "<passed on>"} == set(needed)
    assert not values.keys() & set(others)


def test_dask_variables_are_not_passed_on(monkeypatch):
    """Its nanny gives every worker one thread and another way to free memory."""
    nanny = {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_TRIM_THRESHOLD_": "65536",
        "DASK_PARENT": "tcp://here:1",
    }
    for name, value in nanny.items():
        monkeypatch.setenv(name, value)
    values = redact_variables(ChildSpec(threads=3))
    assert {name: values.get(name) for name in nanny} == {
        "OMP_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": "3",
        "MALLOC_TRIM_THRESHOLD_": None,
        "DASK_PARENT": None,
    }


def test_worker_process_has_no_dask_variables(launched, monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    code = (
        "import os\nassert 'MALLOC_TRIM_THRESHOLD_' not in os.environ\n"
        "assert os.environ['OMP_NUM_THREADS'] == '2'\nTrainer = None\n"
    )
    assert launched(code, ChildSpec(threads=2, timeout=240), mode="preflight").reason is None


def test_training_request_has_all_that_decides_training(make_case, digits):
    request = request_training("trial", make_case(batch_size=8, epochs=3), digits, 7)
    assert json.loads(json.dumps(request)) == {
        "mode": "trial",
        "module": "idiomatic.softmax_numpy",
        "file": None,
        "extra": "",
        "data": str(digits.folder),
        "classes": 10,
        "workload": "sgd",
        "device": "cpu",
        "batch_size": 8,
        "samples": 1440,
        "epochs": 3,
        "seed": 7,
    }


def test_file_in_a_request_is_absolute(make_case, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert describe_source(make_case(file="own.py"))["file"] == str(tmp_path / "own.py")


def test_roofline_request_sorts_unique_samples(make_case):
    request = request_roofline(make_case(module="roofline.roofline_numpy"), 64, [1440, 96, 1440])
    assert request == {
        "mode": "roofline",
        "module": "roofline.roofline_numpy",
        "file": None,
        "extra": "",
        "device": "cpu",
        "features": 64,
        "samples": [96, 1440],
    }
