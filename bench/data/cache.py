"""Folders in the user's cache: built once; data are verified by SHA-256 when they are used."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import platformdirs
from filelock import FileLock

from bench.errors import DataError, report_write_errors

_CHECKSUMS = "SHA256SUMS"  # as `sha256sum --check` reads it


def root() -> Path:
    """Return SOFTMAX_BENCH_CACHE, or else our folder in the user's cache.

    Raises DataError where the user has no home folder.
    """
    path = os.environ.get("SOFTMAX_BENCH_CACHE") or platformdirs.user_cache_dir("softmax-bench")
    try:
        return Path(path).expanduser().resolve()
    except RuntimeError as error:
        raise DataError("no home folder for the cache. Set SOFTMAX_BENCH_CACHE") from error


def find_folder(name: str) -> Path | None:
    """Return the folder of this name, None unless it is as it was built. Raises DataError."""
    folder = root() / name
    try:
        intact = (folder / _CHECKSUMS).read_text(encoding="utf-8") == _checksums(folder)
    except (OSError, ValueError):
        return None
    return folder if intact else None


def build(name: str, fill: Callable[[Path], object]) -> Path:
    """Return the folder of this name; build it first unless it is as it was built.

    fill: writes the files into the empty folder that it receives. Raises UserError where the cache
    cannot be written.
    """

    def fill_and_sum(folder: Path) -> None:
        fill(folder)
        (folder / _CHECKSUMS).write_text(_checksums(folder), encoding="utf-8")

    return build_once(root() / name, fill_and_sum, lambda: find_folder(name) is not None)


def build_once(folder: Path, fill: Callable[[Path], object], is_built: Callable[[], bool]) -> Path:
    """Return a folder; fill it first, from empty, unless it is built.

    fill: see ``build``; writes last what ``is_built`` looks for, so that a killed build is none.
    One process builds a folder at a time; the others wait, then use it. Raises UserError where the
    folder cannot be written.
    """
    if is_built():
        return folder
    with report_write_errors(folder.parent, "Set SOFTMAX_BENCH_CACHE to another folder"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not is_built():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                try:
                    fill(folder)
                except BaseException:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
    return folder


def _checksums(folder: Path) -> str:
    lines = []
    for path in sorted(folder.iterdir()):
        if path.name != _CHECKSUMS:
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return "".join(lines)
