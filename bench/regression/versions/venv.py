"""An environment of packages that were named, and else as here: built once, whole or not there.

In the user's cache, a folder ``environments/<key>`` each, with ``<key>.log`` (what pip said) and
``<key>.lock`` beside it. A virtual environment cannot be moved, so that it is built in its place;
its last file says that it is whole.
"""

import fcntl
import importlib.metadata
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bench.data import cache
from bench.errors import UserError
from bench.runner import plan
from bench.worker import machine
from implementations import Implementation

Progress = Callable[[str], None]

_WHOLE = "whole.json"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an environment is built from; two that are equal are one environment.

    asked: what was named. wanted: what pip is asked for, that among it. held: the constraints.
    python, base: the release and the place of the interpreter that it extends.
    """

    asked: tuple[str, ...]
    wanted: tuple[str, ...]
    held: tuple[str, ...]
    python: str
    base: str


def recipe(requirements: Sequence[str], chosen: Iterable[Implementation]) -> Recipe:
    """Say what has to be in an environment of these requirements to run what was chosen."""
    asked = {_name(one) for one in requirements}
    needed = {_name(one): one for one in _needed(chosen) if _name(one) not in asked}
    held = (
        constraint(name, version)
        for name, version in machine.software()["distributions"].items()
        if canonicalize_name(name) not in {*asked, "softmax-bench"}
    )
    return Recipe(
        asked=tuple(requirements), wanted=(*requirements, *sorted(needed.values())),
        held=tuple(filter(None, held)),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        base=sys.base_prefix,
    )  # fmt: skip


def python(wanted: Recipe, progress: Progress) -> str:
    """Return the Python of an environment, which is built if it is not there; raises UserError."""
    folder = cache.root() / "environments" / machine.fingerprint(asdict(wanted))
    if not _is_whole(folder):
        try:
            _build_alone(folder, wanted, progress)
        except OSError as error:
            raise UserError(
                f"{folder.parent} cannot be written ({error.strerror or error}); "
                "set SOFTMAX_BENCH_CACHE to a folder that can"
            ) from error
    return str(folder / "bin" / "python")


def constraint(name: str, version: str) -> str | None:
    """Hold a distribution at its public version; None where that is none that pip knows.

    A build of the machine's own ("2.9.1+cpu") is held by a range that only 2.9.1 satisfies,
    whichever build: pip takes the machine's own for a range, and may not see it otherwise.
    """
    try:
        found = Version(version)
    except InvalidVersion:
        return None
    if found.local is None:
        return f"{canonicalize_name(name)}=={found}"
    return f"{canonicalize_name(name)}>={found.public},<={found.public}"


def _name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def _needed(chosen: Iterable[Implementation]) -> Iterator[str]:
    """Yield NumPy, the frameworks of what was chosen, and what their extras ask for."""
    yield "numpy"
    extras = importlib.metadata.requires("softmax-bench") or []
    for entry in chosen:
        yield from plan.list_distributions(entry)
        for requirement in map(Requirement, extras):
            marker = requirement.marker
            if marker and any(marker.evaluate({"extra": one}) for one in entry.extra.split(",")):
                yield f"{requirement.name}{requirement.specifier}"


def _is_whole(folder: Path) -> bool:
    """Tell whether it was built to its end; its Python is a link that an upgrade may break."""
    return (folder / _WHOLE).exists() and (folder / "bin" / "python").exists()


def _build_alone(folder: Path, wanted: Recipe, progress: Progress) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock"), progress) as lock:
        if not _is_whole(folder):  # another process may have built it while this one waited
            progress(f"building an environment with {' '.join(wanted.asked)}, once")
            _build(folder, wanted, lock)


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[int]:
    """Have the lock; yields its descriptor."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that builds this environment")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _build(folder: Path, wanted: Recipe, lock: int) -> None:
    """Build it in its place; whatever goes wrong, nothing is left of it but its log."""
    if folder.exists():
        shutil.rmtree(folder)  # a killed process left it
    try:
        _make(folder, wanted, lock)
        (folder / _WHOLE).write_text(json.dumps(asdict(wanted), indent=1), encoding="utf-8")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _make(folder: Path, wanted: Recipe, lock: int) -> None:
    log = folder.with_suffix(".log")
    log.write_bytes(b"")
    if _call([sys.executable, "-I", "-m", "venv", str(folder)], log, lock) != 0:
        raise UserError(
            f"python -m venv failed ({_reason(log)}); install what it lacks, as in "
            "`apt-get install python3-venv`"
        )
    for name, lines in (("wanted.txt", wanted.wanted), ("held.txt", wanted.held)):
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    install = [
        str(folder / "bin" / "python"), "-I", "-m", "pip", "install", "--no-input",
        "--disable-pip-version-check", "--progress-bar=off",
        "--requirement", str(folder / "wanted.txt"), "--constraint", str(folder / "held.txt"),
    ]  # fmt: skip
    if _call(install, log, lock) != 0:
        raise UserError(f"{' '.join(wanted.asked)}: {_conflict(log) or _remedy(log)}")


def _call(command: list[str], log: Path, lock: int) -> int:
    """Run a program that holds the lock with us: if we are killed, it may go on writing."""
    with log.open("ab") as out:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            pass_fds=(lock,), check=False,
        ).returncode  # fmt: skip


def _conflict(log: Path) -> str | None:
    """Name what stands against what was asked for; None where pip failed otherwise."""
    said = log.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^The conflict is caused by:\n((?: +.+\n)+)", said, re.MULTILINE)
    if found is None:
        return None
    lines = [line.strip() for line in found[1].splitlines()]
    held = [line.partition("(constraint) ")[2] for line in lines if "(constraint) " in line]
    if not held:
        return f"{'; '.join(lines)}; name releases that go together"
    name = _name(held[0])
    why = next((line for line in lines if f"depends on {name}" in line), "that is another")
    return f"{why}, but {held[0]} is held as it is here; name a release of {name} too"


def _remedy(log: Path) -> str:
    return f"pip failed ({_reason(log)}); name another release, or see {log}"


def _reason(log: Path) -> str:
    """Return the last line that begins with ERROR (or error, as some do), else the last line."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()] or ["no reason given"]
    errors = [line for line in said if line.lower().startswith("error:")]
    return (errors or said)[-1].removeprefix("ERROR:").removeprefix("error:").strip()
