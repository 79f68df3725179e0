"""Show that a command ran what differs between its two sides, and that it changed neither.

Before the first pair each side runs once, uncounted, with an empty folder for the bytecode that
Python compiles: a module that was imported left some, also by a child. Meanwhile the processes of
the command are looked at: a script is in their arguments, a compiled module in their memory. A
linter that reads a module as text leaves neither.

Sources that a compiler reads, and files that are not code, count when they are opened. A file's
access time moves when any program opens it: it is set back before the process, and read after it.
With the option relatime, the default of Linux, a file system moves the access time if it is not
later than the time of the last change, so it is set back to 1970.
"""

import csv
import filecmp
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.errors import UserError
from bench.records.files import hash_file
from bench.regression.versions import git

BYTECODE = "PYTHONPYCACHEPREFIX"  # names the folder: see ``cmdline`` in Python's documentation
_LONG_AGO = 1_000_000_000  # nanoseconds since 1970
MAX_NAMES = 3
SITE = "site-packages"
_COMPILED = {".so", ".dylib", ".pyd"}
_SOURCES = {".c", ".cc", ".cpp", ".cxx", ".cu", ".f", ".f90", ".go", ".h", ".hpp"}
_SOURCES |= {".pxd", ".pxi", ".pyx", ".rs", ".zig"}
_CODE = {".py", *_COMPILED, *_SOURCES}  # a process that only reads it as text has not run it

Snapshot = Mapping[Path, tuple[int, str]]  # the change time and the hash of each file


def find_changed(
    folders: Sequence[Path], variables: Sequence[Mapping[str, str]]
) -> tuple[list[Path], list[Path]]:
    """Return the files of each side that differ from the other side's, or that it lacks.

    Of two checkouts, the files that git does not ignore, with the folders that are links or
    submodules; of two virtual environments, those that pip has installed. folders: in which the
    commands run. variables: with the PATH of each side's Python.
    """
    tops = [git.find_top(folder) for folder in folders]
    if tops[0].resolve() == tops[1].resolve():  # two folders of one checkout
        tops = list(folders)
    modules = [git.list_submodules(top) for top in tops]
    names = sorted({*git.list_files(tops[0]), *git.list_files(tops[1])})
    pairs = [
        (tops[0] / name, tops[1] / name)
        for name in names
        if modules[0].get(name) != modules[1].get(name)
        or not _are_equal(tops[0] / name, tops[1] / name)
    ]
    before, after = (find_site(side.get("PATH", os.defpath)) for side in variables)
    if before and after and before != after:
        # Of names with their hashes, those that only one side has.
        differ = {name for name, _ in _read_hashes(before).items() ^ _read_hashes(after).items()}
        pairs += [(before / name, after / name) for name in sorted(differ)]
    first, second = ([pair[side] for pair in pairs if pair[side].exists()] for side in (0, 1))
    return first, second


def _are_equal(before: Path, after: Path) -> bool:
    links = [path.readlink() if path.is_symlink() else None for path in (before, after)]
    if links[0] != links[1]:
        return False
    try:
        return filecmp.cmp(before, after, shallow=False)
    except OSError:  # a folder, or one side lacks it
        return before.exists() == after.exists()


def find_site(path: str) -> Path | None:
    """Return the site-packages of the virtual environment whose Python is on this PATH."""
    python = shutil.which("python", path=path)
    if python is None or not (Path(python).parent.parent / "pyvenv.cfg").is_file():
        return None
    return next(Path(python).parent.parent.glob("lib/python*/site-packages"), None)


def _read_hashes(site: Path) -> dict[str, str]:
    """Return the hash of each file that pip has installed, by its path in the site."""
    return {
        name: digest
        for record in site.glob("*.dist-info/RECORD")
        for name, digest, *_ in csv.reader(record.read_text(encoding="utf-8").splitlines())
        if digest and ".dist-info/" not in name
    }


def keep_access_times(paths: Sequence[Path]) -> bool:
    """Return whether access times can be set back and move with a read: of a file on each disk."""
    for path in {path.stat().st_dev: path for path in paths if path.is_file()}.values():
        set_back([path])
        if _was_opened(path):  # it is somebody else's
            return False
        with suppress(OSError), path.open("rb") as file:
            file.read(1)
        if not _was_opened(path):
            return False
    return True


def set_back(paths: Iterable[Path]) -> None:
    """Set the access times of files back, and of what Python has compiled of them."""
    for path in paths:
        for twin in _list_twins(path):
            with suppress(OSError):  # somebody else's, or gone
                os.utime(twin, ns=(_LONG_AGO, twin.stat().st_mtime_ns))


class Unrelated(Exception):  # noqa: N818 - no error: nothing has to be measured
    """The command ran code of its side, and read nothing that differs between the sides."""


def check_run(
    paths: Sequence[Path],
    seen: Collection[Path],
    bytecode: Collection[Path],
    own: Collection[Path],
) -> None:
    """Raise UserError if nothing shows which of these files processes ran, and ``Unrelated``.

    seen: what processes had as their script, or in their memory. bytecode: the folders in which
    they left what they compiled. own: the folders of both sides' code.
    """
    # Of each module the path without suffixes: pytest and each Python have their own.
    modules = {
        Path("/", file.relative_to(folder).parent, file.name.partition(".")[0])
        for folder in bytecode
        for file in folder.rglob("*.pyc")
    }
    if not paths or any(_was_run(path, seen, modules) for path in paths):
        return
    code = [path for path in paths if path.suffix in _CODE or path.is_dir()]
    is_opened = any(_was_opened(twin) for path in paths for twin in _list_twins(path))
    if not code and is_opened:
        return
    ran = {*seen, *modules}
    others = {file for file in ran if not any(_is_own(file, folder) for folder in own)}
    copy = next((file for path in code for file in others if _is_copy(file, path)), None)
    # What a compiler or git has to bring here may be missing, or be that of an earlier build.
    has_submodule = any(path.is_dir() and not path.is_symlink() for path in code)
    is_built = has_submodule or any(path.suffix in _SOURCES for path in code)
    is_python = any(path.suffix == ".py" for path in code)
    if ran - others and not (is_opened or is_built or copy or (is_python and not modules)):
        raise Unrelated(list_names(paths))
    remedy = "--install, --prepare"
    if has_submodule:
        remedy = "--prepare 'git submodule update --init'"
    text = list_names(code or paths) + (f", but {copy}" if copy else "")
    raise UserError(
        f"no process of the command ran what differs between the two sides: {text}. If it "
        "runs the same code on both, name a command that runs the change, or build it on each side "
        f"({remedy}). If not, add --allow same-code"
    )


def list_names(paths: Sequence[Path]) -> str:
    """Return the names of the first files, and how many others there are."""
    names = list(dict.fromkeys(path.name for path in paths))
    text = ", ".join(names[:MAX_NAMES])
    return f"{text} and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else text


def _is_own(file: Path, folder: Path) -> bool:
    """Return whether a file is of a folder, and not of an environment in it."""
    return file.is_relative_to(folder) and SITE not in file.relative_to(folder).parts


def _is_copy(file: Path, path: Path) -> bool:
    """Return whether a file that ran has the import path of another one, of a checkout."""
    folder = path.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    if folder == path.parent:  # a module without a package, or of one without a file
        folder = folder.parent
    stems = [Path(one.parent, one.name.partition(".")[0]).parts for one in (file, path)]
    inner = stems[1][len(folder.parts) :]
    return stems[0][-len(inner) :] == inner or stems[0][-2:] == (SITE, inner[-1])


def _was_run(path: Path, seen: Collection[Path], modules: Collection[Path]) -> bool:
    names = {path, path.resolve()}
    if names & {*seen}:
        return True
    if path.is_dir():
        return any(names & {*file.parents} for file in (*modules, *seen))
    if path.suffix == ".py" and modules:
        stem = path.name.partition(".")[0]
        return any(name.with_name(stem) in modules for name in names)
    # A Python that writes no bytecode (-B, -I) is believed when it opens the source.
    return path.suffix in {".py", *_SOURCES} and any(map(_was_opened, _list_twins(path)))


def _list_twins(path: Path) -> list[Path]:
    """Return a file, and the compiled files of a Python module."""
    if path.suffix != ".py":
        return [path]
    return [path, *path.parent.glob(f"__pycache__/{path.stem}.*.pyc")]


def _was_opened(path: Path) -> bool:
    try:
        return path.stat().st_atime_ns > _LONG_AGO
    except OSError:
        return False


def take_snapshot(folder: Path) -> Snapshot:
    """Return the state of the files of a checkout that git tracks; else of nothing."""
    top = git.find_top(folder)
    if not (top / ".git").exists():
        return {}
    paths = [top / name for name in git.list_files(top, tracked=True)]
    return {path: (path.stat().st_ctime_ns, hash_file(path)) for path in paths if path.is_file()}


def find_rewritten(snapshot: Snapshot) -> list[Path]:
    """Return the files that have other contents than they had, or are gone."""
    rewritten = []
    for path, (changed, digest) in snapshot.items():
        try:
            if path.stat().st_ctime_ns != changed and hash_file(path) != digest:
                rewritten.append(path)
        except OSError:
            rewritten.append(path)
    return rewritten
