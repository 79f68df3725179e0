"""Find the runs in a collection: a folder with a run of every machine, for example."""

from collections.abc import Sequence
from pathlib import Path

from bench.errors import UserError

PLAN = "run.json"
# At most this many runs are listed by name.
_MAX_NAMES = 5


def find_runs(folder: Path) -> list[Path]:
    """Return the runs directly below a folder, sorted, or the folder itself if it is a run.

    Links are not followed, and hidden folders are skipped: they are unfinished. Raises UserError if
    the folder cannot be read.
    """
    try:
        if (folder / PLAN).exists():
            return [folder]
        below = sorted(folder.iterdir()) if folder.is_dir() else []
        return [path for path in below if _is_run(path)]
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror}") from error


def is_collection(folder: Path) -> bool:
    """Return whether a folder is not a run itself but holds runs."""
    return find_runs(folder) not in ([], [folder])


def reject_collection(*folders: Path) -> None:
    """Raise UserError if a folder is a collection, for commands that take one run."""
    for folder in filter(is_collection, folders):
        names = describe_runs(find_runs(folder))
        raise UserError(f"{folder} is not a run but holds {names}; name one of them")


def describe_runs(folders: Sequence[Path]) -> str:
    """Return the number of runs, and the names of their folders if they are few."""
    count = f"{len(folders)} run{'s' * (len(folders) > 1)}"
    if len(folders) > _MAX_NAMES:
        return count
    return f"{count}, {', '.join(folder.name for folder in folders)}"


def _is_run(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.is_symlink()
    return not hidden and folder.is_dir() and (folder / PLAN).exists()
