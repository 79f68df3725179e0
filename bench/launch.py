"""The parent's side of a child: its folder, its affinity, its time limit, its end."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ending, gpu, leftovers, machine, nvml, stop, streams
from bench.child import CACHES, PASSED_ON, ChildSpec, build_variables
from bench.ending import ProcessExit
from bench.error import UserError
from bench.measure import now
from bench.scratch import writing
from bench.streams import Stream

# Modes of the worker in which no time is reported that could be held against the clock.
UNTIMED = {"probe", "sees", "software"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended. ``document`` is what it wrote, unvalidated; empty when it wrote none."""

    status: str
    reason: str | None
    document: dict[str, Any]
    stderr_tail: str
    wall_seconds: float


def launch(request: Mapping[str, Any], child: ChildSpec, scratch: Path) -> Outcome:
    """Run the worker on a request in an empty folder of its own, and wait, asleep, for its end.

    Whatever happens, no process of its group is left, nor one that has a variable which the child
    was given. Raises UserError where the folder cannot be written; KeyboardInterrupt passes
    through.
    """
    # Looked for before the run began, so that this one has gone since: the other trials go on.
    if not os.access(child.place.python, os.X_OK):
        return Outcome("failed", "its Python is not there any more; build it again", {}, "", 0.0)
    _furnish(scratch, {**request, "memory_limit": child.memory_limit}, child)
    starved, start = ending.count_oom_kills(), now()
    with streams.opened(3) as (out, err, life):
        with _spawned(child, scratch, (out, err, life)) as process:
            with stop.allowed():
                ended = _wait(process, child.timeout, [out, err, life])
            wall = now() - start
            left = leftovers.ended(process.pid, scratch) if ended else []
        for stream in (out, err, life):
            stream.rest()
    seen = ProcessExit(
        process.returncode, None if ended else child.timeout,
        out.count, err.tail.decode("utf-8", errors="replace"),
        (life.last or 0.0) - (life.first or 0.0), left,
        starved=ending.count_oom_kills() > starved, memory_limit=child.memory_limit,
    )  # fmt: skip
    timed = request["mode"] not in UNTIMED
    status, reason, document = ending.interpret_exit(scratch, seen, timed=timed)
    if (status, child.device) == ("unavailable", "gpu"):
        reason = gpu.explain_unavailable(reason)
    return Outcome(status, reason, document, seen.stderr_tail, wall)


def _furnish(scratch: Path, request: Mapping[str, Any], child: ChildSpec) -> None:
    """Lay out the child's folder; it sees this suite through links, whichever Python it is."""
    with writing():
        for folder in ("path", *(f"cache/{name}" for name in CACHES.values())):
            (scratch / folder).mkdir(parents=True)
        (scratch / "path" / "bench").symlink_to(machine.ROOT / "bench")
        (scratch / "path" / "implementations").symlink_to(child.place.implementations)
        if child.device == "gpu" and (lent := nvml.find_module()) is not None:
            (scratch / "path" / lent.name).symlink_to(lent)
        (scratch / "request.json").write_text(json.dumps(request), encoding="utf-8")


@contextmanager
def _spawned(
    child: ChildSpec, scratch: Path, pipes: tuple[Stream, Stream, Stream]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the worker in a process group of its own; afterwards end all that is left of it."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    out, err, life = (pipe.writing for pipe in pipes)
    with _affinity(child.threads), _starting():
        process = subprocess.Popen(
            [child.place.python, "-m", "bench.worker", str(scratch), str(life)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=[life],
            cwd=scratch,
            env={**passed, **build_variables(child, scratch)},
            start_new_session=True,
        )
    try:
        for pipe in pipes:
            pipe.begun()
        yield process
    finally:
        # The group is killed before its leader is reaped: until then its number is its own.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        leftovers.ended(process.pid, scratch, grace=0.0)
        process.wait()


@contextmanager
def _starting() -> Iterator[None]:
    try:
        yield
    except OSError as error:  # so many processes, or so much memory, as the system gives
        raise UserError(
            f"cannot start a process: {error.strerror}; end others, and go on with --resume"
        ) from error


@contextmanager
def _affinity(threads: int | None) -> Iterator[None]:
    """Let what is started meanwhile inherit so many cores: libraries count them as they load.

    The last ones: where interrupts are not spread, it is the first that serves them.
    """
    if threads is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, machine.usable_cores()[-threads:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def _wait(process: subprocess.Popen[bytes], timeout: float, pipes: Sequence[Stream]) -> bool:
    """Sleep until the process ended (True) or the time is up (False); take what it says meanwhile.

    Popen.wait with a timeout polls, on the cores that are being measured; a pidfd lets the kernel
    wake us. Where there is none (macOS), poll twice a second.
    """
    end, open_pipes = now() + timeout, list(pipes)
    with _pidfd(process) as descriptor:
        while (left := end - now()) > 0:
            ends = [] if descriptor is None else [descriptor]
            naps = left if ends else min(left, 0.5)
            ready = select.select([*ends, *(pipe.reading for pipe in open_pipes)], [], [], naps)[0]
            open_pipes = [pipe for pipe in open_pipes if pipe.reading not in ready or pipe.take()]
            if descriptor in ready or (not ends and process.poll() is not None):
                return True
    return process.poll() is not None


@contextmanager
def _pidfd(process: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """Open what tells of the process's end, where the system has that."""
    if not hasattr(os, "pidfd_open"):
        yield None
        return
    descriptor = os.pidfd_open(process.pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
