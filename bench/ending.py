"""What the end of a child means: a status, a reason of one line, and what it may say of itself."""

import json
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.error import one_line
from bench.files import read_file
from bench.result import REPORTED

Document = dict[str, Any]
Told = tuple[str, str | None, Document]

# A trial of 200 epochs writes some 20 kB.
_MOST_BYTES = 2**24
# Room for what the scheduler does between two reads; the share is for clocks of one machine that
# are steered apart.
SLACK_SECONDS = 0.1
SLACK_SHARE = 0.02
# What C++, glibc, OpenBLAS, PyTorch and XLA write as their last words when an allocation fails.
_NO_MEMORY = re.compile(
    r"bad_alloc|cannot allocate memory|can't allocate memory|memory allocation (still )?failed|"
    r"out of memory|MemoryError|RESOURCE_EXHAUSTED",
    re.IGNORECASE,
)
# What a worker says of itself; the others only its parent can tell.
_STATUSES = ("ok", "unavailable", "failed", "out-of-memory")
# Together these are all that a worker did.
_PARTS = {name for name in REPORTED if name.endswith("_seconds")} | {"between_seconds"}
_PARTS -= {"worker_seconds", "epoch_cpu_seconds"}


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """What the parent saw of a child.

    code: as subprocess gives it, a signal's number negated. overran: the seconds that it was
    allowed and had not ended after, or None. stdout_bytes, stderr_tail: what it printed.
    life_seconds: seconds on the parent's clock from its first sign of life to its last. left:
    names of processes that it did not end. starved: the kernel ended a process for its memory
    meanwhile. memory_limit: bytes it was allowed, or None.
    """

    code: int
    overran: float | None
    stdout_bytes: int
    stderr_tail: str
    life_seconds: float
    left: Sequence[str] = ()
    starved: bool = False
    memory_limit: int | None = None


def interpret_exit(folder: Path, seen: ProcessExit, *, timed: bool) -> Told:
    """Return status, reason and document; a document alone proves nothing.

    timed: its times are reported, and are held against what the parent saw.
    """
    status, reason, document = _ended(folder, seen)
    if status == "failed" and (seen.memory_limit is not None or seen.starved):
        status, reason = _memory(seen, reason, document.get("reason"))
    if (
        timed
        and status == "ok"
        and (fault := find_misconduct(seen) or find_clock_fault(seen, document))
    ):
        return "failed", fault, document
    return status, reason, document


def _ended(folder: Path, seen: ProcessExit) -> Told:
    if seen.overran is not None:
        return "timeout", f"still running after {seen.overran:g} s; raise --timeout", {}
    if seen.code < 0:
        name = signal.strsignal(-seen.code) or f"signal {-seen.code}"
        hint = "; often the kernel, out of memory" if -seen.code == signal.SIGKILL else ""
        return "failed", f"the process was ended by a signal: {name}{hint}", {}
    if seen.code > 0:
        return "failed", f"the process ended with exit status {seen.code}", {}
    try:
        document = _document(folder / "document.json")
    except FileNotFoundError:
        return "failed", "the process left no result", {}
    except (OSError, ValueError, RecursionError) as error:
        reason = f"the process left a result that cannot be read: {error}"
        return "failed", one_line(reason), {}
    return document["status"], document.get("reason"), document


def _memory(seen: ProcessExit, reason: str | None, own: Any) -> tuple[str, str | None]:
    """Tell a process that had no memory from one that failed for another reason.

    own: what the process itself said was the reason.
    """
    if seen.starved and seen.code == -signal.SIGKILL:
        return "out-of-memory", "the kernel ended the process: the machine had no memory left"
    if _NO_MEMORY.search(f"{seen.stderr_tail}\n{own}"):
        return "out-of-memory", f"the process ran out of memory: {reason}"
    if seen.memory_limit is not None and seen.code != 0:  # some libraries say it in their own way
        reason = f"{reason}; it was allowed {seen.memory_limit / 2**20:.0f} MiB"
    return "failed", reason


def _document(path: Path) -> Document:
    """Read what a child wrote.

    Raises OSError, and ValueError where it lacks a status, has a time in words, or is no text that
    can be written down again.
    """
    text = read_file(path, _MOST_BYTES, follow=False).decode()
    document = json.loads(text, parse_constant=_refuse)
    if not isinstance(document, dict) or document.get("status") not in _STATUSES:
        raise ValueError("it has no status")
    for name in {*_PARTS, "worker_seconds", "epoch_cpu_seconds"} & document.keys():
        values = document[name] if isinstance(document[name], list) else [document[name]]
        if not all(isinstance(value, float) and value >= 0 for value in values):
            raise ValueError(f"its {name} are not a number of seconds")
    json.dumps(document, ensure_ascii=False).encode()  # refuses half a surrogate pair
    return document


def _refuse(constant: str) -> None:
    """JSON has no NaN and no infinity, though Python's reader takes them unless told."""
    raise ValueError(constant)


def find_misconduct(seen: ProcessExit) -> str | None:
    """Say what an implementation may not do to its surroundings, and did."""
    if seen.stdout_bytes > 0:
        return "it printed on stdout; an implementation is silent"
    if seen.left:
        return f"it left processes running: {', '.join(seen.left)}; end what you start"
    return None


def find_clock_fault(seen: ProcessExit, document: Mapping[str, Any]) -> str | None:
    """Hold the child's clock against itself and against the parent's."""
    parts = sum(_seconds(document[name]) for name in document if name in _PARTS)
    own = document.get("worker_seconds", 0.0)
    slack = SLACK_SECONDS + SLACK_SHARE * own
    if abs(own - parts) <= slack and abs(seen.life_seconds - own) <= slack:
        return None
    return (
        "its clock does not add up: "
        f"{parts:.2f} s in parts, {own:.2f} s in all, {seen.life_seconds:.2f} s by the parent's"
    )


def _seconds(value: float | list[float]) -> float:
    return sum(value) if isinstance(value, list) else value


def count_oom_kills(path: Path = Path("/proc/vmstat")) -> int:
    """Return how many processes the kernel has ended for their memory: proc(5), ``oom_kill``.

    Nought where it does not count them.
    """
    try:
        found = re.search(r"^oom_kill (\d+)$", path.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
