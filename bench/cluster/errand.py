"""What goes to a host and comes back, as bytes: Dask carries it and knows nothing of it."""

import os
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from bench import arrays, environments
from bench.dataset import Dataset
from bench.error import UserError
from bench.result import Case, Count, Environment, Run, Seconds, Trial
from bench.strict import DamagedError

HandedOver = Annotated[bytes, msgspec.Meta(max_length=arrays.MOST)]
Sent = TypeVar("Sent", bound=msgspec.Struct)


class Suite(msgspec.Struct, frozen=True):
    """Which suite this is: the version that people know, the commit, and a digest of its code."""

    version: str
    commit: str
    code: str

    def same(self, other: "Suite") -> bool:
        """Tell whether two would do the same; a copy that was installed knows no commit."""
        return (self.version, self.code) == (other.version, other.code)

    def __str__(self) -> str:
        commit = f", commit {self.commit[:7]}" if self.commit else ""
        return f"{self.version} (code {self.code}{commit})"


class Data(msgspec.Struct, frozen=True):
    """The data: as ``--data`` names them, and the SHA-256 of each file."""

    asked: str | None
    sha256: dict[str, str]


class Question(msgspec.Struct, frozen=True):
    """What a host is asked before it is trusted with anything."""

    suite: Suite
    data: Data


class Introduction(msgspec.Struct, frozen=True):
    """What a host says of itself.

    host: what tells it from every other, whichever worker says so. environment: of a trial there,
    but for what only the trial knows; None where the suites differ, or with a fault: why the host
    cannot measure, in a line.
    """

    suite: Suite
    host: str
    environment: Environment | None = None
    fault: str | None = None


class Reply(msgspec.Struct, frozen=True):
    """What a function of this suite returned on a host, or in a line why it did not."""

    data: bytes = b""
    failure: str | None = None


class Shared(msgspec.Struct, frozen=True):
    """What trials of a run have in common, as of Run; peers: the cases that ceilings are of."""

    run: str
    seed: int
    timeout: Seconds
    memory_limit: Count | None
    question: Question
    peers: tuple[Case, ...] = ()


class Errand(msgspec.Struct, frozen=True):
    """One trial of a run."""

    trial: Trial
    shared: Shared


class Answer(msgspec.Struct, frozen=True):
    """What a trial left: values of its record, unjudged, and what its process handed over."""

    environment: Environment
    values: dict[str, Any]
    stderr_tail: str = ""
    params: HandedOver | None = None
    labels: HandedOver | None = None


def errand(trial: Trial, run: Run, question: Question) -> bytes:
    """Make an errand of a trial of a run; what lies in files is named by its whole path."""
    peers = (*run.cases, *run.sweep) if trial.kind == "ceiling" else ()
    shared = Shared(run.run, run.seed, run.timeout, run.memory_limit, question, peers)
    case = msgspec.structs.replace(
        trial.case, file=_whole(trial.case.file), interpreter=_whole(trial.case.interpreter)
    )
    return encoded(Errand(msgspec.structs.replace(trial, case=case), shared))


def _whole(path: str | None) -> str | None:
    """Return a whole path of one with folders or of a program; a name is looked for on PATH."""
    if path is None or not ("/" in path or path.endswith(".py")):
        return path
    return _absolute(path)


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - a link is kept: venvs are known by it


# TypeError: of facts that JSON has not; RecursionError: of what is too deep.
_NONE = (msgspec.MsgspecError, DamagedError, ValueError, TypeError, RecursionError)


def decoded(data: bytes, kind: type[Sent]) -> Sent:
    """Read what was sent; raises UserError where it is nothing of this kind.

    An environment in it is what a run may keep, under the id that its facts have.
    """
    try:
        found = msgspec.msgpack.decode(data, type=kind)
        environment = getattr(found, "environment", None)
        if environment is not None:
            environments.check(environment)
            _refuse_another_id(environment)
    except _NONE as error:
        raise UserError(f"what it sent is no {kind.__name__}: {error}") from error
    return found


def _refuse_another_id(environment: Environment) -> None:
    facts = msgspec.to_builtins(environment)
    if facts.pop("id") != environments.of(facts).id:
        raise DamagedError("the environment's id is not that of its facts")


def data_of(found: Dataset, asked: str | None) -> Data:
    """Return what hosts are told of the data; asked: what ``--data`` said, or None."""
    folder = asked is not None and asked != "digits" and Path(asked).exists()
    return Data(_absolute(asked) if folder and asked else asked, found.sha256)


def encoded(found: msgspec.Struct) -> bytes:
    """Return the bytes of what is sent."""
    return msgspec.msgpack.encode(found)
