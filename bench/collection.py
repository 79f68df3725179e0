"""A folder of runs: one of every machine, say, or what was merged of several."""

from collections.abc import Sequence
from pathlib import Path

from bench.error import UserError

PLAN = "run.json"
# So many runs are named; of more, how many there are.
_NAMED = 5


def runs(folder: Path) -> list[Path]:
    """Return the folders of the runs right below, sorted, or the folder itself where it is a run.

    Links are not followed, and what is hidden is not finished. Where there is no run, nor a folder,
    there is nothing. Raises UserError for what cannot be looked into.
    """
    try:
        if (folder / PLAN).exists():
            return [folder]
        below = sorted(folder.iterdir()) if folder.is_dir() else []
        return [each for each in below if _is_run(each)]
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror}") from error


def is_collection(folder: Path) -> bool:
    """Tell whether a folder is no run, but holds some."""
    return runs(folder) not in ([], [folder])


def refuse(*folders: Path) -> None:
    """Raise UserError where a folder is a collection, for what is done to one run."""
    for folder in filter(is_collection, folders):
        several = named(runs(folder))
        raise UserError(f"{folder} holds no run itself, but {several}; name one of them")


def named(found: Sequence[Path]) -> str:
    """Name several runs by their folders' names, or say how many there are."""
    several = f"{len(found)} run{'s' * (len(found) > 1)}"
    if len(found) > _NAMED:
        return several
    return f"{several}, {', '.join(each.name for each in found)}"


def _is_run(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.is_symlink()
    return not hidden and folder.is_dir() and (folder / PLAN).exists()
