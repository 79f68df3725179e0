"""An environment of named packages: built once, whole or not there, all else as it is here."""

import fcntl
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import bench
from bench.errors import UserError
from bench.regression.versions import venv
from bench.regression.versions.venv import Recipe
from bench.worker import machine
from implementations import IMPLEMENTATIONS

NUMPY = importlib.metadata.version("numpy")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Return where environments lie in the user's cache."""
    monkeypatch.delenv("SOFTMAX_BENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "softmax-bench" / "environments"


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """Build one empty environment, which takes seconds."""
    made = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-I", "-m", "venv", made], check=True)
    return made


@pytest.fixture
def copied(empty, monkeypatch):
    """Copy an empty environment instead of building one; pip is as real as ever."""
    real = venv._call

    def call(command, *rest):
        if "venv" not in command:
            return real(command, *rest)
        shutil.copytree(empty, command[-1], symlinks=True)
        return 0

    monkeypatch.setattr(venv, "_call", call)


@pytest.fixture
def packages(wheels):
    """A small world: a tool in two releases that needs a part, which is held, and NumPy."""
    wheels("numpy", NUMPY)
    wheels("tool", "1.0", "part")
    wheels("tool", "2.0", "part>=2")
    for release in ("1.0", "1.5", "2.0"):
        wheels("part", release)
    return wheels


@pytest.fixture
def installed(monkeypatch):
    """Say what is installed in the running interpreter."""

    def say(**versions):
        found = {name.replace("_", "-"): version for name, version in versions.items()}
        monkeypatch.setattr(machine, "software", lambda: {"distributions": found})

    return say


def entries(*names):
    return [entry for entry in IMPLEMENTATIONS if entry.name in names]


def recipe(*asked, held=(f"numpy=={NUMPY}", "part==1.5"), wanted=("numpy",)):
    return Recipe(asked, (*asked, *wanted), held, "CPython 3", sys.base_prefix)


def version_in(python, package):
    """Import a package in an environment and return its version."""
    code = f"import {package}; print({package}.version)"
    done = subprocess.run([python, "-I", "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def there(folder):
    """Name what an environment's build has left, by its ending."""
    return sorted(path.suffix for path in folder.iterdir())


def test_only_what_was_not_named_is_held(installed):
    installed(numpy="2.4.6", keras="3.9.0", softmax_bench="0.1.0", broken="not a version")
    found = venv.recipe(["keras==3.8.0"], ())
    assert found.asked == ("keras==3.8.0",)
    assert found.held == ("numpy==2.4.6",)
    assert venv.recipe(["keras==3.8.0", "numpy<2.1"], ()).held == ()


def test_a_name_is_one_name_however_it_is_written(installed):
    installed(ml_dtypes="0.6.0", scikit_Learn="1.9.1")
    assert venv.recipe(["ml-dtypes==0.5.0"], ()).held == ("scikit-learn==1.9.1",)
    assert venv.recipe(["scikit-learn==1.8.0"], ()).held == ("ml-dtypes==0.6.0",)


@pytest.mark.parametrize(
    ("version", "held"),
    [
        ("2.9.1", "torch==2.9.1"),
        ("2.9.1+cpu", "torch>=2.9.1,<=2.9.1"),
        ("2.9.1.post1+cpu", "torch>=2.9.1.post1,<=2.9.1.post1"),
        ("2.10.0.dev20260101+cu130", "torch>=2.10.0.dev20260101,<=2.10.0.dev20260101"),
        ("2.9.1-modified-by-hand", None),
    ],
)
def test_a_distribution_is_held_at_its_public_version(version, held):
    assert venv.constraint("torch", version) == held


def test_the_range_of_a_build_of_the_machines_own_is_met_by_that_release_only():
    from packaging.requirements import Requirement

    specifier = Requirement(venv.constraint("torch", "2.9.1+cpu")).specifier
    tried = ("2.9.0", "2.9.1", "2.9.1+cpu", "2.9.1+cu130", "2.9.1.post1", "2.9.2", "2.9.1rc1")
    assert list(specifier.filter(tried)) == ["2.9.1", "2.9.1+cpu", "2.9.1+cu130"]


def test_what_was_chosen_is_wanted_as_its_extras_have_it(installed, monkeypatch):
    lines = ['keras>=3.9; extra == "keras"', 'jax>=0.6; extra == "jax"', 'torch; extra == "all"',
             "rich>=13"]  # fmt: skip
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: lines)
    installed()
    chosen = entries("numpy", "keras-jax")
    assert venv.recipe(["x==1"], chosen).wanted == (
        "x==1", "jax>=0.6", "keras>=3.9", "numpy",
    )  # fmt: skip
    # A release that was named is not held against what this project asks for of itself.
    assert venv.recipe(["keras==3.0", "numpy<2.1"], chosen).wanted == (
        "keras==3.0", "numpy<2.1", "jax>=0.6",
    )  # fmt: skip


def test_a_framework_whose_extra_does_not_name_it_is_wanted_all_the_same(installed, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: None)
    installed()
    wanted = venv.recipe(["x==1"], entries("keras-torch")).wanted
    assert wanted == ("x==1", "keras", "numpy", "torch")


def test_the_extras_of_this_project_are_understood(installed):
    installed()
    wanted = venv.recipe(["x==1"], entries("sklearn-sgd", "jax")).wanted
    assert [one.partition(">=")[0] for one in wanted] == ["x==1", "jax", "numpy", "scikit-learn"]


def test_the_named_package_is_installed_and_all_else_held(copied, packages, folder):
    said = []
    python = venv.python(recipe("tool==1.0"), said.append)
    assert Path(python).parents[2] == folder
    assert (version_in(python, "tool"), version_in(python, "part")) == ("1.0", "1.5")
    assert version_in(python, "numpy") == NUMPY
    assert said == ["building an environment with tool==1.0, once"]
    assert there(folder) == ["", ".lock", ".log"]
    (log,) = folder.glob("*.log")
    assert "Successfully installed" in log.read_text()


def test_a_conflict_is_named_with_what_to_name_too(copied, packages, folder):
    with pytest.raises(UserError) as error:
        venv.python(recipe("tool==2.0"), print)
    assert str(error.value) == (
        "tool==2.0: tool 2.0 depends on part>=2, but part==1.5 is held as it is here; "
        "name a release of part too"
    )
    assert there(folder) == [".lock", ".log"]
    both = recipe("part==2.0", "tool==2.0", held=(f"numpy=={NUMPY}",))
    assert version_in(venv.python(both, print), "part") == "2.0"


def test_a_conflict_with_a_range_is_named_as_well(copied, packages):
    with pytest.raises(UserError) as error:
        venv.python(recipe("tool==2.0", held=("part>=1.5,<=1.5",)), print)
    assert str(error.value) == (
        "tool==2.0: tool 2.0 depends on part>=2, but part<=1.5,>=1.5 is held as it is here; "
        "name a release of part too"
    )


def test_a_conflict_of_what_was_named_is_told_in_pips_words(copied, packages):
    with pytest.raises(UserError) as error:
        venv.python(recipe("part==1.0", "tool==2.0", held=()), print)
    assert str(error.value) == (
        "part==1.0 tool==2.0: The user requested part==1.0; tool 2.0 depends on part>=2; "
        "name releases that go together"
    )


def test_of_all_that_conflicts_the_line_about_what_is_held_is_told(tmp_path):
    log = tmp_path / "log"
    log.write_text(
        "The conflict is caused by:\n"
        "    The user requested tool==2.0\n"
        "    tool 2.0 depends on part>=2\n"
        "    The user requested (constraint) part==1.5\n\nTo fix this\n"
    )
    assert venv._conflict(log).startswith("tool 2.0 depends on part>=2, but part==1.5 is")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("ERROR: first\nERROR: last\n  a hint\n", "last"),
        ("error: metadata-generation-failed\nhint: see above\n", "metadata-generation-failed"),
        ("nothing that\nbegins so\n\n", "begins so"),
        ("", "no reason given"),
    ],
)
def test_the_reason_is_the_last_line_that_says_error_or_the_last_one(tmp_path, said, reason):
    (tmp_path / "log").write_text(said)
    assert venv._reason(tmp_path / "log") == reason


def test_a_release_that_does_not_exist_is_told_in_pips_words(copied, packages, folder):
    with pytest.raises(UserError) as error:
        venv.python(recipe("tool==99"), print)
    (log,) = folder.glob("*.log")
    assert str(error.value) == (
        "tool==99: pip failed (No matching distribution found for tool==99); "
        f"name another release, or see {log}"
    )
    assert there(folder) == [".lock", ".log"]


@pytest.fixture
def quick(monkeypatch):
    """Take the time out of a build: programs are not run; what is listed is their exit status."""
    codes = []

    def call(command, log, lock):
        python = Path(command[-1]) / "bin" / "python"
        if "venv" in command:
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        return codes.pop(0) if codes else 0

    monkeypatch.setattr(venv, "_call", call)
    return codes


def test_what_is_there_is_used_without_a_process_and_without_a_word(quick, folder, monkeypatch):
    python = venv.python(recipe("tool==1.0"), print)
    (lock,) = folder.glob("*.lock")
    lock.unlink()
    lock.mkdir()  # as good as a cache that cannot be written
    monkeypatch.setattr(subprocess, "run", pytest.fail)
    assert venv.python(recipe("tool==1.0"), pytest.fail) == python


@pytest.mark.parametrize(
    "other",
    [
        recipe("tool==2.0"),
        recipe("tool==1.0", held=("part==2.0",)),
        recipe("tool==1.0", wanted=("numpy", "jax")),
        replace(recipe("tool==1.0"), python="CPython 4"),
        replace(recipe("tool==1.0"), base="/another"),
    ],
    ids=["asked", "held", "wanted", "python", "base"],
)
def test_an_environment_of_another_recipe_is_another(quick, other):
    assert venv.python(other, print) != venv.python(recipe("tool==1.0"), print)


def test_pip_is_asked_for_what_is_wanted_and_held(quick):
    made = Path(venv.python(recipe("tool==1.0"), print)).parents[1]
    assert (made / "wanted.txt").read_text().split() == ["tool==1.0", "numpy"]
    assert (made / "held.txt").read_text().split() == [f"numpy=={NUMPY}", "part==1.5"]
    assert json.loads((made / "whole.json").read_text())["asked"] == ["tool==1.0"]


def test_a_python_without_venv_says_what_to_install(quick, folder):
    quick.append(1)
    with pytest.raises(UserError, match=r"python -m venv failed .*python3-venv"):
        venv.python(recipe("tool==1.0"), print)
    assert there(folder) == [".lock", ".log"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_whatever_stops_a_build_nothing_of_it_is_left(quick, folder, monkeypatch, stop):
    real = venv._call

    def stopped(command, *rest):
        if "pip" in command:
            raise stop
        return real(command, *rest)

    monkeypatch.setattr(venv, "_call", stopped)
    with pytest.raises(stop):
        venv.python(recipe("tool==1.0"), print)
    assert there(folder) == [".lock", ".log"]


def test_an_environment_whose_python_is_gone_is_built_again(quick):
    python = Path(venv.python(recipe("tool==1.0"), print))
    python.unlink()
    python.symlink_to("/nowhere/python")
    said = []
    venv.python(recipe("tool==1.0"), said.append)
    assert python.exists()
    assert len(said) == 1


def test_a_cache_that_cannot_be_written_says_what_to_set(folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where a folder should be")
    with pytest.raises(UserError, match=r"cannot be written .*set SOFTMAX_BENCH_CACHE"):
        venv.python(recipe("tool==1.0"), print)


CHILD = """
import sys
from bench.regression.versions import venv as environment

asked = ("tool==1.0",)
recipe = environment.Recipe(asked, (*asked, "numpy"), ("part==1.5",), "CPython 3", sys.base_prefix)
call = environment._call

def slow(command, log, lock):
    if "pip" in command:  # one that has begun, and ends only when told
        command = [sys.executable, "-c", "import sys; open(sys.argv[1]).read()", sys.argv[1]]
    else:
        command = [*command[:-1], "--without-pip", command[-1]]
    return call(command, log, lock)

if sys.argv[1:]:
    environment._call = slow
print("ready", flush=True)
sys.stdin.readline()
print(environment.python(recipe, lambda line: print(line, flush=True)))
"""


def start(*arguments):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, arguments)], cwd=Path(bench.__file__).parents[1],
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout.readline() == "ready\n"
    return child


def test_two_builders_at_once_build_one_environment_and_both_have_it(packages, folder):
    children = [start(), start()]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    said = sorted(child.communicate()[0].splitlines() for child in children)
    assert [child.returncode for child in children] == [0, 0]
    (first, python), (second, same) = said
    assert first == "building an environment with tool==1.0, once"
    assert second == "waiting for another process that builds this environment"
    assert python == same
    assert (version_in(python, "tool"), version_in(python, "part")) == ("1.0", "1.5")


def test_a_killed_builder_leaves_nothing_that_is_used_and_its_pip_keeps_the_lock(
    packages, folder, tmp_path
):
    os.mkfifo(tmp_path / "fifo")
    child = start(tmp_path / "fifo")
    child.stdin.write("go\n")
    child.stdin.flush()
    with (tmp_path / "fifo").open("w"):  # opens when pip does
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        (lock,) = folder.glob("*.lock")
        with lock.open("ab") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert "" in there(folder)
    second = start()
    *_, python = second.communicate("go\n")[0].splitlines()
    assert version_in(python, "tool") == "1.0"


@pytest.mark.full
@pytest.mark.timeout(1200)  # pip fetches 60 MB, over whatever network there is
def test_another_release_of_a_framework_is_really_built(tmp_path):
    running = importlib.metadata.version("scikit-learn")
    release = "1.8.0" if running != "1.8.0" else "1.7.2"
    wanted = venv.recipe([f"scikit-learn=={release}"], entries("sklearn-sgd"))
    python = venv.python(wanted, print)
    code = "import sklearn, numpy; print(sklearn.__version__, numpy.__version__)"
    done = subprocess.run([python, "-I", "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == [release, NUMPY]
