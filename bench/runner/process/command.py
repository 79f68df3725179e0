"""Run a command of a user's own as a process: its time, its output and its end."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.errors import UserError, join_lines
from bench.runner.host import signals
from bench.runner.host.kernel import pin
from bench.runner.process.leftovers import MARK, kill_leftovers
from bench.runner.process.outcome import (
    Outcome,
    ProcessExit,
    count_oom_kills,
    find_misconduct,
    interpret_code,
)
from bench.runner.process.session import TAIL_BYTES, Pipe, ProcessStopped, Session
from bench.worker.measure import now


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """What is run, and where.

    arguments: without a shell. variables: all environment variables. cores: those that it may use.
    timeout: seconds. output_bytes: of its output, the last of which are kept; 0 throws it away.
    loops: it reads a line from its input before each iteration, and prints one after it.
    """

    arguments: Sequence[str]
    folder: Path
    variables: Mapping[str, str]
    cores: Sequence[int]
    timeout: float
    output_bytes: int = 0
    loops: bool = False


class Command:
    """A command from its start to its end: a context manager.

    After the block nothing is left of what it started. KeyboardInterrupt passes through. Raises
    UserError where it cannot be started. scratch: a folder of its own.
    """

    def __init__(self, spec: CommandSpec, scratch: Path) -> None:
        signals.check()
        self._spec = spec
        self._scratch = scratch
        self._stack = ExitStack()
        self._session: Session | None = None
        self._iterations = 0
        self._kills = count_oom_kills()

    def __enter__(self) -> Self:
        spec = self._spec
        output = spec.output_bytes or TAIL_BYTES * spec.loops
        try:
            self._stderr = self._stack.enter_context(closing(Pipe()))
            self._stdout = self._stack.enter_context(closing(Pipe(output))) if output else None
            self._input = subprocess.PIPE if spec.loops else subprocess.DEVNULL
            with pin(spec.cores):
                self._start = now()
                process = self._spawn()
            pipes = [pipe for pipe in (self._stdout, self._stderr) if pipe]
            session = Session(process, pipes, self._start + spec.timeout, self._scratch)
            self._session = self._stack.enter_context(closing(session))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            if self._session is None:  # a signal came while it was started
                kill_leftovers(None, self._scratch, grace=0.0)

    def iterate(self) -> float:
        """Let the command do one iteration, and return its seconds. Raises ProcessStopped."""
        assert self._session is not None
        assert self._session.process.stdin is not None
        assert self._stdout is not None
        self._iterations += 1
        begin = now()
        try:
            os.write(self._session.process.stdin.fileno(), b"\n")
        except BrokenPipeError as error:
            raise ProcessStopped from error
        while self._stdout.lines < self._iterations:
            if not self._session.wait(self._stdout):
                raise ProcessStopped
        return now() - begin

    def finish(self) -> Outcome:
        """Let the command end, and return how it did."""
        session = self._session
        assert session is not None
        if stdin := session.process.stdin:
            stdin.close()
        session.wait()
        in_time, seconds = session.has_ended(), now() - self._start
        leftovers = kill_leftovers(session.process.pid, self._scratch) if in_time else []
        session.kill()
        for pipe in (self._stdout, self._stderr):
            if pipe:
                pipe.drain()
        stderr = self._stderr.tail.decode("utf-8", errors="replace")
        output = self._stdout.tail.decode("utf-8", errors="replace") if self._stdout else ""
        process_exit = ProcessExit(
            code=session.process.returncode,
            exceeded_seconds=None if in_time else self._spec.timeout,
            stdout_bytes=0,
            stderr_tail=stderr,
            leftovers=leftovers,
            oom_killed=count_oom_kills() > self._kills,
        )
        status, reason = interpret_code(process_exit)
        lines = (stderr.strip() or output.strip()).splitlines()
        if status == "ok":
            reason = find_misconduct(process_exit) or self._find_wrong_count()
            status = "failed" if reason else "ok"
        elif status == "timeout":  # our own signal ended it
            if self._stdout and self._stdout.lines < self._iterations:
                reason = f"{reason}, or let it flush the line that it prints after each iteration"
        elif process_exit.oom_killed and process_exit.code == -signal.SIGKILL:
            status, reason = "out-of-memory", "the kernel ended it: the machine had no memory left"
        elif lines:
            reason = f"{reason}: {join_lines(lines[-1])}"
        return Outcome(status, reason, {}, stderr, seconds, session.cpu_seconds, output)

    def _find_wrong_count(self) -> str | None:
        """Return how a command that loops answered wrongly: then its iterations are no such."""
        lines = self._stdout.lines if self._stdout and self._spec.loops else 0
        if lines <= self._iterations:
            return None
        return f"it printed {lines} lines in {self._iterations} iterations. Print one after each"

    def _spawn(self) -> subprocess.Popen[bytes]:
        """Start the command in a session of its own. Raises UserError."""
        spec = self._spec
        try:
            return subprocess.Popen(
                spec.arguments,
                stdin=self._input,
                stdout=self._stdout.write_end if self._stdout else subprocess.DEVNULL,
                stderr=self._stderr.write_end,
                cwd=spec.folder,
                env={**spec.variables, MARK: f"{self._scratch}/"},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UserError(
                f"cannot start {join_lines(spec.arguments[0])}: {reason}. Name a program that is "
                "there, and a shell where the command needs one, as in sh -c '…'"
            ) from error
