"""Launch a worker and drive it: its folder, cores, pipes, time limit and end."""

import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.errors import UserError
from bench.runner import gpu, signals
from bench.runner.kernel import pin
from bench.runner.process.leftovers import find_strays, kill_leftovers
from bench.runner.process.outcome import (
    Outcome,
    ProcessExit,
    count_oom_kills,
    interpret_exit,
    read_delay,
)
from bench.runner.process.placement import find_placement_fault, read_helpers_cpu_seconds
from bench.runner.process.scratch import make_folder, report_write_errors
from bench.runner.process.spec import CACHES, PASSED_ON, ChildSpec, build_variables
from bench.worker import exchange, machine
from bench.worker.exchange import Exchange, ExchangeSize, create_file
from bench.worker.measure import now, read_cpu_seconds

TAIL_BYTES = 2000
_CHUNK_BYTES = 2**16
# The most that a pipe can hold on Linux. If more comes after a worker's end, another process is
# still writing.
_PIPE_BYTES = 2**20
# How often the end of a worker is looked for where there is no pidfd (macOS).
_POLL_SECONDS = 0.5


class Pipe:
    """A pipe from a worker: how many bytes came through it, and the last of them.

    However much comes, reading never blocks and keeps TAIL_BYTES at most.
    write_end: the descriptor that the worker inherits.
    is_open: False when nobody can write to the pipe any more.
    """

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        self.count = 0
        self.tail = b""
        self.is_open = True

    def read(self) -> bool:
        """Read what has come, one chunk at most, and return whether there was any."""
        try:
            chunk = os.read(self.read_end, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        self.is_open = bool(chunk)
        self.count += len(chunk)
        self.tail = (self.tail + chunk)[-TAIL_BYTES:]
        return self.is_open

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


class WorkerStopped(Exception):  # noqa: N818 - ``Worker.finish`` says what happened
    """The worker failed, ended or exceeded its time before it answered."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command took.

    seconds: by the worker's clock. elapsed: by the parent's, hand-over included. delay: seconds
    meanwhile in which parent or worker waited for a core, so that a byte may have been seen late.
    cpu_seconds: of the worker's session, read from outside. params, labels: copies of
    what the exchange held when the worker answered. looked: the worker was still at work when the
    parent was to look how its threads run.
    """

    seconds: float
    elapsed: float
    delay: float
    cpu_seconds: float
    params: NDArray[np.float32]
    labels: NDArray[np.int64]
    looked: bool = False


class Worker:
    """A worker process, from its start to its end: a context manager.

    After the block no process of the worker's session is left, and none that was given a folder
    below its scratch folder. KeyboardInterrupt passes through. Raises UserError where the folder
    cannot be written or the process cannot be started.
    size: of what is exchanged (bench/worker/exchange.py).
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        child: ChildSpec,
        scratch: Path,
        size: ExchangeSize = ExchangeSize(),  # noqa: B008 - frozen
    ) -> None:
        signals.check()
        self._child = child
        self._scratch = scratch
        write_folder(scratch, request, child, size)
        with report_write_errors():
            self._memory = create_file(scratch, size)
        self.exchange = Exchange(self._memory, size)
        self._kills, self._start = count_oom_kills(), now()
        self._deadline = self._start + child.timeout
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd: int | None = None
        self._started = self._ended = False
        # The last ones: the first serves the interrupts where they are not spread.
        self._cores = machine.list_usable_cores()[-(child.threads or 0) :]
        self._look_at: float | None = None
        self._placement_fault: str | None = None

    def __enter__(self) -> Self:
        # The installation was checked before the run began; other trials may go on without it.
        if not os.access(self._child.installation.python, os.X_OK):
            return self
        try:
            pipes = [self._stack.enter_context(closing(Pipe())) for _ in range(3)]
            self._stdout, self._stderr, self._answers = self._pipes = pipes
            commands, self._commands = os.pipe()
            self._stack.callback(os.close, self._commands)
            try:
                self._process = self._spawn((commands, self._answers.write_end, self._memory))
            finally:
                os.close(commands)
                os.close(self._memory)
            if hasattr(os, "pidfd_open"):
                self._pidfd = os.pidfd_open(self._process.pid)
                self._stack.callback(os.close, self._pidfd)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            if self._process is None or self._process.returncode is None:
                self._kill()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def await_start(self) -> None:
        """Wait until the worker is ready. Raises WorkerStopped."""
        if self._process is None:
            raise WorkerStopped
        self._started = True
        self._await_answer(exchange.PING)

    def call(
        self,
        command: bytes,
        indices: NDArray[np.int64] | None = None,
        params: NDArray[np.float32] | None = None,
        look_after: float | None = None,
    ) -> Reply:
        """Let the worker execute a command, and sleep until it answers. Raises WorkerStopped.

        indices, params: what the command needs, written when it begins. look_after: seconds after
        which the parent looks how the worker's threads run, unless it has answered.
        """
        delay, helpers = self._read_delays(), read_helpers_cpu_seconds(self.pid)
        cpu, begin = read_cpu_seconds(self.pid), now()
        if params is not None:
            self.exchange.params[:] = params
        if indices is not None:
            self.exchange.write_indices(indices)
        with suppress(BrokenPipeError):
            os.write(self._commands, command)
        self._look_at = None if look_after is None else begin + look_after
        end = self._await_answer(command)
        # At once: threads may go on writing, or spinning.
        params, labels = self.exchange.params.copy(), self.exchange.labels.copy()
        cpu = read_cpu_seconds(self.pid) - cpu
        return Reply(
            seconds=float(self.exchange.seconds[0]),
            elapsed=end - begin,
            delay=self._read_delays() - delay,
            cpu_seconds=max(0.0, cpu + read_helpers_cpu_seconds(self.pid) - helpers),
            params=params,
            labels=labels,
            looked=look_after is not None and self._look_at is None,
        )

    def finish(self) -> Outcome:
        """Let the worker end, and return how it did."""
        if self._process is None:
            gone = "its Python is not there any more; build it again"
            return Outcome("failed", gone, {}, "", 0.0)
        strays = [] if self._ended else find_strays(self.pid, self._scratch)
        with suppress(WorkerStopped):
            if not self._started:  # its partner in a pair failed first
                self.await_start()
            if not self._ended:
                self.call(exchange.END)
        answered = not self._ended
        self._wait(None)
        in_time = self._has_ended()
        wall_seconds = now() - self._start
        leftovers = kill_leftovers(self.pid, self._scratch) if in_time else []
        self._kill()
        for pipe in self._pipes:
            pipe.drain()
        process_exit = ProcessExit(
            code=self._process.returncode,
            exceeded_seconds=None if in_time else self._child.timeout,
            stdout_bytes=self._stdout.count,
            stderr_tail=self._stderr.tail.decode("utf-8", errors="replace"),
            leftovers=sorted({*leftovers, *strays}),
            oom_killed=count_oom_kills() > self._kills,
            answered=answered,
            placement_fault=self._placement_fault,
        )
        status, why, document = interpret_exit(self._scratch, process_exit)
        if (status, self._child.device) == ("unavailable", "gpu"):
            why = gpu.explain_unavailable(why)
        return Outcome(status, why, document, process_exit.stderr_tail, wall_seconds)

    def _spawn(self, inherited: Sequence[int]) -> subprocess.Popen[bytes]:
        """Start the worker in a session of its own. Raises UserError."""
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        arguments = [str(self._scratch), *map(str, inherited)]
        try:
            # It has its cores before it loads a library, because libraries count them as they load.
            with pin(self._cores):
                process = subprocess.Popen(
                    [self._child.installation.python, "-m", "bench.worker", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=self._stdout.write_end,
                    stderr=self._stderr.write_end,
                    pass_fds=inherited,
                    cwd=self._scratch,
                    env={**passed_on, **build_variables(self._child, self._scratch)},
                    start_new_session=True,
                )
        except OSError as error:  # no program, or the system allows no more processes or memory
            raise UserError(
                f"cannot start {self._child.installation.python}: {error.strerror}; end other "
                "programs or name another Python, and go on with --resume"
            ) from error
        for pipe in self._pipes:
            pipe.close_write_end()
        return process

    def _kill(self) -> None:
        """Kill the worker and all that it started."""
        process = self._process
        if process is None:  # a signal came while it was started
            kill_leftovers(None, self._scratch, grace=0.0)
            return
        # The group is killed before its leader is reaped: until then no other process has its
        # number.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        kill_leftovers(process.pid, self._scratch, grace=0.0)
        process.wait()

    def look(self) -> None:
        """Look how the worker's threads run; ``finish`` says what was wrong with them."""
        fault = find_placement_fault(self.pid, self._cores)
        self._placement_fault = self._placement_fault or fault

    def _read_delays(self) -> float:
        return read_delay() + read_delay(Path(f"/proc/{self.pid}/schedstat"))

    def _await_answer(self, command: bytes) -> float:
        """Sleep until the worker answers; return when, on the monotonic clock."""
        answered = self._wait(self._answers)
        time = now()
        if not answered or self._answers.tail[-1:] != command:
            self._ended = True
            raise WorkerStopped
        return time

    def _has_ended(self) -> bool:
        """Return whether the process has ended; it is not reaped here where that can be helped."""
        assert self._process is not None
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self._process.poll() is not None
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _wait(self, wanted: "Pipe | None") -> bool:
        """Sleep until a byte comes through a pipe (True), the worker ends, or its time is up.

        Popen.wait with a timeout polls, on the cores that are being measured. With a pidfd the
        kernel wakes us.
        """
        while (seconds := self._deadline - now()) > 0:
            descriptors = [pipe.read_end for pipe in self._pipes if pipe.is_open]
            if self._pidfd is None:
                seconds = min(seconds, _POLL_SECONDS)
            else:
                descriptors.append(self._pidfd)
            if self._look_at is not None:
                seconds = max(0.0, min(seconds, self._look_at - now()))
            ready = select.select(descriptors, [], [], seconds)[0]
            if self._look_at is not None and not ready:
                self._look_at = None
                self.look()
            ended = self._pidfd in ready or (self._pidfd is None and self._has_ended())
            for pipe in self._pipes:
                if pipe.read_end in ready and pipe.read() and pipe is wanted:
                    return True
            if ended:
                return False
        return False


def launch(request: Mapping[str, Any], child: ChildSpec) -> Outcome:
    """Let a worker import what a request names and do what its mode says, untimed.

    See ``Worker`` for what is raised.
    """
    with make_folder() as scratch, Worker(request, child, scratch) as worker:
        with suppress(WorkerStopped):
            worker.await_start()
            if request.keys() & {"module", "file"}:
                worker.call(exchange.IMPORT)
            worker.call(exchange.RUN)
        return worker.finish()


def write_folder(
    scratch: Path, request: Mapping[str, Any], child: ChildSpec, size: ExchangeSize
) -> None:
    """Write the worker's folder; links give it this suite whichever Python it runs on.

    If another worker had the folder before, only its caches stay.
    """
    with report_write_errors():
        for path in scratch.iterdir() if scratch.exists() else ():
            if path.name != "cache":
                is_folder = path.is_dir() and not path.is_symlink()
                shutil.rmtree(path) if is_folder else path.unlink()
        for folder in ("path", *(f"cache/{name}" for name in CACHES.values())):
            (scratch / folder).mkdir(parents=True, exist_ok=True)
        (scratch / "path" / "bench").symlink_to(machine.ROOT / "bench")
        (scratch / "path" / "implementations").symlink_to(child.installation.implementations)
        text = json.dumps({**request, "exchange": asdict(size)})
        (scratch / "request.json").write_text(text, encoding="utf-8")
