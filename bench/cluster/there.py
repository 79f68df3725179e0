"""What runs on a host, in its Dask worker: who it is, and one trial after the other."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, lru_cache, wraps
from pathlib import Path

import msgspec

from bench import dataset, environments, lock, machine, plan, probe
from bench.cluster.errand import (
    Answer,
    Data,
    Errand,
    Introduction,
    Question,
    Reply,
    Shared,
    Suite,
    encoded,
)
from bench.dataset import Dataset
from bench.error import UserError, one_line
from bench.files import MAX_BYTES, read_file
from bench.result import Case, Environment
from bench.station import Left, Station, file_fault

_BOOT = Path("/proc/sys/kernel/random/boot_id")
# What Dask calls the callbacks of a worker by which others know that it is there.
_ALIVE = {"heartbeat", "keep-alive"}
_imported: set[tuple[str, ...]] = set()


def _replying(function: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Have a function reply, whatever it raises: not every exception can be sent."""

    @wraps(function)
    def replying(asked: bytes) -> bytes:
        try:
            return encoded(Reply(function(asked)))
        except UserError as error:
            return encoded(Reply(failure=str(error)))
        except Exception as error:  # noqa: BLE001 - said in a line by whoever asks
            return encoded(Reply(failure=one_line(f"{type(error).__name__}: {error}")))

    return replying


@_replying
def introduce(question: bytes) -> bytes:
    """Say who this host is and, to the same suite only, whether it has the data."""
    asked, own = msgspec.msgpack.decode(question, type=Question), suite()
    if not own.same(asked.suite):
        return encoded(Introduction(own, host()))
    prepared = dataset.prepared(asked.data.sha256) is not None
    try:
        # Unpacking them would disturb what is being measured.
        with nullcontext() if prepared else lock.had():
            data = found(asked.data)
    except UserError as error:
        return encoded(Introduction(own, host(), fault=str(error)))
    return encoded(Introduction(own, host(), _environment(data)))


def _environment(data: Dataset) -> Environment:
    return environments.of({
        "machine": machine.describe(), "software": machine.software(), "suite": machine.suite(),
        "variables": {}, "data": data.describe(),
    })  # fmt: skip


@_replying
def measure(errand: bytes) -> bytes:
    """Run one trial, with the host for ourselves, and hand over all that it left."""
    asked = msgspec.msgpack.decode(errand, type=Errand)
    _refuse_another_program(asked)
    with _quiet(), lock.had():
        station = _station(encoded(asked.shared))
        environment = station.environment(asked.trial)
        _import(asked.trial.case)
        with station.measured(asked.trial) as left:
            params, labels = _handed_over(left, "params.npy"), _handed_over(left, "labels.npy")
            return encoded(Answer(environment, left.values, left.stderr_tail, params, labels))


def _refuse_another_program(asked: Errand) -> None:
    """Raise UserError where this is not what the trial was planned for; another host may be."""
    if not (own := suite()).same(asked.shared.question.suite):
        raise UserError(f"it has softmax-bench {own} now; install the caller's, and start it anew")
    if fault := file_fault(asked.trial.case):
        raise UserError(f"{fault}; copy it there")


@contextmanager
def _quiet() -> Iterator[None]:
    """Stop what the worker does a hundred times a second for its own statistics, on our cores.

    It still says that it is alive.
    """
    import distributed

    try:
        worker = distributed.get_worker()
    except ValueError:  # nobody's: there is nothing to be stopped
        yield
        return
    stopped = [each for name, each in worker.periodic_callbacks.items() if name not in _ALIVE]
    for each in stopped:
        worker.loop.add_callback(each.stop)
    try:
        yield
    finally:
        for each in stopped:
            worker.loop.add_callback(each.start)


@lru_cache(maxsize=4)
def _station(shared: bytes) -> Station:
    """Return what measures the trials of a run here: what they share is found out once."""
    of = msgspec.msgpack.decode(shared, type=Shared)
    return Station(of, found(of.question.data), peers=of.peers, memory_limit=of.memory_limit)


def suite() -> Suite:
    """Return which suite this is."""
    facts = machine.suite()
    return Suite(facts["version"], facts.get("commit", ""), _code())


@cache
def _code() -> str:
    """Hash all that may run: a version and a commit stay the same while somebody edits."""
    found = hashlib.sha256()
    for folder in ("bench", "implementations"):
        for path in sorted((machine.ROOT / folder).rglob("*.py")):
            found.update(f"{path.relative_to(machine.ROOT)}\n".encode() + path.read_bytes())
    return found.hexdigest()[:12]


def host() -> str:
    """Return what is one for all workers on this host, in containers too, and nowhere else."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return socket.gethostname()


def found(data: Data) -> Dataset:
    """Return the data with these hashes; raises UserError where this host has others, or none."""
    return dataset.prepared(data.sha256) or _looked_for(data)


def _looked_for(data: Data) -> Dataset:
    there = dataset.find(data.asked)
    if there.sha256 != data.sha256:
        differ = sorted(name for name in {*data.sha256, *there.sha256}
                        if data.sha256.get(name) != there.sha256.get(name))  # fmt: skip
        raise UserError(
            f"its data differ from the caller's in {', '.join(differ)}; copy them there"
        )
    return there


def _import(case: Case) -> None:
    """Import a framework once, unmeasured, so that the first trial reads no cold disk."""
    used = (*plan.distributions(case), case.interpreter or "") if case.framework else (case.module,)
    if used not in _imported:
        _imported.add(used)
        probe.import_implementation(case)


def _handed_over(left: Left, name: str) -> bytes | None:
    """Read what a process handed over; what cannot be read is not there, as for a local trial."""
    if left.folder is None:
        return None
    try:
        return read_file(left.folder / name, MAX_BYTES, follow=False)
    except OSError:
        return None
