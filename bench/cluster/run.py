"""The loop of who asks: trials go to hosts; what comes back is judged and kept as it comes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

import msgspec

from bench import lock, moment, stop
from bench.cluster import there
from bench.cluster.client import Arrived, LostError
from bench.cluster.errand import Answer, data_of, decoded, errand
from bench.cluster.hosts import Gone, Host, Hosts, Joined, Refused
from bench.cluster.part import Part, Sent
from bench.dataset import Dataset
from bench.error import UserError
from bench.measure import now
from bench.result import Record, Run, Trial
from bench.station import values_of

# Between two looks at who is connected, and the longest wait for what comes back.
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A trial ended on a host, or with it, and its record is on disk."""

    record: Record
    number: int
    total: int
    host: Host


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more can be measured of a run now; ``left`` trials were not made."""

    run: Run
    left: int
    reason: str


Event = Joined | Refused | Gone | Measured | Over
# A run's folder and its plan; what begins one for a machine, with the hosts of it that are there.
Begun = tuple[Path, Run]
Begin = Callable[[Sequence[Host]], Begun | None]


def meet(hosts: Hosts, patience: float) -> Iterator[Joined | Refused | Gone]:
    """Wait until a host has joined and nobody has yet to say who it is, so many seconds at most.

    Raises UserError where none has joined by then, LostError where the scheduler is gone.
    """
    end = now() + patience
    while not hosts.there or hosts.asked:
        yield from hosts.look()
        if now() > end:
            break
        if arrived := hosts.client.arrived(min(_LOOK_SECONDS, patience)):
            yield from filter(None, [hosts.introduced(arrived)])
    if not hosts.there:
        raise UserError(
            f"no host that can measure joined within {patience:g} s; start workers, or raise --wait"
        )


def perform(
    hosts: Hosts, begun: Iterable[Begun], begin: Begin, data: Dataset, patience: float
) -> Iterator[Event]:
    """Have all trials measured that have no record yet; an event for all that happens.

    begun: runs that are there, one a machine. patience: seconds without any host that could measure
    what is left, after which it is over.
    """
    with ExitStack() as folders, stop.held():
        loop = _Loop(hosts, begin, data, folders)
        for folder, run in begun:
            loop.add(folder, run)
        yield from loop.events(patience)


class _Loop:
    """What was sent and has not come back, and the run of each machine's hosts."""

    def __init__(self, hosts: Hosts, begin: Begin, data: Dataset, folders: ExitStack) -> None:
        self._client, self._hosts, self._begin = hosts.client, hosts, begin
        self._data, self._folders = data, folders
        self._parts: dict[str, Part | None] = {}
        self._sent: dict[str, tuple[Part, Sent]] = {}

    def add(self, folder: Path, run: Run) -> None:
        """Take in a run, and have its folder for ourselves; raises UserError."""
        self._folders.enter_context(lock.of_folder(folder))
        self._parts[run.machine or ""] = Part(folder, run, self._data)

    def events(self, patience: float) -> Iterator[Event]:
        try:
            yield from self._until_over(patience)
            reason = f"no host that could measure them was connected for {patience:g} s"
        except LostError:
            reason = "the scheduler is gone"
            yield from self._given_up(reason)
        except KeyboardInterrupt:
            if not stop.at_once():
                list(self._given_up(None))
            raise
        for part in filter(None, self._parts.values()):
            if part.progress.left:
                why = "the budget is spent" if part.spent else reason
                yield Over(part.run, part.progress.left, why)

    def _until_over(self, patience: float) -> Iterator[Event]:
        looked, busy = -inf, now()
        for host in self._hosts.there.values():
            yield from self._joined(host)
        while True:
            if now() - looked >= _LOOK_SECONDS:
                yield from self._look()
                looked = now()
            self._send()
            if self._sent:
                busy = now()
            elif self._all_over() or now() - busy > patience:
                return
            with stop.allowed():
                arrived = self._client.arrived(_LOOK_SECONDS)
            if arrived is not None:
                yield from self._take_in(arrived)

    def _all_over(self) -> bool:
        return all(part is None or part.over for part in self._parts.values())

    def _look(self) -> Iterator[Event]:
        for event in self._hosts.look():
            yield event
            if isinstance(event, Gone):
                yield from self._lost(event)

    def _joined(self, host: Host) -> Iterator[Event]:
        """Begin the run of a machine with its first host that is sent to."""
        found = [each for each in self._hosts.there.values() if each.machine == host.machine]
        if host.machine in self._parts or not found:
            return
        try:
            begun = self._begin(found)
        except UserError as error:
            begun = None
            yield Refused(host.address, str(error))
        self._parts[host.machine] = None
        if begun is not None:
            self.add(*begun)

    def _send(self, but: str | None = None) -> None:
        """Give every host that is free its next trial; but: one that gets none yet."""
        busy = {sent.host.id for _, sent in self._sent.values()}
        for host in self._hosts.there.values():
            part = self._parts.get(host.machine)
            if part is None or host.id in busy or host.id == but:
                continue
            if (trial := part.take(host)) is not None:
                self._sent[self._key(part, host, trial)] = (
                    part, Sent(host, trial, moment.now())
                )  # fmt: skip

    def _key(self, part: Part, host: Host, trial: Trial) -> str:
        sent = errand(trial, part.run, data_of(self._data, part.run.data))
        gpu = [host.gpu] if trial.case.device == "gpu" and host.gpu else []
        return self._client.send(there.measure, sent, host.address, gpu)

    def _take_in(self, arrived: Arrived) -> Iterator[Event]:
        event = self._hosts.introduced(arrived)
        if event is not None:
            yield event
            if isinstance(event, Joined):
                yield from self._joined(event.host)
            return
        part, sent = self._sent[arrived.key]
        try:
            answer = _answer(arrived, sent.host)
        except UserError as error:
            yield from self._failed(sent.host, str(error))
            return
        del self._sent[arrived.key]
        part.measured(sent)
        with suppress(LostError):  # the next look is told so too; what came back is kept before
            self._send(but=there.host())  # first, so that no other host waits for our judging
        with self._undisturbing(part, sent):
            record = part.keep(sent, answer)
        yield self._measured(part, sent, record)

    @contextmanager
    def _undisturbing(self, part: Part, sent: Sent) -> Iterator[None]:
        """Judge when nothing is measured here, where who asks is one of the hosts as well."""
        if there.host() not in self._hosts.there:
            yield
            return
        with lock.opened() as ours:
            try:
                with stop.allowed():
                    ours.wait()
            except KeyboardInterrupt:
                part.interrupted(sent, None)
                raise
            yield

    def _failed(self, host: Host, reason: str) -> Iterator[Event]:
        """Send no more to a host that could not do what it was sent, whatever the trial."""
        event = self._hosts.distrust(host, reason)
        yield event
        yield from self._lost(event)

    def _lost(self, gone: Gone) -> Iterator[Event]:
        """Take back what a worker that is gone was measuring, and what its host would have."""
        part = self._parts.get(gone.host.machine)
        if part is None:
            return
        keys = [key for key, (_, sent) in self._sent.items()
                if sent.host.address == gone.host.address]  # fmt: skip
        if not keys and gone.host.id in self._hosts.there:
            return  # another worker of this host is the one that is sent to
        for key in keys:
            self._client.forget(key)
        sent = next((self._sent.pop(key)[1] for key in keys), None)
        record = part.lost(gone.host, sent, gone.reason)
        if record is not None and sent is not None:
            yield self._measured(part, sent, record)

    def _given_up(self, reason: str | None) -> Iterator[Event]:
        """Keep of all that has not come back that it is still to be made."""
        for part, sent in self._sent.values():
            yield self._measured(part, sent, part.interrupted(sent, reason))
        self._sent.clear()

    def _measured(self, part: Part, sent: Sent, record: Record) -> Measured:
        total, left = part.progress.total, part.progress.left
        return Measured(record, total - left, total, sent.host)


def _answer(arrived: Arrived, host: Host) -> Answer:
    """Return what a host answered; raises UserError where that is no answer of this host."""
    if arrived.failure is not None:
        raise UserError(arrived.failure)
    answer = decoded(arrived.data, Answer)
    if answer.environment.machine.get("id") != host.machine:
        raise UserError("it is another machine than it was; start its worker anew")
    return msgspec.structs.replace(answer, values=values_of(answer.values))
