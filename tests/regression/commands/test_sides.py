"""Where the commands of a side run: folder, variables, Python; and whose code they import."""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.regression.commands.sides import (
    CommandSide,
    ask_python,
    find_same_code,
    parse_side,
    prepare_side,
    use_python,
)
from bench.regression.versions.venv import PipOptions


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Return the folder of temporary files; the tests' Python is the first on PATH."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    monkeypatch.setenv("PATH", path)
    return tmp_path / "temporary"


# Those of bytecode, which a command gets or loses.
VARIABLES = {"PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"}


def prepare(version):
    return prepare_side(version, pytest.fail, PipOptions())


def ask(side, code):
    """Return what the Python of a side prints."""
    command = ["python", "-c", f"import os, sys; print({code})"]
    process = subprocess.run(
        command, cwd=side.folder, env=side.variables, capture_output=True, text=True, check=True
    )
    return process.stdout.strip()


def test_revision_runs_in_the_same_folder_of_a_checkout(repository, temporary, monkeypatch):
    version = parse_side("main")
    folder = repository.folder / "implementations" / "idiomatic"
    (folder / "softmax_numpy.py").write_text("two = 2")
    monkeypatch.chdir(folder)
    with prepare(version) as side:
        assert side.folder.is_relative_to(temporary)
        assert side.folder.parts[-2:] == folder.parts[-2:]
        assert (side.folder / "softmax_numpy.py").read_text() == "one = 1"
        assert not side.isolated
        assert side.variables.keys() ^ os.environ.keys() <= VARIABLES
        assert "numpy" in side.software["distributions"]
    assert list(temporary.iterdir()) == []


def test_folder_that_a_revision_lacks_is_refused(repository, temporary, monkeypatch):
    version = parse_side("main")
    (repository.folder / "new").mkdir()
    monkeypatch.chdir(repository.folder / "new")
    with pytest.raises(UserError, match="main has no folder new"), prepare(version):
        pytest.fail("the folder does not exist")
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("text", [".", "other"])
def test_folder_is_used_as_it_is(tmp_path, text):
    (tmp_path / "other").mkdir()
    with prepare(parse_side(text)) as side:
        assert side.folder == (tmp_path / text).resolve()
        assert not side.isolated


def test_virtual_environment_is_found_first(tmp_path, monkeypatch):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "env"], check=True)
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    variables = use_python(str(tmp_path / "env" / "bin" / "python"), os.environ)
    assert variables["VIRTUAL_ENV"] == str(tmp_path / "env")
    first, *others = variables["PATH"].split(os.pathsep)
    assert first == str(tmp_path / "env" / "bin")
    assert str(Path(sys.executable).parent) not in others
    assert ask(CommandSide(tmp_path, variables, True, {}), "sys.prefix") == str(tmp_path / "env")
    assert "numpy" not in ask_python(tmp_path, variables)["software"]["distributions"]


# ----- the same code


@pytest.fixture
def checkouts(tmp_path):
    """Write two checkouts with files, by path; return the sides that run in them."""

    def write(*paths, isolated=False, **variables):
        sides = []
        for name in ("base", "candidate"):
            for path in (".git/HEAD", *paths):
                file = tmp_path / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
            folder, environment = tmp_path / name, {**os.environ, **variables}
            sides.append(CommandSide(folder, environment, isolated, {}))
        return sides

    return write


@pytest.fixture
def installed(tmp_path):
    """Return the folder in which the package ``hotpack`` is installed."""
    (tmp_path / "site" / "hotpack").mkdir(parents=True)
    (tmp_path / "site" / "hotpack" / "__init__.py").touch()
    return str(tmp_path / "site")


IN_SOURCE, AT_THE_TOP = "src/hotpack/__init__.py", "hotpack/__init__.py"


@pytest.mark.parametrize(
    ("path", "command", "found"),
    [
        (IN_SOURCE, "python job.py", True),
        (IN_SOURCE, "hotpack --version", True),
        (IN_SOURCE, "pytest tests/bench.py", True),
        ("src/hotpack.py", "python job.py", True),
        # The current folder, or that of the script, comes before what is installed.
        (AT_THE_TOP, "python job.py", False),
        (AT_THE_TOP, "python -u ./job.py", False),
        (AT_THE_TOP, "python -m hotpack", False),
        (AT_THE_TOP, "python -m pytest tests/bench.py", False),
        (AT_THE_TOP, "sh job.sh", False),
        (AT_THE_TOP, "python scripts/job.py", True),
        (AT_THE_TOP, "scripts/job.py", True),
        (AT_THE_TOP, "nice python scripts/job.py", True),
        ("job.py", "python job.py", False),
    ],
)
def test_installed_package_of_the_repository_is_the_same_code(
    checkouts, installed, path, command, found
):
    sides = checkouts(path, PYTHONPATH=installed)
    fault = find_same_code(sides, command.split())
    assert (fault is not None) == found
    if found:
        assert f"import hotpack from {installed}" in fault
        assert "--install" in fault


def test_each_side_may_have_its_own_code(checkouts, installed):
    arguments = ["python", "job.py"]
    assert find_same_code(checkouts(IN_SOURCE, PYTHONPATH="src"), arguments) is None
    sides = checkouts(IN_SOURCE, isolated=True)
    assert find_same_code(sides, arguments) is None
    # An environment of each side's own is in vain if both look elsewhere first.
    sides = checkouts(IN_SOURCE, PYTHONPATH=installed, isolated=True)
    assert "both sides would import hotpack" in find_same_code(sides, arguments)
    # No Python, no module.
    assert find_same_code(checkouts(IN_SOURCE, PATH="/nowhere"), arguments) is None


@pytest.mark.parametrize(
    ("command", "found"), [("python job.py", True), ("python -uP job.py", False)]
)
def test_checkout_without_its_compiled_modules_is_not_the_change(
    checkouts, tmp_path, command, found
):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "env"], check=True)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    (site / "hotpack").mkdir()
    for name in ("__init__.py", "_speedups.cpython.so"):
        (site / "hotpack" / name).touch()
    path = {"PATH": str(tmp_path / "env" / "bin")}
    fault = find_same_code(checkouts(AT_THE_TOP, isolated=True, **path), command.split())
    assert ("python -P job.py" in str(fault)) == found


def test_program_that_is_installed_for_python_does_not_see_the_current_folder(
    checkouts, program, tmp_path, installed
):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "env"], check=True)
    variables = {"PATH": str(tmp_path / "env" / "bin"), "PYTHONPATH": installed}
    sides = checkouts(AT_THE_TOP, **variables)
    assert find_same_code(sides, ["hotpack"]) is None  # nothing shows it
    program("env/bin/hotpack", "")
    assert "import hotpack from" in find_same_code(sides, ["hotpack"])


def test_safe_path_hides_the_current_folder(checkouts, installed):
    sides = checkouts(AT_THE_TOP, PYTHONPATH=installed, PYTHONSAFEPATH="1")
    assert "hotpack" in find_same_code(sides, ["python", "job.py"])


def test_other_python_than_that_on_the_path_is_asked(checkouts, program, installed, tmp_path):
    for name in ("python3", "pypy"):
        program(name, f'exec {shlex.quote(sys.executable)} "$@"')
    sides = checkouts(IN_SOURCE, PYTHONPATH=installed, PATH=str(tmp_path))
    assert "hotpack" in find_same_code(sides, ["hotpack"])
    sides = checkouts(IN_SOURCE, PYTHONPATH=installed, PATH="/nowhere")
    assert "hotpack" in find_same_code(sides, [str(tmp_path / "pypy"), "job.py"])


@pytest.mark.parametrize(
    "command",
    ["tool", "sh -c 'x=$(tool|cat)'", f"nice {shlex.quote(sys.executable)} job.py", "old", "long"],
)
def test_program_of_neither_side_is_refused(checkouts, program, tmp_path, monkeypatch, command):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "own"], check=True)
    program("own/bin/old", "").write_text(f"#!{sys.executable}\n")  # of a copied environment
    program("own/bin/long", f"'''exec' \"{sys.executable}\" \"$0\"")  # with a long path
    (tmp_path / "users").mkdir()
    for name in ("python", "tool"):
        program(f"users/{name}", "exit 9")
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path / "users"), os.environ["PATH"])))
    variables = use_python(str(tmp_path / "own" / "bin" / "python"), os.environ)
    sides = checkouts(isolated=True, **variables)
    assert "neither side" in find_same_code(sides, shlex.split(command))


@pytest.mark.parametrize("command", ["sh -eu {}/job.sh -v", "{}/job.sh"])
def test_absolute_path_into_a_checkout_is_the_same_code(checkouts, tmp_path, command):
    sides = checkouts("job.sh")
    arguments = command.format(tmp_path / "base").split()
    assert "both sides would run" in find_same_code(sides, arguments)
    # A virtual environment may be in a checkout, and data may be shared.
    (tmp_path / "base" / "pyvenv.cfg").touch()
    assert find_same_code(sides, arguments) is None
    assert find_same_code(sides, f"sh job.sh {tmp_path}/candidate/job.sh".split()) is None


def test_modules_of_tools_and_of_python_are_not_looked_for(checkouts, installed):
    for name in ("setup", "colorsys"):
        Path(installed, f"{name}.py").touch()
    sides = checkouts("src/setup.py", "src/colorsys.py", PYTHONPATH=installed)
    assert find_same_code(sides, ["python", "job.py"]) is None
