"""The loop of who asks: trials go to hosts; what comes back is judged and kept as it comes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

import msgspec

from bench import moment, stop, store
from bench.cluster import there
from bench.cluster.campaign import Campaign, Sent
from bench.cluster.client import Arrived, LostError
from bench.cluster.errand import Answer, decoded, errand
from bench.cluster.hosts import LOOK_SECONDS, Gone, Host, Hosts, Joined, Refused
from bench.dataset import Dataset
from bench.error import UserError
from bench.measure import now
from bench.result import Record, Run, Trial
from bench.run import Spent
from bench.station import values_of


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


Event = Joined | Refused | Gone | Measured | Spent | Over
# A run's folder and its plan; what begins one for a machine, with the hosts of it that are there.
Begun = tuple[Path, Run]
Begin = Callable[[Sequence[Host]], Begun | None]


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
        self._campaigns: dict[str, Campaign | None] = {}
        self._sent: dict[str, tuple[Campaign, Sent]] = {}
        self._unjudged: list[tuple[Campaign, Sent, Answer]] = []

    def add(self, folder: Path, run: Run) -> None:
        """Take in a run, and have its folder for ourselves; raises UserError."""
        self._folders.enter_context(store.lock(folder))
        self._campaigns[run.machine or ""] = Campaign(folder, run, self._data)

    def events(self, patience: float) -> Iterator[Event]:
        try:
            yield from self._until_over(patience)
            reason = f"no host that could measure them was connected for {patience:g} s"
        except LostError:
            reason = "the connection to the scheduler was lost"
            yield from self._given_up(reason)
        except KeyboardInterrupt:
            if not stop.is_repeated():
                list(self._given_up(None))
            raise
        for campaign in filter(None, self._campaigns.values()):
            if campaign.progress.left:
                left = campaign.progress.left
                yield Spent(left) if campaign.spent else Over(campaign.run, left, reason)

    def _until_over(self, patience: float) -> Iterator[Event]:
        looked, busy = -inf, now()
        for host in self._hosts.there.values():
            yield from self._joined(host)
        while True:
            if now() - looked >= LOOK_SECONDS:
                yield from self._look()
                looked = now()
            yield from self._judge()
            self._send()
            if self._sent:
                busy = now()
            elif self._all_over() or now() - busy > patience:
                return
            with stop.allowed():
                arrived = self._client.arrived(LOOK_SECONDS)
            if arrived is not None:
                yield from self._take_in(arrived)

    def _all_over(self) -> bool:
        return all(campaign is None or campaign.over for campaign in self._campaigns.values())

    def _look(self) -> Iterator[Event]:
        for event in self._hosts.look():
            yield event
            if isinstance(event, Gone):
                yield from self._lost(event)

    def _joined(self, host: Host) -> Iterator[Event]:
        """Begin the run of a machine with its first host that is sent to."""
        found = [each for each in self._hosts.there.values() if each.machine == host.machine]
        if host.machine not in self._campaigns and found:
            self._campaigns[host.machine] = None
            try:
                if (begun := self._begin(found)) is not None:
                    self.add(*begun)
            except UserError as error:
                yield Refused(host.address, str(error))
                return
        if self._campaigns.get(host.machine) is None:
            yield Refused(host.address, f"this run is not measured on its machine, {host.name}")

    def _send(self) -> None:
        """Give every host that is free its next trial; ours when there is nothing to be judged."""
        busy = {sent.host.id for _, sent in self._sent.values()}
        if self._unjudged:
            busy.add(there.host())
        for host in self._hosts.there.values():
            campaign = self._campaigns.get(host.machine)
            if campaign is None or host.id in busy:
                continue
            if (trial := campaign.take(host)) is not None:
                self._sent[self._key(campaign, host, trial)] = (
                    campaign, Sent(host, trial, moment.now())
                )  # fmt: skip

    def _key(self, campaign: Campaign, host: Host, trial: Trial) -> str:
        sent = errand(trial, campaign.run, self._hosts.question)
        gpu = [host.gpu] if trial.case.device == "gpu" and host.gpu else []
        return self._client.send(there.measure, sent, host.address, gpu)

    def _take_in(self, arrived: Arrived) -> Iterator[Event]:
        event = self._hosts.introduced(arrived)
        if event is not None:
            yield event
            if isinstance(event, Joined):
                yield from self._joined(event.host)
            return
        campaign, sent = self._sent[arrived.key]
        try:
            answer = _answer(arrived, sent.host)
        except UserError as error:
            yield from self._failed(sent.host, str(error))
            return
        del self._sent[arrived.key]
        campaign.measured(sent)
        self._unjudged.append((campaign, sent, answer))
        with suppress(LostError):  # the next look is told so too; what came back is kept before
            self._send()  # first, so that no other host waits for our judging

    def _judge(self, *, at_once: bool = False) -> Iterator[Event]:
        """Judge and keep what came back; not beside what we have measured on this very host."""
        ours = there.host()
        while self._unjudged:
            if not at_once and any(sent.host.id == ours for _, sent in self._sent.values()):
                return
            campaign, sent, answer = self._unjudged[0]
            record = campaign.keep(sent, answer)
            del self._unjudged[0]
            yield self._measured(campaign, sent, record)

    def _failed(self, host: Host, reason: str) -> Iterator[Event]:
        """Send no more to a host that could not do what it was sent, whatever the trial."""
        event = self._hosts.distrust(host, reason)
        yield event
        yield from self._lost(event)

    def _lost(self, gone: Gone) -> Iterator[Event]:
        """Take back what a worker that is gone was measuring, and what its host would have."""
        campaign = self._campaigns.get(gone.host.machine)
        if campaign is None:
            return
        keys = [key for key, (_, sent) in self._sent.items()
                if sent.host.address == gone.host.address]  # fmt: skip
        if not keys and gone.host.id in self._hosts.there:
            return  # another worker of this host is the one that is sent to
        for key in keys:
            self._client.forget(key)
        sent = next((self._sent.pop(key)[1] for key in keys), None)
        record = campaign.lost(gone.host, sent, gone.reason)
        if record is not None and sent is not None:
            yield self._measured(campaign, sent, record)

    def _given_up(self, reason: str | None) -> Iterator[Event]:
        """Keep what came back, and of all else that it is still to be made."""
        yield from self._judge(at_once=True)
        for campaign, sent in self._sent.values():
            yield self._measured(campaign, sent, campaign.interrupted(sent, reason))
        self._sent.clear()

    def _measured(self, campaign: Campaign, sent: Sent, record: Record) -> Measured:
        total, left = campaign.progress.total, campaign.progress.left
        return Measured(record, total - left, total, sent.host)


def _answer(arrived: Arrived, host: Host) -> Answer:
    """Return what a host answered; raises UserError where that is no answer of this host."""
    if arrived.failure is not None:
        raise UserError(arrived.failure)
    answer = decoded(arrived.data, Answer)
    if answer.environment.machine.get("id") != host.machine:
        raise UserError("it is another machine than it was; start its worker anew")
    return msgspec.structs.replace(answer, values=values_of(answer.values))
