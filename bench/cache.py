"""Prepared arrays in the user's cache: whole, or not there.

One folder a key. It is written beside its place and renamed into it, under a lock, so that nobody
ever sees half of it. Its manifest holds the facts about it and, for each file, the size, the time
of its last change and the SHA-256; the manifest's first line is its own SHA-256.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.idx import DataError, expanded

Facts = dict[str, Any]
Make = Callable[[Path], tuple[Facts, dict[str, NDArray[Any]]]]

_MANIFEST = "manifest.json"


def keep(key: str, make: Make) -> tuple[Path, Facts]:
    """Return the folder of this key and the facts in its manifest; make it if it is not whole.

    make: given a scratch folder, returns facts that JSON can hold and the arrays by file name. Only
    one process makes a key at a time; the others wait and use what it made.
    Raises DataError if the cache cannot be written, and what make raises.
    """
    folder = root() / key
    facts = _whole(folder)
    if facts is None:
        try:
            facts = _make_alone(folder, make)
        except OSError as error:
            raise DataError(
                f"the cache folder {folder.parent} cannot be written ({error.strerror or error}); "
                "set SOFTMAX_BENCH_CACHE to a folder that can"
            ) from error
    return folder, facts


def kept(key: str) -> tuple[Path, Facts] | None:
    """Return the folder of this key and the facts in its manifest; None if it is not whole.

    Raises DataError where there is no home folder.
    """
    folder = root() / key
    facts = _whole(folder)
    return None if facts is None else (folder, facts)


def root() -> Path:
    """SOFTMAX_BENCH_CACHE, else our folder in the user's cache by the XDG base directories.

    Raises DataError where there is no home folder.
    """
    own, user = os.environ.get("SOFTMAX_BENCH_CACHE"), os.environ.get("XDG_CACHE_HOME", "")
    if own:
        return expanded(own).resolve()
    # The specification says that a relative XDG_CACHE_HOME is to be ignored.
    base = Path(user) if Path(user).is_absolute() else _home() / ".cache"
    return base / "softmax-bench"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise DataError("no home folder for the cache; set SOFTMAX_BENCH_CACHE") from error


def _make_alone(folder: Path, make: Make) -> Facts:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f"{folder.name}.lock")):
        facts = _whole(folder)  # another process may have made it while this one waited
        if facts is None:
            _remove_remains(folder)
            facts = _make(folder, make)
    return facts


def _make(folder: Path, make: Make) -> Facts:
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        facts, arrays = make(scratch)
        new = scratch / "new"
        new.mkdir()
        files = {name: _write(new / name, array) for name, array in arrays.items()}
        body = json.dumps({"facts": facts, "files": files}, indent=1)
        _write_text(new / _MANIFEST, f"{_sha256(body.encode())}\n{body}")
        if folder.exists():
            folder.rename(scratch / "damaged")
        new.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return facts


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl  # not on Windows, where the suite says so instead of failing to import

    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_remains(folder: Path) -> None:
    """Remove what a killed process left; ours is the lock, so nobody is working there."""
    for remains in folder.parent.glob(f"{folder.name}.*.part"):
        shutil.rmtree(remains, ignore_errors=True)


def _write(path: Path, array: NDArray[Any]) -> dict[str, Any]:
    """Write an array, read it back to see that it is the same, and return what marks the file."""
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    if not np.array_equal(np.load(path, mmap_mode="r", allow_pickle=False), array):
        raise OSError(f"{path.name} reads back otherwise than it was written")
    facts = path.stat()
    return {"bytes": facts.st_size, "changed_ns": facts.st_mtime_ns, "sha256": _file_sha256(path)}


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _whole(folder: Path) -> Facts | None:
    """Return the facts of a folder that is as it was made, None of any other."""
    try:
        digest, body = (folder / _MANIFEST).read_text(encoding="utf-8").split("\n", 1)
        if digest != _sha256(body.encode()):
            return None
        manifest = json.loads(body)
        files = manifest["files"].items()
        facts: Facts = manifest["facts"]
        same = (Path(name).name == name and _unchanged(folder / name, mark) for name, mark in files)
        return facts if all(same) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _unchanged(path: Path, mark: dict[str, Any]) -> bool:
    """Size and time of change tell in microseconds; a copied cache is hashed once, then marked."""
    facts = path.stat()
    if facts.st_size != mark["bytes"]:
        return False
    if facts.st_mtime_ns == mark["changed_ns"]:
        return True
    same: bool = _file_sha256(path) == mark["sha256"]
    if same:
        with contextlib.suppress(OSError):  # a cache that is only readable is hashed every time
            os.utime(path, ns=(facts.st_atime_ns, mark["changed_ns"]))
    return same


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
