"""The names of a run's files, which docs/design.md describes, and the runs in a folder."""

from pathlib import Path

from bench.errors import make_read_error

RUN_PLAN = "run.json"
COMPARISON_PLAN = "comparison.json"
COMMAND_PLAN = "command.json"
PAIRED_PLANS = (COMPARISON_PLAN, COMMAND_PLAN)
PLANS = (RUN_PLAN, *PAIRED_PLANS)
TRIALS = "trials.jsonl"
DAMAGED = "damaged.jsonl"
ENVIRONMENTS = "environments"
PARAMS = "params"
ENTROPY = "entropy"
LOCK = "run.lock"


def find_runs(folder: Path) -> list[Path]:
    """Return the runs directly below a folder, sorted, or the folder itself if it is a run.

    Links are not followed, and hidden folders are skipped: they are unfinished. Raises UserError if
    the folder cannot be read.
    """
    try:
        if (folder / RUN_PLAN).exists():
            return [folder]
        below = sorted(folder.iterdir()) if folder.is_dir() else []
        return [
            path
            for path in below
            if not path.name.startswith(".")
            and not path.is_symlink()
            and (path / RUN_PLAN).exists()
        ]
    except OSError as error:
        raise make_read_error(folder, error) from error


def is_collection(folder: Path) -> bool:
    """Return whether a folder is not a run itself but holds runs."""
    return find_runs(folder) not in ([], [folder])
