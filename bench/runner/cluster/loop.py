"""Send the missing rounds of runs to hosts; check and keep what they return."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from bench.runner.cluster.hosts import Cluster, read_result
from bench.runner.cluster.task import RoundRequest, RoundResult, suite_version
from bench.runner.loop import TrialEnded
from bench.runner.process import scratch
from bench.runner.progress import Progress
from bench.worker.measure import now

UPDATE_SECONDS = 1.0
LOST = "the connection to the scheduler was lost; start it again"

Event = str | TrialEnded


@dataclass(frozen=True, slots=True)
class SentRound:
    """A round that one of these workers measures; future: Dask's."""

    future: Any
    trials: tuple[Trial, ...]
    workers: set[str]


@dataclass(slots=True)
class MachineRun:
    """The run of one machine: its rounds that are not sent yet, and those that are.

    The caller holds the lock of its folder. sha256: of each data file. failed: ids of trials whose
    round failed or lost its hosts; --resume measures them. spent: the budget is used up.
    """

    folder: Path
    run: Run
    sha256: dict[str, str]
    progress: Progress = field(init=False)
    rounds: deque[tuple[Trial, ...]] = field(default_factory=deque)
    sent: list[SentRound] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    spent: bool = False

    def __post_init__(self) -> None:
        store.repair_run(self.folder)
        self.progress = Progress(self.run, store.read_contents(self.folder).records)
        self._plan_rounds()

    @property
    def incomplete(self) -> bool:
        """Whether trials are missing for another reason than the budget."""
        return self.progress.remaining > 0 and not self.spent

    def _plan_rounds(self) -> None:
        stage = [trial for trial in self.progress.plan_stage() if trial.id not in self.failed]
        blocks = groupby(stage, lambda trial: (trial.kind, trial.round))
        self.rounds.extend(tuple(block) for _, block in blocks)

    def collect(self, cluster: Cluster) -> Iterator[Event]:
        """Keep the rounds that have ended; give up those whose hosts are lost."""
        for sent in list(self.sent):
            if not sent.workers & cluster.hosts.keys():
                sent.future.cancel()
                yield self._fail(sent, "its hosts were lost")
            elif sent.future.done():
                try:
                    result = read_result(sent.future)
                except UserError as error:
                    if sent.future.done():  # else Dask lost the result, and measures it again
                        yield self._fail(sent, str(error))
                else:
                    yield from self._keep(cluster, sent, result)

    def _fail(self, sent: SentRound, reason: str) -> str:
        self.sent.remove(sent)
        self.failed |= {trial.id for trial in sent.trials}
        return f"round {sent.trials[0].round} was given up: {reason}"

    def _keep(self, cluster: Cluster, sent: SentRound, result: RoundResult) -> Iterator[Event]:
        """Append a round to the run's folder; send it to another host if this one refuses."""
        self.sent.remove(sent)
        host = cluster.hosts.get(result.worker)
        with scratch.folder() as parent:
            source = parent / "run"
            store.create_run(source, self.run)
            try:
                records = unpack(source, self.run, sent.trials, result)
            except UserError as error:
                self.rounds.appendleft(sent.trials)
                yield cluster.refuse(result.worker, str(error))
                return
            place = host.hostname if host else result.worker
            yield f"round {sent.trials[0].round}, measured on {place}:"
            environments = store.read_environments(source)
            for record in records:
                store.add_environment(self.folder, environments[record.environment])
                params = source / "params" / f"{record.trial}.npy"
                if params.exists():
                    store.save_params(self.folder, record.trial, params)
                store.append_record(self.folder, record)
                self.progress.add(record)
                done = self.progress.total - self.progress.remaining
                yield TrialEnded(record, done, self.progress.total)

    def send(self, cluster: Cluster) -> None:
        """Send rounds until every host has one; Dask chooses the host. Raises UserError."""
        if not (self.rounds or self.sent or self.spent):
            self._plan_rounds()  # a precision may need more
        hosts = cluster.hosts.items()
        workers = {address for address, host in hosts if host.machine == self.run.machine}
        while self.rounds and len(self.sent) < len(workers):
            trials = self.rounds.popleft()
            if any(map(self.progress.exceeds_budget, trials)):
                self.spent = True
                self.rounds.clear()
                return
            paths = {trial.case.file for trial in trials if trial.case.file is not None}
            files = {path: _read_own_file(path) for path in paths}
            request = RoundRequest(suite_version(), self.sha256, self.run, trials, files)
            self.sent.append(SentRound(cluster.submit(request, workers), trials, workers))


def _read_own_file(path: str) -> bytes:
    try:
        return read_file(Path(path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def unpack(folder: Path, run: Run, trials: Sequence[Trial], result: RoundResult) -> list[Record]:
    """Write what a host returned into a new run's folder; return the records to keep.

    Raises UserError unless they are whole, and of exactly these trials on the run's machine.
    """
    if result.refusal is not None:
        raise UserError(result.refusal)
    _write(folder / "environments", result.environments, ".json")
    _write(folder / "params", result.params, ".npy")
    (folder / "trials.jsonl").write_bytes(result.trials)
    returned = store.read_contents(folder)
    if returned.faults:
        raise UserError(f"it sent {returned.faults[0]}")
    if any(one.machine.get("id") != run.machine for one in returned.environments.values()):
        raise UserError("it sent records of another machine")
    # The host had a copy of the user's file.
    records = [
        msgspec.structs.replace(
            record, case=msgspec.structs.replace(record.case, file=trial.case.file)
        )
        for record, trial in zip(returned.records, trials, strict=False)
    ]
    measured = [(record.trial, record.kind, record.round, record.case) for record in records]
    planned = [(trial.id, trial.kind, trial.round, trial.case) for trial in trials]
    if measured != planned or len(returned.records) != len(trials):
        raise UserError("it sent other trials than it was asked for")
    return records


def _write(folder: Path, files: Mapping[str, bytes], suffix: str) -> None:
    for name, data in files.items():
        if not is_file_name(name):
            raise UserError(f"it sent a file named {name!r}")
        (folder / f"{name}{suffix}").write_bytes(data)


def wait_for_hosts(cluster: Cluster, patience: float) -> Iterator[str]:
    """Wait for the first host; raises UserError after ``patience`` seconds or without scheduler."""
    end = now() + patience
    while not cluster.hosts:
        try:
            yield from cluster.update()
        except OSError as error:
            raise UserError(LOST) from error
        if not cluster.hosts:
            if now() > end:
                raise UserError(f"no host joined within {patience:g} s; start one, or raise --wait")
            cluster.wait(min(UPDATE_SECONDS, patience))


def measure_runs(cluster: Cluster, runs: Iterable[MachineRun], patience: float) -> Iterator[Event]:
    """Measure all missing rounds; yield lines for the user and the trials that ended.

    patience: seconds to wait while no host can measure.
    """
    runs, last = list(runs), now()
    try:
        while True:
            yield from cluster.update()
            for run in runs:
                yield from run.collect(cluster)
                run.send(cluster)
            if any(run.sent for run in runs):
                last = now()
            elif not any(run.rounds for run in runs):
                return
            elif now() - last > patience:
                yield f"no host that can measure the rest was connected for {patience:g} s"
                return
            cluster.wait(UPDATE_SECONDS)
    except OSError:  # distributed.CommClosedError and TimeoutError are such
        yield LOST
