"""Build virtual environments for sets of packages; each is built once and kept in the cache.

An environment is the folder ``environments/<key>`` of the user's cache, with pip's output in
``<key>.log``. Only its ``bin/python`` is used, which works wherever the folder is moved.
"""

import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bench.data import cache
from bench.errors import UserError
from bench.runner.planning.cases import list_distributions
from bench.worker import machine
from implementations import Implementation

Progress = Callable[[str], None]

_REASON_LINES = 10  # of pip's output, at most


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What an environment is built from; equal specifications share one environment.

    named: the user's requirements. requirements: all that pip installs, the named ones included.
    constraints: pins of everything else. python, base: version and location of the interpreter.
    """

    named: tuple[str, ...]
    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    python: str
    base: str


def specify_environment(
    requirements: Sequence[str], chosen: Iterable[Implementation]
) -> EnvironmentSpec:
    """Return the environment that runs the chosen implementations with these requirements.

    All other packages are constrained to the versions that are installed here.
    """
    named = {_package_name(text) for text in requirements}
    needed = {_package_name(text): text for text in _list_requirements(chosen)}
    constraints = (
        pin_version(name, version)
        for name, version in machine.list_software()["distributions"].items()
        if canonicalize_name(name) not in {*named, "softmax-bench"}
    )
    return EnvironmentSpec(
        named=tuple(requirements),
        requirements=(
            *requirements,
            *sorted(text for name, text in needed.items() if name not in named),
        ),
        constraints=tuple(filter(None, constraints)),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        base=sys.base_prefix,
    )


def ensure_environment(spec: EnvironmentSpec, progress: Progress) -> str:
    """Return the Python of an environment, built if necessary; raise UserError if that fails."""
    folder = cache.root() / "environments" / machine.fingerprint(asdict(spec))
    python = folder / "bin" / "python"

    def build(temporary: Path) -> None:
        progress(f"building an environment with {' '.join(spec.named)}, once")
        _build(temporary, spec, progress, log=folder.with_suffix(".log"))

    # Its Python is a link, which an upgrade of the interpreter may have broken.
    cache.build_once(folder, build, python.exists)
    return str(python)


def pin_version(name: str, version: str) -> str | None:
    """Return pip's constraint to a version; None for a version that pip cannot parse.

    A local build ("2.9.1+cpu") is constrained to a range that only 2.9.1 and its builds satisfy,
    because the index may not offer the same build.
    """
    try:
        parsed = Version(version)
    except InvalidVersion:
        return None
    if parsed.local is None:
        return f"{canonicalize_name(name)}=={parsed}"
    return f"{canonicalize_name(name)}>={parsed.public},<={parsed.public}"


def _package_name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def _list_requirements(chosen: Iterable[Implementation]) -> Iterator[str]:
    """Yield NumPy, the frameworks of the implementations, and the requirements of their extras."""
    yield "numpy"
    requirements = importlib.metadata.requires("softmax-bench") or []
    for entry in chosen:
        yield from list_distributions(entry)
        for requirement in map(Requirement, requirements):
            marker = requirement.marker
            if marker and any(marker.evaluate({"extra": one}) for one in entry.extra.split(",")):
                yield f"{requirement.name}{requirement.specifier}"


def _build(folder: Path, spec: EnvironmentSpec, progress: Progress, log: Path) -> None:
    """Build an environment in a folder. Raises UserError."""
    pip = [str(folder / "bin" / "python"), "-I", "-m", "pip", "install", "--no-input"]
    pip += ["--disable-pip-version-check", "--progress-bar=off"]
    _run([sys.executable, "-P", "-m", "virtualenv", str(folder)], log, spec, progress)
    for name, lines in (("requirement", spec.requirements), ("constraint", spec.constraints)):
        (folder / f"{name}s.txt").write_text("\n".join(lines), encoding="utf-8")
        pip += [f"--{name}", str(folder / f"{name}s.txt")]
    _run(pip, log, spec, progress)


def _run(command: list[str], log: Path, spec: EnvironmentSpec, progress: Progress) -> None:
    """Run a step of the build; if it fails, report its error lines and raise UserError."""
    with log.open("wb") as stream:
        process = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    if process.returncode == 0:
        return
    output = log.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line for line in output if line.strip()] or ["no reason given"]
    errors = [number for number, line in enumerate(lines) if line.lower().startswith("error:")]
    for line in lines[min(errors, default=0) :][-_REASON_LINES:]:
        progress(line)
    reason = lines[errors[-1] if errors else -1]
    raise UserError(
        f"building an environment with {' '.join(spec.named)} failed: {reason}. "
        f"Name other releases, or see {log}"
    )
