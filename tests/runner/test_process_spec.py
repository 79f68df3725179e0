"""What a child is made of: its interpreter, its implementations, its variables."""

import sys
from pathlib import Path

import pytest

from bench.runner.process.spec import (
    CACHES,
    ChildSpec,
    Installation,
    build_variables,
    redact_variables,
)
from bench.worker import machine

SCRATCH = Path("/scratch")


def test_a_child_is_made_of_this_python_and_of_the_suites_own_implementations():
    assert ChildSpec().place == Installation(sys.executable, machine.ROOT / "implementations")


def test_another_folder_of_implementations_is_what_a_child_imports(launched, tmp_path):
    place = tmp_path / "implementations"
    place.mkdir()
    (place / "__init__.py").touch()
    (place / "softmax_old.py").write_text(
        "from pathlib import Path\nimport bench.contract\n"
        "Path('seen').write_text(f'{__file__}\\n{bench.contract.__file__}')\n"
    )
    child = ChildSpec(place=Installation(implementations=place), timeout=60)
    assert launched(child=child, mode="probe", module="softmax_old").status == "ok"
    ours, suite = (tmp_path / "child" / "seen").read_text().splitlines()
    assert Path(ours).resolve() == place / "softmax_old.py"
    # The harness is the running one, whatever the implementations are.
    assert Path(suite).resolve() == machine.ROOT / "bench" / "contract.py"


def test_another_python_is_what_a_child_runs(launched, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho asked > "$2.asked"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert (
        launched(child=ChildSpec(place=Installation(str(python)), timeout=60), mode="probe").status
        == "ok"
    )
    assert (tmp_path / "child" / "bench.worker.asked").exists()


@pytest.mark.parametrize(("threads", "expected"), [(3, "3"), (1, "1")])
def test_every_pool_of_threads_is_told_its_size(threads, expected):
    found = build_variables(ChildSpec(threads=threads), SCRATCH)
    pools = [name for name in found if name.endswith("_THREADS") or name == "NPROC"]
    assert len(pools) == 6
    assert {found[name] for name in pools} == {expected}


@pytest.mark.parametrize(
    ("ours", "theirs"), [(None, "0"), ("1", "1"), ("3,1", "3"), ("", ""), ("-1", "-1")]
)
def test_a_child_on_the_gpu_sees_one_the_first_that_is_left_to_us(monkeypatch, ours, theirs):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if ours is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ours)
    found = build_variables(ChildSpec(device="gpu"), SCRATCH)
    assert found["CUDA_VISIBLE_DEVICES"] == theirs
    assert found["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert "JAX_PLATFORMS" not in found


def test_a_child_on_the_cpu_sees_no_gpu_whatever_is_left_to_us(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    found = build_variables(ChildSpec(), SCRATCH)
    assert (found["CUDA_VISIBLE_DEVICES"], found["JAX_PLATFORMS"]) == ("", "cpu")


def test_a_child_on_the_gpu_takes_no_memory_ahead():
    found = build_variables(ChildSpec(device="gpu"), SCRATCH)
    assert found["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert found["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert found["TORCHINDUCTOR_COMPILE_THREADS"] == "1"
    assert not build_variables(ChildSpec(), SCRATCH).keys() & {
        "TORCHINDUCTOR_COMPILE_THREADS",
        "XLA_PYTHON_CLIENT_PREALLOCATE", "TF_FORCE_GPU_ALLOW_GROWTH",
    }  # fmt: skip


def test_a_child_on_the_gpu_computes_in_full_precision():
    found = build_variables(ChildSpec(device="gpu"), SCRATCH)
    assert found["NVIDIA_TF32_OVERRIDE"] == "0"
    assert found["JAX_DEFAULT_MATMUL_PRECISION"] == "highest"


def test_the_variables_of_an_implementation_come_last():
    own = {"KERAS_BACKEND": "jax", "NPROC": "7"}
    found = build_variables(ChildSpec(threads=1, variables=own), SCRATCH)
    assert found["KERAS_BACKEND"] == "jax"
    assert found["NPROC"] == "7"


def test_caches_lie_in_the_childs_own_folder_each_apart():
    found = build_variables(ChildSpec(), SCRATCH)
    folders = [Path(found[name]) for name in CACHES]
    assert {folder.parent for folder in folders} == {SCRATCH / "cache"}
    assert len(set(folders)) == len(CACHES)


def test_the_recorded_variables_have_no_path_of_this_machine(monkeypatch):
    monkeypatch.setenv("CXX", "/opt/private/g++")
    monkeypatch.delenv("LC_ALL", raising=False)
    python = Installation("/opt/private/python", Path("/opt/private/implementations"))
    found = redact_variables(ChildSpec(place=python, variables={"KERAS_BACKEND": "jax"}))
    assert found["CXX"] == "<passed on>"
    assert found["KERAS_BACKEND"] == "jax"
    assert found["HOME"] == "<scratch>/cache/home"
    assert "LC_ALL" not in found
    assert not [value for value in found.values() if value.startswith("/")]


def test_what_a_child_needs_of_the_parents_environment_is_passed_on_and_no_more(monkeypatch):
    needed = ("PATH", "CXX", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "COVERAGE_PROCESS_CONFIG")
    others = ("LD_PRELOAD", "PYTHONHASHSEED", "PYTHONSTARTUP", "PYTHONOPTIMIZE", "MALLOC_ARENA_MAX",
              "KMP_AFFINITY", "GOMP_CPU_AFFINITY", "CUDA_LAUNCH_BLOCKING")  # fmt: skip
    for name in (*needed, *others):
        monkeypatch.setenv(name, "set")
    found = redact_variables(ChildSpec())
    assert {name for name, value in found.items() if value == "<passed on>"} == set(needed)
    assert not found.keys() & set(others)


def test_what_dask_sets_for_its_workers_does_not_reach_a_trial(monkeypatch):
    """Its nanny gives every worker one thread and another way to free memory."""
    nanny = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
             "MALLOC_TRIM_THRESHOLD_": "65536", "DASK_PARENT": "tcp://here:1"}  # fmt: skip
    for name, value in nanny.items():
        monkeypatch.setenv(name, value)
    found = redact_variables(ChildSpec(threads=3))
    assert {name: found.get(name) for name in nanny} == {
        "OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3",
        "MALLOC_TRIM_THRESHOLD_": None, "DASK_PARENT": None,
    }  # fmt: skip


def test_a_process_of_a_trial_has_none_of_what_dask_sets_for_its_workers(launched, monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    code = ("import os\nassert 'MALLOC_TRIM_THRESHOLD_' not in os.environ\n"
            "assert os.environ['OMP_NUM_THREADS'] == '2'\nTrainer = None\n")  # fmt: skip
    assert launched(code, ChildSpec(threads=2, timeout=60), mode="probe").reason is None
