"""Conformance of an implementation: the contract's rules, parity, and good behaviour.

The worker trains and predicts as bench/worker/check.py says, in a fresh process for every batch
size. The parent judges here what it returns.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from bench.contract import Device, Params
from bench.data.dataset import Dataset
from bench.records.files import read_npy
from bench.records.schema import Case
from bench.runner.cases import Size, complete_case
from bench.runner.parity import mistakes
from bench.runner.parity.judge import (
    TOLERANCE,
    Judge,
    Judgement,
    judge_threads,
)
from bench.runner.process import interpreters, scratch, spec
from bench.runner.process.launch import launch
from bench.runner.process.outcome import Outcome
from bench.runner.process.spec import ChildSpec
from bench.worker.data import read_labels
from bench.worker.workloads import CHECK_SEGMENTS, draw_order

# The check with this batch size under sgd also watches the process after its last epoch.
WATCHED_BATCH_SIZE = 32
# None is the whole set in one batch. Small batches show small faults (a weight decay of 1e-6 needs
# many updates), large ones show assumptions about a batch's size. From zero weights, one batch of
# all 48,000 images is too many: the classes are balanced, so the bias's first gradient is a sum
# that almost cancels, and libraries that add it up row by row in float32 exceed the tolerance
# though their mathematics are the same (docs/methodology.md).
BATCH_SIZES: dict[str, dict[str, tuple[int | None, ...]]] = {
    "digits": {"sgd": (8, WATCHED_BATCH_SIZE, None), "textbook": (WATCHED_BATCH_SIZE, None)},
    "fashion-mnist": {
        "sgd": (480, WATCHED_BATCH_SIZE, 9600),
        "textbook": (WATCHED_BATCH_SIZE, None),
    },
}
# With these variables, a process that asks for a GPU sees none.
NO_GPU = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}

EPOCH_NAMES = (
    "in the first epoch",
    *(f"in epoch {epoch} after a second reset" for epoch in CHECK_SEGMENTS[1].epochs),
    "from other weights, over an order that was there before",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: one data set, workload, device and batch size.

    status: as a trial's; a fault is ``failed``, ``timeout`` or ``out-of-memory`` with its reason.
    error: the parity error, if there is one.
    """

    data: str
    workload: str
    device: Device
    batch_size: int
    status: str
    reason: str | None = None
    error: float | None = None


class Checker:
    """Check implementations on some data sets; oracles are trained once for all of them.

    threads, timeout (seconds): of one check. device: where it trains.
    """

    def __init__(
        self, data: Sequence[Dataset], *, seed: int, threads: int, timeout: float, device: Device
    ) -> None:
        self._judges = [(part, Judge(part.folder, part.classes, seed)) for part in data]
        self._seed = seed
        self._threads = threads
        self._timeout = timeout
        self._device = device

    def check(self, case: Case) -> Iterator[Finding]:
        """Check an implementation in all sizes; end early if it exceeds the time limit once.

        case: incomplete, as ``find_implementation`` returns it.
        """
        for data, judge in self._judges:
            known = data.name if data.name in BATCH_SIZES else "fashion-mnist"
            for workload, batch_sizes in BATCH_SIZES[known].items():
                for batch_size in batch_sizes:
                    complete = self._complete_case(case, data, workload, batch_size)
                    finding = self._check_once(complete, data, judge)
                    yield finding
                    if finding.status == "timeout":
                        return
            if data is self._judges[0][0] and "gpu" in case.devices and sys.platform == "linux":
                yield self._check_without_gpu(case)

    def _complete_case(
        self, case: Case, data: Dataset, workload: str, batch_size: int | None
    ) -> Case:
        available = len(read_labels(data.folder, "train"))
        if batch_size is not None:  # for a user's own data, the next smaller divisor
            batch_size = next(n for n in range(batch_size, 0, -1) if available % n == 0)
        size = Size(batch_size or available, self._threads, available)
        return complete_case(case, workload, self._device, size)

    def _check_once(self, case: Case, data: Dataset, judge: Judge) -> Finding:
        with scratch.make_folder() as folder:
            outcome = self._launch(case, data, folder, {})
            if outcome.status != "ok":
                return _make_finding(case, data, outcome.status, outcome.reason)
            judgement = judge.judge_check(case, folder / "params.npy", folder / "labels.npy")
            reason = self._explain_fault(judgement, case, judge, folder)
        if reason is None:  # without valid times nothing has passed
            _, reason = judge_threads(case, outcome.document)
        error = judgement.parity.error if judgement.parity else None
        return _make_finding(case, data, "failed" if reason else "ok", reason, error)

    def _launch(
        self, case: Case, data: Dataset, folder: Path, variables: Mapping[str, str]
    ) -> Outcome:
        child = ChildSpec(
            installation=interpreters.find_installation(case),
            threads=case.threads,
            device=case.device,
            variables={**case.variables, **variables},
            timeout=self._timeout,
        )
        request = spec.request_training("check", case, data, self._seed)
        request["watch"] = (case.workload, case.batch_size) == ("sgd", WATCHED_BATCH_SIZE)
        return launch(request, child, folder)

    def _explain_fault(
        self, judgement: Judgement, case: Case, judge: Judge, folder: Path
    ) -> str | None:
        """Return the fault with the epoch in which it began and, if it is common, its name."""
        wrong = [number for number, error in enumerate(judgement.errors) if not error <= TOLERANCE]
        if not wrong:
            return judgement.fault
        fault = f"{judgement.fault}, {EPOCH_NAMES[wrong[0]]}"
        if wrong[0] > 0:
            return fault
        first, *_ = read_npy(folder / "params.npy", np.float32, 3)
        segment = CHECK_SEGMENTS[0]
        mistake = mistakes.name_mistake(
            Params(first[:-1], first[-1]),
            judge.read_problem(case),
            judge.draw_start(case, segment),
            draw_order(self._seed, segment.epochs[0], case.samples),
            case.objective,
        )
        return f"{fault}; it looks as if {mistake}" if mistake else fault

    def _check_without_gpu(self, case: Case) -> Finding:
        """Ask for a GPU where the process sees none: the implementation must be unavailable."""
        data, _ = self._judges[0]
        complete = self._complete_case(case, data, "sgd", WATCHED_BATCH_SIZE)
        complete = msgspec.structs.replace(complete, device="gpu")
        with scratch.make_folder() as folder:
            outcome = self._launch(complete, data, folder, NO_GPU)
        if outcome.status == "unavailable":
            return _make_finding(complete, data, "unavailable", outcome.reason)
        behaviour = outcome.reason or "it trained, so it claims a GPU that it does not use"
        reason = f"where no GPU can be seen it must raise Unavailable: {behaviour}"
        return _make_finding(complete, data, "failed", reason)


def has_passed(findings: Sequence[Finding]) -> bool:
    """Return whether at least one check succeeded and none found a fault."""
    return {finding.status for finding in findings} - {"unavailable"} == {"ok"}


def _make_finding(
    case: Case, data: Dataset, status: str, reason: str | None, error: float | None = None
) -> Finding:
    place = (data.name, case.workload, case.device, case.batch_size)
    return Finding(*place, status, reason, error)
