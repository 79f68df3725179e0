"""Workers without a process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.runner.process.outcome import Outcome
from bench.runner.process.session import ProcessStopped
from bench.runner.process.spec import ChildSpec
from bench.worker.exchange import Exchange, ExchangeSize, create_file


class StoppedWorkers(list[tuple[Mapping[str, Any], ChildSpec]]):
    """Workers that end at once: the requests and children that they were started with.

    outcome: how each of them ends.
    """

    outcome = Outcome("unavailable", "not today", {}, "last words", 1.0)
    pid = 0

    @contextmanager
    def start(
        self,
        request: Mapping[str, Any],
        child: ChildSpec,
        scratch: Path,
        size: ExchangeSize | None = None,
    ) -> Iterator["StoppedWorkers"]:
        self.append((request, child))
        size = size or ExchangeSize(1, 1, 1, 1)
        self.exchange = Exchange(create_file(scratch, size), size)
        yield self

    def call(self, *_: object, **__: object) -> None:
        raise ProcessStopped

    await_start = call

    def finish(self) -> Outcome:
        return self.outcome
