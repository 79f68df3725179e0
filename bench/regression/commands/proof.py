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
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError
from bench.records.files import hash_file
from bench.regression.versions import git
from bench.runner.process.command import BYTECODE

_LONG_AGO = 1_000_000_000  # nanoseconds since 1970
MAX_NAMES = 3
SITE = "site-packages"
_COMPILED = {".so", ".dylib", ".pyd"}
_SOURCES = {".c", ".cc", ".cpp", ".cxx", ".cu", ".f", ".f90", ".go", ".h", ".hpp"}
_SOURCES |= {".pxd", ".pxi", ".pyx", ".rs", ".zig"}

Snapshot = Mapping[Path, tuple[int, str]]  # the change time and the hash of each file


def find_changed(
    folders: Sequence[Path], variables: Sequence[Mapping[str, str]]
) -> tuple[list[Path], list[Path]]:
    """Return the files of each side that differ from the other side's, or that one of both lacks.

    Of two checkouts, the files that git does not ignore, with the folders that are links or
    submodules; of two virtual environments, those that pip has installed. folders: in which the
    commands run. variables: with the PATH of each side's Python.
    """
    tops = find_tops(folders)
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
    return [first for first, _ in pairs], [second for _, second in pairs]


def find_tops(folders: Sequence[Path]) -> Sequence[Path]:
    """Return the tops of the checkouts of two folders; of one checkout, the folders themselves."""
    tops = [git.find_top(folder) for folder in folders]
    return tops if tops[0].resolve() != tops[1].resolve() else folders


def _are_equal(before: Path, after: Path) -> bool:
    links = [path.readlink() if path.is_symlink() else None for path in (before, after)]
    if links[0] != links[1]:
        return False
    if before.is_dir() and after.is_dir():  # a module, whose commits are compared
        return True
    try:
        return filecmp.cmp(before, after, shallow=False)
    except OSError:  # one side lacks it
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
        # Each environment's own scripts name its Python.
        if digest and ".dist-info/" not in name and not name.startswith("../")
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
    """The command ran code of its side, and nothing that differs between the sides."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What the processes of a side ran."""

    top: Path  # of its checkout
    site: Path | None  # the site-packages of an environment of its own
    changed: Sequence[Path]  # what differs from the other side, also what this one lacks
    seen: Collection[Path]  # what they had as their script, or in their memory
    bytecode: Path  # the folder in which they left what they compiled
    is_hidden: bool = False  # one of them left nothing there, whatever it ran

    def list_files(self) -> set[Path]:
        """Return all files that ran; of a module its source."""
        # pytest and each Python have suffixes of their own.
        compiled = [*self.bytecode.rglob("*.pyc")]
        sources = [file.with_name(f"{file.name.partition('.')[0]}.py") for file in compiled]
        return {*self.seen, *(Path("/", file.relative_to(self.bytecode)) for file in sources)}


def check_runs(sides: Sequence[Ran]) -> str:
    """Return which files that differ ran, "" if none differs. Raises UserError and ``Unrelated``.

    UserError: a side ran another file in place of one that differs, or nothing of its own, or what
    it ran is hidden. Both sides have run by now: what they share is that of the second.
    """
    names, remedies = dict[str, bool](), list[str]()
    for side in sides:
        for name, has_run in _check_side(side, remedies).items():
            names[name] = has_run or names.get(name, False)
    if used := [name for name, has_run in names.items() if has_run]:
        return f"{len(used)} of {len(names)} changed files ran or were read: {list_names(used)}"
    if names and remedies:
        raise UserError(f"the command ran nothing that differs: {list_names(names)}. {remedies[0]}")
    if names:
        raise Unrelated(list_names(names))
    return ""


def _check_side(side: Ran, remedies: list[str]) -> dict[str, bool]:
    """Return whether each file that differs ran. Raises UserError.

    remedies: gets what to do if none ran. Of what was installed the checkout has the source.
    """
    files, modules = side.list_files(), {*git.list_modules(side.top)}
    own = {file for file in files if _is_own(file, side, modules)}
    found, ran, claimed = _find_others(side, files, own, modules), dict[str, bool](), set[Path]()
    for path in side.changed:
        installed = side.site if side.site and path.is_relative_to(side.site) else None
        name = path.relative_to(installed or side.top).as_posix()
        others = found.get(path, set())
        if other := next((one for one in others if not _is_version(one, path, side)), None):
            raise UserError(
                f"{name} differs between the two sides, but in place of {path} the command ran "
                f"{other}. Build or install each side (--install, --prepare)"
            )
        has_run = bool(others) or _was_read(path, files, is_hidden=side.is_hidden)
        if side.is_hidden and path.suffix == ".py" and not has_run:
            raise UserError(
                f"nothing shows whether {name} ran, which differs: a Python ran with -B, -E or -I, "
                f"or without {BYTECODE}. Leave the option out, or let tox pass the variable"
            )
        if path not in claimed and (has_run or not installed):
            ran[name] = has_run
        claimed |= others
        remedies += filter(None, [_find_remedy(path, side)])
    if not own:
        remedies.append("It ran no file of its side. Name a command that runs the project")
    return ran


def _find_remedy(path: Path, side: Ran) -> str:
    """Return what to do first if a file has not run, because nothing has built it."""
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        return "Check the module out (--prepare 'git submodule update --init')"
    if path.suffix in _SOURCES and not side.site:
        return "Compile it on each side (--install, --prepare)"
    return ""


def list_names(names: Iterable[str]) -> str:
    """Return the first names, and how many others there are."""
    names = [*names]
    text = ", ".join(names[:MAX_NAMES])
    return f"{text} and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else text


def _is_own(file: Path, side: Ran, modules: Collection[str]) -> bool:
    """Return whether a file is of a side's checkout, or of what pip has installed of it."""
    if file.is_relative_to(side.top):
        return SITE not in file.relative_to(side.top).parts
    if side.site and file.is_relative_to(side.site):
        return file.relative_to(side.site).parts[0].partition(".")[0] in modules
    return False


def _find_others(
    side: Ran, files: Collection[Path], own: Collection[Path], modules: Collection[str]
) -> dict[Path, set[Path]]:
    """Return what ran in place of each file that differs: other files that Python imports so."""
    tracked = {side.top / name for name in git.list_files(side.top, tracked=True)}
    by_name: dict[tuple[str, ...], set[Path]] = {}
    extensions = set()
    for file in {*files} - tracked:
        if file.suffix in {".py", *_COMPILED}:
            names = _list_names(file)
            for name in names:
                by_name.setdefault(name, set()).add(file)
            if file.suffix in _COMPILED and (file in own or names[0][0] in modules):
                extensions.add(file)
    found = {}
    for path in side.changed:
        if path.suffix == ".py":
            # What is at the top, or in src/, may be at the top of any other folder.
            is_top = path.parent in {side.top, side.top / "src"} and path.stem in modules
            names = _list_names(path)[: 1 + is_top]
            found[path] = set().union(*(by_name.get(name, ()) for name in names))
            found[path] -= {path, path.resolve()}
        elif path.suffix in _SOURCES and not _was_opened(path):
            found[path] = extensions
    return found


def _list_names(file: Path) -> list[tuple[str, ...]]:
    """Return under which names Python may import a file: of no package, with its folder's too."""
    folder, stem = file.parent, file.name.partition(".")[0]
    while (folder / "__init__.py").exists():
        folder = folder.parent
    if folder == file.parent:
        return [(folder.name, stem), ("", stem)]
    return [(*file.parent.relative_to(folder).parts, stem)]


def _is_version(other: Path, path: Path, side: Ran) -> bool:
    """Return whether a file that ran is what this side has of one that differs."""
    if side.site and other.is_relative_to(side.site):
        return True
    with suppress(OSError):
        if other.suffix in _COMPILED:
            is_newer = other.stat().st_mtime_ns >= path.stat().st_mtime_ns
            return is_newer and other.is_relative_to(side.top)
        return filecmp.cmp(other, path, shallow=False)
    return False


def _was_read(path: Path, files: Collection[Path], *, is_hidden: bool) -> bool:
    """Return whether a process ran a file, or read one that is not code."""
    if {path, path.resolve()} & {*files}:
        return True
    if path.is_dir():
        return any({path, path.resolve()} & {*file.parents} for file in files)
    # A Python that writes no bytecode is believed when it opens the source.
    is_code = path.suffix in {".py", *_COMPILED} and not (is_hidden and path.suffix == ".py")
    return not is_code and any(map(_was_opened, _list_twins(path)))


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
