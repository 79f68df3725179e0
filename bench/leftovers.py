"""What a child started and did not end: found in /proc, and ended."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench.child import CACHES
from bench.measure import now

# A pool whose master is gone needs a moment to notice; that is no fault.
GRACE_SECONDS = 0.5
_PROC = Path("/proc")
# Variables that the harness sets to folders below the scratch folder. Others, as PWD, a shell has
# that has been there.
_OURS = (*CACHES, "PYTHONPATH")


def ended(leader: int | None, scratch: Path, grace: float = GRACE_SECONDS) -> list[str]:
    """Kill what is left of a child that has ended but is not reaped; return its names.

    Left are the living processes of the leader's session, and those that were given a folder
    below its scratch folder: a daemon leaves the session, but not its variables.
    leader: None where that is not known any more. grace: seconds in which to end by themselves.
    Empty where there is no /proc.
    """
    end = now() + grace
    while (left := dict(_living(leader, scratch))) and now() < end:
        select.select([], [], [], 0.05)
    for number in left:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(number, signal.SIGKILL)
    return sorted(left.values())


def _living(leader: int | None, scratch: Path) -> Iterator[tuple[int, str]]:
    given = tuple(os.fsencode(f"{name}={scratch}/") for name in _OURS)
    for entry in _PROC.glob("[0-9]*"):
        if int(entry.name) == leader:
            continue
        try:
            name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
            state, session = rest.split()[0], int(rest.split()[3])
            own = session == leader or _has(entry / "environ", given)
        except OSError:  # it has just ended, or is not ours to look at
            continue
        if own and state not in "ZX":
            yield int(entry.name), name


def _has(environ: Path, given: tuple[bytes, ...]) -> bool:
    """Tell whether a process has a variable that begins so."""
    return any(each.startswith(given) for each in environ.read_bytes().split(b"\0"))
