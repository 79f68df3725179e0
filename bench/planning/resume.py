"""Find an earlier run, and decide which code its plan may execute.

A run's folder may come from somebody else. Its plan names implementations and sizes, within the
bounds of the command line; modules, variables and devices come from today's registry, and files,
Pythons and the variables of ``--env`` from the command line. What is missing of the run is then
measured by ``bench.runner.loop``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.data import dataset
from bench.errors import UserError
from bench.planning.cases import Inspection, assign_python, find_implementation, get_size, make_case
from bench.planning.plan import RunOptions
from bench.records import environments, store
from bench.records.paths import shorten_path
from bench.records.schema import MAX_EPOCHS, MAX_INT, Case, Run
from bench.worker.workloads import is_workload
from implementations import IMPLEMENTATIONS, MANY, PROBES, TEXTBOOK_PROGRAMS

# It has no value of a plan: those of a stranger would run commands if somebody pasted them.
DIFFERENT_CODE = (
    "--resume does not take files, Pythons and variables from the plan. Read run.json, and give "
    "the same --implementation, --python and --env, no others"
)
# The fields of a case that a plan decides; all others are looked up again.
_SIZES = ("workload", "device", "batch_size", "threads", "samples", "epochs")
_CASES = ("cases", "sweep", "variants", "textbook", "rooflines")
_REGISTRY = {
    entry.name: make_case(entry) for entry in (*IMPLEMENTATIONS, *MANY, *TEXTBOOK_PROGRAMS, *PROBES)
}


def find_newest_run() -> Path:
    """Return the folder of the newest run in results/. Raises UserError if there is none."""
    folders = [path.parent for path in store.RESULTS.glob("*/run.json")]
    if not folders:
        raise UserError(
            f"there is no run in {store.RESULTS}/ to resume. Name its folder with --output"
        )
    return max(folders, key=lambda folder: store.read_run(folder).created)


def read_resumed(folder: Path, options: RunOptions) -> Run:
    """Return the plan of an earlier run with the code and data that this command may use.

    options: of this command; see ``resolve_code``. Data must be named again if the plan has no path
    of them. Raises UserError.
    """
    run = store.read_run(folder)
    if fault := find_plan_fault(run):
        raise UserError(f"{folder} cannot be resumed: {fault}. Measure anew: softmax-bench run")
    run, data = resolve_code(run, options), options.data
    if data is None:
        if run.data_source is not None and run.data_source.startswith("<path>"):
            raise UserError(
                f"the plan does not say where the data {run.data_source} are. Add --data DIR"
            )
        return run
    sha256 = dataset.find(data).sha256
    by_id, _ = environments.read_undamaged(folder)
    if any(environment.data.get("sha256", sha256) != sha256 for environment in by_id.values()):
        raise UserError(f"--data {data}: the run was begun with other data. Name the same again")
    return msgspec.structs.replace(run, data_source=data)


def find_plan_fault(run: Run) -> str | None:
    """Return what the command line would have refused of a plan, or None."""
    cases = (*run.cases, *run.sweep, *run.variants)
    everything = (*cases, *run.textbook, *run.rooflines)
    limits = [
        ("batch_size", [case.batch_size for case in cases], MAX_INT),
        ("samples", [case.samples for case in cases], MAX_INT),
        ("epochs", [case.epochs for case in cases], MAX_EPOCHS),
        ("threads", [case.threads for case in everything], MAX_INT),
    ]
    for name, values, most in limits:
        if wrong := [value for value in values if not 1 <= value <= most]:
            return f"{name} is {wrong[0]}, and may be from 1 to {most}"
    for case in cases:
        if not is_workload(case.workload):
            return f"there is no workload {case.workload!r:.80}"
        if fault := get_size(case).fault:
            return fault
    return None


def resolve_code(run: Run, options: RunOptions) -> Run:
    """Return a plan whose code comes from the registry or from this command.

    Raises UserError if the registry has changed, or if the command does not name the files, Pythons
    and variables of the plan: ``--implementation``, ``--python`` and ``--env``.
    """
    paths = {Path(file).stem: file for file in options.implementations}
    planned = {case.implementation for case in _list_cases(run) if case.file is not None}
    if unplanned := sorted(paths.keys() - planned):
        raise UserError(f"the run was planned without {paths[unplanned[0]]}. Leave it out")

    def resolve(case: Case) -> Case:
        if fault := find_code_fault(case):
            raise UserError(fault)
        if case.file is None:
            trusted = _REGISTRY[case.implementation]
        elif case.implementation in paths:
            file = paths[case.implementation]
            planned = Inspection(case.objective, case.siblings, many=case.many)
            trusted = find_implementation(file, lambda _: planned)
            if trusted.sha256 != case.sha256:
                raise UserError(
                    f"{file} is not the file that the run was planned with. Restore it, or "
                    "measure anew"
                )
        else:
            raise UserError(DIFFERENT_CODE)
        sizes = {name: getattr(case, name) for name in _SIZES}
        trusted = msgspec.structs.replace(trusted, env=options.env, **sizes)
        trusted = assign_python(trusted, options.pythons)
        # Plans of older versions have absolute paths.
        pythons = {shorten_path(side.interpreter or "") for side in (trusted, case)}
        if len(pythons) > 1 or trusted.env != case.env:
            raise UserError(DIFFERENT_CODE)
        return trusted

    groups: dict[str, Any] = {name: tuple(map(resolve, getattr(run, name))) for name in _CASES}
    return msgspec.structs.replace(run, **groups)


def find_code_fault(case: Case) -> str | None:
    """Return why a planned case must not run as the plan has it, or None.

    The registry decides modules and variables, and an own file has no variables: those of a
    stranger's plan, such as PYTHONWARNINGS or LD_PRELOAD, would run commands.
    """
    if case.file is not None:
        if not case.variables:
            return None
        names = ", ".join(case.variables)
        return f"the plan sets variables for {case.file}, {names}. Measure anew: softmax-bench run"
    entry = _REGISTRY.get(case.implementation)
    if entry and (entry.module, entry.variables) == (case.module, case.variables):
        return None
    return (
        f"{case.implementation} is not what it was when the run was planned: its module or its "
        "variables differ. Measure anew: softmax-bench run"
    )


def list_repeated_options(run: Run) -> list[str]:
    """Return the options that a command must repeat to resume a run."""
    cases = list(_list_cases(run))
    files = dict.fromkeys(case.file for case in cases if case.file is not None)
    pythons = dict.fromkeys(
        f"{case.framework}={case.interpreter}" for case in cases if case.interpreter
    )
    options = [word for file in files for word in ("--implementation", file)]
    options += [word for python in pythons for word in ("--python", python)]
    options += [word for item in run.env.items() for word in ("--env", "=".join(item))]
    if run.data_source is not None and shorten_path(run.data_source).startswith("<path>"):
        options += ["--data", run.data_source]
    return options


def _list_cases(run: Run) -> Iterator[Case]:
    for name in _CASES:
        yield from getattr(run, name)
