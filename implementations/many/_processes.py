"""Train several models one by one, in one process a core: what a script and a shell loop do.

A program of this kind is a module that is imported, where ``Trainer`` is measured, and run with
``python -m``, where ``serve`` answers it: each process trains its share of the models.
"""

import os
import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from subprocess import PIPE, Popen
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Unavailable

# One thread for each process: what libraries read when they are loaded.
THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"),
    "NUMBA_NUM_THREADS",
)


class Share(Protocol):
    """What trains the models of one process."""

    def reset(self, params: Params) -> None: ...
    def train_epoch(self, order: NDArray[np.int64]) -> Params: ...


class Processes:
    """A Trainer that lets processes train its models. module: is run in each of them."""

    def __init__(self, problem: Problem, device: Device, module: str) -> None:
        if device != "cpu":
            raise Unavailable("one process a core is for the CPU")
        if problem.models is None:
            raise Unavailable("it trains several models")
        cores = int(os.environ["OMP_NUM_THREADS"])  # as many as it may use
        shares = [one for one in np.array_split(np.arange(len(problem.models)), cores) if len(one)]
        self.shares = [slice(one[0], one[-1] + 1) for one in shares]
        command, env = [sys.executable, "-m", module], os.environ | dict.fromkeys(THREADS, "1")
        self.processes = [Popen(command, stdin=PIPE, stdout=PIPE, env=env) for _ in shares]
        self.ask([replace(problem, models=problem.models[share]) for share in self.shares])

    def reset(self, params: Params) -> None:
        shares = [Params(*(part[share] for part in params)) for share in self.shares]
        self.ask([("reset", share) for share in shares])

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        parts = self.ask([("train_epoch", order) for _ in self.shares])
        return Params(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def ask(self, questions: Sequence[Any]) -> list[Any]:
        """Send each process a question, and return their answers."""
        for process, question in zip(self.processes, questions, strict=True):
            assert process.stdin
            pickle.dump(question, process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
        return [read(process.stdout) for process in self.processes if process.stdout]


def read(pipe: IO[bytes]) -> Any:
    """Return what the other end has written."""
    return pickle.load(pipe)  # noqa: S301 - our own


def serve(make: Callable[[Problem], Share]) -> None:
    """Answer in a process of its own until nobody asks any more."""
    trainer = make(read(sys.stdin.buffer))
    answer: object = None
    while True:
        pickle.dump(answer, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
        sys.stdout.buffer.flush()
        try:
            method, argument = read(sys.stdin.buffer)
        except EOFError:
            os._exit(0)  # at once: frameworks take a while to tear down
        answer = getattr(trainer, method)(argument)
