"""Start workers before anything is measured: what their Pythons have, what implementations are."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast, get_args

from bench.contract import Objective
from bench.errors import UserError, make_unknown_name_error
from bench.planning.cases import Inspection, list_distributions
from bench.records.files import hash_file
from bench.records.schema import Case
from bench.runner.process.interpreters import require_executable
from bench.runner.process.launch import launch
from bench.runner.process.spec import ChildSpec, Installation, describe_source
from implementations import IMPLEMENTATIONS

TIMEOUT = 120.0
# The first import reads a cold disk, and a driver may have to compile.
LONG_TIMEOUT = 600.0


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
    frameworks = sorted({name for entry in IMPLEMENTATIONS for name in list_distributions(entry)})
    pythons: dict[str, str] = {}
    for text in texts:
        framework, _, python = text.partition("=")
        if not python:
            raise UserError(
                f"--python {text}: give FRAMEWORK=EXECUTABLE, such as torch=env/bin/python"
            )
        if framework not in frameworks:
            raise make_unknown_name_error("framework", framework, frameworks)
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


def import_implementation(case: Case) -> None:
    """Import a case's implementation and its framework once, so that their files are cached.

    Raises UserError.
    """
    launch({"mode": "preflight", **describe_source(case)}, specify_child(case, LONG_TIMEOUT))


def find_device_fault(case: Case) -> str | None:
    """Return why an implementation does not train a step on the case's device, or None."""
    request = {"mode": "device", **describe_source(case), "device": case.device}
    outcome = launch(request, specify_child(case, LONG_TIMEOUT))
    return None if outcome.status == "ok" else outcome.reason


def inspect(
    path: Path,
    installation: Installation = Installation(),  # noqa: B008 - frozen
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Inspection:
    """Import a user's own file in a worker and return what it is. Raises UserError.

    installation, variables: of the worker.
    """
    request = {"mode": "preflight", "file": str(path.resolve())}
    child = ChildSpec(installation, variables=variables, timeout=TIMEOUT)
    outcome = launch(request, child)
    if outcome.status != "ok":
        raise UserError(f"{path} does not import: {outcome.reason}. Correct the file")
    if not outcome.document.get("trainer"):
        raise UserError(f"{path} has no class Trainer. See docs/adding-an-implementation.md")
    objective = outcome.document.get("objective")
    if objective not in get_args(Objective):
        raise UserError(f"{path}: OBJECTIVE must be 'softmax' or 'one-vs-rest', not {objective!r}")
    return Inspection(
        cast("Objective", objective),
        {name: hash_file(path.parent / name) for name in outcome.document["siblings"]},
        outcome.document["modules"],
        many=bool(outcome.document.get("many")),
    )
