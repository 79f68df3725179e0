"""The caller's loop: send the missing rounds to hosts, check and keep what comes back."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import UserError
from bench.records import store
from bench.records.environments import is_file_name
from bench.records.files import read_file
from bench.records.schema import Record, Run, Trial
from bench.runner.cluster.hosts import Cluster, read_answer
from bench.runner.cluster.task import HostInfo, RoundRequest, RoundResult, suite_version
from bench.runner.loop import TrialEnded
from bench.runner.process import scratch
from bench.runner.progress import Progress
from bench.worker.measure import now

LOOK_SECONDS = 1.0
MAX_LOSSES = 3  # of all workers that a round was sent to; then it may be the round's fault
LOST = "the connection to the scheduler was lost; start it again"


@dataclass(frozen=True, slots=True)
class SentRound:
    """A round that one of these workers measures."""

    future: Any
    trials: tuple[Trial, ...]
    workers: set[str]


@dataclass(slots=True)
class MachineRun:
    """The run of one machine, in a folder that is locked: rounds to send, rounds on their way.

    abandoned: trials of rounds that are given up. losses: how often all workers of a round were
    lost, by its first trial. spent: the budget is.
    """

    folder: Path
    run: Run
    sha256: dict[str, str]
    progress: Progress = field(init=False)
    rounds: deque[tuple[Trial, ...]] = field(default_factory=deque)
    sent: list[SentRound] = field(default_factory=list)
    abandoned: set[str] = field(default_factory=set)
    losses: Counter[str] = field(default_factory=Counter)
    spent: bool = False

    def __post_init__(self) -> None:
        store.repair_run(self.folder)
        self.progress = Progress(self.run, store.read_contents(self.folder).records)
        self.plan_rounds()

    @property
    def incomplete(self) -> bool:
        """Whether trials are missing for another reason than the budget."""
        return self.progress.remaining > 0 and not self.spent

    def plan_rounds(self) -> None:
        """Plan the next rounds when all are measured: a precision may need more."""
        if not (self.rounds or self.sent or self.spent):
            stage = [
                trial for trial in self.progress.plan_stage() if trial.id not in self.abandoned
            ]
            blocks = groupby(stage, lambda trial: (trial.kind, trial.round))
            self.rounds.extend(tuple(block) for _, block in blocks)

    def send(self, cluster: Cluster) -> Iterator[str]:
        """Have as many rounds on their way as there are hosts; Dask chooses the host."""
        hosts = cluster.hosts.items()
        workers = {address for address, host in hosts if host.machine == self.run.machine}
        for sent in [sent for sent in self.sent if not sent.workers & workers]:
            sent.future.cancel()
            self.losses[sent.trials[0].id] += 1
            if self.losses[sent.trials[0].id] < MAX_LOSSES:
                self._take_back(sent)
            else:
                yield self._abandon(sent, f"its workers were lost, {MAX_LOSSES} times")
        self.plan_rounds()
        while self.rounds and len(self.sent) < len(workers):
            trials = self.rounds.popleft()
            if any(map(self.progress.exceeds_budget, trials)):
                self.spent = True
                self.rounds.clear()
                return
            files = {trial.case.file for trial in trials} - {None}
            content = {path: _read_program(path) for path in files if path is not None}
            request = RoundRequest(suite_version(), self.sha256, self.run, trials, content)
            self.sent.append(SentRound(cluster.send(request, workers), trials, workers))

    def collect(self, cluster: Cluster) -> Iterator[str | TrialEnded]:
        """Keep the rounds that came back; take back those that a host refused."""
        for sent in [sent for sent in self.sent if sent.future.done()]:
            try:
                answer = read_answer(sent.future)
            except UserError as error:
                if sent.future.done():  # or Dask lost the answer and has it measured again
                    yield self._abandon(sent, str(error))
                continue
            with scratch.writing(), scratch.folder() as parent:
                folder = parent / "run"
                store.create_run(folder, self.run)
                try:
                    records = unpack(folder, self.run, sent.trials, answer)
                except UserError as error:
                    self._take_back(sent)
                    yield cluster.refuse(answer.worker, str(error))
                else:
                    self.sent.remove(sent)
                    host = cluster.hosts.get(answer.worker)
                    where = host.hostname if host else answer.worker
                    yield f"round {sent.trials[0].round}, measured on {where}:"
                    yield from self._keep(folder, records)

    def _take_back(self, sent: SentRound) -> None:
        self.sent.remove(sent)
        self.rounds.appendleft(sent.trials)

    def _abandon(self, sent: SentRound, reason: str) -> str:
        self.sent.remove(sent)
        self.abandoned |= {trial.id for trial in sent.trials}
        return f"round {sent.trials[0].round} was given up: {reason}"

    def _keep(self, source: Path, records: Iterable[Record]) -> Iterator[TrialEnded]:
        """Copy records, environments and params that were checked into the run's folder."""
        environments = store.read_environments(source)
        for record in records:
            store.add_environment(self.folder, environments[record.environment])
            params = source / "params" / f"{record.trial}.npy"
            if params.exists():
                store.save_params(self.folder, record.trial, params)
            store.append_record(self.folder, record)
            self.progress.add(record)
            yield TrialEnded(
                record, self.progress.total - self.progress.remaining, self.progress.total
            )


def unpack(folder: Path, run: Run, trials: Sequence[Trial], answer: RoundResult) -> list[Record]:
    """Write what a host returned into a new run's folder; return the records to keep.

    Raises UserError unless they are whole, and of exactly these trials on the run's machine.
    """
    if answer.refusal is not None:
        raise UserError(answer.refusal)
    _write(folder / "environments", answer.environments, ".json")
    _write(folder / "params", answer.params, ".npy")
    (folder / "trials.jsonl").write_bytes(answer.trials)
    returned = store.read_contents(folder)
    if returned.faults:
        raise UserError(f"it sent {returned.faults[0]}")
    if [record.trial for record in returned.records] != [trial.id for trial in trials]:
        raise UserError("it sent other trials than it was asked for")
    if any(one.machine.get("id") != run.machine for one in returned.environments.values()):
        raise UserError("it sent records of another machine")
    return [_as_planned(*pair) for pair in zip(trials, returned.records, strict=True)]


def _write(folder: Path, files: Mapping[str, bytes], suffix: str) -> None:
    for name, data in files.items():
        if not is_file_name(name):
            raise UserError(f"it sent a file named {name!r}")
        (folder / f"{name}{suffix}").write_bytes(data)


def _as_planned(trial: Trial, record: Record) -> Record:
    """Return a record with its planned case: the host had a copy of the user's file."""
    case = msgspec.structs.replace(record.case, file=trial.case.file)
    if (record.kind, record.round, case) != (trial.kind, trial.round, trial.case):
        raise UserError(f"it measured something else as {trial.id}")
    return msgspec.structs.replace(record, case=case)


def _read_program(path: str) -> bytes:
    try:
        return read_file(Path(path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def wait_for_hosts(cluster: Cluster, patience: float) -> Iterator[str]:
    """Wait for the first host; raises UserError after so many seconds or without scheduler."""
    end = now() + patience
    while not cluster.hosts:
        try:
            yield from cluster.look()
        except OSError as error:
            raise UserError(LOST) from error
        if not cluster.hosts:
            if now() > end:
                raise UserError(f"no host joined within {patience:g} s; start one, or raise --wait")
            cluster.wait(min(LOOK_SECONDS, patience))


def measure_runs(
    cluster: Cluster,
    runs: dict[str, MachineRun],
    begin: Callable[[Sequence[HostInfo]], object],
    patience: float,
) -> Iterator[str | TrialEnded]:
    """Measure all that is missing; yield lines for the user and the trials that ended.

    runs: by machine id. begin: adds the run of hosts whose machine has none, or raises UserError.
    patience: seconds to wait while no host can measure.
    """
    idle = now()
    try:
        while True:
            yield from cluster.look()
            yield from _begin_runs(cluster, runs, begin)
            for run in runs.values():
                yield from run.collect(cluster)
                yield from run.send(cluster)
            if any(run.sent for run in runs.values()):
                idle = now()
            if not any(run.sent or run.rounds for run in runs.values()):
                return
            if now() - idle > patience:
                yield f"no host that can measure the rest was connected for {patience:g} s"
                return
            cluster.wait(LOOK_SECONDS)
    except OSError:  # distributed.CommClosedError and TimeoutError are such
        yield LOST


def _begin_runs(
    cluster: Cluster, runs: Mapping[str, MachineRun], begin: Callable[[Sequence[HostInfo]], object]
) -> Iterator[str]:
    for address, host in list(cluster.hosts.items()):
        if host.machine not in runs:
            try:
                begin([one for one in cluster.hosts.values() if one.machine == host.machine])
            except UserError as error:
                yield cluster.refuse(address, str(error))
