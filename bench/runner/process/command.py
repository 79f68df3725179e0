"""Run a command of a user's own as a process: its time, its output and its end."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import join_lines
from bench.runner.process.outcome import Outcome, find_misconduct, interpret_code
from bench.runner.process.scratch import MARK
from bench.runner.process.session import TAIL_BYTES, Child, ProcessStopped, read_queue_seconds
from bench.worker.measure import now


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """What is run, and where."""

    arguments: Sequence[str]  # without a shell
    folder: Path
    variables: Mapping[str, str]  # all environment variables
    cores: Sequence[int]  # those that it may use
    timeout: float  # seconds
    output_bytes: int = 0  # of its output, the last of which are kept; 0 throws it away
    # It reads a line from its input before each iteration, and prints one after it.
    loops: bool = False


class Command(Child):
    """A command from its start to its end. Raises UserError where it cannot be started.

    scratch: a folder of its own.
    """

    def __init__(self, spec: CommandSpec, scratch: Path) -> None:
        super().__init__(scratch, spec.timeout, spec.cores)
        self._spec = spec
        self._iterations = 0

    def _begin(self) -> None:
        spec = self._spec
        output = spec.output_bytes or TAIL_BYTES * spec.loops
        self._stderr = self._open_pipe()
        self._stdout = self._open_pipe(output) if output else None
        self._spawn(
            spec.arguments,
            "Name a program that is there, and a shell where the command needs one, as in sh -c "
            "'…'",
            stdin=subprocess.PIPE if spec.loops else subprocess.DEVNULL,
            stdout=self._stdout.write_end if self._stdout else subprocess.DEVNULL,
            stderr=self._stderr.write_end,
            cwd=spec.folder,
            env={**spec.variables, MARK: f"{self.folder}/"},
        )

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
        queue = read_queue_seconds(f"/proc/{session.process.pid}/schedstat")
        process_exit, seconds = self._end(self._stderr)
        stderr = process_exit.stderr_tail
        output = self._stdout.tail.decode("utf-8", errors="replace") if self._stdout else ""
        status, reason = interpret_code(process_exit, "--budget")
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
        usage = session.usage
        cpu = usage["ru_utime"] + usage["ru_stime"]
        return Outcome(status, reason, {}, stderr, seconds, cpu, output, queue, usage)

    def _find_wrong_count(self) -> str | None:
        """Return how a command that loops answered wrongly: then its iterations are no such."""
        lines = self._stdout.lines if self._stdout and self._spec.loops else 0
        if lines <= self._iterations:
            return None
        return f"it printed {lines} lines in {self._iterations} iterations. Print one after each"
