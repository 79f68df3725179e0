"""Prepare a side of ``bench gate``: its folder, its variables and its Python."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.regression.commands.proof import Ran, Snapshot, find_site
from bench.regression.result import Reporter
from bench.regression.versions import git, venv
from bench.regression.versions.names import Version, parse_version
from bench.runner.process.command import BYTECODE
from bench.runner.process.outcome import Outcome
from bench.runner.process.scratch import make_folder

# Which distributions a Python has.
_ASK = """
import importlib.metadata, json, platform
versions = {}
for distribution in importlib.metadata.distributions():
    if distribution.metadata["Name"]:
        versions.setdefault(distribution.metadata["Name"].lower(), distribution.metadata["Version"])
versions = dict(sorted(versions.items()))
print(json.dumps({"python": platform.python_version(), "distributions": versions}))
"""
_ASK_SECONDS = 60.0
# Variables that no command gets: those of a git hook, those with which action.yml starts us, and
# the files by which a step of GitHub's tells later steps something.
_HIDDEN = re.compile(
    rf"{'|'.join(git.HOOK_VARIABLES)}|PYTHONDONTWRITEBYTECODE|AB_.*|"
    r"GITHUB_(ENV|OUTPUT|PATH|STATE|STEP_SUMMARY)"
)


@dataclass(frozen=True, slots=True)
class CommandSide:
    """Where a side's command runs."""

    folder: Path
    variables: Mapping[str, str]
    isolated: bool  # the Python on its PATH is the side's, and not the user's
    software: Mapping[str, Any]  # what that Python has; empty without one
    changed: Sequence[Path] = ()  # what differs from the other side, if it must be run
    snapshot: Snapshot = field(default_factory=dict)  # of its files before anything ran

    def describe(self, top: Path, outcomes: Sequence[Outcome]) -> Ran:
        """Return what its processes ran. top: of its checkout."""
        return Ran(
            top,
            site=find_site(self.variables.get("PATH", os.defpath)) if self.isolated else None,
            changed=self.changed,
            seen={file for outcome in outcomes for file in outcome.seen},
            bytecode=Path(self.variables[BYTECODE]),
            is_hidden=any(outcome.is_hidden for outcome in outcomes),
        )


def parse_side(text: str) -> Version:
    """Return the revision, folder or working tree that a text names. Raises UserError."""
    version = parse_version(text)
    if version.kind not in {"revision", "folder", "tree"}:
        raise UserError(
            f"{text}: gate compares git revisions, folders and the working tree. Use softmax-bench "
            "ab for packages, Pythons and variables"
        )
    return version


@contextmanager
def prepare_side(
    version: Version, progress: Reporter, pip: venv.PipOptions
) -> Iterator[CommandSide]:
    """Yield the side of a version, whose checkout is removed at the end. Raises UserError.

    Its environment has what the version requires; without requirements it is the user's. A command
    of a revision runs in the same folder of the repository as this one.
    """
    variables = {name: text for name, text in os.environ.items() if not _HIDDEN.fullmatch(name)}
    if version.requirements:
        environment = venv.specify_environment(version.requirements, None, pip)
        variables = use_python(venv.ensure_environment(environment, progress), variables)
    with make_folder() as place:
        # See proof.py; and a working tree stays without bytecode.
        variables[BYTECODE] = f"{place}/bytecode"
        folder = Path(str(version.path)) if version.kind == "folder" else Path.cwd()
        if version.kind == "revision":
            folder = place / "checkout"
            git.check_out(str(version.commit), folder)
            folder /= Path.cwd().resolve().relative_to(git.find_repository())
            if not folder.is_dir():
                raise UserError(f"{version.name} has no folder {folder.name}. Change to another")
        software = ask_python(folder, variables)
        yield CommandSide(folder.resolve(), variables, bool(version.requirements), software)


def use_python(python: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables with which a command finds the Python of a virtual environment first.

    A folder with another ``python``, such as the user's own environment, leaves PATH unless it is
    one of the system: nothing that the side lacks is found there.
    """
    programs = Path(python).parent
    changed = {name: text for name, text in variables.items() if name != "PYTHONHOME"}
    system = os.defpath.split(os.pathsep)
    rest = variables.get("PATH", os.defpath).split(os.pathsep)
    rest = [path for path in rest if path in system or not Path(path, "python").exists()]
    path = os.pathsep.join((str(programs), *rest))
    return changed | {"VIRTUAL_ENV": str(programs.parent), "PATH": path}


def ask_python(folder: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the software of the Python on PATH; empty without a Python."""
    for name in ("python", "python3"):
        try:
            process = subprocess.run(
                [name, "-c", _ASK],
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=_ASK_SECONDS,
            )
            return dict(json.loads(process.stdout))
        except (OSError, ValueError, subprocess.SubprocessError):
            continue
    return {}
