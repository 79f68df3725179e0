"""Interpret how a worker ended: status, reason and result, from what its parent saw of it."""

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import join_lines
from bench.records.files import read_file
from bench.records.schema import MAX_RECORD_BYTES, BaseJudgement, Measurement, TrialRecord
from bench.worker.machine import read_proc_field

Document = dict[str, Any]

# The last words of C++, glibc, OpenBLAS and the frameworks when an allocation fails.
_NO_MEMORY = re.compile(
    r"bad_alloc|cannot allocate memory(?! in static TLS)|can't allocate memory|"
    r"memory allocation (still )?failed|out of memory|OutOfMemory|MemoryError|RESOURCE_EXHAUSTED|"
    r"ResourceExhausted",
    re.IGNORECASE,
)
# The statuses that a worker may report; the parent alone detects the others.
_WORKER_STATUSES = ("ok", "unavailable", "failed")


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """What the parent saw of a worker."""

    code: int  # as subprocess gives it; a signal's number is negative
    exceeded_seconds: float | None  # the time limit that the worker exceeded, or None
    stdout_bytes: int  # what the worker printed
    stderr_tail: str
    leftovers: Sequence[str] = ()  # names of the processes that the worker did not end
    oom_killed: bool = False  # the kernel killed a process for its memory during the worker's life
    answered: bool = True  # the worker answered every command, the last one too
    placement_fault: str | None = None  # how a thread of it ran as it was not allowed to, or None
    on_gpu: bool = False  # it was to use a GPU, whose memory nobody sees from here


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a worker, or of a command of a user's own."""

    status: str
    reason: str | None
    # What a worker wrote, unvalidated; empty where it wrote nothing that can be read.
    document: Document
    stderr_tail: str
    wall_seconds: float  # from its start until the parent saw its end
    cpu_seconds: float = 0.0  # of a command and of the processes that it waited for
    output: str = ""  # the last of what a command printed
    # For which its first thread waited for a core, or all that were seen of a watched command.
    queue_seconds: float = 0.0
    # What a command used, by the names of getrusage(2): CPU seconds, page faults, switches, blocks.
    usage: Mapping[str, float] = field(default_factory=dict)
    # The scripts that a watched command ran, and the files that it had in its memory.
    seen: frozenset[Path] = frozenset()
    is_hidden: bool = False  # a Python among its processes left no bytecode where we look

    @property
    def computing(self) -> float:
        """The share of its time for which a process computed, or would with a core for itself."""
        wanted = self.wall_seconds - self.queue_seconds
        return min(1.0, self.cpu_seconds / wanted) if wanted > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a record says of a process: how it ended, and other fields by their names."""

    status: str
    reason: str | None = None
    others: Mapping[str, object] = field(default_factory=dict)

    def add(self, part: Measurement | BaseJudgement | None = None, **fields: object) -> "Result":
        """Return the result with those fields of a part that a record has, and with other ones."""
        names = part.__struct_fields__ if part is not None else ()
        values = {
            name: getattr(part, name) for name in names if name in TrialRecord.__struct_fields__
        }
        return replace(self, others={**self.others, **values, **fields})

    def follow(self, before: "Result | None") -> "Result":
        """Return the result of two commands of which one has ended before."""
        if before is None:
            return self
        old, new = Document(before.others), Document(self.others)
        seconds = sum(one.get("wall_seconds") or 0.0 for one in (old, new))
        values = {**old.get("values", {}), **new.get("values", {})}
        return self.add(values=values, wall_seconds=seconds)

    def fail(self, reason: str, status: str = "failed") -> "Result":
        """Return the result with another end."""
        return replace(self, status=status, reason=reason)

    @property
    def fields(self) -> dict[str, object]:
        """All fields by name."""
        return {**self.others, "status": self.status, "reason": self.reason}


def describe_outcome(outcome: Outcome) -> Result:
    """Return how a process ended, as a record says it."""
    result = Result(outcome.status, outcome.reason)
    stderr = outcome.stderr_tail or None
    return result.add(wall_seconds=outcome.wall_seconds, stderr_tail=stderr)


def interpret_exit(folder: Path, process_exit: ProcessExit) -> tuple[str, str | None, Document]:
    """Return status, reason and document of the worker that wrote to this folder."""
    status, reason = interpret_code(process_exit)
    document: Document = {}
    if status == "ok":
        try:
            document = _read_document(folder / "document.json")
            status, reason = document["status"], document.get("reason")
        except FileNotFoundError:
            status, reason = "failed", "the process left no result"
        except (OSError, ValueError, RecursionError) as error:
            status = "failed"
            reason = join_lines(f"the process left a result that cannot be read: {error}")
    text = f"{process_exit.stderr_tail}\n{document.get('reason')}"
    if status == "failed" and _NO_MEMORY.search(text):
        # Only a process's own word on a CPU: a program could say so whenever it is slow.
        confirmed = process_exit.oom_killed or process_exit.on_gpu
        status = "out-of-memory" if confirmed else "failed"
        return status, f"the process ran out of memory: {reason}", document
    if status == "ok" and (fault := find_misconduct(process_exit)):
        return "failed", fault, document
    return status, reason, document


def interpret_code(process_exit: ProcessExit, option: str = "--timeout") -> tuple[str, str | None]:
    """Return status and reason by the exit status alone; ok if it is 0, in time."""
    if process_exit.exceeded_seconds is not None:
        seconds = process_exit.exceeded_seconds
        return "timeout", f"still running after {round(seconds, 1):g} s. Raise {option}"
    if process_exit.code < 0:
        number = -process_exit.code
        if process_exit.oom_killed and number == signal.SIGKILL:
            return "out-of-memory", "the kernel ended the process: the machine had no memory left"
        name = signal.strsignal(number) or f"signal {number}"
        hint = "; often the kernel, out of memory" if number == signal.SIGKILL else ""
        return "failed", f"the process was ended by a signal: {name}{hint}"
    if process_exit.code > 0:
        return "failed", f"the process ended with exit status {process_exit.code}"
    return "ok", None


def _read_document(path: Path) -> Document:
    """Read a worker's result. Raises OSError, or ValueError where it has no status."""
    document = msgspec.json.decode(read_file(path, MAX_RECORD_BYTES, follow=False))
    if not isinstance(document, dict) or document.get("status") not in _WORKER_STATUSES:
        raise ValueError("it has no status")
    return document


def find_misconduct(process_exit: ProcessExit) -> str | None:
    """Return what an implementation did to its surroundings that it may not do, or None."""
    if not process_exit.answered:
        return "the process ended before its last command"
    if process_exit.placement_fault is not None:
        return process_exit.placement_fault
    if process_exit.stdout_bytes > 0:
        return "it printed on stdout. Print nothing there"
    if process_exit.leftovers:
        names = ", ".join(process_exit.leftovers)
        return f"it left processes running: {names}. Stop every process that you start"
    return None


def count_oom_kills(path: Path = Path("/proc/vmstat")) -> int:
    """Return how many processes the kernel has killed for their memory, 0 where it is not known.

    Source: proc(5), ``oom_kill``.
    """
    return read_proc_field(path, "oom_kill") or 0
