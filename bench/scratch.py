"""The folder that a child works in: gone afterwards, be it after a run that was killed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import leftovers
from bench.error import UserError

# Under the host's lock there is one of these at most: any other is of a run that is dead.
PREFIX = "softmax-bench-trial-"
_PROBED = 2**18  # more than a trial of ours hands over


@contextmanager
def folder() -> Iterator[Path]:
    """Make the folder of a trial that is measured, under the host's lock; raises UserError."""
    with writing():
        made = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
    with made as name:
        yield Path(name)


def sweep() -> None:
    """Remove the folders that runs on this host were killed over, and what still runs there.

    Nobody but who holds the host's lock may call it. What belongs to another user stays.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if left.is_dir() and not left.is_symlink() and left.stat().st_uid == os.getuid():
            leftovers.ended(None, left, grace=0.0)
            shutil.rmtree(left, ignore_errors=True)


def check_room() -> None:
    """Raise UserError where no child could hand over anything: that is no fault of a trial."""
    with writing(), tempfile.TemporaryFile() as stream:
        stream.write(bytes(_PROBED))


@contextmanager
def writing() -> Iterator[None]:
    """Turn a full disk below the folder for temporary files into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write to {tempfile.gettempdir()}: {error.strerror}; free some of it, or set "
            "TMPDIR to a folder with room"
        ) from error
