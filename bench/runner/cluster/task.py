"""Measure one round on a host, in its Dask worker, with the ordinary runner.

``RoundRequest`` and ``RoundResult`` travel as JSON: Dask carries bytes and two functions.
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
from bench.runner import lock, loop, machine, plan
from bench.runner.process import scratch
from bench.runner.recorder import Runner
from bench.worker.machine import ROOT, software
from implementations import IMPLEMENTATIONS

_imported: set[str] = set()


class HostInfo(msgspec.Struct, frozen=True):
    """What a host reports. suite: see ``suite_version``. software: versions of the frameworks."""

    suite: str
    machine: str
    name: str
    hostname: str
    cores: int
    gpu: bool
    software: dict[str, str]


class RoundRequest(msgspec.Struct, frozen=True):
    """Trials of a run that a host measures as one round.

    suite: the caller's. sha256: of each data file. files: the content of the user's own
    implementations, by path.
    """

    suite: str
    sha256: dict[str, str]
    run: Run
    trials: tuple[Trial, ...]
    files: dict[str, bytes]


class RoundResult(msgspec.Struct, frozen=True):
    """What a host measured, as the files of a run's folder, or why it refuses.

    worker: the Dask address. trials: the lines of ``trials.jsonl``. environments, params: the
    content of files, by environment and by trial.
    """

    worker: str
    refusal: str | None = None
    trials: bytes = b""
    environments: dict[str, bytes] = {}
    params: dict[str, bytes] = {}


@cache
def describe_host() -> bytes:
    """Return an encoded ``HostInfo``; computed once, so that no query disturbs a measurement."""
    facts, installed = machine.describe(), software()
    used = {name for entry in IMPLEMENTATIONS for name in plan.list_distributions(entry)}
    versions = {name: installed["distributions"].get(name, "absent") for name in used | {"numpy"}}
    versions |= {"python": installed["python"], "blas": installed["blas"]}
    info = HostInfo(
        suite=suite_version(),
        machine=facts["id"],
        name=facts["name"],
        hostname=platform.node(),
        cores=facts["cores"],
        gpu=bool(facts["gpus"]),
        software=versions,
    )
    return msgspec.json.encode(info)


@cache
def suite_version() -> str:
    """Return the suite's version and a digest of its code, which may change without it."""
    digest = hashlib.sha256()
    for folder in ("bench", "implementations"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return f"{machine.suite()['version']} (code {digest.hexdigest()[:12]})"


def measure_round(data: bytes) -> bytes:
    """Measure an encoded ``RoundRequest`` under the host's lock; return a ``RoundResult``.

    An exception is a fault of the suite, and Dask tries again.
    """
    import distributed

    request, worker = msgspec.json.decode(data, type=RoundRequest), distributed.get_worker()
    # Dask's sampling of its process would wake it 100 times a second.
    for name, callback in worker.periodic_callbacks.items():
        if name not in {"heartbeat", "keep-alive"}:
            worker.loop.add_callback(callback.stop)
    try:
        with lock.hold_host_lock(), scratch.folder() as folder:
            files = _measure(request, _find_data(request), folder)
        return msgspec.json.encode(RoundResult(worker.address, **files))
    except UserError as error:
        return msgspec.json.encode(RoundResult(worker.address, str(error)))


def _find_data(request: RoundRequest) -> Dataset:
    """Return the data of a request; raise UserError if this host must not measure it."""
    if request.suite != suite_version() or request.run.machine != machine.describe()["id"]:
        raise UserError("its suite or its machine has changed; start its worker again")
    data = dataset.find_prepared(request.sha256) or dataset.find(request.run.data)
    if data.sha256 != request.sha256:
        raise UserError("its data differ from the caller's; copy the caller's data there")
    return data


def _measure(request: RoundRequest, data: Dataset, parent: Path) -> dict[str, Any]:
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
    return {
        "trials": (folder / "trials.jsonl").read_bytes(),
        "environments": {path.stem: path.read_bytes() for path in folder.glob("environments/*")},
        "params": {path.stem: path.read_bytes() for path in folder.glob("params/*")},
    }


def _write_file(case: Case, files: dict[str, bytes], folder: Path) -> Case:
    """Write the user's own implementation into a folder; the runner checks its hash."""
    if case.file is None:
        return case
    path = folder / Path(case.file).name
    path.write_bytes(files[case.file])
    return msgspec.structs.replace(case, file=str(path))
