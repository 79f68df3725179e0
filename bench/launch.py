"""The parent's side of a child: its affinity, its time limit, how it ended."""

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

from bench import gpu, leftovers, machine, nvml
from bench.child import CACHES, PASSED_ON, Child, settings
from bench.measure import now

STDERR_TAIL = 2000
# Modes of the worker in which no time is reported that could be held against the clock.
UNTIMED = {"probe", "sees", "software"}
# Room for what the scheduler does between two reads, and for the kernel's tick, by which it dates
# files; the share is for clocks of one machine that are steered apart.
SLACK_SECONDS = 0.1
SLACK_SHARE = 0.02

# Together these are all that a worker did.
_PARTS = {
    *("import_seconds", "setup_seconds", "reset_seconds", "first_epoch_seconds", "epoch_seconds"),
    *(
        "warmup_seconds",
        "first_predict_seconds",
        "predict_seconds",
        "figure_seconds",
        "between_seconds",
    ),
    *("product_seconds", "read_seconds", "chain_seconds"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended. ``document`` is what it wrote, unvalidated; empty when it wrote none."""

    status: str
    reason: str | None
    document: dict[str, Any]
    stderr_tail: str
    wall_seconds: float


def launch(request: Mapping[str, Any], child: Child, scratch: Path) -> Outcome:
    """Run the worker on a request in an empty folder of its own, and wait, asleep, for its end.

    Whatever happens, no process of its group is left. KeyboardInterrupt passes through.
    """
    # Looked for before the run began, so that this one has gone since: the other trials go on.
    if not os.access(child.place.python, os.X_OK):
        return Outcome("failed", "its Python is not there any more; build it again", {}, "", 0.0)
    _furnish(scratch, request, child)
    start = now()
    with _spawned(child, scratch) as process:
        ended = _wait(process, child.timeout)
        wall = now() - start
        left = leftovers.ended(process.pid, scratch) if ended else []
    tail = _tail(scratch / "stderr")
    status, reason, document = _ending(
        scratch, process.returncode, None if ended else child.timeout
    )
    if (status, child.device) == ("unavailable", "gpu"):
        reason = gpu.explained(reason)
    trained = status == "ok" and request["mode"] not in UNTIMED
    if trained and (fault := _conduct(scratch, left) or _clock_fault(scratch, document)):
        status, reason = "failed", fault
    return Outcome(status, reason, document, tail, wall)


def _furnish(scratch: Path, request: Mapping[str, Any], child: Child) -> None:
    """Lay out the child's folder; it sees this suite through links, whichever Python it is."""
    for folder in ("path", *(f"cache/{name}" for name in CACHES.values())):
        (scratch / folder).mkdir(parents=True)
    (scratch / "path" / "bench").symlink_to(machine.ROOT / "bench")
    (scratch / "path" / "implementations").symlink_to(child.place.implementations)
    if child.device == "gpu" and (lent := nvml.python_module()) is not None:
        (scratch / "path" / lent.name).symlink_to(lent)
    (scratch / "request.json").write_text(json.dumps(request), encoding="utf-8")


@contextmanager
def _spawned(child: Child, scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the worker in a process group of its own; afterwards end all that is left of it."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    with (scratch / "stdout").open("wb") as out, (scratch / "stderr").open("wb") as err:
        with _affinity(child.threads):
            process = subprocess.Popen(
                [child.place.python, "-m", "bench.worker", str(scratch)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=scratch,
                env={**passed, **settings(child, scratch)},
                start_new_session=True,
            )
        try:
            yield process
        finally:
            # The group is killed before its leader is reaped: until then its number is its own.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


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


def _wait(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Sleep until the process ended (True) or the time is up (False).

    Popen.wait with a timeout polls, on the cores that are being measured; a pidfd lets the kernel
    wake us. Where there is none (macOS), poll twice a second.
    """
    if hasattr(os, "pidfd_open"):
        descriptor = os.pidfd_open(process.pid)
        try:
            return bool(select.select([descriptor], [], [], timeout)[0])
        finally:
            os.close(descriptor)
    end = now() + timeout
    while process.poll() is None and now() < end:
        select.select([], [], [], 0.5)
    return process.poll() is not None


def _ending(
    scratch: Path, code: int, overran: float | None
) -> tuple[str, str | None, dict[str, Any]]:
    """Turn exit status and document into an outcome; a document alone proves nothing."""
    if overran is not None:
        return "timeout", f"still running after {overran:g} s; raise --timeout", {}
    if code < 0:
        name = signal.strsignal(-code) or f"signal {-code}"
        hint = "; often the kernel, out of memory" if -code == signal.SIGKILL else ""
        return "failed", f"the process was ended by a signal: {name}{hint}", {}
    if code > 0:
        return "failed", f"the process ended with exit status {code}", {}
    try:
        document = _document(scratch / "document.json")
    except FileNotFoundError:
        return "failed", "the process left no result", {}
    except (ValueError, RecursionError) as error:
        return "failed", f"the process left a result that cannot be read: {error}", {}
    return document["status"], document.get("reason"), document


def _document(path: Path) -> dict[str, Any]:
    """Read what a child wrote; raises ValueError where it lacks a status or has a time in words."""
    document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    if not isinstance(document, dict) or not isinstance(document.get("status"), str):
        raise ValueError("it has no status")  # noqa: TRY004 - wrong input, not a wrong call
    for name in {*_PARTS, "worker_seconds"} & document.keys():
        values = document[name] if isinstance(document[name], list) else [document[name]]
        if not all(isinstance(value, float) and value >= 0 for value in values):
            raise ValueError(f"its {name} are not a number of seconds")
    return document


def _refuse(constant: str) -> None:
    """JSON has no NaN and no infinity, though Python's reader takes them unless told."""
    raise ValueError(constant)


def _conduct(scratch: Path, left: Sequence[str]) -> str | None:
    """Say what an implementation may not do to its surroundings, and did."""
    if (scratch / "stdout").stat().st_size > 0:
        return "it printed on stdout; an implementation is silent"
    return f"it left processes running: {', '.join(left)}; end what you start" if left else None


def _clock_fault(scratch: Path, document: Mapping[str, Any]) -> str | None:
    """Hold the child's clock against itself and against the kernel's, which dated its files."""
    parts = sum(_seconds(document[name]) for name in document if name in _PARTS)
    seen = document.get("worker_seconds", 0.0)
    begun, ended = ((scratch / name).stat().st_mtime for name in ("started", "document.json"))
    slack = SLACK_SECONDS + SLACK_SHARE * seen
    if abs(seen - parts) <= slack and abs(ended - begun - seen) <= slack:
        return None
    return (
        "its clock does not add up: "
        f"{parts:.2f} s in parts, {seen:.2f} s in all, {ended - begun:.2f} s by the kernel's clock"
    )


def _seconds(value: float | list[float]) -> float:
    return sum(value) if isinstance(value, list) else value


def _tail(path: Path) -> str:
    """Return the end of what a child wrote, however much that was."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - STDERR_TAIL))
        return stream.read().decode("utf-8", errors="replace")
