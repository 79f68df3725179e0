"""A process in a session of its own: its pipes, its cores, its time limit and its end."""

import math
import os
import resource
import select
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from bench.errors import UserError, join_lines
from bench.runner.host import signals
from bench.runner.host.kernel import pin
from bench.runner.process.outcome import ProcessExit, count_oom_kills
from bench.runner.process.scratch import GRACE_SECONDS, kill_leftovers
from bench.worker.measure import now

TAIL_BYTES = 2000
_CHUNK_BYTES = 2**16
# The most that a pipe can hold on Linux. If more comes after the end of a process, another one is
# still writing.
_PIPE_BYTES = 2**20
# How often the end of a process is looked for where there is no pidfd (macOS).
_POLL_SECONDS = 0.5
_DAY_SECONDS = 86_400.0  # select takes no infinite time
# What the kernel adds up of processes that were reaped: getrusage(2).
_USAGE = (
    *("ru_utime", "ru_stime", "ru_minflt", "ru_majflt"),
    *("ru_nvcsw", "ru_nivcsw", "ru_inblock", "ru_oublock"),
)

T = TypeVar("T")

# The processes that were started here, each with a session of its own, and not yet reaped.
leaders: set[int] = set()


class Pipe:
    """A pipe from a process: how many bytes came through it, and the last ones.

    However much comes, reading never blocks and keeps ``tail_bytes`` at most.
    write_end: the descriptor that the process inherits.
    is_open: False when nobody can write to the pipe any more.
    """

    def __init__(self, tail_bytes: int = TAIL_BYTES) -> None:
        self._tail_bytes = tail_bytes
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
        self.tail = (self.tail + chunk)[-self._tail_bytes :]
        return self.is_open

    def drain(self) -> None:
        """Read what a process that has ended left in the pipe; other processes may write on."""
        end = self.count + _PIPE_BYTES
        while self.count < end and self.read():
            pass

    def close_write_end(self) -> None:
        """Close our copy of the other end, so that the end of all writers can be seen."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def close(self) -> None:
        """Close what is still open."""
        self.close_write_end()
        os.close(self.read_end)


class ProcessStopped(Exception):  # noqa: N818 - ``finish`` says what happened
    """A process failed, ended or exceeded its time before it answered."""


class Session:
    """A process that leads a session of its own, until it is reaped.

    pipes: those that it writes to. deadline: on the monotonic clock, or infinite. scratch: see
    ``kill_leftovers``. usage: 0 until it is reaped; then what it used by the names of getrusage(2),
    with the processes for which it waited.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        pipes: Sequence[Pipe],
        deadline: float,
        scratch: Path,
    ) -> None:
        self.process = process
        leaders.add(process.pid)
        self._pipes = pipes
        self._deadline = deadline
        self._scratch = scratch
        self.usage = dict.fromkeys(_USAGE, 0.0)
        self._pidfd = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else None
        for pipe in pipes:
            pipe.close_write_end()

    def has_ended(self) -> bool:
        """Return whether the process has ended; it is not reaped here where that can be helped."""
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self._reap(self.process.poll) is not None
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, flags) is not None

    def wait(self, pipe: Pipe | None = None, until: float = math.inf) -> bool | None:
        """Sleep until bytes come through a pipe (True), the process ends (False), or it is time.

        None: the deadline is over, or ``until`` is; what came before is seen first. Popen.wait with
        a timeout polls, on the cores that are being measured. With a pidfd the kernel wakes us.
        """
        remaining = math.inf
        while remaining > 0:
            remaining = min(until, self._deadline) - now()
            descriptors = [source.read_end for source in self._pipes if source.is_open]
            seconds = max(0.0, min(remaining, _DAY_SECONDS))
            if self._pidfd is None:
                seconds = min(seconds, _POLL_SECONDS)
            else:
                descriptors.append(self._pidfd)
            ready = select.select(descriptors, [], [], seconds)[0]
            ended = self._pidfd in ready or (self._pidfd is None and self.has_ended())
            for source in self._pipes:
                if source.read_end in ready and source.read() and source is pipe:
                    return True
            if ended:
                return False
        return None

    def kill(self) -> None:
        """Kill the process and all that it started, and reap it."""
        # The group is killed before its leader is reaped: until then no other process has its
        # number.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.end_leftovers(grace=0.0)
        self._reap(self.process.wait)

    def end_leftovers(self, grace: float = GRACE_SECONDS) -> list[str]:
        """Do what ``kill_leftovers`` does, and count what the processes that it reaps have used."""
        return self._count(lambda: kill_leftovers(self.process.pid, self._scratch, grace))

    def _reap(self, reap: Callable[[], int | None]) -> int | None:
        code = self._count(reap)
        if code is not None:
            leaders.discard(self.process.pid)
        return code

    def _count(self, reap: Callable[[], T]) -> T:
        """Reap, and add what the reaped processes have used."""
        before = _read_reaped_usage()
        result = reap()
        for name, used in _read_reaped_usage().items():
            self.usage[name] += used - before[name]
        return result

    def close(self) -> None:
        """Kill the process unless it is reaped, and close what is still open."""
        if self.process.returncode is None:
            self.kill()
        if self._pidfd is not None:
            os.close(self._pidfd)


class Child:
    """A process that we start, from its start to its end: a context manager.

    After the block nothing is left of what it started. KeyboardInterrupt passes through.
    folder: of its own. timeout: seconds. cores: those that it may use.
    """

    def __init__(self, folder: Path, timeout: float, cores: Sequence[int]) -> None:
        signals.raise_received()
        self.folder = folder
        self._timeout = timeout
        self._cores = cores
        self._kills = count_oom_kills()
        self._start = 0.0
        self._stack = ExitStack()
        self._pipes: list[Pipe] = []
        self._session: Session | None = None

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            if self._session is None:  # a signal came while it was started
                kill_leftovers(None, self.folder, grace=0.0)

    @property
    def session(self) -> Session:
        """The process that was started."""
        assert self._session is not None
        return self._session

    @property
    def pid(self) -> int:
        """The process id."""
        return self.session.process.pid

    def _begin(self) -> None:
        """Open the pipes and start the process. Raises UserError where that fails."""
        raise NotImplementedError

    def _open_pipe(self, tail_bytes: int = TAIL_BYTES) -> Pipe:
        """Open a pipe from the process that is to be started."""
        pipe = self._stack.enter_context(closing(Pipe(tail_bytes)))
        self._pipes.append(pipe)
        return pipe

    def _spawn(self, arguments: Sequence[str], remedy: str, **options: Any) -> None:
        """Start the process in a session of its own; raise UserError with the remedy.

        options: of ``subprocess.Popen``.
        """
        try:
            # It has its cores before it loads a library, because libraries count them as they load.
            with pin(self._cores):
                self._start = now()
                process = subprocess.Popen(arguments, start_new_session=True, **options)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            name = join_lines(arguments[0])
            raise UserError(f"cannot start {name}: {reason}. {remedy}") from error
        session = Session(process, self._pipes, self._start + self._timeout, self.folder)
        self._session = self._stack.enter_context(closing(session))

    def _end(self, stderr: Pipe) -> tuple[ProcessExit, float]:
        """End what is left of the process; return how it ended, and the seconds that it took."""
        session = self.session
        in_time, seconds = session.has_ended(), now() - self._start
        leftovers = session.end_leftovers() if in_time else []
        session.kill()
        for pipe in self._pipes:
            pipe.drain()
        ended = ProcessExit(
            code=session.process.returncode,
            exceeded_seconds=None if in_time else self._timeout,
            stdout_bytes=0,
            stderr_tail=stderr.tail.decode("utf-8", errors="replace"),
            leftovers=leftovers,
            oom_killed=count_oom_kills() > self._kills,
        )
        return ended, seconds


def _read_reaped_usage() -> dict[str, float]:
    """Return what all processes that this one has reaped have used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {name: getattr(usage, name) for name in _USAGE}


def read_schedstat(path: str, field: int = 1) -> float:
    """Return the seconds for which a thread has waited for a core; field 0: that it has had one."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib is slower
            return int(file.read().split()[field]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
