"""An implementation imported once in a child, unmeasured: is it one, and are its files read?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from bench.contract import Objective
from bench.errors import UserError
from bench.records.schema import Case
from bench.runner.process import interpreters, request, scratch
from bench.runner.process.launch import launch
from bench.runner.process.outcome import Outcome
from bench.runner.process.spec import ChildSpec, Installation


def import_implementation(case: Case) -> Outcome:
    """Import a case's implementation, and its framework with it; raises UserError."""
    child = ChildSpec(place=interpreters.find_installation(case), variables=case.variables)
    return _import(request.describe_source(case), child)


def find_device_fault(case: Case) -> str | None:
    """Say why a probe's framework does not see the case's device; None where it does."""
    child = ChildSpec(place=interpreters.find_installation(case), device=case.device, timeout=120)
    outcome = _launched(request.build_device_check(case), child)
    return None if outcome.status == "ok" else outcome.reason


def read_software(place: Installation) -> dict[str, Any]:
    """Return what is installed for another interpreter; raises UserError where it cannot tell."""
    outcome = _launched({"mode": "software"}, ChildSpec(place=place, timeout=120))
    if outcome.status != "ok":
        raise UserError(
            f"{place.python} does not run the suite: {outcome.reason}; give a Python 3.11 or newer "
            "that has NumPy"
        )
    return dict(outcome.document["software"])


def read_objective(path: Path) -> Objective:
    """Import somebody's own file in a child and return its objective; raises UserError."""
    outcome = _import({"file": str(path.resolve())}, ChildSpec(timeout=120))
    if outcome.status != "ok":
        raise UserError(f"{path} does not import: {outcome.reason}; mend the file")
    if not outcome.document.get("trainer"):
        raise UserError(f"{path} has no class Trainer; see docs/adding-an-implementation.md")
    objective = outcome.document.get("objective")
    if objective not in get_args(Objective):
        raise UserError(f"{path}: OBJECTIVE must be 'softmax' or 'one-vs-rest', not {objective!r}")
    return cast("Objective", objective)


def _import(what: Mapping[str, Any], child: ChildSpec) -> Outcome:
    return _launched({"mode": "probe", **what}, child)


def _launched(asked: Mapping[str, Any], child: ChildSpec) -> Outcome:
    with scratch.folder() as folder:
        return launch(asked, child, folder)
