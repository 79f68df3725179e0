"""Other Pythons for workers: find them, check them, and assign them to cases."""

import os
import shutil
from collections.abc import Iterable
from typing import Any

from bench.errors import UserError, make_unknown_name_error
from bench.records.cases import list_distributions
from bench.records.schema import Case
from bench.runner.process.launch import launch
from bench.runner.process.spec import ChildSpec, Installation
from implementations import IMPLEMENTATIONS

TIMEOUT = 120.0


def find_executable(text: str) -> str | None:
    """Return the absolute path of a Python, given as a path or as a name on PATH, or None.

    Links are kept, because a virtual environment is found by the path of its link.
    """
    if "/" in text:
        # Path.resolve() follows links, and PATH would be searched for a bare name.
        return shutil.which(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - see above
    path = shutil.which(text) if text.startswith(("python", "pypy")) else None
    return None if path is None else os.path.abspath(path)  # noqa: PTH100 - see above


def read_software(installation: Installation) -> dict[str, Any]:
    """Return what is installed for a Python. Raises UserError where it cannot run a worker."""
    outcome = launch({"mode": "software"}, ChildSpec(installation, timeout=TIMEOUT))
    if outcome.status != "ok":
        raise UserError(
            f"{installation.python} does not run the suite: {outcome.reason}. Give a Python 3.11 "
            "or newer that has NumPy"
        )
    return dict(outcome.document["software"])


def parse_options(texts: Iterable[str]) -> dict[str, str]:
    """Return the Python of each framework from ``FRAMEWORK=EXECUTABLE`` texts. Raises UserError."""
    known = sorted({name for one in IMPLEMENTATIONS for name in list_distributions(one)})
    pythons: dict[str, str] = {}
    for text in texts:
        framework, _, python = text.partition("=")
        if not python:
            raise UserError(
                f"--python {text}: give FRAMEWORK=EXECUTABLE, such as torch=env/bin/python"
            )
        if framework not in known:
            raise make_unknown_name_error("framework", framework, known)
        if framework in pythons:
            raise UserError(f"--python {framework}= is given twice. Give one Python")
        read_software(Installation(require_executable(python)))
        pythons[framework] = python
    return pythons


def specify_child(
    case: Case, timeout: float, installation: Installation | None = None
) -> ChildSpec:
    """Return how a worker of a case runs. Raises UserError where its Python does not exist.

    timeout: seconds. installation: None for that of the case.
    """
    if case.interpreter is not None and installation is None:
        installation = Installation(require_executable(case.interpreter))
    return ChildSpec(
        installation=installation or Installation(),
        threads=case.threads,
        device=case.device,
        variables=case.worker_variables,
        timeout=timeout,
    )


def require_executable(text: str) -> str:
    """Return the absolute path of a Python. Raises UserError where there is none."""
    if python := find_executable(text):
        return python
    raise UserError(f"{text} is no executable. Name a Python, such as env/bin/python")
