"""Show that a command ran what differs between its two sides: whether any such file was opened.

A file's access time moves when any program opens it, in any language: it is set back before the
first pair, and read after it. With the option relatime, the default of Linux, a file system moves
the access time if it is not later than the time of the last change, so it is set back to 1970.
Python opens the compiled file of a module in its place, which counts as the module.
"""

import csv
import filecmp
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.regression.versions import git

_LONG_AGO = 1_000_000_000  # nanoseconds since 1970
_MAX_NAMES = 3


def find_changed(
    folders: Sequence[Path], variables: Sequence[Mapping[str, str]]
) -> tuple[list[Path], list[Path]]:
    """Return the files of each side that differ from the other side's, or that it lacks.

    Of two checkouts, the files that git does not ignore; of two virtual environments, those that
    pip has installed. folders: in which the commands run. variables: with the PATH of each side's
    Python.
    """
    pairs: list[tuple[Path, Path]] = []
    tops = [git.find_top(folder) for folder in folders]
    if tops[0].resolve() == tops[1].resolve():  # two folders of one checkout, or one folder
        tops = list(folders)
    if tops[0].resolve() != tops[1].resolve():
        names = sorted({*git.list_files(tops[0]), *git.list_files(tops[1])})
        both = [(tops[0] / name, tops[1] / name) for name in names]
        pairs += [pair for pair in both if not _are_equal(*pair)]
    before, after = (find_site(environment.get("PATH", os.defpath)) for environment in variables)
    if before and after and before != after:
        # Of names with their hashes, those that only one side has.
        differ = {name for name, _ in _read_hashes(before).items() ^ _read_hashes(after).items()}
        pairs += [(before / name, after / name) for name in sorted(differ)]
    first, second = ([pair[side] for pair in pairs if pair[side].is_file()] for side in (0, 1))
    return first, second


def _are_equal(before: Path, after: Path) -> bool:
    try:
        return filecmp.cmp(before, after, shallow=False)
    except OSError:  # one side lacks it
        return before.is_file() == after.is_file()


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
    for path in {path.stat().st_dev: path for path in paths}.values():
        set_back([path])
        if _was_opened(path):  # it is somebody else's
            return False
        with suppress(OSError), path.open("rb") as file:
            file.read(1)
        if not _was_opened(path):
            return False
    return True


def set_back(paths: Sequence[Path]) -> None:
    """Set the access times of files back, and of what Python has compiled of them."""
    for path in paths:
        for twin in _list_twins(path):
            with suppress(OSError):  # somebody else's, or gone
                os.utime(twin, ns=(_LONG_AGO, twin.stat().st_mtime_ns))


def find_unopened_fault(paths: Sequence[Path]) -> str | None:
    """Return the fault, and what to do, if none of these files was opened; None without files."""
    if not paths or any(_was_opened(twin) for path in paths for twin in _list_twins(path)):
        return None
    names = list(dict.fromkeys(path.name for path in paths))
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return (
        f"the command opened no file that differs between the two sides: "
        f"{', '.join(names[:_MAX_NAMES])}{more}. If it runs the same code on both, name a command "
        "that runs the change, or build it on each side (--install, --prepare). If not, add "
        "--allow same-code"
    )


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
