"""Parse the name of a version: one side of ``bench ab``."""

import importlib.metadata
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bench.errors import UserError
from bench.records.files import hash_file
from bench.records.paths import shorten_path
from bench.regression.versions import git
from bench.runner.process.interpreters import find_executable

VersionKind = Literal["revision", "tree", "packages", "interpreter", "file", "folder"]


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One side of a comparison, as it is stored in the plan."""

    name: str  # as the user gave it
    kind: VersionKind
    commit: str | None = None  # full hash of a revision
    # Of packages, canonical and sorted; ``venv.resolve_requirements`` gives URLs a hash or commit.
    requirements: tuple[str, ...] = ()
    sha256: str | None = None  # of a file
    path: str | None = None  # of a file, a Python or a folder, as given
    env: dict[str, str] = {}  # variables of its workers

    @property
    def packages(self) -> set[str]:
        """Canonical names of the required packages."""
        return {canonicalize_name(Requirement(text).name) for text in self.requirements}


def parse_version(text: str, check: Callable[[str], object] = lambda _: None) -> Version:
    """Return the version that a text names; raise UserError for a text that names none.

    The first match counts: a name that ends with ``.py`` is a file, ``.`` the working tree; a
    folder is a virtual environment, or has modules that are found before all others. Then
    executables are tried; on PATH only programs called python or pypy, because trying runs them.
    A text with an operator, a URL or a wheel is a set of packages, with spaces in between,
    anything else a revision. check: gets an executable; it may raise UserError, too.
    """
    text = text.strip()
    if text and (version := _find_file(text)):
        if version.kind == "folder" and "/" not in text and _is_revision(text):
            raise UserError(
                f"{text} is a folder and a revision. Name it ./{text} or refs/heads/{text}"
            )
        return version
    if re.search(r"://|\.whl(\s|$)", text):
        is_wheel = text.endswith(".whl") and Path(text).is_file()  # its path may have spaces
        parts = [text] if is_wheel else re.sub(r"\s*@\s+", "@", text).split()
        name = " ".join(map(shorten_path, parts))
        return Version(name, "packages", requirements=_normalize_requirements(parts))
    if python := find_executable(text):
        check(python)
        return Version(text, "interpreter", path=text)
    if set("<>=") & set(text):
        return Version(text, "packages", requirements=_normalize_requirements(text.split()))
    if commit := git.find_commit(text):
        return Version(text, "revision", commit=commit)
    if text.startswith(("/", "./", "../", "~")):
        raise UserError(f"{text} is no executable. Name a Python, such as env/bin/python")
    try:
        importlib.metadata.version(text)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        raise git.make_unknown_revision_error(text) from None
    raise _ask_for_release(text)


def _is_revision(text: str) -> bool:
    try:
        return git.find_commit(text) is not None
    except UserError:  # no repository, no revision
        return False


def _find_file(text: str) -> Version | None:
    """Return the version of a file or a folder; None for other texts. Raises UserError."""
    if text.endswith(".py"):
        try:
            digest = hash_file(Path(text))
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise UserError(f"{text}: {reason}. Name an existing .py file") from error
        return Version(text, "file", sha256=digest, path=text)
    if text == ".":
        return Version(text, "tree")
    if Path(text, "pyvenv.cfg").is_file():
        return Version(text, "interpreter", path=str(Path(text, "bin", "python")))
    return Version(text, "folder", path=text) if Path(text).is_dir() else None


def find_incompatibility(baseline: Version, candidate: Version) -> str | None:
    """Return why two versions cannot be compared and which can; None if they can.

    The working tree also stands for the running Python and its packages.
    """
    kinds = (baseline.kind, candidate.kind)
    checkouts = set(kinds) <= {"revision", "tree", "folder"}
    if checkouts or len(set(kinds)) == 1 or ("tree" in kinds and "file" not in kinds):
        return None
    remedy = "a file with a file" if "file" in kinds else "two of a kind, or either with ."
    return (
        f"{baseline.name} ({baseline.kind}) and {candidate.name} ({candidate.kind}) are versions "
        f"of different kinds. Compare {remedy}"
    )


def are_equal(baseline: Version, candidate: Version) -> bool:
    """Return whether two revisions, folders or working trees are known to have the same files."""
    if msgspec.structs.replace(baseline, name=candidate.name) == candidate:
        return True
    kinds = {baseline.kind, candidate.kind}
    if kinds <= {"tree", "folder"}:
        return Path(baseline.path or ".").samefile(candidate.path or ".")
    files = git.hash_files(baseline.commit) if kinds <= {"tree", "revision"} else None
    return files is not None and files == git.hash_files(candidate.commit)


def _normalize_requirements(parts: list[str]) -> tuple[str, ...]:
    """Return canonical, sorted requirements; raise UserError for a malformed or repeated one."""
    requirements: dict[str, str] = {}
    for part in parts:
        if "://" in part or part.endswith(".whl"):
            requirements[part] = _read_url(part)
            continue
        try:
            requirement = Requirement(part)
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{part!r} is no requirement ({reason}). Write it as in scikit-learn==1.8.0"
            ) from error
        if not requirement.specifier:
            raise _ask_for_release(part)
        name = canonicalize_name(requirement.name)
        if requirement.marker or name in requirements:
            raise UserError(
                f"{part!r}: give only a name and a release, such as scikit-learn==1.8.0, and each "
                "name once"
            )
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        requirements[name] = f"{name}{extras}{requirement.specifier}"
    return tuple(text for _, text in sorted(requirements.items()))


def _read_url(text: str) -> str:
    """Return the requirement of a URL, with or without its package's name, or of a wheel."""
    if re.search(r"://[^/]*:[^/]*@|https?://[^/]*@|://.*\?", text):
        raise UserError(
            "a URL with a password or a query would be recorded. Leave that out (pip takes "
            "passwords from ~/.netrc), or download the file and name it"
        )
    if "://" in text:
        named = re.fullmatch(r"([\w.-]+(?:\[[\w,.-]*\])?)@(.*)", text)
        return f"{named[1]} @ {named[2]}" if named else text
    if not Path(text).is_file():
        raise UserError(f"there is no wheel {text}. Name an existing .whl file")
    return Path(text).resolve().as_uri()


def _ask_for_release(name: str) -> UserError:
    """Return an error that asks for the release of a package."""
    return UserError(f"{name}: say which release, as in scikit-learn==1.8.0")
