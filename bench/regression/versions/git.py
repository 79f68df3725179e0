"""Read commits of the repository in which the command runs."""

import difflib
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

from packaging.dependency_groups import resolve_dependency_groups

from bench.errors import UserError

# A git hook that runs us sets these; they would point to the hook's repository.
HOOK_VARIABLES = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}
# Modules that a repository has for tools, and others too.
_TOOLS = {"conftest", "noxfile", "setup", "tasks", "test", "tests", "docs"}


def find_repository() -> Path:
    """Return the top folder of the repository in which the command runs.

    Raises UserError outside of any, without git, and for a repository that git cannot read.
    """
    process = _run_git("rev-parse", "--show-toplevel")
    if process.returncode == 0:
        return Path(os.fsdecode(process.stdout.rstrip(b"\n")))
    if (reason := _last_line(process.stderr)).startswith("fatal: not a git repository"):
        raise UserError(
            "the current folder is in no git repository, so there are no revisions. Change to one, "
            "or name another kind of version: --base in the help lists them"
        )
    raise UserError(f"git says: {reason}. Fix that first")


def find_project() -> Path:
    """Return the nearest folder of the repository, from the current one up, that pip can build.

    The top folder if none can be.
    """
    top, here = find_repository(), Path.cwd().resolve()
    folders = [folder for folder in (here, *here.parents) if folder.is_relative_to(top)]
    files = ("pyproject.toml", "setup.py")
    built = (folder for folder in folders if any((folder / name).is_file() for name in files))
    return next(built, top)


def find_commit(name: str) -> str | None:
    """Return the commit of a revision, None for no revision; raise UserError without git."""
    find_repository()  # its errors say more
    process = _run_git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if process.returncode > 1:
        raise UserError(f"{name!r}: git says: {_last_line(process.stderr)}. Fix that first")
    return process.stdout.decode().strip() or None


def hash_files(commit: str | None) -> str | None:
    """Return the hash of all files of a commit, or of the working tree, where that has no changes.

    Files that git does not track do not count: they may be results of an earlier comparison.
    """
    if commit is None and count_changes():
        return None
    process = _run_git("rev-parse", "--verify", "--quiet", f"{commit or 'HEAD'}^{{tree}}")
    return process.stdout.decode().strip() or None


def count_changes() -> int:
    """Return how many files that git tracks differ from the last commit."""
    return len(_run_git("status", "--porcelain", "--untracked-files=no").stdout.splitlines())


def make_unknown_revision_error(name: str) -> UserError:
    """Return an error for an unknown revision, with similar names, or one without such a parent."""
    is_shallow = _run_git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
    child = re.fullmatch(r"(.+?)(~\d*|\^1?)+", name)
    if child and find_commit(child[1]):
        remedy = "It is among the first commits: there is nothing to compare it with yet"
        if is_shallow:
            remedy = "Fetch more history: git fetch --unshallow, or fetch-depth: 2 in a workflow"
        return UserError(f"{child[1]} has no parent {name} here. {remedy}")
    names = _run_git("for-each-ref", "--format=%(refname:short)").stdout.decode().split()
    similar = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = "List the branches with `git branch --all`"
    if similar:
        hint = f"Did you mean {' or '.join(similar)}?"
    if is_shallow:
        hint = "This clone is shallow: `git fetch --unshallow` gets the other commits"
    return UserError(f"unknown revision {name!r}, and nothing else has this name. {hint}")


def read_groups(commit: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the requirements of dependency groups of a commit's project. Raises UserError."""
    project = find_project().relative_to(find_repository())
    shown = _run_git("show", f"{commit}:{project / 'pyproject.toml'}")
    text = shown.stdout.decode("utf-8", "replace")
    try:
        return resolve_dependency_groups(tomllib.loads(text).get("dependency-groups", {}), *names)
    except Exception as error:  # it may raise several errors at once, in groups of exceptions
        causes = error.exceptions if isinstance(error, ExceptionGroup) else [error]
        raise UserError(f"pyproject.toml of {commit[:12]}: {causes[0]}. Correct it") from error


def find_top(folder: Path) -> Path:
    """Return the top of the checkout that a folder is in, or the folder itself."""
    tops = (path for path in (folder, *folder.parents) if (path / ".git").exists())
    return next(tops, folder)


def list_files(top: Path, *, tracked: bool = False) -> list[str]:
    """Return the files below a folder of a checkout that git does not ignore; else all of them."""
    if (find_top(top) / ".git").exists():
        shown = ("--cached", *([] if tracked else ("--others", "--exclude-standard")))
        names = _run_git("-C", str(top), "ls-files", "-z", *shown).stdout.split(b"\0")
        return [os.fsdecode(name) for name in names if name]
    return [path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()]


def list_submodules(top: Path) -> dict[str, str]:
    """Return the commit of each submodule of a checkout, by its path."""
    if not (top / ".git").exists():
        return {}
    entries = _run_git("-C", str(top), "ls-files", "--stage", "-z").stdout.split(b"\0")
    heads = [entry.partition(b"\t") for entry in entries if entry.startswith(b"160000 ")]
    return {os.fsdecode(name): head.split()[1].decode() for head, _, name in heads}


def list_modules(folder: Path) -> list[str]:
    """Return the names of the top-level modules of a checkout, in the usual places."""
    top = find_top(folder)
    names = set()
    for place in (top, top / "src"):
        names |= {path.parent.name for path in place.glob("*/__init__.py")}
        names |= {path.stem for path in place.glob("*.py")}
    return sorted(
        name
        for name in names - _TOOLS - set(sys.stdlib_module_names)
        if name.isidentifier() and name != "__init__"
    )


def check_out(commit: str, folder: Path) -> None:
    """Check out a commit of the repository into a new folder. Raises UserError.

    As a clone that borrows its objects: it has the history that builds of some projects ask for,
    and leaves nothing in the repository.
    """
    top, new = str(find_repository()), ("-C", str(folder))
    # git has trusted the repository, or there would be no top. It asks again about its .git.
    pack = "--upload-pack=git -c safe.directory='*' upload-pack"
    for arguments in (
        ("clone", "--quiet", "--shared", "--no-checkout", pack, top, str(folder)),
        # Of a shallow repository, a clone has what HEAD and the branches have, and no other commit.
        (*new, "fetch", "--quiet", "--update-shallow", pack, top, commit),
        (*new, "checkout", "--quiet", "--detach", commit),
    ):
        process = _run_git(*arguments)
        if process.returncode:
            raise UserError(f"git says: {_last_line(process.stderr)}. Fix that first")


def unpack(commit: str, name: str, folder: Path) -> Path:
    """Unpack the commit's implementations and return their folder; raise UserError without one.

    As a ZIP archive: the TAR reader of older Python releases follows links in the archive.
    """
    top = str(find_repository())
    process = _run_git("-C", top, "archive", "--format=zip", commit, "implementations")
    if process.returncode != 0:
        raise UserError(
            f"{name} has no folder implementations/ of this suite. Name a revision that has one, a "
            "file of this repository with --implementation, or measure a command with "
            "softmax-bench gate"
        )
    with zipfile.ZipFile(io.BytesIO(process.stdout)) as archive:
        archive.extractall(folder)
    return folder / "implementations"


def _run_git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in the current folder, with English messages; raise UserError without git."""
    git = shutil.which("git")
    if git is None:
        raise UserError("a revision needs git, which is not installed. Install git")
    variables = {name: value for name, value in os.environ.items() if name not in HOOK_VARIABLES}
    return subprocess.run(
        [git, *arguments],
        env={**variables, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def _last_line(stderr: bytes) -> str:
    """Return the last line of an error output, which usually names the reason."""
    text = stderr.decode("utf-8", errors="replace").strip()
    return text.rpartition("\n")[2].strip(" \t.") or "no reason given"
