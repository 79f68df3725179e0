"""Other Pythons for workers: find them, check them, and assign them to cases."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping

import msgspec

from bench.errors import UserError
from bench.records.schema import Case
from bench.runner.planning.cases import list_distributions, make_unknown_name_error
from bench.runner.process.spec import Installation
from implementations import IMPLEMENTATIONS

_CHECK = (
    "import importlib.util, sys;"
    "print('Python', sys.version_info >= (3, 11), importlib.util.find_spec('numpy') is not None)"
)
_ANSWER_SECONDS = 60.0


def find_executable(text: str) -> str | None:
    """Return the absolute path of a Python, given as a path or as a name on PATH, or None.

    Links are kept, because a virtual environment is found by the path of its link.
    """
    if "/" in text:
        # Path.resolve() follows links, and PATH would be searched for a bare name.
        return shutil.which(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - see above
    path = shutil.which(text) if text.startswith(("python", "pypy")) else None
    return None if path is None else os.path.abspath(path)  # noqa: PTH100 - see above


def check_python(text: str, python: str) -> None:
    """Raise UserError unless an executable answers as a Python that can run a worker.

    text: what the user wrote, for the message.
    """
    try:
        process = subprocess.run(
            [python, "-I", "-c", _CHECK],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
        answer = process.stdout.split() if process.returncode == 0 else []
    except (OSError, subprocess.TimeoutExpired):
        answer = []
    if answer[:2] != ["Python", "True"]:
        raise UserError(f"{text} does not answer as Python 3.11 or later; name one that does")
    if answer[2:] != ["True"]:
        raise UserError(f"{text} has no NumPy; install NumPy and the framework there")


def parse_options(texts: Iterable[str]) -> dict[str, str]:
    """Return the Python of each framework from ``FRAMEWORK=EXECUTABLE`` texts. Raises UserError."""
    known = sorted({name for one in IMPLEMENTATIONS for name in list_distributions(one)})
    pythons: dict[str, str] = {}
    for text in texts:
        framework, _, python = text.partition("=")
        if not python:
            raise UserError(f"--python {text}: give FRAMEWORK=EXECUTABLE, torch=env/bin/python")
        if framework not in known:
            raise make_unknown_name_error("framework", framework, known)
        if framework in pythons:
            raise UserError(f"--python {framework}= is given twice; give one Python")
        check_python(python, require_executable(python))
        pythons[framework] = python
    return pythons


def assign_python(case: Case, pythons: Mapping[str, str]) -> Case:
    """Return the case with the Python of its framework or, for Keras, of its backend.

    Raises UserError where the two differ.
    """
    names = [name for name in list_distributions(case) if name in pythons]
    if len({pythons[name] for name in names}) > 1:
        raise UserError(
            f"{case.implementation} is of {' and '.join(names)}: --python gives them different "
            "Pythons; leave one out"
        )
    return msgspec.structs.replace(case, interpreter=pythons[names[0]]) if names else case


def find_installation(case: Case) -> Installation:
    """Return where a case runs. Raises UserError where its Python does not exist."""
    if case.interpreter is None:
        return Installation()
    return Installation(require_executable(case.interpreter))


def require_executable(text: str) -> str:
    """Return the absolute path of a Python. Raises UserError where there is none."""
    if python := find_executable(text):
        return python
    raise UserError(f"{text} is no executable; name a Python, such as env/bin/python")
