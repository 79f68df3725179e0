"""What a plan may run that somebody else may have made: the suite's own code, or what is named."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from bench.error import UserError
from bench.result import Case, Run
from implementations import FIGURES, IMPLEMENTATIONS, PROBES


class Entry(Protocol):
    """What the registry says of a program."""

    @property
    def name(self) -> str:
        """By which it is chosen."""


# What decides which code runs, and how.
_CODE = ("module", "framework", "extra", "variables")


def check(run: Run, implementations: Iterable[str], pythons: Iterable[str]) -> None:
    """Raise UserError where a plan runs what is neither of this suite nor named by the user.

    implementations, pythons: as ``--implementation`` and ``--python`` of this command name them.
    What is in a file is held against the plan's hash before each trial.
    """
    for case in _all(run):
        if case.file is None:
            _registered(case, (*IMPLEMENTATIONS, *FIGURES, *PROBES))
    named = {python.partition("=")[2] for python in pythons}
    files = {case.file for case in _all(run) if case.file is not None}
    if extra := sorted(set(implementations) - files):
        raise UserError(f"the run's plan does not name {extra[0]}; leave it out, or start anew")
    others = {case.interpreter for case in _all(run) if case.interpreter is not None}
    if unnamed := sorted((files - set(implementations)) | (others - named)):
        raise UserError(
            f"to go on runs the code of {', '.join(unnamed)}, which the run's folder names; if you "
            f"trust it, name it too: {shlex.join(flags(run))}"
        )


def flags(run: Run) -> list[str]:
    """Return what a command that goes on with a run names, so that it may run it."""
    files = dict.fromkeys(case.file for case in _all(run) if case.file is not None)
    pythons = dict.fromkeys(f"{case.framework}={case.interpreter}" for case in _all(run)
                            if case.interpreter is not None)  # fmt: skip
    named = {"--implementation": files, "--python": pythons}
    return [part for flag, values in named.items() for value in values for part in (flag, value)]


def _all(run: Run) -> Iterator[Case]:
    yield from (*run.cases, *run.sweep, *run.figures, *run.ceilings)


def _registered(case: Case, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.name == case.implementation and all(
            getattr(entry, name, {}) == getattr(case, name) for name in _CODE
        ):
            return
    raise UserError(
        f"the run's plan has {case.implementation} otherwise than this suite has it; measure anew: "
        "python -m bench run"
    )
