"""Measure the rounds of a run on many hosts: Dask queues, retries and reroutes them.

A task is one round on one host, in its Dask worker, with the ordinary runner. The caller appends
what it returns.
"""

import hashlib
import logging
import platform
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import UserError, join_lines
from bench.planning.pilot import list_peers, waits_for_pilot
from bench.planning.plan import find_missing_trials
from bench.planning.resume import find_code_fault
from bench.records import store
from bench.records.schema import Environment, Record, Run, Trial
from bench.runner import lock, loop
from bench.runner.host import machine
from bench.runner.loop import TrialEnded
from bench.runner.process import scratch
from bench.runner.runner import Runner, find_file_fault
from bench.worker.machine import ROOT

START = 'dask worker SCHEDULER --nthreads 1 --no-nanny --resources "bench=1"'
LOST = "the connection to the scheduler was lost. Start it again"
TIMEOUT_SECONDS = 60
POLL_SECONDS = 1

_imported: set[str] = set()


# ----- on a host


@dataclass(frozen=True, slots=True)
class HostQuery:
    """What a host must have: the caller's suite, and data with these hashes by file name."""

    suite: str
    data: str | None
    sha256: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What a host measured. params: the content of ``.npy`` files by trial. entropy: by id."""

    hostname: str
    records: Sequence[Record]
    environments: Sequence[Environment]
    params: Mapping[str, bytes]
    entropy: Mapping[str, str]


@cache
def suite_version() -> str:
    """Return the suite's version and a digest of its code, which may change without it."""
    digest = hashlib.sha256()
    for folder in ("bench", "implementations"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return f"{machine.describe_suite()['version']} (code {digest.hexdigest()[:12]})"


def find_data(query: HostQuery) -> Dataset:
    """Return the data of a query; raise UserError if this host must not measure."""
    if query.suite != suite_version():
        raise UserError(
            f"it has softmax-bench {suite_version()} and the caller has {query.suite}. Install the "
            "same and start its worker again"
        )
    data = dataset.find_prepared(query.sha256) or dataset.find(query.data)
    if data.sha256 != query.sha256:
        raise UserError("its data differ from the caller's. Copy the caller's data to it")
    return data


def describe_host(query: HostQuery, dask_worker: Any = None) -> dict[str, Any]:
    """Return facts about this host's machine; raise UserError if it must not measure."""
    if dask_worker.state.total_resources.get("bench", 0) < 1:
        raise UserError(f"it has no resource bench=1. Start it with: {START}")
    find_data(query)
    return machine.describe()


def measure_round(query: HostQuery, run: Run, trials: Sequence[Trial]) -> RoundResult:
    """Measure trials of a run as one round, under the host's lock.

    Dask tries again after any exception, on another host if there is one.
    """
    import distributed

    worker = distributed.get_worker()
    # Dask's sampling of its process would wake it 100 times a second.
    for name, callback in worker.periodic_callbacks.items():
        if name not in {"heartbeat", "keep-alive"}:
            worker.loop.add_callback(callback.stop)
    if run.machine != machine.describe()["id"]:
        raise UserError("its machine has changed. Start its worker again")
    for trial in trials:
        if fault := find_code_fault(trial.case) or find_file_fault(trial.case):
            raise UserError(fault)
    with lock.hold_host_lock(), scratch.make_folder() as parent:
        data, folder = find_data(query), parent / "run"
        store.create_run(folder, run)
        list(loop.import_frameworks(trials, _imported))
        list(loop.compile_kernels(run, data, trials))
        with Runner(folder, run, data, peers=list_peers(run)) as runner:
            records = [runner.measure(trial) for trial in trials]
        environments = [*store.read_environments(folder).values()]
        params = {path.stem: path.read_bytes() for path in folder.glob("params/*")}
        entropy = store.read_entropy(folder)
        return RoundResult(platform.node(), records, environments, params, entropy)


# ----- where the run was started


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """Yield a Dask client; raises UserError without Dask or if no scheduler answers."""
    try:
        import distributed
        from distributed import comm
    except ModuleNotFoundError as error:
        raise UserError(
            "--cluster needs Dask, here and on the hosts: pip install -e '.[cluster]'"
        ) from error
    logging.disable(logging.CRITICAL)  # Dask logs every lost worker in many lines
    try:
        comm.get_address_host_port(address)  # a Client without a port would try for two minutes
        client = distributed.Client(address, timeout=TIMEOUT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = f"no scheduler answers there ({error}). Start one: dask scheduler"
        raise UserError(f"--cluster {address}: {reason}") from error
    try:
        yield client
    finally:
        with suppress(TimeoutError):
            client.close(timeout=1)  # which cancels what is not finished


def find_hosts(client: Any, query: HostQuery) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return facts about each host's machine, and a line for each host that is refused.

    The keys are the addresses of their workers. Raises UserError if no worker joins.
    """
    try:
        client.wait_for_workers(1, timeout=TIMEOUT_SECONDS)
        replies = client.run(describe_host, query, on_error="return")
    except TimeoutError as error:
        raise UserError(f"no host joined within {TIMEOUT_SECONDS} s. Start one") from error
    except OSError as error:
        raise UserError(LOST) from error
    hosts = {address: reply for address, reply in replies.items() if isinstance(reply, dict)}
    refusals = []
    for address in replies.keys() - hosts.keys():
        fault = replies[address]
        if not isinstance(fault, UserError):
            fault = f"it does not run softmax-bench {query.suite}: {fault!r}"
        refusals.append(join_lines(f"worker {address} is not used: {fault}"))
    return hosts, sorted(refusals)


class MachineRun:
    """The run of one machine; the caller holds the lock of its folder.

    workers: addresses of its hosts.
    """

    def __init__(self, folder: Path, run: Run, query: HostQuery, workers: Sequence[str]) -> None:
        store.repair_run(folder)
        self.folder = folder
        self.run = run
        self.workers = workers
        self._query = query
        self._records = list(store.read_contents(folder).records)
        self._sent: set[str] = set()  # ids of the trials that hosts were asked for

    @property
    def missing_trials(self) -> list[Trial]:
        """Trials without a record, in their order."""
        return find_missing_trials(self.run, self._records)

    def submit(self, client: Any) -> dict[Any, list[Trial]]:
        """Send the missing rounds that can be measured; return the trials of each by Dask's future.

        The host that measures the first round chooses the threads for all: later rounds wait.
        """
        if not self.workers:  # Dask takes an empty list as "any worker"
            return {}
        missing = groupby(self.missing_trials, lambda trial: (trial.kind, trial.round))
        rounds = [list(block) for _, block in missing]
        ready = [
            block
            for block in rounds
            if all(
                trial.id not in self._sent and not waits_for_pilot(trial.case) for trial in block
            )
        ]
        self._sent |= {trial.id for block in ready for trial in block}
        return {
            client.submit(
                measure_round,
                self._query,
                self.run,
                trials,
                key=f"softmax-bench-{secrets.token_hex(8)}",
                workers=self.workers,
                resources={"bench": 1},
                retries=3,
            ): trials
            for trials in ready
        }

    def keep(self, trials: Sequence[Trial], result: RoundResult) -> Iterator[TrialEnded]:
        """Append the records of a round that has returned, with their environments and params."""
        for environment in result.environments:
            store.add_environment(self.folder, environment)
        for entropy in result.entropy.values():
            store.save_entropy(self.folder, entropy)
        for trial, record in zip(trials, result.records, strict=True):
            if trial.id in result.params:
                store.save_params(self.folder, trial.id, result.params[trial.id])
            store.append_record(self.folder, record)
            self._records.append(record)
            ended = sum(one.status != "interrupted" for one in self._records)
            yield TrialEnded(record, ended, ended + len(self.missing_trials))


def measure_runs(client: Any, runs: Sequence[MachineRun]) -> Iterator[str | TrialEnded]:
    """Measure all missing rounds; yield lines for the user and the trials that ended."""
    sent = {future: (run, trials) for run in runs for future, trials in run.submit(client).items()}
    while sent:
        try:
            ended = _collect(client, {future: run.workers for future, (run, _) in sent.items()})
        except OSError:  # distributed.CommClosedError and TimeoutError are such
            yield LOST
            return
        for future, result in ended.items():
            run, trials = sent.pop(future)
            name = f"round {trials[0].round}"
            if isinstance(result, str):
                yield join_lines(f"{name} was given up: {result}")
            else:
                yield f"{name}, measured on {result.hostname}:"
                yield from run.keep(trials, result)
                sent |= {future: (run, trials) for future, trials in run.submit(client).items()}


def _collect(client: Any, sent: Mapping[Any, Sequence[str]]) -> dict[Any, RoundResult | str]:
    """Wait a moment; return the rounds that have ended, each with its result or its fault.

    sent: the workers that may measure each round. Raises OSError if the scheduler was lost.
    """
    from distributed import CancelledError, wait

    with client.as_current(), suppress(TimeoutError, CancelledError):
        wait(list(sent), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
    if client.status != "running":  # the next call would wait for its timeout
        raise ConnectionError
    connected = client.nthreads()
    ended: dict[Any, RoundResult | str] = {}
    for future, workers in sent.items():
        if future.done():
            try:
                ended[future] = future.result(timeout=TIMEOUT_SECONDS)
            except Exception as error:  # noqa: BLE001 - a fault on the host, or Dask's own
                if future.done():  # else its host was lost, and Dask measures the round again
                    ended[future] = f"{type(error).__name__}: {error}"
        elif not any(worker in connected for worker in workers):
            future.cancel()
            ended[future] = "its hosts were lost"
    return ended
