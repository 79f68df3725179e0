"""What a child started and did not end: found in /proc, and ended."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench.measure import now

# A pool whose master is gone needs a moment to notice; that is no fault.
GRACE_SECONDS = 0.5
_PROC = Path("/proc")


def ended(leader: int | None, scratch: Path, grace: float = GRACE_SECONDS) -> list[str]:
    """Kill what is left of a child that has ended but is not reaped; return its names.

    Left are the living processes of the leader's session, and those that have the path of its
    scratch folder in their environment: a daemon leaves the session, but not its variables.
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
    for entry in _PROC.glob("[0-9]*"):
        if int(entry.name) == leader:
            continue
        try:
            name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
            state, session = rest.split()[0], int(rest.split()[3])
            own = session == leader or os.fsencode(scratch) in (entry / "environ").read_bytes()
        except OSError:  # it has just ended, or is not ours to look at
            continue
        if own and state not in "ZX":
            yield int(entry.name), name
