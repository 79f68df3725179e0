"""Launch a worker: its folder, its cores, its pipes, its time limit and its end."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.runner import signals
from bench.runner.process.leftovers import kill_leftovers
from bench.runner.process.outcome import (
    Outcome,
    ProcessExit,
    count_oom_kills,
    interpret_exit,
    read_delay,
)
from bench.runner.process.scratch import report_write_errors
from bench.runner.process.spec import CACHES, PASSED_ON, ChildSpec, build_variables
from bench.worker import gpu, machine
from bench.worker.measure import now

# Modes of the worker that report no times.
UNTIMED = {"preflight", "device", "software"}

TAIL_BYTES = 2000
_CHUNK_BYTES = 2**16
# The most that a pipe can hold on Linux. If more comes after a worker's end, another process is
# still writing.
_PIPE_BYTES = 2**20
# How often the end of a worker is looked for where there is no pidfd (macOS).
_POLL_SECONDS = 0.5


class Pipe:
    """A pipe from a worker: how many bytes came through it, when, and the last of them.

    However much comes, reading never blocks and keeps TAIL_BYTES at most.
    write_end: the descriptor that the worker inherits.
    first, last: seconds on the monotonic clock when bytes arrived; 0.0 where none did.
    is_open: False when nobody can write to the pipe any more.
    """

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        self.count = 0
        self.tail = b""
        self.first = self.last = 0.0
        self.is_open = True

    def read(self) -> bool:
        """Read what has come, one chunk at most, and return whether there was any."""
        try:
            chunk = os.read(self.read_end, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        self.is_open = bool(chunk)
        if chunk:
            self.last = now()
            self.first = self.first or self.last
            self.count += len(chunk)
            self.tail = (self.tail + chunk)[-TAIL_BYTES:]
        return bool(chunk)

    def drain(self) -> None:
        """Read what a worker that has ended left in the pipe; other processes may write on."""
        end = self.count + _PIPE_BYTES
        while self.count < end and self.read():
            pass

    def close_write_end(self) -> None:
        """Close our copy of the worker's end, so that the end of all writers can be seen."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def close(self) -> None:
        """Close what is still open."""
        self.close_write_end()
        os.close(self.read_end)


def launch(request: Mapping[str, Any], child: ChildSpec, scratch: Path) -> Outcome:
    """Run the worker on a request in a new folder, and sleep until it ends.

    Afterwards no process of the worker's session is left, and none that was given a folder below
    its scratch folder. Raises UserError where the folder cannot be written or the process cannot
    be started. KeyboardInterrupt passes through.
    """
    signals.check()
    # The installation was checked before the run began; other trials may go on without it.
    if not os.access(child.installation.python, os.X_OK):
        return Outcome("failed", "its Python is not there any more; build it again", {}, "", 0.0)
    write_folder(scratch, request, child)
    kills, delay, start = count_oom_kills(), read_delay(), now()
    process = None
    with closing(Pipe()) as stdout, closing(Pipe()) as stderr, closing(Pipe()) as life:
        pipes = (stdout, stderr, life)
        try:
            process = _start(child, scratch, pipes)
            in_time = _wait(process, child.timeout, pipes)
            wall_seconds, delay = now() - start, read_delay() - delay
            # The kernel keeps this file until the process is reaped.
            worker_delay = read_delay(Path(f"/proc/{process.pid}/schedstat"))
            leftovers = kill_leftovers(process.pid, scratch) if in_time else []
        finally:
            _kill(process, scratch)
        for pipe in pipes:
            pipe.drain()
    process_exit = ProcessExit(
        code=process.returncode,
        exceeded_seconds=None if in_time else child.timeout,
        stdout_bytes=stdout.count,
        stderr_tail=stderr.tail.decode("utf-8", errors="replace"),
        life_seconds=life.last - life.first,
        delay_seconds=delay,
        worker_delay_seconds=worker_delay,
        leftovers=leftovers,
        oom_killed=count_oom_kills() > kills,
    )
    timed = request["mode"] not in UNTIMED
    status, reason, document = interpret_exit(scratch, process_exit, timed=timed)
    outcome = Outcome(status, reason, document, process_exit.stderr_tail, wall_seconds)
    if (status, child.device) == ("unavailable", "gpu"):
        return replace(outcome, reason=gpu.explain_unavailable(reason))
    return outcome


def write_folder(scratch: Path, request: Mapping[str, Any], child: ChildSpec) -> None:
    """Write the worker's folder; links give it this suite whichever Python it runs on."""
    with report_write_errors():
        for folder in ("path", *(f"cache/{name}" for name in CACHES.values())):
            (scratch / folder).mkdir(parents=True)
        (scratch / "path" / "bench").symlink_to(machine.ROOT / "bench")
        (scratch / "path" / "implementations").symlink_to(child.installation.implementations)
        if child.device == "gpu" and (module := gpu.find_module()) is not None:
            (scratch / "path" / module.name).symlink_to(module)
        (scratch / "request.json").write_text(json.dumps(request), encoding="utf-8")


def _start(
    child: ChildSpec, scratch: Path, pipes: tuple[Pipe, Pipe, Pipe]
) -> subprocess.Popen[bytes]:
    """Start the worker in a session of its own. Raises UserError."""
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    stdout, stderr, life = (pipe.write_end for pipe in pipes)
    try:
        with _affinity(child.threads):
            process = subprocess.Popen(
                [child.installation.python, "-m", "bench.worker", str(scratch), str(life)],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=[life],
                cwd=scratch,
                env={**passed_on, **build_variables(child, scratch)},
                start_new_session=True,
            )
    except OSError as error:  # the system allows no more processes, or no more memory
        raise UserError(
            f"cannot start a process: {error.strerror}; end others, and go on with --resume"
        ) from error
    for pipe in pipes:
        pipe.close_write_end()
    return process


def _kill(process: subprocess.Popen[bytes] | None, scratch: Path) -> None:
    """Kill a worker and all that it started; None where a signal came while it was started."""
    if process is None:
        kill_leftovers(None, scratch, grace=0.0)
        return
    # The group is killed before its leader is reaped: until then no other process has its number.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    kill_leftovers(process.pid, scratch, grace=0.0)
    process.wait()


@contextmanager
def _affinity(threads: int | None) -> Iterator[None]:
    """Let a process that is started in this block inherit ``threads`` cores.

    A worker has its cores before it loads a library, because libraries count them as they load.
    It gets the last ones: the first serves the interrupts where they are not spread.
    """
    if threads is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, machine.list_usable_cores()[-threads:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _wait(process: subprocess.Popen[bytes], timeout: float, pipes: Sequence[Pipe]) -> bool:
    """Sleep until the worker ends (True) or its time is up (False); read its pipes meanwhile.

    Popen.wait with a timeout polls, on the cores that are being measured. With a pidfd the kernel
    wakes us.
    """
    deadline = now() + timeout
    pidfd = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else None
    try:
        while (seconds := deadline - now()) > 0:
            descriptors = [pipe.read_end for pipe in pipes if pipe.is_open]
            if pidfd is None:
                seconds = min(seconds, _POLL_SECONDS)
            else:
                descriptors.append(pidfd)
            ready = select.select(descriptors, [], [], seconds)[0]
            for pipe in pipes:
                if pipe.read_end in ready:
                    pipe.read()
            if pidfd in ready or (pidfd is None and process.poll() is not None):
                return True
    finally:
        if pidfd is not None:
            os.close(pidfd)
    return process.poll() is not None
