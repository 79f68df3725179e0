"""Fixtures of several test files: small data, requests, stand-ins and the command line."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from support.data import idx_files, write_idx
from support.nvml import describe_session, install
from support.processes import (
    ASSETS,
    NO_CHARTS,
    RUN,
    SHORT,
    SHORT_TRIALS,
    WAITS,
    find_processes,
    read_lines,
    run_first,
    wait_until,
)
from support.records import NUMPY, case
from support.versions import REGISTRY, Repository, wheel

import bench as suite
from bench.cli import app as command_line
from bench.data import dataset
from bench.runner import drive
from bench.runner.drive import Drive, measure_exchange
from bench.runner.host import signals
from bench.runner.parity.draws import Draws
from bench.runner.process import launch
from bench.runner.process.launch import Worker
from bench.runner.process.session import ProcessStopped
from bench.runner.process.spec import ChildSpec, request_training
from bench.worker import machine

# PyTorch with CUDA brings Triton, which must be loaded before TensorFlow: afterwards it crashes the
# process. Workers load one framework each.
with suppress(ImportError):
    import triton  # noqa: F401 - see above

# No test fails for want of time.
settings.register_profile("everyday", deadline=None, max_examples=25)
settings.register_profile("full", deadline=None)


def pytest_configure(config):
    """Give the tests a lock of their own, and each of several workers a core and a TMPDIR too."""
    settings.load_profile("everyday" if "not full" in config.option.markexpr else "full")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    folder = tempfile.TemporaryDirectory(prefix="tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ["SOFTMAX_BENCH_LOCK"] = str(Path(folder.name, "lock"))
    if not worker:
        return
    cores = machine.list_usable_cores()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cores[int(worker) % len(cores)]})
    os.environ["TMPDIR"] = tempfile.tempdir = folder.name


@pytest.fixture(scope="session", autouse=True)
def default_signals():
    """Restore the signals that a shell ignores for jobs in the background, and nohup."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def no_fsync():
    """Do not wait for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def short_trials(monkeypatch):
    """Time few short epochs in this process, as ``SHORT_TRIALS`` does in other ones."""
    for name, value in SHORT.items():
        monkeypatch.setattr(drive, name, value)


@pytest.fixture(scope="session")
def digits():
    """The small data set: 1,440 images of 64 pixels to train on, 357 to validate."""
    return dataset.find("digits")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def small_files():
    """Four IDX files of 50 and 10 images of 16 pixels."""
    return idx_files(samples=50, tests=10, side=4)


@pytest.fixture
def small_folder(own_cache, tmp_path, small_files):
    write_idx(tmp_path / "clothes", small_files)
    return tmp_path / "clothes"


@pytest.fixture
def make_case():
    """Cases of NumPy on digits, changed by keyword."""
    return lambda **changes: case(**{"implementation": "numpy", **NUMPY, "epochs": 2, **changes})


@pytest.fixture
def make_request(digits):
    """Requests to a worker to train NumPy on digits, changed by keyword."""

    def make(**changes):
        return {
            "mode": "trial",
            "module": "idiomatic.softmax_numpy",
            "file": None,
            "extra": "",
            "data": str(digits.folder),
            "classes": 10,
            "workload": "sgd",
            "device": "cpu",
            "batch_size": 32,
            "samples": 1440,
            **changes,
        }

    return make


@pytest.fixture
def launched(tmp_path, make_request, monkeypatch):
    """Launch a worker in the folder ``child`` for a preflight, on own code where it is given."""
    folder = tmp_path / "child"
    monkeypatch.setattr(launch, "make_folder", lambda: contextlib.nullcontext(folder))

    def run(code=None, child=None, **changes):
        if code is not None:
            (tmp_path / "own_file.py").write_text(code)
            changes["file"] = str(tmp_path / "own_file.py")
        child = child or ChildSpec(timeout=240)
        request = make_request(**{"mode": "preflight", **changes})
        return launch.launch(request, child)

    return run


@pytest.fixture
def driven(tmp_path, digits, make_case, short_trials):
    """Drive a worker through a trial in the folder ``child``, on own code where it is given.

    Returns the drive and the outcome.
    """

    def run(code=None, child=None, **changes):
        if code is not None:
            (tmp_path / "own_file.py").write_text(code)
            changes["file"] = str(tmp_path / "own_file.py")
        case = make_case(**changes)
        child = child or ChildSpec(threads=1, device=case.device, timeout=240)
        request, size = request_training(case, digits), measure_exchange(case, digits)
        with Worker(request, child, tmp_path / "child", size) as worker:
            trial = Drive(worker, case, Draws.make(42, 1), digits.folder)
            with suppress(ProcessStopped):
                trial.set_up()
                trial.train_first()
                trial.train_stretch()
                trial.train_all()
                trial.predict_all(lambda _: np.arange(3))
            return trial, worker.finish()

    return run


@pytest.fixture
def saboteur():
    """Paths of the deliberately wrong implementations, by name."""
    return lambda name: str(ASSETS / "saboteurs" / f"{name}.py")


@pytest.fixture
def typed_ahead():
    """Let this process have something to read on stdin."""
    read, write = os.pipe()
    os.write(write, b"typed ahead")
    os.close(write)
    own = os.dup(0)
    os.dup2(read, 0)
    yield
    os.dup2(own, 0)
    os.close(own)
    os.close(read)


@pytest.fixture
def nvml(monkeypatch, tmp_path):
    """Let a stand-in for NVML report GPUs, here and in workers."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)  # restored afterwards

    def answer(gpus=(), **options):
        install(monkeypatch, tmp_path / "nvml", describe_session(gpus, **options))

    yield answer
    sys.modules.pop("pynvml", None)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Return the folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


@pytest.fixture
def program(tmp_path):
    """Write a shell script as a program; return its path."""

    def write(name, script):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository around the test, with one commit on ``main``; it stands for the suite's own."""
    variables = {
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "A test"),
        **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "test@example.org"),
        **dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), "/dev/null"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    repository = Repository(tmp_path)
    repository.commit(__init__=REGISTRY, softmax_numpy="one = 1", softmax_old="one = 1")
    monkeypatch.setattr(machine, "ROOT", repository.folder)
    return repository


@pytest.fixture
def checkout(repository):
    """A repository in which the suite runs. ``main`` has all implementations in one folder."""
    source = Path(suite.__path__[0])
    (repository.folder / "bench").symlink_to(source)
    folder = repository.folder / "implementations"
    shutil.copy(source.parent / "implementations" / "idiomatic" / "softmax_numpy.py", folder)
    repository.commit(__init__=REGISTRY.replace("idiomatic.", ""), softmax_numpy=None)
    (folder / "softmax_numpy.py").rename(folder / "idiomatic" / "softmax_numpy.py")
    return repository


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Write tiny wheels (name, version, *requires), the only ones that pip can find."""
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
    """Variables of the command line: lock and temporary folder are the tests' own.

    Those of pytest-xdist are left out: with them pytest-benchmark measures nothing.
    """
    temporary, lock = str(tmp_path_factory.mktemp("tmp")), tmp_path_factory.mktemp("lock") / "lock"
    others = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    return {**others, "TMPDIR": temporary, "SOFTMAX_BENCH_LOCK": str(lock)}


@pytest.fixture(scope="session")
def command(surroundings, tmp_path_factory):
    """Run the command line in a fresh process and in a given folder; return it when it ended.

    charts: whether its reports have charts, which take longer than a small run.
    """
    with_charts = run_first(tmp_path_factory.mktemp("first"), SHORT_TRIALS)
    without = run_first(tmp_path_factory.mktemp("first"), NO_CHARTS)

    def run(folder, *arguments, charts=False):
        return subprocess.run(
            [sys.executable, "-m", "bench", *map(str, arguments)],
            cwd=folder,
            env={**surroundings, **(with_charts if charts else without)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def bench(command, tmp_path):
    return lambda *arguments, **options: command(tmp_path, *arguments, **options)


@pytest.fixture
def started(tmp_path, surroundings):
    """Start the command line in the test's folder, and kill it at the end of the test.

    within: a program that starts it. variables: None deletes one.
    """
    processes = []

    def start(*arguments, within=(), **variables):
        environment = {**surroundings, **variables}
        processes.append(
            subprocess.Popen(
                [*within, sys.executable, "-m", "bench", *arguments],
                cwd=tmp_path,
                env={name: value for name, value in environment.items() if value is not None},
                stdin=subprocess.PIPE,
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
    """Variables of runs with a temporary folder and a lock of their own, and without charts."""
    (tmp_path / "tmp").mkdir()
    folders = {"TMPDIR": str(tmp_path / "tmp"), "SOFTMAX_BENCH_LOCK": str(tmp_path / "lock")}
    return {**folders, **run_first(tmp_path, NO_CHARTS)}


@pytest.fixture
def hanging(tmp_path, started, alone):
    """Start a run of three trials of a user's own code that hangs in the second one."""

    def start(code=WAITS, **variables):
        (tmp_path / "waits.py").write_text(code)
        command = (*RUN, "--rounds=3", "--implementation=./waits.py", "--output=out")
        process = started(*command, **alone, **variables)
        wait_until(lambda: read_lines(tmp_path / "out") or process.poll() is not None)
        (tmp_path / "hang").touch()
        wait_until(lambda: (tmp_path / "hangs").exists() or process.poll() is not None)
        return process

    yield start
    for number in find_processes(tmp_path / "tmp"):
        os.kill(number, signal.SIGKILL)


@pytest.fixture
def called(tmp_path, monkeypatch, capsys):
    """Call the command line in this process; return its exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(signals, "install", lambda: None)  # no later test gets its handlers

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        return ended.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def refused(called, tmp_path):
    """Check that the command line refuses its arguments in one line and writes nothing."""

    def contents():
        return {
            str(path.relative_to(tmp_path)): path.read_bytes() if path.is_file() else None
            for path in tmp_path.rglob("*")
            if path.name != "lock"  # of the host
        }

    def refuse(*arguments):
        before = contents()
        status, out, err = called(*arguments)
        assert (status, out) == (2, "")
        assert contents() == before
        assert err.startswith("softmax-bench: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err

    return refuse
