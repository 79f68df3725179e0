"""The folder that a child works in: gone afterwards, be it after a run that was killed."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench import leftovers
from bench.error import UserError

# Whoever works in one of these holds a lock on it: one that nobody holds is of a run that is dead.
PREFIX = "softmax-bench-trial-"
_PROBED = 2**24  # more than any trial of ours leaves there


@contextmanager
def folder() -> Iterator[Path]:
    """Make the folder of a child, and hold it; raises UserError."""
    with writing():
        made, held = _made()
    try:
        yield made
    finally:
        _remove(made)
        os.close(held)


def _made() -> tuple[Path, int]:
    """Make a folder and hold it; before it is held, somebody may sweep it away."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=PREFIX))
        if (held := _hold(made, fcntl.LOCK_EX)) is not None:
            if made.exists():
                return made, held
            os.close(held)


def _hold(folder: Path, how: int) -> int | None:
    """Lock a folder; None where it is not there, or held by somebody who is not waited for.

    Raises OSError where it is a link, no folder, or not ours to open.
    """
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, how)
    except BlockingIOError:
        os.close(held)
        return None
    return held


def sweep() -> None:
    """Remove the folders that runs on this host were killed over, and what still runs there.

    What somebody works in stays, and what belongs to another user.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is no folder, another user's, or gone by now
            _sweep(left)


def _sweep(left: Path) -> None:
    """Remove one; what it is and whose is asked of what is held, as others may remove it too."""
    if (held := _hold(left, fcntl.LOCK_EX | fcntl.LOCK_NB)) is None:
        return
    try:
        if os.fstat(held).st_uid == os.getuid():
            leftovers.ended(None, left, grace=0.0)
            _remove(left)
    finally:
        os.close(held)


def _remove(folder: Path) -> None:
    """Remove a folder with all in it; what cannot be removed stays, and nothing is raised.

    Python's own way opens a file and calls a function a level: rm goes down however deep it is.
    """
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            with suppress(OSError):
                subprocess.run([*command, folder], check=False, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip


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
