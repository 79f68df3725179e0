"""Other Pythons that children run on: found, asked whether they will do, given to cases."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping

import msgspec

from bench.errors import UserError
from bench.records.schema import Case
from bench.runner.plan import distributions, unknown
from bench.runner.process.spec import Installation
from implementations import IMPLEMENTATIONS

_ASK = (
    "import importlib.util, sys;"
    "print('Python', sys.version_info >= (3, 11), importlib.util.find_spec('numpy') is not None)"
)
_ANSWER_SECONDS = 60.0


def find_executable(text: str) -> str | None:
    """Return the absolute path of a Python that is named by its path, or called so on PATH.

    Links are kept: a virtual environment is known by the place of its own.
    """
    if "/" in text:
        # Not Path.resolve(), which follows links. A bare name would be looked for on PATH.
        return shutil.which(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - see above
    found = shutil.which(text) if text.startswith(("python", "pypy")) else None
    return None if found is None else os.path.abspath(found)  # noqa: PTH100 - see above


def check_python(text: str, python: str) -> None:
    """Raise UserError unless it answers as a Python that can be a child of this suite."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", _ASK], capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=_ANSWER_SECONDS, check=False,
        )  # fmt: skip
        answer = done.stdout.split() if done.returncode == 0 else []
    except (OSError, subprocess.TimeoutExpired):
        answer = []
    if answer[:2] != ["Python", "True"]:
        raise UserError(f"{text} does not answer as Python 3.11 or later; name one that does")
    if answer[2:] != ["True"]:
        raise UserError(f"{text} has no NumPy; install NumPy and the framework there")


def parse_options(texts: Iterable[str]) -> dict[str, str]:
    """Read ``--python FRAMEWORK=EXECUTABLE``, as often as it was given; raises UserError."""
    known = sorted({name for one in IMPLEMENTATIONS for name in distributions(one)})
    found: dict[str, str] = {}
    for text in texts:
        framework, _, python = text.partition("=")
        if not python:
            raise UserError(f"--python {text}: give FRAMEWORK=EXECUTABLE, torch=env/bin/python")
        if framework not in known:
            raise unknown("framework", framework, known)
        if framework in found:
            raise UserError(f"--python {framework}= is given twice; give one Python")
        found[framework] = python
        check_python(python, _there(python))
    return found


def assign_python(case: Case, pythons: Mapping[str, str]) -> Case:
    """Return the case with the Python of its framework or, for Keras, of its backend.

    Raises UserError where the two differ.
    """
    named = [name for name in distributions(case) if name in pythons]
    if len({pythons[name] for name in named}) > 1:
        raise UserError(
            f"{case.implementation} is of {' and '.join(named)}: --python gives them different "
            "Pythons; leave one out"
        )
    return msgspec.structs.replace(case, interpreter=pythons[named[0]]) if named else case


def find_installation(case: Case) -> Installation:
    """Return where a case runs; raises UserError where its Python is not there."""
    return Installation() if case.interpreter is None else Installation(_there(case.interpreter))


def _there(text: str) -> str:
    if python := find_executable(text):
        return python
    raise UserError(f"{text} is no executable; name a Python, such as env/bin/python")
