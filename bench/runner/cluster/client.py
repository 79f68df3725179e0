"""The caller of a cluster: find its hosts, send them rounds, and keep what they return."""

import logging
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import UserError, join_lines
from bench.records import decoding, store
from bench.records.environments import is_file_name
from bench.records.files import read_file
from bench.records.schema import Record, Run, Trial
from bench.runner.cluster.task import (
    HostInfo,
    HostQuery,
    RoundRequest,
    RoundResult,
    describe_host,
    measure_round,
)
from bench.runner.loop import TrialEnded
from bench.runner.process import scratch
from bench.runner.progress import Progress

TIMEOUT_SECONDS = 60
POLL_SECONDS = 1
LOST = "the connection to the scheduler was lost; start it again"


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """Yield a Dask client; raises UserError without Dask or if no scheduler answers."""
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise UserError(
            "--cluster needs Dask: pip install 'softmax-bench[cluster]', here and on the hosts"
        ) from error
    logging.disable(logging.CRITICAL)  # Dask logs every lost worker in many lines
    try:
        client = distributed.Client(address, timeout=TIMEOUT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = f"no scheduler answers there ({error}); start one: dask scheduler"
        raise UserError(f"--cluster {address}: {reason}") from error
    try:
        yield client
    finally:
        with suppress(TimeoutError):
            client.close(timeout=1)  # which cancels what is not finished


def find_hosts(client: Any, query: HostQuery) -> tuple[dict[str, HostInfo], list[str]]:
    """Return the hosts by the addresses of their workers, and a line for each that is refused.

    Waits for the first worker. Raises UserError if there is none.
    """
    hosts, refusals = {}, []
    try:
        client.wait_for_workers(1, timeout=TIMEOUT_SECONDS)
        replies = client.run(describe_host, msgspec.json.encode(query), on_error="return")
    except TimeoutError as error:
        raise UserError(f"no host joined within {TIMEOUT_SECONDS} s; start one") from error
    except OSError as error:
        raise UserError(LOST) from error
    for address, reply in replies.items():
        if isinstance(reply, bytes):
            hosts[address] = msgspec.json.decode(reply, type=HostInfo)
            continue
        known = isinstance(reply, UserError)
        reason = reply if known else f"it does not run softmax-bench {query.suite}: {reply!r}"
        refusals.append(join_lines(f"worker {address} is not used: {reason}"))
    return hosts, refusals


@dataclass(slots=True)
class MachineRun:
    """The run of one machine; the caller holds the lock of its folder.

    workers: addresses of its hosts. sent: the trials of each round that has not returned, by Dask's
    future, in the order sent. attempted: ids of all trials sent; --resume measures what failed.
    spent: the budget is used up.
    """

    folder: Path
    run: Run
    query: HostQuery
    workers: Sequence[str]
    progress: Progress = field(init=False)
    sent: dict[Any, tuple[Trial, ...]] = field(default_factory=dict)
    attempted: set[str] = field(default_factory=set)
    spent: bool = False

    def __post_init__(self) -> None:
        store.repair_run(self.folder)
        self.progress = Progress(self.run, store.read_contents(self.folder).records)
        self.progress.plan_stage()

    @property
    def incomplete(self) -> bool:
        """Whether trials are missing for another reason than the budget."""
        return self.progress.remaining > 0 and not self.spent

    def submit(self, client: Any) -> None:
        """Send all missing rounds of the next stage that were not sent before."""
        stage = [trial for trial in self.progress.plan_stage() if trial.id not in self.attempted]
        if self.spent or not self.workers:  # to Dask, no workers are any workers
            return
        for _, block in groupby(stage, lambda trial: (trial.kind, trial.round)):
            trials = tuple(block)
            files = {trial.case.file for trial in trials if trial.case.file is not None}
            try:
                contents = {path: read_file(Path(path)) for path in files}
            except OSError as error:
                raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from error
            future = client.submit(
                measure_round,
                msgspec.json.encode(RoundRequest(self.query, self.run, trials, contents)),
                key=f"softmax-bench-{secrets.token_hex(8)}",
                workers=self.workers,
                resources={"bench": 1},
                retries=3,
            )
            self.sent[future] = trials
            self.attempted |= {trial.id for trial in trials}

    def collect(self, connected: Collection[str]) -> Iterator[str | TrialEnded]:
        """Keep the rounds that have returned; give up all others if no host is connected."""
        lost = not any(worker in connected for worker in self.workers)
        for future, trials in list(self.sent.items()):
            if future not in self.sent or not (lost or future.done()):
                continue
            if future.status == "cancelled":
                raise ConnectionError
            with scratch.make_folder() as parent:
                try:
                    result = read_result(future, TIMEOUT_SECONDS if future.done() else 0)
                    store.create_run(parent / "run", self.run)
                    records = unpack(parent / "run", self.run, trials, result)
                except UserError as error:
                    if lost or future.done():  # else Dask lost the result, and measures it again
                        del self.sent[future]
                        future.cancel()
                        reason = "its hosts were lost" if lost else str(error)
                        yield join_lines(f"round {trials[0].round} was given up: {reason}")
                    continue
                del self.sent[future]
                yield join_lines(f"round {trials[0].round}, measured on {result.hostname}:")
                yield from self._keep(parent / "run", records)
            self._check_budget()

    def _keep(self, source: Path, records: Sequence[Record]) -> Iterator[TrialEnded]:
        environments = store.read_environments(source)
        for record in records:
            store.add_environment(self.folder, environments[record.environment])
            params = source / "params" / f"{record.trial}.npy"
            if params.exists():
                store.save_params(self.folder, record.trial, params)
            store.append_record(self.folder, record)
            self.progress.add(record)
            total = self.progress.total
            yield TrialEnded(record, total - self.progress.remaining, total)

    def _check_budget(self) -> None:
        """Cancel the rounds that no host has begun if the budget is spent."""
        waiting = chain.from_iterable(self.sent.values())
        if any(map(self.progress.exceeds_budget, waiting)):
            self.spent = True
            # Hosts measure in the order sent. One has just returned a round; the others go on.
            for future in list(self.sent)[len(self.workers) - 1 :]:
                del self.sent[future]
                future.cancel()


def measure_runs(client: Any, runs: Sequence[MachineRun]) -> Iterator[str | TrialEnded]:
    """Measure all missing rounds; yield lines for the user and the trials that ended."""
    from distributed import CancelledError, wait

    try:
        while True:
            for run in runs:
                run.submit(client)
            if not any(run.sent for run in runs):
                return
            while sent := [future for run in runs for future in run.sent]:
                with client.as_current(), suppress(TimeoutError, CancelledError):
                    wait(sent, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
                if client.status != "running":  # the next call would wait for its timeout
                    raise ConnectionError
                connected = client.nthreads()
                for run in runs:
                    yield from run.collect(connected)
    except OSError:  # distributed.CommClosedError and TimeoutError are such
        yield LOST


def read_result(future: Any, timeout: float) -> RoundResult:
    """Return the result of a round within ``timeout`` seconds. Raises UserError if it failed."""
    try:
        return decoding.decode(future.result(timeout=timeout), RoundResult, "a result")
    except Exception as error:  # a fault of the suite on the host, or Dask's own
        raise UserError(f"{type(error).__name__}: {error}") from error


def unpack(folder: Path, run: Run, trials: Sequence[Trial], result: RoundResult) -> list[Record]:
    """Write what a host returned into a new run's folder; return the records to keep.

    Raises UserError unless they are whole, and of exactly these trials on the run's machine.
    """
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
