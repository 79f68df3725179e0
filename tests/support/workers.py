"""Workers without a process, and cases of a user's own files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench.planning.cases import find_implementation
from bench.records.schema import Case
from bench.runner.process.outcome import Outcome
from bench.runner.process.preflight import Inspection
from bench.runner.process.session import ProcessStopped
from bench.runner.process.spec import ChildSpec
from bench.worker.exchange import Exchange, ExchangeSize, create_file


def of_file(case: Case, path: Path) -> Case:
    """Return a case that a user's own file trains."""
    own = find_implementation(str(path), lambda _: Inspection())
    changes = {name: getattr(own, name) for name in ("implementation", "file", "sha256")}
    return msgspec.structs.replace(case, **changes)


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
