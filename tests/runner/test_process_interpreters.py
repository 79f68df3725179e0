"""Other Pythons: found by their name, asked whether they will do, given to what runs on them."""

import sys

import pytest

from bench.errors import UserError
from bench.runner.plan import begin
from bench.runner.process import interpreters
from bench.runner.process.spec import Installation
from implementations import IMPLEMENTATIONS

BY_NAME = {one.name: begin(one) for one in IMPLEMENTATIONS}


def test_a_python_is_found_on_path_by_a_name_that_says_so(program, monkeypatch, tmp_path):
    program("python-of-mine", "exit")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreters.find_executable("python-of-mine") == str(tmp_path / "python-of-mine")


def test_no_other_program_on_path_is_run_to_see_what_it_is(program, monkeypatch, tmp_path):
    program("reboot", f"echo run > {tmp_path}/run")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreters.find_executable("reboot") is None


def test_a_virtual_environment_is_not_left_through_its_link(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    assert interpreters.find_executable("bin/python") == str(tmp_path / "bin" / "python")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 1", r"does not answer as Python 3\.11 or later"),
        ("echo hello", r"does not answer as Python 3\.11 or later"),
        ("echo Python False True", r"does not answer as Python 3\.11 or later"),
        ("echo Python True True; exit 3", r"does not answer as Python 3\.11 or later"),
        ("sleep 5; echo Python True True", r"does not answer as Python 3\.11 or later"),
        ("printf '\\377'", r"does not answer as Python 3\.11 or later"),
        ("echo Python True False", "has no NumPy"),
    ],
)
def test_an_executable_that_cannot_be_a_child_is_refused(program, script, reason, monkeypatch):
    monkeypatch.setattr(interpreters, "_ANSWER_SECONDS", 2)
    with pytest.raises(UserError, match=reason):
        interpreters.check_python("a name", str(program("python", script)))


def test_what_cannot_be_run_is_refused(tmp_path):
    path = tmp_path / "python"
    path.write_bytes(b"\x7fELF nothing")
    path.chmod(0o755)
    with pytest.raises(UserError, match="does not answer"):
        interpreters.check_python("a name", str(path))


# ----- --python FRAMEWORK=EXECUTABLE


def test_each_framework_may_have_its_own_python():
    found = interpreters.parse_options([f"torch={sys.executable}", f"jax={sys.executable}"])
    assert found == {"torch": sys.executable, "jax": sys.executable}
    assert interpreters.parse_options([]) == {}


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["torch"], "give FRAMEWORK=EXECUTABLE"),
        (["torch="], "give FRAMEWORK=EXECUTABLE"),
        (["pytorch=python"], "unknown framework 'pytorch'; did you mean torch"),
        (["torch=/nowhere/python"], "/nowhere/python is no executable; name a Python"),
        ([f"jax={sys.executable}"] * 2, "--python jax= is given twice"),
        (["torch=/bin/false"], r"/bin/false does not answer as Python 3\.11"),
    ],
)
def test_what_is_no_framework_with_a_python_is_refused_in_one_line(texts, reason):
    with pytest.raises(UserError, match=reason) as refused:
        interpreters.parse_options(texts)
    assert len(str(refused.value).splitlines()) == 1


def test_an_implementation_runs_on_the_python_of_its_framework_and_the_others_on_our_own():
    pythons = {"torch": "a", "scikit-learn": "b"}
    found = {
        name: interpreters.assign_python(one, pythons).interpreter for name, one in BY_NAME.items()
    }
    assert found == {
        **dict.fromkeys(BY_NAME),
        **dict.fromkeys(("pytorch", "pytorch-dataloader", "pytorch-compiled", "keras-torch"), "a"),
        **dict.fromkeys(("sklearn-softmax", "sklearn-sgd"), "b"),
    }


def test_keras_may_have_a_python_whatever_its_backend_is():
    found = [
        one
        for one in BY_NAME.values()
        if interpreters.assign_python(one, {"keras": "a"}).interpreter
    ]
    assert {one.framework for one in found} == {"keras"}
    assert len(found) == 4


def test_keras_and_its_backend_may_not_have_different_pythons():
    case = BY_NAME["keras-torch"]
    assert interpreters.assign_python(case, {"keras": "a", "torch": "a"}).interpreter == "a"
    with pytest.raises(UserError, match="keras-torch is of keras and torch"):
        interpreters.assign_python(case, {"keras": "a", "torch": "b"})


def test_a_case_without_a_python_of_its_own_runs_on_the_suites(make_case):
    assert interpreters.find_installation(make_case()) == Installation()


def test_a_case_runs_where_its_python_is_now(make_case, tmp_path, monkeypatch):
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    case = make_case(interpreter="./python")
    assert interpreters.find_installation(case) == Installation(str(tmp_path / "python"))
    (tmp_path / "python").unlink()
    with pytest.raises(UserError, match=r"\./python is no executable"):
        interpreters.find_installation(case)
