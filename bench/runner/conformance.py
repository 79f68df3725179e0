"""Conformance of an implementation: the contract's rules, parity, and good behaviour.

A worker is driven through an ordinary trial, in a fresh process for every batch size. It cannot
tell that it is checked: more of what it returns is judged.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np

from bench.contract import Device
from bench.data.dataset import Dataset
from bench.planning.cases import Size, can_train, complete_case
from bench.records.schema import TOLERANCE, Case
from bench.runner.drive import Drive, find_busy_fault, make_worker
from bench.runner.parity import mistakes
from bench.runner.parity.draws import FIRST_EPOCH, NOISE_EPOCH, Draws, Epoch
from bench.runner.parity.evidence import Evidence, pick_model, split_params
from bench.runner.parity.judge import Judge, Judgement, pick_problem
from bench.runner.process import preflight, scratch
from bench.runner.process.session import ProcessStopped
from bench.worker.data import read_labels
from bench.worker.workloads import get_workload

# The check with this batch size under sgd also watches the process after its last epoch.
WATCHED_BATCH_SIZE = 32
# None is the whole set in one batch. Small batches show small faults (a weight decay of 1e-6 needs
# many updates), large ones show assumptions about a batch's size. From zero weights, one batch of
# all 48,000 images is too many: the classes are balanced, so the bias's first gradient is a sum
# that almost cancels, and libraries that add it up row by row in float32 exceed the tolerance
# though their mathematics are the same (docs/parity.md). From other weights too: MLX's product over
# 48,000 rows errs by 7e-6 on a CPU, and one in five of its checks in that batch failed.
# Over the digits in one batch, RMSprop errs by up to 1.25e-5 in 400 draws with the idiomatic NumPy
# implementation; in batches of 288, by at most 5.5e-6.
BATCH_SIZES: dict[str, dict[str, tuple[int | None, ...]]] = {
    "digits": {
        "sgd": (8, WATCHED_BATCH_SIZE, None),
        "textbook": (WATCHED_BATCH_SIZE, 288),
        "many-3": (WATCHED_BATCH_SIZE, 288),
    },
    "fashion-mnist": {
        "sgd": (480, WATCHED_BATCH_SIZE, 9600),
        "textbook": (WATCHED_BATCH_SIZE, 9600),
        "many-3": (WATCHED_BATCH_SIZE, 480),
    },
}
# With these variables, a process that asks for a GPU sees none.
NO_GPU = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}

# The trial that is checked has this many epochs in its stretch, and as many timed ones or more, of
# which as many are compared with the oracle.
EPOCHS = 5
# Long enough to see how many cores they use.
TIMED_SECONDS = 0.15
FEW_IMAGES = 7


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: one data set, workload, device and batch size."""

    data: str
    workload: str
    device: Device
    batch_size: int
    # As a trial's; a fault is ``failed``, ``timeout`` or ``out-of-memory`` with its reason.
    status: str
    reason: str | None = None
    error: float | None = None  # the parity error, if there is one


class Checker:
    """Check implementations on some data sets; oracles are trained once for all of them.

    threads, timeout (seconds): of one check. device: where it trains.
    """

    def __init__(
        self, data: Sequence[Dataset], *, threads: int, timeout: float, device: Device
    ) -> None:
        self._judges = [(part, Judge(part.folder, part.classes)) for part in data]
        # No implementation that is checked can know it, nor what an earlier one made of it.
        self._draws = Draws.make(None, 0)
        self._other_draws = Draws.make(None, 0)
        self._threads = threads
        self._timeout = timeout
        self._device = device

    def check(self, case: Case) -> Iterator[Finding]:
        """Check an implementation in all sizes; end early if it exceeds the time limit once.

        case: incomplete, as ``find_implementation`` returns it.
        """
        for data, judge in self._judges:
            name = data.name if data.name in BATCH_SIZES else "fashion-mnist"
            for workload, batch_sizes in BATCH_SIZES[name].items():
                for batch_size in batch_sizes if can_train(case, workload) else ():
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
        # For a user's own data, the next smaller divisor.
        sizes = range(batch_size or available, 0, -1)
        batch_size = next(size for size in sizes if available % size == 0)
        size = Size(batch_size, self._threads, available)
        return complete_case(case, workload, self._device, size, EPOCHS)

    def _check_once(self, case: Case, data: Dataset, judge: Judge) -> Finding:
        """Drive a trial as ``bench run`` does, go on with other weights, and judge all of it."""
        watched = case.workload != "textbook" and case.batch_size == WATCHED_BATCH_SIZE
        workload = get_workload(case.workload if case.many else "textbook")
        again, shape = Epoch("timed", 1), (data.features, data.classes)
        others = self._other_draws.draw_initial_params(workload, *shape, again)
        other, busy_fault = Evidence(), None
        child = preflight.specify_child(case, self._timeout)
        with scratch.make_folder() as folder, make_worker(case, data, child, folder) as worker:
            drive = Drive(worker, case, self._draws, data.folder)
            evidence = drive.evidence
            with suppress(ProcessStopped):
                drive.set_up()
                drive.train_first()
                drive.train_stretch()
                drive.train_all(TIMED_SECONDS, kernel=False)
                drive.predict_all(partial(judge.find_mistaken, case))
                busy_fault = find_busy_fault(worker) if watched else None
                # From other weights over an order that was there before: what is remembered?
                drive.evidence = other
                images = np.stack([np.arange(len(worker.exchange.labels))] * 2)
                drive.reset(again, others)
                drive.predict(images, when="after a reset to other weights")
                drive.train(again)
                drive.predict(images[:, ::-1], when="after an epoch from other weights")
                drive.predict(images[:, :FEW_IMAGES], when=f"of {FEW_IMAGES} images")
                drive.evidence = evidence
                drive.train_on_noise(judge.read_problem(case))
            outcome = worker.finish()
        find = partial(Finding, data.name, case.workload, case.device, case.batch_size)
        if outcome.status != "ok":
            return find(outcome.status, outcome.reason)
        judgement = judge.judge(case, self._draws, evidence, timed=EPOCHS)
        reason = self._explain_fault(judgement, case, judge, evidence)
        error = max(judgement.errors.values(), default=None)
        if reason is None and (fault := judge.judge(case, self._draws, other).fault):
            reason = f"{fault}, when an earlier order was repeated from other weights"
        reason = reason or busy_fault or drive.judge_threads()[1]
        return find("failed" if reason else "ok", reason, error)

    def _explain_fault(
        self, judgement: Judgement, case: Case, judge: Judge, evidence: Evidence
    ) -> str | None:
        """Return the fault and, if it is common, its name in the first epoch that has it.

        Of those that begin anew, on the data.
        """
        anew = judgement.errors.keys() & evidence.starts.keys() - {NOISE_EPOCH}
        wrong = sorted(epoch for epoch in anew if not judgement.errors[epoch] <= TOLERANCE)
        if not wrong:
            return judgement.fault
        errors = judge.compare_models(case, self._draws, evidence, wrong[0])
        model = max(errors, key=errors.__getitem__)
        mistake = mistakes.name_mistake(
            pick_model(split_params(evidence.params[wrong[0]]), model),
            pick_problem(judge.read_problem(case), model),
            pick_model(evidence.starts[wrong[0]], model),
            self._draws.draw_order(wrong[0], case.samples),
            case.objective,
        )
        first = wrong[0] == FIRST_EPOCH
        fault = f"{judgement.fault}, and in the first epoch" if first else judgement.fault
        where = "" if first else f"in timed epoch {wrong[0].number} "
        return f"{fault}; {where}it looks as if {mistake}" if mistake else fault

    def _check_without_gpu(self, case: Case) -> Finding:
        """Ask for a GPU where the process sees none: the implementation must be unavailable."""
        data, _ = self._judges[0]
        workload = "many-3" if case.many else "sgd"
        complete = self._complete_case(case, data, workload, WATCHED_BATCH_SIZE)
        complete = msgspec.structs.replace(complete, device="gpu", env={**case.env, **NO_GPU})
        child = preflight.specify_child(complete, self._timeout)
        with scratch.make_folder() as folder, make_worker(complete, data, child, folder) as worker:
            with suppress(ProcessStopped):
                Drive(worker, complete, self._draws, data.folder).set_up()
            outcome = worker.finish()
        find = partial(Finding, data.name, workload, "gpu", complete.batch_size)
        if outcome.status == "unavailable":
            return find("unavailable", outcome.reason)
        behaviour = outcome.reason or "it trained, so it claims a GPU that it does not use"
        return find("failed", f"where no GPU can be seen it must raise Unavailable: {behaviour}")


def has_passed(findings: Sequence[Finding]) -> bool:
    """Return whether at least one check succeeded and none found a fault."""
    return {finding.status for finding in findings} - {"unavailable"} == {"ok"}
