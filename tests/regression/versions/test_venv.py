"""Environments of named packages: built once, complete or absent."""

import importlib.metadata
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock, Timeout
from support.processes import assert_nothing_left, find_processes, wait_until

import bench
from bench.errors import UserError
from bench.regression.versions import venv
from bench.regression.versions.venv import EnvironmentSpec, ensure_environment
from bench.worker import machine
from implementations import IMPLEMENTATIONS

NUMPY = importlib.metadata.version("numpy")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Return the folder of the environments in the user's cache."""
    monkeypatch.delenv("SOFTMAX_BENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "softmax-bench" / "environments"


@pytest.fixture
def packages(wheels):
    """Write wheels of NumPy and of a tool in two releases that needs a part."""
    wheels("numpy", NUMPY)
    wheels("tool", "1.0", "part")
    wheels("tool", "2.0", "part>=2")
    for release in ("1.0", "1.5", "2.0"):
        wheels("part", release)


@pytest.fixture
def installed(monkeypatch):
    """Pretend that only these distributions are installed here."""

    def pretend(**versions):
        distributions = {name.replace("_", "-"): version for name, version in versions.items()}
        monkeypatch.setattr(machine, "list_software", lambda: {"distributions": distributions})

    return pretend


@pytest.fixture
def steps(monkeypatch):
    """Replace the programs of a build; return their commands."""
    commands = []

    def run(command, *_):
        commands.append(command)
        if "virtualenv" in command:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)

    monkeypatch.setattr(venv, "_run", run)
    return commands


def entries(*names):
    return [entry for entry in IMPLEMENTATIONS if entry.name in names]


def spec(*named, constraints=(f"numpy=={NUMPY}", "part==1.5"), others=("numpy",)):
    return EnvironmentSpec(named, (*named, *others), constraints, "CPython 3", sys.base_prefix)


def leftovers(folder):
    """Return the folders in the cache that are neither a log nor a lock."""
    return [path for path in folder.iterdir() if path.suffix not in {".log", ".lock"}]


def test_everything_but_the_named_packages_is_constrained(installed):
    installed(numpy="2.4.6", keras="3.9.0", softmax_bench="0.1.0", broken="not a version")
    environment = venv.specify_environment(["keras==3.8.0"], ())
    assert environment.named == ("keras==3.8.0",)
    assert environment.constraints == ("numpy==2.4.6",)
    assert venv.specify_environment(["Keras==3.8.0", "numpy<2.1"], ()).constraints == ()


@pytest.mark.parametrize(
    ("version", "constraint"),
    [
        ("2.9.1", "torch==2.9.1"),
        ("2.9.1+cpu", "torch>=2.9.1,<=2.9.1"),
        ("2.10.0.dev20260101+cu130", "torch>=2.10.0.dev20260101,<=2.10.0.dev20260101"),
        ("2.9.1-modified-by-hand", None),
    ],
)
def test_distribution_is_pinned_to_its_public_version(version, constraint):
    assert venv.pin_version("torch", version) == constraint


def test_chosen_implementations_bring_the_requirements_of_their_extras(installed, monkeypatch):
    lines = ['keras>=3.9; extra == "keras"', 'jax>=0.6; extra == "jax"', "rich>=13"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: lines)
    installed()
    chosen = entries("numpy", "keras-jax")
    environment = venv.specify_environment(["x==1"], chosen)
    assert environment.requirements == ("x==1", "jax>=0.6", "keras>=3.9", "numpy")
    # A named release replaces the requirement of this project.
    environment = venv.specify_environment(["keras==3.0", "numpy<2.1"], chosen)
    assert environment.requirements == ("keras==3.0", "numpy<2.1", "jax>=0.6")


def test_environment_has_the_named_release_and_the_constrained_rest(packages, folder):
    lines = []
    python = ensure_environment(spec("tool==1.0"), lines.append)
    assert Path(python).parents[2] == folder
    code = "import tool, part, numpy; print(tool.version, part.version, numpy.version)"
    output = subprocess.check_output([python, "-I", "-c", code], text=True)
    assert output.split() == ["1.0", "1.5", NUMPY]
    assert subprocess.check_output(Path(python).with_name("tool"), text=True) == "1.0\n"
    assert lines == ["building an environment with tool==1.0, once"]


def test_failed_build_reports_what_pip_says_and_leaves_only_its_log(packages, folder):
    lines = []
    with pytest.raises(UserError) as error:
        ensure_environment(spec("tool==2.0"), lines.append)
    (log,) = folder.glob("*.log")
    assert str(log) in str(error.value)
    assert "tool 2.0 depends on part>=2" in "\n".join(lines)
    assert leftovers(folder) == []


CHILD = """
import sys
from bench.regression.versions import venv

spec = venv.EnvironmentSpec(("x==1",), ("x==1",), (), "CPython 3", sys.base_prefix)

def run(command, *_):
    print("building", flush=True)
    sys.stdin.readline()

venv._run = run
venv.ensure_environment(spec, print)
"""


def test_killed_build_is_not_used_and_releases_its_lock(steps, folder):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        cwd=Path(bench.__file__).parents[1],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    lines = [child.stdout.readline(), child.stdout.readline()]
    assert lines == ["building an environment with x==1, once\n", "building\n"]
    (locked,) = folder.glob("*.lock")
    lock = FileLock(locked)
    with pytest.raises(Timeout):
        lock.acquire(blocking=False)
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    environment = EnvironmentSpec(("x==1",), ("x==1",), (), "CPython 3", sys.base_prefix)
    python = ensure_environment(environment, print)
    assert leftovers(folder) == [Path(python).parents[1]]


def test_damaged_environment_is_built_again(steps):
    folder = Path(ensure_environment(spec(), print)).parents[1]
    for name in ("built-in", "bin/python"):
        ensure_environment(spec(), pytest.fail)
        (folder / name).unlink()
        ensure_environment(spec(), print)
    (folder / "built-in").write_text("/elsewhere")  # it was moved
    ensure_environment(spec(), print)
    assert len(steps) == 8


def test_command_needs_no_package_of_the_suite(installed):
    installed(numpy="2.4.0", part="1.0")
    pip = venv.PipOptions(constraints=("part<3",))
    made = venv.specify_environment(("tool==2.0",), None, pip)
    assert (made.requirements, made.constraints) == (("tool==2.0",), ("part<3",))


BUILD = """
import pathlib, subprocess, tempfile, time
subprocess.Popen(["sleep", "600"], start_new_session=True)
pathlib.Path(tempfile.mkdtemp(), "begun").touch()
time.sleep(600)
"""


def test_interrupted_build_leaves_no_process_and_no_file(tmp_path, temporary, monkeypatch):
    def interrupt(_):
        wait_until(lambda: list(temporary.glob("*/*/begun")))
        assert len(find_processes(temporary)) == 2
        raise KeyboardInterrupt

    monkeypatch.setattr(venv.Session, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        venv._run([sys.executable, "-c", BUILD], tmp_path / "log", spec(), print)
    assert_nothing_left(temporary)


@pytest.mark.full
@pytest.mark.timeout(1200)  # pip downloads 60 MB, over any network
def test_environment_with_another_release_of_a_framework(tmp_path):
    running = importlib.metadata.version("scikit-learn")
    release = "1.8.0" if running != "1.8.0" else "1.7.2"
    environment = venv.specify_environment([f"scikit-learn=={release}"], entries("sklearn-sgd"))
    python = ensure_environment(environment, print)
    code = "import sklearn, numpy; print(sklearn.__version__, numpy.__version__)"
    output = subprocess.check_output([python, "-I", "-c", code], text=True)
    assert output.split() == [release, NUMPY]
