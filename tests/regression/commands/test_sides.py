"""Where the commands of a side run: folder, variables, Python; and whose code they import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.regression.commands.sides import (
    ask_python,
    parse_side,
    prepare_side,
    use_python,
)
from bench.regression.versions.venv import PipOptions


@pytest.fixture(autouse=True)
def own_python(temporary, tmp_path, monkeypatch):
    """Let the tests' Python be the first on PATH."""
    monkeypatch.chdir(tmp_path)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    monkeypatch.setenv("PATH", path)


# Those of bytecode, which a command gets or loses.
VARIABLES = {"PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"}


def prepare(version):
    return prepare_side(version, pytest.fail, PipOptions())


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
    command = ["python", "-c", "import sys; print(sys.prefix)"]
    prefix = subprocess.check_output(command, cwd=tmp_path, env=variables, text=True)
    assert prefix.strip() == str(tmp_path / "env")
    assert "numpy" not in ask_python(tmp_path, variables)["distributions"]
