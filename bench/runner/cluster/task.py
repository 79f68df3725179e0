"""Measure one round on a host, in its Dask worker, with the ordinary runner.

``Request`` and ``Answer`` travel as JSON: Dask carries bytes and two functions.
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
from bench.runner import lock, plan
from bench.runner import machine as host_facts
from bench.runner.executor import file_fault
from bench.runner.process import preflight, scratch
from bench.runner.recorder import Runner
from bench.worker import machine
from implementations import IMPLEMENTATIONS

_imported: set[tuple[str, ...]] = set()


class HostInfo(msgspec.Struct, frozen=True):
    """What a host says of itself.

    suite: its version and code. software: versions of the frameworks and of what they run on.
    """

    suite: str
    machine: str
    name: str
    hostname: str
    cores: int
    gpu: bool
    software: dict[str, str]


class RoundRequest(msgspec.Struct, frozen=True):
    """Trials of a run to be measured as one round.

    suite: the caller's version and code. sha256: of each data file. files: the content of the
    user's own implementations, by their paths.
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
    """Return an encoded ``Host``; later callers get it without work beside a measurement."""
    facts, installed = host_facts.describe(), machine.software()
    used = {name for entry in IMPLEMENTATIONS for name in plan.list_distributions(entry)} | {
        "numpy"
    }
    versions = {name: installed["distributions"].get(name, "absent") for name in used}
    versions |= {"python": installed["python"], "blas": installed["blas"]}
    name, cores, gpu = facts["name"], facts["cores"], bool(facts["gpus"])
    host = HostInfo(suite_version(), facts["id"], name, platform.node(), cores, gpu, versions)
    return msgspec.json.encode(host)


@cache
def suite_version() -> str:
    """Return the suite's version and a digest of its code, which may change without it."""
    digest = hashlib.sha256()
    for folder in ("bench", "implementations"):
        for path in sorted((machine.ROOT / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(machine.ROOT)}\n".encode() + path.read_bytes())
    return f"{host_facts.suite()['version']} (code {digest.hexdigest()[:12]})"


def measure_round(data: bytes) -> bytes:
    """Measure an encoded ``Request`` with the host to ourselves; return an encoded ``Answer``.

    An exception is a fault of the suite: Dask tries again.
    """
    import distributed

    request, worker = msgspec.json.decode(data, type=RoundRequest), distributed.get_worker()
    _stop_statistics(worker)
    try:
        with lock.hold_host_lock(), scratch.folder() as folder:
            files = _measure(request, _find_data(request), folder)
        return msgspec.json.encode(RoundResult(worker.address, **files))
    except UserError as error:
        return msgspec.json.encode(RoundResult(worker.address, str(error)))


def _stop_statistics(worker: Any) -> None:
    """Stop Dask's sampling of this process, which would wake it 100 times a second."""
    for name, callback in worker.periodic_callbacks.items():
        if name not in {"heartbeat", "keep-alive"}:
            worker.loop.add_callback(callback.stop)


def _find_data(request: RoundRequest) -> Dataset:
    """Return the data of a request; raise UserError if this host must not measure it."""
    if request.suite != suite_version() or request.run.machine != host_facts.describe()["id"]:
        raise UserError("its suite or its machine has changed; start its worker again")
    data = dataset.find_prepared(request.sha256) or dataset.find(request.run.data)
    if data.sha256 != request.sha256:
        raise UserError("its data differ from the caller's; copy the caller's data there")
    return data


def _measure(request: RoundRequest, data: Dataset, parent: Path) -> dict[str, Any]:
    """Measure the trials of a request in a new folder; return its files."""
    run, folder = request.run, parent / "run"
    store.create_run(folder, run)
    peers = (*run.cases, *run.sweep)
    runner = Runner(folder, run, data, peers=peers, memory_limit=run.memory_limit)
    for trial in request.trials:
        case = _with_file(trial.case, request.files, parent)
        _import_once(case)
        runner.measure(msgspec.structs.replace(trial, case=case))
    return {
        "trials": (folder / "trials.jsonl").read_bytes(),
        "environments": {path.stem: path.read_bytes() for path in folder.glob("environments/*")},
        "params": {path.stem: path.read_bytes() for path in folder.glob("params/*")},
    }


def _with_file(case: Case, files: dict[str, bytes], folder: Path) -> Case:
    """Write the user's own implementation into a folder; the runner checks its hash."""
    if case.file is None:
        return case
    path = folder / Path(case.file).name
    path.write_bytes(files[case.file])
    return msgspec.structs.replace(case, file=str(path))


def _import_once(case: Case) -> None:
    """Import a framework unmeasured, so that its first trial reads no cold disk."""
    used = (*(plan.list_distributions(case) or [case.module]), case.interpreter or "")
    if used not in _imported and file_fault(case) is None:
        _imported.add(used)
        preflight.import_implementation(case)
