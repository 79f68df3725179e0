"""Launch a worker and drive it: its folder, cores, pipes, time limit and end."""

import json
import math
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.runner.host import gpu
from bench.runner.process.outcome import Outcome, interpret_exit
from bench.runner.process.placement import Family
from bench.runner.process.scratch import CACHES, make_folder, report_scratch_errors
from bench.runner.process.session import Child, ProcessStopped
from bench.runner.process.spec import PASSED_ON, ChildSpec, build_variables
from bench.worker import exchange, machine
from bench.worker.exchange import Exchange, ExchangeSize, create_file
from bench.worker.measure import now


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command took."""

    elapsed: float  # by the parent's clock, hand-over included
    cpu_seconds: float  # of the worker and what it has started, from outside
    work_seconds: float  # such ones as ``Worker.read_work_seconds`` counts
    params: NDArray[np.float32]  # a copy of what the exchange held when the worker answered
    labels: NDArray[np.int64]  # such a copy, too


class Worker(Child):
    """A worker process. Raises UserError where its folder cannot be written, or it be started.

    After the block no process is left that was given a folder below its own, either.
    size: of what is exchanged (bench/worker/exchange.py). folder: the worker's. family: its
    processes. python_seconds: from its start until it answered. numpy_seconds: that it took to
    import NumPy.
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        child: ChildSpec,
        scratch: Path,
        size: ExchangeSize = ExchangeSize(),  # noqa: B008 - frozen
    ) -> None:
        # The last cores: the first serves the interrupts where they are not spread.
        cores = machine.list_usable_cores()[-(child.threads or 0) :]
        super().__init__(scratch, child.timeout, cores)
        self._child = child
        self.python_seconds = self.numpy_seconds = 0.0
        self.family = Family()
        write_folder(scratch, request, child, size)
        with report_scratch_errors():
            self._memory = create_file(scratch, size)
        self.exchange = Exchange(self._memory, size)
        self._started = self._ended = False
        self._placement_fault: str | None = None

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.family.kill()
        self.family.restore()

    def _begin(self) -> None:
        # The installation was checked before the run began; other trials may go on without it.
        if not os.access(self._child.installation.python, os.X_OK):
            return
        self._stdout, self._stderr, self._answers = (self._open_pipe() for _ in range(3))
        commands, self._commands = os.pipe()
        self._stack.callback(os.close, self._commands)
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        inherited = (commands, self._answers.write_end, self._memory)
        python = self._child.installation.python
        self._begun = now()
        try:
            self._spawn(
                [python, "-m", "bench.worker", str(self.folder), *map(str, inherited)],
                # Or the system allows no more processes or memory.
                "End other programs or name another Python, and go on with --resume",
                stdin=subprocess.DEVNULL,
                stdout=self._stdout.write_end,
                stderr=self._stderr.write_end,
                pass_fds=inherited,
                cwd=self.folder,
                env={**passed_on, **build_variables(self._child, self.folder)},
            )
            self.family.leader = self.pid
        finally:
            os.close(commands)
            os.close(self._memory)

    def await_start(self) -> None:
        """Wait until the worker is ready, and time its import of NumPy. Raises ProcessStopped."""
        if self._session is None:
            raise ProcessStopped
        self._started = True
        self.call(exchange.PING)
        self.python_seconds = now() - self._begun
        self.numpy_seconds = self.call(exchange.NUMPY).elapsed
        self.call(exchange.PING)  # until it has imported the rest of the suite

    def call(
        self,
        command: bytes,
        indices: NDArray[np.int64] | None = None,
        params: NDArray[np.float32] | None = None,
        look_after: float | None = None,
    ) -> Reply:
        """Let the worker execute a command, and sleep until it answers. Raises ProcessStopped.

        indices, params: what the command needs, written when it begins. look_after: seconds after
        which the parent looks how the worker's threads run, unless it has answered.
        """
        cpu, work = self.family.read_cpu_seconds(), self.read_work_seconds()
        begin = now()
        if params is not None:
            self.exchange.params[:] = params
        if indices is not None:
            self.exchange.write_indices(indices)
        with suppress(BrokenPipeError):
            os.write(self._commands, command)
        look_at = math.inf if look_after is None else begin + look_after
        answered = self.session.wait(self._answers, look_at)
        if answered is None and look_after is not None:
            self.look()
            answered = self.session.wait(self._answers)
        end = now()
        if not answered or self._answers.tail[-1:] != command:
            self._ended = True
            raise ProcessStopped
        # At once: threads may go on writing, or spinning, and what they use then is no epoch's.
        params = self.exchange.params.copy()
        cpu = max(0.0, self.family.read_cpu_seconds() - cpu)
        labels = self.exchange.labels.copy()
        return Reply(
            elapsed=end - begin,
            cpu_seconds=cpu,
            work_seconds=max(0.0, self.read_work_seconds() - work),
            params=params,
            labels=labels,
        )

    def read_work_seconds(self) -> float:
        """Return the CPU seconds, until now, of what may be work while nothing is timed.

        With one thread, of all processes. With several, of the worker's first thread, to which its
        commands come, and of other processes: threads of libraries spin between commands.
        """
        return self.family.read_cpu_seconds(first_thread=self._child.threads != 1)

    def finish(self) -> Outcome:
        """Let the worker end, and return how it did."""
        if self._session is None:
            reason = "its Python is not there any more. Build it again"
            return Outcome("failed", reason, {}, "", 0.0)
        strays = [] if self._ended else self.family.list_strays()
        with suppress(ProcessStopped):
            if not self._started:  # its partner in a pair failed first
                self.await_start()
            if not self._ended:
                self.call(exchange.END)
        answered = not self._ended
        self._session.wait()
        process_exit, wall_seconds = self._end(self._stderr)
        process_exit = replace(
            process_exit,
            stdout_bytes=self._stdout.count,
            leftovers=sorted({*process_exit.leftovers, *strays}),
            answered=answered,
            placement_fault=self._placement_fault or self.family.find_change(),
            on_gpu=self._child.device == "gpu",
        )
        status, why, document = interpret_exit(self.folder, process_exit)
        if (status, self._child.device) == ("unavailable", "gpu"):
            why = gpu.explain_unavailable(why)
        return Outcome(status, why, document, process_exit.stderr_tail, wall_seconds)

    def look(self) -> None:
        """Look how the worker's threads run; ``finish`` says what was wrong with them."""
        fault = self.family.find_placement_fault(self._cores)
        self._placement_fault = self._placement_fault or fault


def launch(request: Mapping[str, Any], child: ChildSpec) -> Outcome:
    """Let a worker import what a request names and do what its mode says, untimed.

    See ``Worker`` for what is raised.
    """
    with make_folder() as scratch, Worker(request, child, scratch) as worker:
        with suppress(ProcessStopped):
            worker.await_start()
            if request.keys() & {"module", "file"}:
                worker.call(exchange.IMPORT)
            worker.call(exchange.RUN)
        return worker.finish()


def write_folder(
    scratch: Path, request: Mapping[str, Any], child: ChildSpec, size: ExchangeSize
) -> None:
    """Write the worker's folder; links give it this suite whichever Python it runs on."""
    with report_scratch_errors():
        for folder in ("path", *(f"cache/{name}" for name in CACHES.values())):
            (scratch / folder).mkdir(parents=True, exist_ok=True)
        (scratch / "path" / "bench").symlink_to(machine.ROOT / "bench")
        (scratch / "path" / "implementations").symlink_to(child.installation.implementations)
        text = json.dumps({**request, "exchange": asdict(size)})
        (scratch / "request.json").write_text(text, encoding="utf-8")
