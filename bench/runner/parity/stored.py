"""Check a stored run, also a stranger's: parity again from its params, and nothing private in it.

The epochs that were judged are judged again, and others are drawn anew among all that are stored.

Nothing in the folder is run, and nothing outside of it is read because it says so.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import UserError
from bench.planning.cases import compute_max_samples
from bench.records import layout, store
from bench.records.files import read_file
from bench.records.paths import find_private_texts
from bench.records.schema import TOLERANCE, Run, TrialRecord
from bench.runner.host.machine import read_usable_memory
from bench.runner.parity.draws import FIRST_EPOCH, Draws, Epoch
from bench.runner.parity.evidence import Evidence
from bench.runner.parity.judge import Judge, Judgement
from bench.worker.workloads import get_workload

# Another processor rounds the oracle's float64 in another way: OpenBLAS's kernels of six processors
# (OPENBLAS_CORETYPE) differ by 1.5e-15 after five epochs on Fashion-MNIST.
ROUNDING = 0.01 * TOLERANCE
# That may also decide a tie between two classes.
ACCURACY_ROUNDING = 1e-3
TEXTS = ("*.json", "*.jsonl", "*.md", "*.csv", "environments/*.json")


@dataclass(frozen=True, slots=True)
class StoredCheck:
    """What a check of a stored run found.

    judged: number of rows with a trial whose params are there and were judged again, of ``total``
    that were judged when they were measured. faults: a line each.
    """

    judged: int
    total: int
    faults: list[str]


def check_run(folder: Path, data_source: str | None = None) -> StoredCheck:
    """Judge again what a run has params of, and look for what a published run must not hold.

    data_source: the value of ``--data``. Raises UserError if the run cannot be read, or its data
    cannot be found.
    """
    run, contents = store.read_run(folder), store.read_contents(folder)
    faults = [*contents.faults, *list_private_texts(folder)]
    judged = [
        record
        for record in contents.records
        if isinstance(record, TrialRecord) and record.parity and record.status == "ok"
    ]
    with_params = [
        record for record in judged if (folder / layout.PARAMS / f"{record.trial}.npy").is_file()
    ]
    if with_params:
        data, entropy = find_data(run, data_source), store.read_entropy(folder)
        judge = Judge(data.folder, data.classes)
        for record in with_params:
            environment = contents.environments.get(record.environment)
            if environment is None or environment.data.get("sha256") != data.sha256:
                faults.append(f"{record.trial}: it was measured with other data than ours")
                continue
            try:
                draws, evidence = read_evidence(folder, record, entropy, data)
                judgement = judge.judge(record.case, draws, evidence, timed=record.judged_epochs)
                other = judge.judge(record.case, draws, evidence)
            # The others: a stranger's record may name a workload or a size that does not exist.
            except (UserError, LookupError, ValueError, ArithmeticError) as error:
                faults.append(f"{record.trial}: it cannot be judged: {error}")
                continue
            if fault := find_difference(record, judgement) or other.fault:
                faults.append(f"{record.trial}: {fault}")
    again, rows = (len({record.case.slug for record in part}) for part in (with_params, judged))
    return StoredCheck(again, rows, faults)


def find_data(run: Run, data_source: str | None) -> Dataset:
    """Return the data that a run was measured with. Raises UserError.

    A folder is taken from the user only: the run's own could be any folder of this machine.
    """
    if data_source is None and run.data_source not in {None, "fashion-mnist", "digits"}:
        raise UserError("it was measured with data of the sender's own. Give them with --data")
    return dataset.find(data_source or run.data_source)


def list_private_texts(folder: Path) -> list[str]:
    """Return a line for each text in a run's files that may name a user or a host."""
    return [
        f"{path.relative_to(folder)} names {text:.200}. The suite hides what may name a user or a "
        "host, so report it"
        for path in sorted(path for pattern in TEXTS for path in folder.glob(pattern))
        for text in find_private_texts(read_file(path).decode("utf-8", "replace"))
    ]


def read_params(folder: Path, record: TrialRecord, data: Dataset) -> NDArray[np.float32]:
    """Return the params that a run keeps of a trial, (epochs, features + 1, classes).

    Raises UserError, also if they are not those that were recorded.
    """
    try:
        content = read_file(folder / layout.PARAMS / f"{record.trial}.npy")
        if record.params_sha256 not in {None, hashlib.sha256(content).hexdigest()}:
            raise UserError("its params have changed since they were written")
        # Unlike np.load it reads no archive. A header may promise more than there is.
        params: NDArray[np.float32] = np.lib.format.read_array(io.BytesIO(content))
    except (OSError, ValueError, MemoryError, RecursionError) as error:
        raise UserError(f"its params cannot be read: {error}") from error
    if params.dtype != np.float32 or params.shape[1:] != (data.features + 1, data.classes):
        raise UserError(f"its params have the shape {params.shape} and the type {params.dtype}")
    return params


def read_evidence(
    folder: Path, record: TrialRecord, entropy: Mapping[str, str], data: Dataset
) -> tuple[Draws, Evidence]:
    """Return what a trial's orders were drawn from, and its params. Raises UserError.

    entropy: of the run, by its name.
    """
    if record.entropy is None or record.entropy not in entropy:
        raise UserError("there is no entropy, so its orders cannot be drawn again")
    if record.case.samples > (most := compute_max_samples(data.features, read_usable_memory())):
        raise UserError(f"it has {record.case.samples} samples: memory holds {most} at most")
    draws = Draws(entropy[record.entropy], record.whole_noise, record.noise_epochs)
    params = read_params(folder, record, data)
    timed = [] if record.stretch_timed else record.epoch_seconds
    stretch = record.stretch_epochs or record.case.epochs
    epochs = [
        *(Epoch("stretch", number + 1) for number in range(stretch)),
        *(Epoch("timed", number + 1) for number in range(len(timed))),
        *([Epoch("noise", record.noise_epochs)] if record.noise_parity else []),
    ]
    if len(params) != len(epochs):
        raise UserError(f"it has params of {len(params)} epochs, and trained {len(epochs)}")
    if missing := {*record.judged_epochs} - {*range(1, 1 + len(timed))}:
        raise UserError(f"epoch {min(missing)} was judged, which it has not timed")
    workload = get_workload(record.case.workload)
    starts = {
        epoch: draws.draw_initial_params(workload, data.features, data.classes, epoch)
        for epoch in epochs
        if epoch.part != "stretch" or epoch == FIRST_EPOCH
    }
    return draws, Evidence(starts, dict(zip(epochs, params, strict=True)))


def find_difference(record: TrialRecord, judgement: Judgement) -> str | None:
    """Return how a record differs from the judgement on its params, or None."""
    if judgement.fault:
        return judgement.fault
    for recorded, computed in (
        (record.parity, judgement.parity),
        (record.noise_parity, judgement.noise_parity),
    ):
        pair = [parity.error if parity else 0.0 for parity in (recorded, computed)]
        if abs(pair[0] - pair[1]) > ROUNDING:
            errors = f"{pair[0]:.2e} in the record, and {pair[1]:.2e} by its params"
            return f"its parity error is {errors}"
    for ours, theirs in (
        (judgement.validation_accuracy, record.validation_accuracy),
        (judgement.test_accuracy, record.test_accuracy),
    ):
        pairs = zip(ours, theirs, strict=False)  # older records have more of them
        if any(abs(our - their) > ACCURACY_ROUNDING for our, their in pairs):
            return "its accuracies are not those of its params"
    return None
