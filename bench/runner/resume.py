"""What code a plan may run: the registry's, or files and Pythons that the command line names.

A run's folder may come from somebody else. A plan names implementations and sizes; the module, the
variables and the devices always come from today's registry.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from bench.errors import UserError
from bench.records.paths import relative
from bench.records.schema import Case, Run
from bench.runner import plan
from bench.runner.process import interpreters
from implementations import IMPLEMENTATIONS

# What a plan decides of a case; everything else is looked up again.
_SIZES = ("workload", "device", "batch_size", "threads", "samples", "epochs")
_CASES = ("cases", "sweep", "figures", "ceilings")


def resolve_code(run: Run, files: Iterable[str], pythons: Iterable[str]) -> Run:
    """Return a plan whose code comes from the registry, or from what the user names again.

    files, pythons: the values of ``--implementation`` and ``--python`` of this command. Raises
    UserError where the registry has changed, or where other files or Pythons are named than the
    run was planned with.
    """
    named = {Path(file).stem: file for file in files}
    planned = {case.implementation for case in _cases(run) if case.file is not None}
    if unplanned := sorted(named.keys() - planned):
        raise UserError(f"the run was planned without {named[unplanned[0]]}; leave it out")
    executables = interpreters.parse_options(pythons)
    probes = (*plan.probe_cases("cpu", 1), *plan.probe_cases("gpu", 1))
    entries = (*map(plan.case_from_entry, IMPLEMENTATIONS), *plan.textbook_cases(1), *probes)
    registry = {case.implementation: case for case in entries}

    def resolved(case: Case) -> Case:
        if case.file is None:
            known = _registered(case, registry)
        elif case.implementation in named:
            known = _own_file(case, named[case.implementation])
        else:
            raise _not_named(run)
        sizes = {name: getattr(case, name) for name in _SIZES}
        known = interpreters.assign_python(msgspec.structs.replace(known, **sizes), executables)
        # Old plans have absolute paths.
        if relative(known.interpreter or "") != relative(case.interpreter or ""):
            raise _not_named(run)
        return known

    groups = {name: tuple(map(resolved, getattr(run, name))) for name in _CASES}
    return msgspec.structs.replace(run, **groups)


def repeated_options(run: Run) -> list[str]:
    """Return the options that a command must repeat to go on with a run."""
    files = dict.fromkeys(case.file for case in _cases(run) if case.file is not None)
    pythons = dict.fromkeys(
        f"{case.framework}={case.interpreter}" for case in _cases(run) if case.interpreter
    )
    named = {"--implementation": files, "--python": pythons}
    again = [part for flag, values in named.items() for value in values for part in (flag, value)]
    if run.data is not None and relative(run.data).startswith("<path>"):
        again += ["--data", run.data]
    return again


def _registered(case: Case, registry: Mapping[str, Case]) -> Case:
    known = registry.get(case.implementation)
    if known is None or (known.module, known.variables) != (case.module, case.variables):
        raise UserError(
            f"{case.implementation} is not what it was when the run was planned: its module or its "
            "variables differ; measure anew: python -m bench run"
        )
    return known


def _own_file(case: Case, file: str) -> Case:
    known = plan.find_implementation(file, lambda _: case.objective)
    if known.sha256 != case.sha256:
        raise UserError(
            f"{file} is not the file that the run was planned with; restore it, or measure anew"
        )
    return known


def _not_named(run: Run) -> UserError:
    needed = shlex.join(repeated_options(run)) or "no --python"
    return UserError(
        "a plan's own files and Pythons run only where the command names them again; "
        f"this run was planned with {needed}"
    )


def _cases(run: Run) -> Iterator[Case]:
    for name in _CASES:
        yield from getattr(run, name)
