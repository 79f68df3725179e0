"""Prepare a side of ``bench gate``: its folder, its variables and its Python."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.regression.commands.proof import BYTECODE, Snapshot, find_site
from bench.regression.result import Reporter
from bench.regression.versions import git, venv
from bench.regression.versions.names import Version, parse_version
from bench.runner.process.scratch import make_folder

# Where a Python would find modules if it runs a script in a folder, or one of its own programs; and
# which distributions it has.
_ASK = """
import importlib.metadata, importlib.util, json, pathlib, platform, sys, sysconfig
folder, program, *names = sys.argv[1:]
script = pathlib.Path(sysconfig.get_path("scripts"), program)
if program and script.is_file() and script.read_bytes()[:2] == b"#!":
    folder = str(script.parent)
# In place of the current folder, which a script in another one does not see.
first = [] if getattr(sys.flags, "safe_path", False) else [folder]
sys.path[:] = [*first, *filter(None, sys.path)]
places = {}
for name in names:
    try:
        origin = importlib.util.find_spec(name).origin
    except (AttributeError, ImportError, ValueError):
        continue
    if origin:
        places[name] = origin
versions = {}
for distribution in importlib.metadata.distributions():
    if distribution.metadata["Name"]:
        versions.setdefault(distribution.metadata["Name"].lower(), distribution.metadata["Version"])
software = {"python": platform.python_version(), "distributions": dict(sorted(versions.items()))}
print(json.dumps({"places": places, "software": software}))
"""
_ASK_SECONDS = 60.0
# The head of a script that a Python runs; with a shell where pip has written it for a long path.
# Source: https://github.com/pypa/distlib/blob/master/distlib/scripts.py
_HEAD = re.compile(rb"""#!\s*(?:/bin/sh\n'''exec' ["']?)?(/[^\n]*?/(?:python|pypy)[\w.]*)["'\s]""")


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

    def list_own(self) -> list[Path]:
        """Return the folders of its code: the checkout, and what pip has installed of it."""
        site = find_site(self.variables.get("PATH", os.defpath)) if self.isolated else None
        installed = [site / name for name in git.list_modules(self.folder)] if site else []
        return [git.find_top(self.folder), *installed]


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
        software = ask_python(folder, variables).get("software", {})
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


def ask_python(
    folder: Path,
    variables: Mapping[str, str],
    python: str | None = None,
    *,
    place: Path = Path(),
    program: str = "",
    names: Sequence[str] = (),
) -> dict[str, Any]:
    """Return where a Python finds modules, and its software; empty without a Python.

    python: None for the one on PATH. place: where it looks first, unless this program is one of
    those that were installed for it.
    """
    for name in [python] if python else ["python", "python3"]:
        try:
            process = subprocess.run(
                [name, "-c", _ASK, str(folder / place), program, *names],
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


def find_same_code(sides: Sequence[CommandSide], arguments: Sequence[str]) -> str | None:
    """Return why both sides would run the same code, and what to do; None if nothing shows it.

    They do if another Python than a side's own provides a program; if the command names a program
    or a script of a checkout by an absolute path; and if a module of the repository is not imported
    from a side's own folder, such as an installed package of a Python that both sides share, or
    from its checkout although it was compiled elsewhere.
    """
    if fault := _find_foreign_program(sides, arguments):
        return fault
    is_python = Path(arguments[0]).name.startswith(("python", "pypy"))
    tops = [git.find_top(folder) for folder in (*(side.folder for side in sides), Path.cwd())]
    for path in [Path(word) for word in arguments[is_python:] if not word.startswith("-")][:2]:
        in_environment = any((folder / "pyvenv.cfg").exists() for folder in path.parents)
        in_checkout = any(path.resolve().is_relative_to(top.resolve()) for top in tops)
        if path.is_absolute() and path.exists() and in_checkout and not in_environment:
            return (
                f"both sides would run {path}. Name it relative to the current folder, or allow it "
                "with --allow same-code"
            )
    # A script finds the modules beside it first; ``python -m``, those of the current folder.
    words = " ".join(arguments).split()
    script = next((word for word in words if word.endswith(".py")), "")
    place = Path() if "-m" in words else Path(script).parent
    python = arguments[0] if is_python else None
    program = "" if is_python or "/" in arguments[0] else arguments[0]
    flags = "".join(takewhile(lambda word: word.startswith("-"), arguments[1:])) if python else ""
    safe = {"PYTHONSAFEPATH": "1"} if {*"PI"} & {*flags} else {}
    places = [
        ask_python(
            side.folder,
            {**side.variables, **safe},
            python,
            place=place,
            program=program,
            names=git.list_modules(side.folder),
        ).get("places", {})
        for side in sides
    ]
    for side, origins in zip(sides, places, strict=True):
        for module, origin in origins.items():
            is_shared = all(modules.get(module) == origin for modules in places)
            is_own = side.isolated or Path(origin).resolve().is_relative_to(
                git.find_top(side.folder)
            )
            site = find_site(side.variables.get("PATH", os.defpath)) if side.isolated else None
            if site and not Path(origin).is_relative_to(site) and [*site.glob(f"{module}/**/*.so")]:
                return (
                    f"Python would import {module} from {origin}, without the modules that were "
                    f"compiled for {site}. Run it as in python -P job.py, or allow it with --allow "
                    "same-code"
                )
            if is_shared or not is_own:
                remedy = "Unset PYTHONPATH" if side.isolated else "Install each side (--install)"
                return (
                    f"{'both sides' if is_shared else 'one side'} would import {module} from "
                    f"{origin}, so a change of it is not measured. {remedy}, or allow it with "
                    "--allow same-code"
                )
    return None


def _find_foreign_program(sides: Sequence[CommandSide], arguments: Sequence[str]) -> str | None:
    """Return which program is of another Python than a side's own, and what to do, or None.

    All words of the command count if its first is a program of the system, such as a shell.
    """
    words = [*arguments, *re.split(r"[\s|&;()`$'\"<>]+", " ".join(arguments))]
    for side in (side for side in sides if side.isolated):
        path = side.variables.get("PATH", os.defpath)
        ours = _find_python(Path(shutil.which("python", path=path) or "python"))
        for number, word in enumerate(words):
            name = str(side.folder / word) if "/" in word else word
            program = shutil.which(name, path=path)
            # Without a program that has left PATH, a shell may go on, and measure nothing.
            other = program or shutil.which(name)
            python = _find_python(Path(other)) if other else None
            if program != other or python not in {None, ours}:
                return (
                    f"{word} would be {other}, which is of neither side. Install it for each side, "
                    "or name it by its path and allow it with --allow same-code"
                )
            if number == 0 and python:
                break  # what follows are its arguments
    return None


def _find_python(program: Path) -> Path | None:
    """Return the virtual environment, else the Python, of a program or script; None for others."""
    with suppress(OSError), program.open("rb") as file:
        if script := _HEAD.match(file.read(1024)):
            program = Path(os.fsdecode(script[1]))
    for path in (program, program.resolve()):
        if (path.parent.parent / "pyvenv.cfg").is_file():
            return path.parent.parent.resolve()
    return program.resolve() if program.name.startswith(("python", "pypy")) else None
