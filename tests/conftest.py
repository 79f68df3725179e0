"""What the tests share: small data, requests, and the command line in a fresh process."""

import gc
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from support.data import idx_files, write_idx
from support.nvml import install
from support.processes import ASSETS, NO_CHARTS, RUN, WAITS, beginning_with, lines_of, living, until
from support.versions import REGISTRY, Repository, wheel

from bench.cli import app as command_line
from bench.data import dataset
from bench.records.schema import Case
from bench.runner import signals
from bench.runner.process import launch
from bench.worker import machine

# PyTorch with CUDA brings Triton. Loaded into a process after TensorFlow it ends that; before, not.
# Trials are not concerned: each process has one framework.
with suppress(ImportError):
    import triton  # noqa: F401 - so that it is there

# No test fails on a time.
settings.register_profile("ours", deadline=None)
settings.load_profile("ours")


def pytest_configure(config):
    """Give the tests a lock of their own; of several workers each, and a core and TMPDIR, too."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    folder = tempfile.TemporaryDirectory(prefix="tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ["SOFTMAX_BENCH_LOCK"] = str(Path(folder.name, "lock"))
    if not worker:
        return
    cores = machine.usable_cores()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cores[int(worker) % len(cores)]})
    os.environ["TMPDIR"] = tempfile.tempdir = folder.name


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Take Ctrl-C even where the tests run in the background, whose shell has it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has this one ignored


@pytest.fixture(scope="session", autouse=True)
def unhurried_disk(request):
    """Wait for no disk, as nobody cuts the power; but where appending is timed."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("benchmark_skip"):
            patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def digits():
    """The small data set: 1,440 images of 64 pixels to train on, 357 to validate."""
    return dataset.find("digits")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache, and no Fashion-MNIST in the environment."""
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def small_files():
    """Four IDX files of 50 and 10 images of 16 pixels."""
    return idx_files(samples=50, tests=10, side=4)


@pytest.fixture
def small_folder(own_cache, tmp_path, small_files):
    """A folder of these files, and an empty cache."""
    write_idx(tmp_path / "clothes", small_files)
    return tmp_path / "clothes"


@pytest.fixture
def make_case():
    """Cases of NumPy on digits, altered by keyword."""

    def make(**changes):
        values = {
            "implementation": "numpy", "module": "idiomatic.softmax_numpy", "framework": "numpy",
            "extra": "", "objective": "softmax", "style": "idiomatic", "data": "resident",
            "devices": ("cpu",), "workload": "sgd", "device": "cpu", "batch_size": 32,
            "threads": 1, "samples": 1440, "epochs": 2,
        }  # fmt: skip
        return Case(**{**values, **changes})

    return make


@pytest.fixture
def make_request(digits):
    """Requests to train NumPy on digits as the parent writes them, altered by keyword."""

    def make(**changes):
        return {
            "mode": "trial", "module": "idiomatic.softmax_numpy", "file": None, "extra": "",
            "data": str(digits.folder), "classes": 10, "workload": "sgd", "device": "cpu",
            "batch_size": 32, "samples": 1440, "epochs": 2, "seed": 42, "watch": False, **changes,
        }  # fmt: skip

    return make


@pytest.fixture
def launched(tmp_path, make_request):
    """Launch a worker on somebody's own code or on a request; its folder is ``child``."""

    def run(code=None, child=None, **changes):
        if code is not None:
            (tmp_path / "own_file.py").write_text(code)
            changes["file"] = str(tmp_path / "own_file.py")
        child = child or launch.ChildSpec(timeout=240)
        return launch.launch(make_request(**changes), child, tmp_path / "child")

    return run


@pytest.fixture
def quick_collector():
    """Hide the tests' own objects from the collector, which is called before every epoch."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def saboteur():
    """Paths of the implementation files that go wrong, by name."""
    return lambda name: str(ASSETS / "saboteurs" / f"{name}.py")


@pytest.fixture
def nvml(monkeypatch, tmp_path):
    """Have NVML tell of these GPUs, in this process and in its children."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)  # so that it comes back afterwards
    yield lambda gpus, **how: install(monkeypatch, tmp_path / "nvml", gpus, **how)
    sys.modules.pop("pynvml", None)


@pytest.fixture
def no_nvml(monkeypatch):
    """Have no module of NVML."""
    monkeypatch.setitem(sys.modules, "pynvml", None)


@pytest.fixture
def program(tmp_path):
    """Write a program that answers in the words given; return its path."""

    def write(name, script):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository that the suite takes for its own, with one commit on ``main``."""
    variables = {
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "A test"),
        **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "test@example.org"),
        **dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), "/dev/null"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    made = Repository(tmp_path / "repository")
    made.commit(__init__=REGISTRY, softmax_numpy="one = 1", softmax_old="one = 1")
    monkeypatch.setattr(machine, "ROOT", made.folder)
    return made


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Write tiny wheels for pip, which has no other place to look: (name, version, *requires)."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    def write(name, version, *requires):
        wheel(folder, name, version, requires)

    return write


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory):
    """The environment of the command line: lock, scratch and calibrations are the tests' own."""
    own = {"TMPDIR": "tmp", "XDG_DATA_HOME": "data"}
    made = {name: str(tmp_path_factory.mktemp(folder)) for name, folder in own.items()}
    lock = tmp_path_factory.mktemp("lock") / "lock"
    return {**os.environ, **made, "SOFTMAX_BENCH_LOCK": str(lock)}


@pytest.fixture(scope="session")
def command(surroundings):
    """Run the command line to its end in a fresh process, in a folder of one's choice."""

    def run(folder, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "bench", *map(str, arguments)],
            cwd=folder, env=surroundings, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def bench(command, tmp_path):
    """Run the command line to its end in a fresh process, in the test's folder."""
    return lambda *arguments: command(tmp_path, *arguments)


@pytest.fixture
def started(tmp_path, surroundings):
    """Start the command line in the test's folder; what is still running at the end is killed.

    within: a program that is to start it. By keyword: variables.
    """
    processes = []

    def start(*arguments, within=(), **variables):
        given = {**surroundings, **variables}
        processes.append(
            subprocess.Popen(
                [*within, sys.executable, "-m", "bench", *arguments],
                cwd=tmp_path,
                env={name: value for name, value in given.items() if value is not None},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def alone(tmp_path):
    """Variables of runs that have a temporary folder and a lock of their own; no charts."""
    (tmp_path / "tmp").mkdir()
    own = {"TMPDIR": "tmp", "SOFTMAX_BENCH_LOCK": "lock"}
    places = {name: str(tmp_path / place) for name, place in own.items()}
    return {**places, **beginning_with(tmp_path, NO_CHARTS)}


@pytest.fixture
def hanging(tmp_path, started, alone):
    """Start a run of three trials of somebody's code, which hangs in the middle of the second."""

    def start(code=WAITS, **variables):
        (tmp_path / "waits.py").write_text(code)
        command = (*RUN, "--rounds=3", "--implementation=./waits.py", "--output=out")
        process = started(*command, **alone, **variables)
        until(lambda: lines_of(tmp_path / "out") or process.poll() is not None)
        (tmp_path / "hang").touch()
        until(lambda: (tmp_path / "hangs").exists() or process.poll() is not None)
        return process

    yield start
    for left in living(tmp_path / "tmp"):
        os.kill(left, signal.SIGKILL)


@pytest.fixture
def called(tmp_path, monkeypatch, capsys):
    """Call the command line in this process, so that a test can change what it finds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(signals, "install", lambda: None)  # no later test meets its handlers

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        return ended.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Give the command line what it must refuse: one line, exit status 2, and nothing written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signals, "install", lambda: None)

    def refuse(*arguments):
        before = _contents(tmp_path)
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        out, err = capsys.readouterr()
        assert ended.value.code == 2
        assert out == ""
        assert _contents(tmp_path) == before
        assert err.startswith("bench: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err

    return refuse


def _contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
