"""A commit of this repository: what a name means, and the implementations that it had."""

import difflib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import msgspec

import bench
from bench.errors import UserError
from bench.worker import machine
from implementations import IMPLEMENTATIONS, Implementation

# A hook of git runs us with these; they would point at what the hook is about.
_HOOKS = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}
_SECONDS = 60.0

_FIELDS = {field.name: field for field in fields(Implementation)}
_READ = """
import json, sys
sys.path.insert(0, sys.argv[1])
from implementations import IMPLEMENTATIONS
entries = [
    {name: getattr(entry, name) for name in sys.argv[2:] if hasattr(entry, name)}
    for entry in IMPLEMENTATIONS
]
print()
print(json.dumps(entries, default=str))
"""


def find(name: str) -> str | None:
    """Return the commit that a name means, None for no revision; raises UserError without git."""
    if not (machine.ROOT / ".git").exists():
        raise UserError(
            f"{name!r}: this suite runs outside its git checkout, so that there are no revisions; "
            "clone its repository, or name a .py file, a Python or a release as in keras==3.9.0"
        )
    done = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if done.returncode > 1:
        raise UserError(f"{name!r}: git says: {_last(done.stderr)}; mend that first")
    return done.stdout.decode().strip() or None


def unknown(name: str) -> UserError:
    """Say that a name is no revision, and what is near it."""
    listed = _git("for-each-ref", "--format=%(refname:short)").stdout.decode().split()
    near = difflib.get_close_matches(name, listed, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`git branch --all` lists the branches"
    if _git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
        hint = "this clone is shallow: `git fetch --unshallow` brings the others"
    return UserError(f"unknown revision {name!r}, nor is there a Python of this name; {hint}")


def unpack(commit: str, name: str, folder: Path) -> Path:
    """Unpack the commit's implementations and return their folder; raises UserError.

    As a ZIP archive: the TAR reader of Python's older releases follows what it unpacks.
    """
    done = _git("archive", "--format=zip", commit, "implementations")
    if done.returncode != 0:
        raise UserError(f"{name} has no folder implementations/; name a revision that has one")
    with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder)
    return folder / "implementations"


def registry(
    implementations: Path, name: str, scratch: Path, progress: Callable[[str], None]
) -> tuple[Implementation, ...]:
    """Read what a revision registers, in a child; says what it leaves out, raises UserError.

    Fields that an older registry lacks have their defaults, or those without are as in ours; other
    fields than ours are passed over.
    """
    entries = _entries(implementations, name, scratch)
    found = tuple(_understood(entries, lambda line: progress(f"{name}: {line}; it is left out")))
    if not found:
        raise UserError(f"{name}: nothing in its registry is understood; name a later revision")
    return found


def _understood(entries: Any, leave: Callable[[str], None]) -> Iterator[Implementation]:
    ours = {entry.name: entry for entry in IMPLEMENTATIONS}
    for number, entry in enumerate(entries, 1):
        known = ours.get(str(entry.get("name")))
        lent = {field: getattr(known, field) for field in _required() if known is not None}
        try:
            yield msgspec.convert({**lent, **entry}, Implementation)
        except msgspec.ValidationError as error:
            leave(f"its entry {entry.get('name', number)} is not understood ({error})")


def _required() -> list[str]:
    """Name the fields that have no default, but the entry's own name and module."""
    return [
        name for name, field in _FIELDS.items()
        if field.default is MISSING and field.default_factory is MISSING
        and name not in {"name", "module"}
    ]  # fmt: skip


def _entries(implementations: Path, name: str, scratch: Path) -> list[Mapping[str, Any]]:
    """Import the registry with our ``bench`` beside it, and nothing of the user's own."""
    path = scratch / "path"
    path.mkdir()
    (path / "bench").symlink_to(Path(bench.__file__).resolve().parent)
    (path / "implementations").symlink_to(implementations)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _READ, str(path), *_FIELDS],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=True,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        reason = _last(error.stderr)
    except subprocess.TimeoutExpired:
        reason = f"no end after {_SECONDS:g} s"
    else:
        found: list[Mapping[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return found
    raise UserError(f"{name}: its registry does not import ({reason}); name a later revision")


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git on this repository, in English; raises UserError where there is no git."""
    git = shutil.which("git")
    if git is None:
        raise UserError("a revision needs git, which is not installed; install it")
    variables = {name: value for name, value in os.environ.items() if name not in _HOOKS}
    return subprocess.run(
        [git, "-C", str(machine.ROOT), *arguments], env={**variables, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip


def _last(stderr: bytes) -> str:
    """Return the last line that a program wrote, which says why it failed."""
    lines = stderr.decode("utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no reason given")
