"""What a worker gets: installation, variables and request."""

import json
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.runner.process.scratch import CACHES, share_ptx_cache
from bench.runner.process.spec import (
    ChildSpec,
    Installation,
    build_variables,
    count_cache_bytes,
    describe_source,
    parse_env,
    redact_variables,
    request_training,
)

SCRATCH = Path("/scratch")
POOLS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)
GPU_ONLY = {
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
}
PRECISION = {"NVIDIA_TF32_OVERRIDE": "0", "JAX_DEFAULT_MATMUL_PRECISION": "highest"}
SOURCE = {"module": "idiomatic.softmax_numpy", "file": None, "install": ""}


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ({"threads": 3}, dict.fromkeys(POOLS, "3")),
        ({"device": "cpu"}, {**PRECISION, **dict.fromkeys(GPU_ONLY), "JAX_PLATFORMS": "cpu"}),
        ({"device": "gpu"}, {**PRECISION, **GPU_ONLY, "JAX_PLATFORMS": None}),
        (
            {"threads": 1, "variables": {"KERAS_BACKEND": "jax", "NPROC": "7"}},
            {"KERAS_BACKEND": "jax", "NPROC": "7", "OMP_NUM_THREADS": "1"},
        ),
    ],
)
def test_variables_follow_threads_device_and_case(child, expected):
    values = build_variables(ChildSpec(**child), SCRATCH)
    assert {name: values.get(name) for name in expected} == expected
    folders = {Path(values[name]) for name in CACHES}
    assert len(folders) == len(CACHES)
    assert {folder.parent for folder in folders} == {SCRATCH / "cache"}


@pytest.mark.parametrize(
    ("texts", "env"),
    [
        ((), {}),
        (("XLA_FLAGS=--a=1 --b",), {"XLA_FLAGS": "--a=1 --b"}),
        (
            ("LD_PRELOAD=/opt/x.so", "OMP_PROC_BIND="),
            {"LD_PRELOAD": "/opt/x.so", "OMP_PROC_BIND": ""},
        ),
        (("TORCHINDUCTOR_COMPILE_THREADS=2",), {"TORCHINDUCTOR_COMPILE_THREADS": "2"}),
    ],
)
def test_variables_of_the_user_keep_their_values(texts, env):
    assert parse_env(texts, ["cpu"]) == env
    assert list(parse_env(texts, ["cpu"])) == sorted(env)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A", "NAME=VALUE"),
        ("=1", "NAME=VALUE"),
        ("A B=1", "NAME=VALUE"),
        ("1A=1", "NAME=VALUE"),
        ("A=a\nb", "NAME=VALUE"),  # would not be read as it was written
        ("TWICE=2", "given twice"),
        *((f"{name}=2", "--threads") for name in (*POOLS, "NUMBA_NUM_THREADS")),
        *((f"{name}=x", "suite decides") for name in (*CACHES, "JAX_COMPILATION_CACHE_DIR")),
        ("KERAS_BACKEND=jax", "backend"),
        *((f"{name}=x", "suite decides") for name in (*PRECISION, *GPU_ONLY, "PYTHONPATH")),
        ("CUDA_VISIBLE_DEVICES=1", "suite decides"),
    ],
)
def test_variable_that_decides_what_is_measured_is_refused(text, words):
    with pytest.raises(UserError) as error:
        parse_env(["TWICE=1", text], ["cpu", "gpu"])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_own_file_gets_a_backend_of_keras():
    text, env = "KERAS_BACKEND=jax", {"KERAS_BACKEND": "jax"}
    assert parse_env([text], ["cpu"], ["mine.py"]) == env
    with pytest.raises(UserError, match="a file of yours may get one"):
        parse_env([text], ["cpu"], ["mine.py", "numpy"])


def test_variable_of_another_device_than_the_default_is_accepted_on_resume():
    text, env = "JAX_PLATFORMS=cuda", {"JAX_PLATFORMS": "cuda"}
    assert parse_env([text], ["gpu"]) == parse_env([text], []) == env
    for variable, devices in ((text, ["cpu"]), ("PYTHONPATH=x", []), ("OMP_NUM_THREADS=2", [])):
        with pytest.raises(UserError, match="cannot be set"):
            parse_env([variable], devices)


@pytest.mark.parametrize(
    ("parents", "device", "workers"),
    [
        *((value, "cpu", "") for value in (None, "1")),
        *((None, "gpu", "0"), ("1", "gpu", "1"), ("3,1", "gpu", "3"), ("", "gpu", "")),
    ],
)
def test_gpu_worker_sees_the_first_visible_gpu(monkeypatch, parents, device, workers):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if parents is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", parents)
    values = build_variables(ChildSpec(device=device), SCRATCH)
    assert values["CUDA_VISIBLE_DEVICES"] == workers


def test_gpu_workers_of_a_block_share_a_ptx_cache_and_nothing_else():
    def build(scratch, device="gpu"):
        return build_variables(ChildSpec(device=device), scratch)

    alone, on_cpu = build(SCRATCH), build(SCRATCH, "cpu")
    with share_ptx_cache(Path("/shared")):
        shared = build(SCRATCH)
        assert build(Path("/other"))["CUDA_CACHE_PATH"] == "/shared"
        assert build(SCRATCH, "cpu") == on_cpu
        recorded = redact_variables(ChildSpec(device="gpu"))
    assert {**shared, "CUDA_CACHE_PATH": alone["CUDA_CACHE_PATH"]} == alone
    assert recorded["CUDA_CACHE_PATH"] == "<run>"
    assert build(SCRATCH) == alone


def test_only_folders_of_compile_caches_are_counted(tmp_path):
    for place in ("inductor/a/b", "home/.cache/c", "keras/keras.json", "tmp/generated"):
        path = tmp_path / "cache" / place
        path.parent.mkdir(parents=True)
        path.write_bytes(b"12345")
    assert count_cache_bytes(tmp_path) == 10


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


def test_only_listed_variables_are_passed_on(monkeypatch):
    needed = {"PATH", "CXX", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "COVERAGE_PROCESS_CONFIG"}
    needed |= {"CC", "CPATH", "CUDA_HOME", "TRITON_PTXAS_PATH", "TRITON_LIBCUDA_PATH"}
    # Dask's nanny sets the last ones: one thread a worker, and another way to free memory.
    others = {"LD_PRELOAD", "PYTHONHASHSEED", "PYTHONOPTIMIZE", "MALLOC_ARENA_MAX", "KMP_AFFINITY"}
    others |= {"GOMP_CPU_AFFINITY", "CUDA_LAUNCH_BLOCKING", "MALLOC_TRIM_THRESHOLD_", "DASK_PARENT"}
    for name in (*needed, *others, *POOLS):
        monkeypatch.setenv(name, "1")
    values = redact_variables(ChildSpec(threads=3))
    assert {name for name, value in values.items() if value == "<passed on>"} == needed
    assert not values.keys() & others
    assert {values[pool] for pool in POOLS} == {"3"}


def test_training_request_has_all_that_decides_training(make_case, digits, monkeypatch, tmp_path):
    request = request_training(make_case(batch_size=8, epochs=3), digits)
    # Neither how many epochs there will be, nor what their orders are drawn from.
    assert json.loads(json.dumps(request)) == {
        "mode": "trial",
        **SOURCE,
        "data": str(digits.folder),
        "classes": 10,
        "workload": "sgd",
        "device": "cpu",
        "batch_size": 8,
        "samples": 1440,
    }
    monkeypatch.chdir(tmp_path)
    assert describe_source(make_case(file="own.py"))["file"] == str(tmp_path / "own.py")
