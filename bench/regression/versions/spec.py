"""What the command line means by a version: one side of a comparison."""

import ast
import hashlib
import importlib.metadata
import re
import warnings
from pathlib import Path
from typing import Literal, cast

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bench.errors import UserError
from bench.records.files import read_file
from bench.regression.versions import git
from bench.runner.process import interpreters
from implementations import IMPLEMENTATIONS

Kind = Literal["revision", "tree", "packages", "interpreter", "file"]

_WORDS: dict[Kind, str] = {
    "revision": "a git revision", "tree": "the working tree", "packages": "a set of packages",
    "interpreter": "a Python", "file": "a file",
}  # fmt: skip
# What each kind is measured against; the working tree is also what runs now: its packages and its
# Python.
_AGAINST: dict[Kind, set[Kind]] = {
    "revision": {"revision", "tree"},
    "packages": {"packages", "tree"},
    "interpreter": {"interpreter", "tree"},
    "file": {"file"},
}

# Between two requirements, not within one: no operator stands before it, no bracket is open.
_BETWEEN = re.compile(r"(?<=[^\s,<>=!~])[\s,]+(?=[A-Za-z])(?![^\[]*\])")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(?:\s*\[[^\]]*\])?(\s*(?:[<>=]|[!~]=).*)?")


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One side of a comparison, as far as its name tells.

    name: as given. commit: full, of a revision. requirements: of packages, canonical and sorted.
    path: of a file or a Python, as given. sha256: of a file.
    """

    name: str
    kind: Kind
    commit: str | None = None
    requirements: tuple[str, ...] = ()
    sha256: str | None = None
    path: str | None = None

    @property
    def packages(self) -> set[str]:
        """Canonical names of the packages that were named."""
        return {canonicalize_name(Requirement(one).name) for one in self.requirements}


def read(text: str) -> Version:
    """Find out what a text means; raises UserError where it means nothing that is here.

    The first that fits, in this order: what ends with ``.py`` is a file; ``.`` the working tree;
    what has an operator, or several names, is packages; then an executable; then a git revision.
    On PATH only what is called python or pypy is tried: other programs are not run to be asked.
    """
    text = text.strip()
    if text.endswith(".py"):
        return Version(text, "file", sha256=_sha256(text), path=text)
    if text == ".":
        return Version(text, "tree")
    if parts := _parts(text):
        return Version(text, "packages", requirements=_requirements(parts))
    if python := interpreters.find_executable(text):
        interpreters.check_python(text, python)
        return Version(text, "interpreter", path=text)
    if commit := git.find(text):
        return Version(text, "revision", commit=commit)
    raise _unknown(text)


def fault(base: Version, candidate: Version) -> str | None:
    """Say why two versions cannot be compared, and what can; None where they can."""
    kinds = (base.kind, candidate.kind)
    if kinds == ("tree", "tree") or any(
        one in _AGAINST and other in _AGAINST[one] for one, other in (kinds, kinds[::-1])
    ):
        return None
    remedy = "a file with a file" if "file" in kinds else "two of a kind, or either with ."
    return (
        f"{base.name} is {_WORDS[base.kind]} and {candidate.name} is {_WORDS[candidate.kind]}; "
        f"compare {remedy}"
    )


def _sha256(text: str) -> str:
    """Hash an implementation file that is Python; raises UserError."""
    try:
        source = read_file(Path(text))
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise UserError(f"{text}: {reason}; name a .py file that is there") from error
    try:
        with warnings.catch_warnings(action="ignore"):  # of its escapes, say: its own affair
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{text} is not Python: {_reason(error)}; mend the file") from error
    return hashlib.sha256(source).hexdigest()


def _reason(error: Exception) -> str:
    """Say why a source was not read; what is nested too deeply is out of memory, without a word."""
    if isinstance(error, SyntaxError):
        return f"{error.msg}, line {error.lineno}" if error.lineno else error.msg
    return str(error) or "nested too deeply"


def _parts(text: str) -> list[str]:
    """Take requirements apart; empty where the text is none: one name alone is not."""
    parts = _BETWEEN.split(text)
    found = [_REQUIREMENT.fullmatch(part) for part in parts]
    return parts if all(found) and (len(parts) > 1 or cast("re.Match[str]", found[0])[1]) else []


def _requirements(parts: list[str]) -> tuple[str, ...]:
    """Normalise requirements; raises UserError for one that is malformed, or there twice."""
    found: dict[str, str] = {}
    for part in parts:
        requirement = _requirement(part)
        name = canonicalize_name(requirement.name)
        if name in found:
            raise UserError(f"{name} is named twice; name one release of it")
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        found[name] = f"{name}{extras}{requirement.specifier}"
    return tuple(found[name] for name in sorted(found))


def _requirement(part: str) -> Requirement:
    try:
        requirement = Requirement(part)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{part!r} is no requirement ({reason}); write it as in scikit-learn==1.8.0"
        ) from error
    if not requirement.specifier:
        raise _which(part)
    if requirement.marker or requirement.url:
        raise UserError(f"{part!r}: give a name and a release only, such as scikit-learn==1.8.0")
    return requirement


def _which(name: str) -> UserError:
    """Ask for a release, with the installed one as the example."""
    try:
        release = importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return UserError(f"{name}: say which release, as in scikit-learn==1.8.0")
    return UserError(f"{name}: say which release, e.g. {name}=={release.partition('+')[0]}")


def _unknown(text: str) -> UserError:
    """Say what a text might have meant: a path, a package, a revision of a similar name."""
    if text.startswith(("/", "./", "../", "~")):
        return UserError(f"{text} is no executable; name a Python, such as env/bin/python")
    if canonicalize_name(text) in _packages():
        return _which(text)
    return git.unknown(text)


def _packages() -> set[str]:
    """Name the distributions that are here, and those that the implementations are made with."""
    here = {found.metadata["Name"] or "" for found in importlib.metadata.distributions()}
    return {canonicalize_name(name) for name in here | {one.framework for one in IMPLEMENTATIONS}}
