"""Measure one round on a host, in its Dask worker, with the ordinary runner.

``HostQuery``, ``HostInfo``, ``RoundRequest`` and ``RoundResult`` travel as JSON: Dask carries bytes
and two functions.
"""

import hashlib
import platform
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import UserError
from bench.records import store
from bench.records.schema import Case, Run, Trial
from bench.runner import lock, loop, machine
from bench.runner.process import scratch
from bench.runner.runner import Runner
from bench.worker.machine import ROOT

START = 'dask worker SCHEDULER --nthreads 1 --no-nanny --resources "bench=1"'

_imported: set[str] = set()


class HostQuery(msgspec.Struct, frozen=True):
    """What a host must have: the caller's suite, and data with these hashes by file name."""

    suite: str
    data: str | None
    sha256: dict[str, str]


class HostInfo(msgspec.Struct, frozen=True):
    """What a host reports. machine: its id. name: of the machine."""

    machine: str
    name: str
    hostname: str
    cores: int
    gpu: bool


class RoundRequest(msgspec.Struct, frozen=True):
    """Trials of a run that a host measures as one round.

    files: the content of the user's own implementations, by path.
    """

    query: HostQuery
    run: Run
    trials: tuple[Trial, ...]
    files: dict[str, bytes]


class RoundResult(msgspec.Struct, frozen=True):
    """What a host measured, as the files of a run's folder.

    trials: the lines of ``trials.jsonl``. environments, params: the content of files, by
    environment and by trial.
    """

    hostname: str
    trials: bytes
    environments: dict[str, bytes]
    params: dict[str, bytes]


def suite_version() -> str:
    """Return the suite's version and a digest of its code, which may change without it."""
    return f"{machine.suite()['version']} (code {_digest_code()})"


@cache
def _digest_code() -> str:
    digest = hashlib.sha256()
    for folder in ("bench", "implementations"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def find_data(query: HostQuery) -> Dataset:
    """Return the data of a query; raise UserError if this host must not measure."""
    if query.suite != suite_version():
        raise UserError(
            f"it has softmax-bench {suite_version()} and the caller has {query.suite}; install the "
            "same and start its worker again"
        )
    data = dataset.find_prepared(query.sha256) or dataset.find(query.data)
    if data.sha256 != query.sha256:
        raise UserError("its data differ from the caller's; copy the caller's data to it")
    return data


def describe_host(query: bytes, dask_worker: Any = None) -> bytes:
    """Return an encoded ``HostInfo``; raise UserError if this host must not measure."""
    if dask_worker.state.total_resources.get("bench", 0) < 1:
        raise UserError(f"it has no resource bench=1; start it with: {START}")
    find_data(msgspec.json.decode(query, type=HostQuery))
    facts = machine.describe()
    info = HostInfo(
        machine=facts["id"],
        name=facts["name"],
        hostname=platform.node(),
        cores=facts["cores"],
        gpu=bool(facts["gpus"]),
    )
    return msgspec.json.encode(info)


def measure_round(data: bytes) -> bytes:
    """Measure an encoded ``RoundRequest`` under the host's lock; return a ``RoundResult``.

    Dask tries again after any exception, on another host if there is one.
    """
    import distributed

    request, worker = msgspec.json.decode(data, type=RoundRequest), distributed.get_worker()
    # Dask's sampling of its process would wake it 100 times a second.
    for name, callback in worker.periodic_callbacks.items():
        if name not in {"heartbeat", "keep-alive"}:
            worker.loop.add_callback(callback.stop)
    if request.run.machine != machine.describe()["id"]:
        raise UserError("its machine has changed; start its worker again")
    with lock.hold_host_lock(), scratch.make_folder() as folder:
        return msgspec.json.encode(_measure(request, find_data(request.query), folder))


def _measure(request: RoundRequest, data: Dataset, parent: Path) -> RoundResult:
    """Measure the trials of a request in a new folder; return its files."""
    run, folder = request.run, parent / "run"
    store.create_run(folder, run)
    trials = [
        msgspec.structs.replace(trial, case=_write_file(trial.case, request.files, parent))
        for trial in request.trials
    ]
    list(loop.import_frameworks(trials, _imported))
    peers = (*run.cases, *run.sweep)
    runner = Runner(folder, run, data, peers=peers, memory_limit=run.memory_limit)
    for trial in trials:
        runner.measure(trial)
    return RoundResult(
        hostname=platform.node(),
        trials=(folder / "trials.jsonl").read_bytes(),
        environments={path.stem: path.read_bytes() for path in folder.glob("environments/*")},
        params={path.stem: path.read_bytes() for path in folder.glob("params/*")},
    )


def _write_file(case: Case, files: dict[str, bytes], folder: Path) -> Case:
    """Write the user's own implementation into a folder; the runner checks its hash."""
    if case.file is None:
        return case
    path = folder / Path(case.file).name
    path.write_bytes(files[case.file])
    return msgspec.structs.replace(case, file=str(path))
