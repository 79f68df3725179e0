"""Other Pythons: found by name, checked, and assigned to cases."""

import sys

import pytest

from bench.errors import UserError
from bench.planning.cases import assign_python, make_case
from bench.runner.process import interpreters, preflight
from bench.runner.process.spec import Installation
from bench.worker import machine
from implementations import IMPLEMENTATIONS

BY_NAME = {one.name: make_case(one) for one in IMPLEMENTATIONS}


def test_python_is_found_on_path_by_name(program, monkeypatch, tmp_path):
    program("python-of-mine", "exit")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreters.find_executable("python-of-mine") == str(tmp_path / "python-of-mine")


def test_other_programs_on_path_are_not_run(program, monkeypatch, tmp_path):
    program("reboot", f"echo run > {tmp_path}/run")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreters.find_executable("reboot") is None


def test_software_of_another_python_is_read():
    assert preflight.read_software(Installation()) == machine.list_software()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "exit status 3. Give a Python"),
        ("echo hello", "left no result. Give a Python"),
        ("exec sleep 60", "still running after 0.2 s"),
    ],
)
def test_program_that_is_no_python_of_a_worker_is_refused(program, script, reason, monkeypatch):
    if "sleep" in script:
        monkeypatch.setattr(preflight, "TIMEOUT", 0.2)
    with pytest.raises(UserError, match=f"does not run the suite: .*{reason}"):
        preflight.read_software(Installation(str(program("python", script))))


def test_program_that_cannot_run_is_refused(tmp_path):
    path = tmp_path / "python"
    path.write_bytes(b"\x7fELF nothing")
    path.chmod(0o755)
    with pytest.raises(UserError, match=r"cannot start .*: Exec format error"):
        preflight.read_software(Installation(str(path)))


# ----- --python FRAMEWORK=EXECUTABLE


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["torch"], "give FRAMEWORK=EXECUTABLE"),
        (["torch="], "give FRAMEWORK=EXECUTABLE"),
        (["pytorch=python"], "unknown framework 'pytorch'. Did you mean torch"),
        (["torch=/nowhere/python"], "/nowhere/python is no executable. Name a Python"),
        ([f"jax={sys.executable}"] * 2, "--python jax= is given twice"),
        (["torch=/bin/false"], "/bin/false does not run the suite"),
    ],
)
def test_bad_python_option_is_refused(texts, reason):
    with pytest.raises(UserError, match=reason) as refused:
        preflight.parse_options(texts)
    assert len(str(refused.value).splitlines()) == 1


def test_python_is_assigned_by_framework():
    pythons = {"torch": "a", "scikit-learn": "b"}
    assigned = {name: assign_python(one, pythons).interpreter for name, one in BY_NAME.items()}
    assert assigned == {
        **dict.fromkeys(BY_NAME),
        **dict.fromkeys(("pytorch", "pytorch-dataloader", "pytorch-compiled"), "a"),
        **dict.fromkeys(("pytorch-compiled-step", "pytorch-fullgraph-step"), "a"),
        **dict.fromkeys(("pytorch-compiled-model", "pytorch-ten-steps"), "a"),
        "pytorch-dataloader-bulk": "a",
        **dict.fromkeys(("keras-torch", "keras-torch-jit"), "a"),
        **dict.fromkeys(("skorch", "lightning"), "a"),
        **dict.fromkeys(("sklearn-softmax", "sklearn-sgd"), "b"),
    }


def test_layer_gets_its_own_python_or_that_of_what_it_stands_on():
    pythons = {"jax": "a", "optax": "b"}
    assigned = {
        name: assign_python(BY_NAME[name], pythons).interpreter
        for name in ("jax", "optax", "equinox", "flax-nnx")
    }
    assert assigned == {"jax": "a", "optax": "b", "equinox": "b", "flax-nnx": "b"}
    assert assign_python(BY_NAME["equinox"], {"jax": "a"}).interpreter == "a"


def test_different_pythons_for_keras_and_backend_are_refused():
    case = BY_NAME["keras-torch"]
    assert assign_python(case, {"keras": "a", "torch": "a"}).interpreter == "a"
    with pytest.raises(UserError, match="keras-torch is of keras and torch"):
        assign_python(case, {"keras": "a", "torch": "b"})


def test_installation_is_looked_up_for_every_run(make_case, tmp_path, monkeypatch):
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    case = make_case(interpreter="./python")
    assert preflight.specify_child(case, 1.0).installation == Installation(str(tmp_path / "python"))
    (tmp_path / "python").unlink()
    with pytest.raises(UserError, match=r"\./python is no executable"):
        preflight.specify_child(case, 1.0)
