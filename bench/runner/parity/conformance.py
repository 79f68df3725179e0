"""Conformance of an implementation: the contract's rules, parity, and good behaviour.

An implementation is put through the script of bench/worker/conformance.py in a fresh process for
every examination; what it hands over is judged here, in the parent.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.contract import Device, Params
from bench.data.dataset import Dataset
from bench.records.files import read_npy
from bench.records.schema import Case
from bench.runner import plan
from bench.runner.parity import mistakes
from bench.runner.parity.judge import TOLERANCE, Judge, Judgement, threads_fault, threads_in_force
from bench.runner.plan import Size
from bench.runner.process import interpreters, scratch, spec
from bench.runner.process.launch import launch
from bench.runner.process.outcome import Outcome
from bench.runner.process.spec import ChildSpec
from bench.worker.data import read
from bench.worker.workloads import EXAMINATION, draw_order

# Under sgd and in batches of this size, it is watched for a while after its last epoch.
WATCHED_BATCH_SIZE = 32
# None is the whole set in one batch. Small batches show a small fault (a weight decay of 1e-6
# needs many updates), large ones show what is taken for granted about a batch's size. From zero
# weights the 48,000 are too many: the classes are balanced, so the bias's first gradient is a sum
# that all but cancels, and adding it up in float32 row by row, as some libraries do, is an error
# above the tolerance though the mathematics are the same (docs/methodology.md).
BATCH_SIZES: dict[str, dict[str, tuple[int | None, ...]]] = {
    "digits": {"sgd": (8, WATCHED_BATCH_SIZE, None), "textbook": (WATCHED_BATCH_SIZE, None)},
    "fashion-mnist": {
        "sgd": (480, WATCHED_BATCH_SIZE, 9600),
        "textbook": (WATCHED_BATCH_SIZE, None),
    },
}
# Nothing of these may be seen by a process that asks for a GPU where there is none.
HIDDEN = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}

EPOCH_NAMES = (
    "in the first epoch",
    *(f"in epoch {epoch} after a second reset" for epoch in EXAMINATION[1].epochs),
    "from other weights, over an order that was there before",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One examination and what came out; ``error`` is the parity error, where there is one.

    status: as a trial's. A fault is ``failed``, ``timeout`` or ``out-of-memory`` with its reason.
    """

    data: str
    workload: str
    device: Device
    batch_size: int
    status: str
    reason: str | None = None
    error: float | None = None


class Examiner:
    """Examines implementations on some data sets; the oracles are computed once for all of them.

    threads, timeout (seconds): of one examination; device: where it trains.
    """

    def __init__(
        self, data: Sequence[Dataset], *, seed: int, threads: int, timeout: float, device: Device
    ) -> None:
        self._judges = [(each, Judge(each.folder, each.classes, seed)) for each in data]
        self._seed = seed
        self._threads = threads
        self._timeout = timeout
        self._device = device

    def examine(self, case: Case) -> Iterator[Finding]:
        """Examine an implementation; ends early where it exceeds the time limit once.

        ``case`` is as ``plan.implementation`` begins it.
        """
        for data, judge in self._judges:
            known = data.name if data.name in BATCH_SIZES else "fashion-mnist"
            for workload, sizes in BATCH_SIZES[known].items():
                for size in sizes:
                    finding = self._examined(self._filled(case, data, workload, size), data, judge)
                    yield finding
                    if finding.status == "timeout":
                        return
            if data is self._judges[0][0] and "gpu" in case.devices and sys.platform == "linux":
                yield self._without_gpu(case)

    def _filled(self, case: Case, data: Dataset, workload: str, size: int | None) -> Case:
        available = len(read(data.folder, "train")[1])
        if size is not None:  # the largest divisor of somebody's own data set that is no larger
            size = next(each for each in range(size, 0, -1) if available % each == 0)
        chosen = Size(size or available, self._threads, available)
        return plan.complete_case(case, workload, self._device, chosen)

    def _examined(self, case: Case, data: Dataset, judge: Judge) -> Finding:
        with scratch.folder() as folder:
            outcome = self._run(case, data, folder, {})
            if outcome.status != "ok":
                return _finding(case, data, outcome.status, outcome.reason)
            judgement = judge.examine(case, folder / "params.npy", folder / "labels.npy")
            reason = self._reason(judgement, case, judge, folder)
            reason = reason or _threads(case, outcome.document)
        error = judgement.parity.error if judgement.parity else None
        return _finding(case, data, "failed" if reason else "ok", reason, error)

    def _run(self, case: Case, data: Dataset, folder: Path, hidden: Mapping[str, str]) -> Outcome:
        child = ChildSpec(
            installation=interpreters.find_installation(case),
            threads=case.threads, device=case.device,
            variables={**case.variables, **hidden}, timeout=self._timeout,
        )  # fmt: skip
        asked = spec.request_training("check", case, data, self._seed)
        asked["watch"] = (case.workload, case.batch_size) == ("sgd", WATCHED_BATCH_SIZE)
        return launch(asked, child, folder)

    def _reason(self, judgement: Judgement, case: Case, judge: Judge, folder: Path) -> str | None:
        """Say when the fault began and, if it is a common one, what it is."""
        wrong = [number for number, error in enumerate(judgement.errors) if not error <= TOLERANCE]
        if not wrong:
            return judgement.fault
        fault = f"{judgement.fault}, {EPOCH_NAMES[wrong[0]]}"
        if wrong[0] > 0:
            return fault
        first, *_ = read_npy(folder / "params.npy", np.float32, 3)
        stretch = EXAMINATION[0]
        known = mistakes.name_mistake(
            Params(first[:-1], first[-1]),
            judge.problem(case),
            judge.start(case, stretch),
            draw_order(self._seed, stretch.epochs[0], case.samples),
            case.objective,
        )
        return f"{fault}; it looks as if {known}" if known else fault

    def _without_gpu(self, case: Case) -> Finding:
        """Ask for a GPU where none can be seen: an honest implementation is unavailable."""
        data, _ = self._judges[0]
        asked = msgspec.structs.replace(self._filled(case, data, "sgd", 32), device="gpu")
        with scratch.folder() as folder:
            outcome = self._run(asked, data, folder, HIDDEN)
        if outcome.status == "unavailable":
            return _finding(asked, data, "unavailable", outcome.reason)
        what = outcome.reason or "it trained, so it claims a GPU that it does not use"
        return _finding(
            asked, data, "failed", f"where no GPU can be seen it must raise Unavailable: {what}"
        )


def _threads(case: Case, document: Mapping[str, Any]) -> str | None:
    """Say what is wrong with the cores that were used; what cannot be told has not passed."""
    in_force = threads_in_force(document)
    if in_force is None:
        return threads_fault(case, inf, inf)
    return threads_fault(case, in_force, sum(document["epoch_seconds"]))


def has_passed(found: Sequence[Finding]) -> bool:
    """Tell whether at least one examination went well and none found a fault."""
    return {finding.status for finding in found} - {"unavailable"} == {"ok"}


def _finding(
    case: Case, data: Dataset, status: str, reason: str | None, error: float | None = None
) -> Finding:
    place = (data.name, case.workload, case.device, case.batch_size)
    return Finding(*place, status, reason, error)
