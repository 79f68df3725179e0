"""Import an implementation in a worker before anything is measured, to check what it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

from bench.contract import Objective
from bench.errors import UserError
from bench.planning.cases import Inspection
from bench.records.files import hash_file
from bench.records.schema import Case
from bench.runner.process.interpreters import TIMEOUT, specify_child
from bench.runner.process.launch import launch
from bench.runner.process.spec import ChildSpec, Installation, describe_source

# The first import reads a cold disk, and a driver may have to compile.
LONG_TIMEOUT = 600.0


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
    variables: Mapping[str, str] | None = None,
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
