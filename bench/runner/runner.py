"""Measure single trials on this host, each in a new process; judge and record them."""

import dataclasses
import hashlib
import io
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self, TypeVar, cast

import numpy as np

from bench.data.dataset import Dataset
from bench.planning.cases import can_train, compute_max_models, compute_max_samples
from bench.records import environments, store, timestamps
from bench.records.files import hash_file
from bench.records.paths import find_case_folders
from bench.records.schema import BasePlan, Case, Environment, Record, Trial
from bench.runner.drive import Drive, alternate, make_worker
from bench.runner.host import gpu, machine
from bench.runner.host.gpu import GpuMonitor
from bench.runner.host.machine import read_usable_memory
from bench.runner.parity.draws import NOISE_EPOCHS, Draws
from bench.runner.parity.evidence import stack_params
from bench.runner.parity.judge import Judge, Judgement, find_textbook_fault
from bench.runner.process import preflight, scratch, spec
from bench.runner.process.launch import Worker
from bench.runner.process.outcome import Result, describe_outcome
from bench.runner.process.session import ProcessStopped
from bench.runner.process.spec import ChildSpec, Installation, redact_variables
from bench.worker import exchange
from bench.worker.machine import list_software, list_usable_cores
from bench.worker.measure import now
from bench.worker.roofline import RooflineSample
from bench.worker.workloads import count_models, get_workload

Returned = TypeVar("Returned")

# The fields of a record that a worker reports itself. Those of a trial are all the parent's.
REPORTED = {
    "textbook": {"quantities"},
    "roofline": {field.name for field in dataclasses.fields(RooflineSample)},
}
# Low precision is a property of a program: its first process trains on noise, and one in this many
# of the others, which are drawn when their epochs are over.
NOISE_ONE_IN = 8
TOGETHER = "it trains several models together. Measure it with --workload many"
ONE_BY_ONE = "it trains one model. Measure it with --workload sgd or textbook"


class Runner:
    """Measure trials of one run on this host, judge them, and append their records to its folder.

    A context manager: at its end, and whenever another round begins, the params of the round that
    is over are written, and what its orders were drawn from. While a round goes on, no worker can
    read either.
    peers: cases of the run; a roofline probe reads as many images as they do. warm_from: the round
    from which on a worker finds the compile caches that the one before it left; 0 for none.
    installations: of the versions of a comparison in pairs, whose trials are as short as possible;
    their params are not kept.
    """

    def __init__(
        self,
        folder: Path,
        context: BasePlan,
        data: Dataset,
        *,
        peers: Sequence[Case] = (),
        warm_from: int = 0,
        installations: Mapping[str, Installation] | None = None,
    ) -> None:
        self._folder = folder
        self._recorder = store.Recorder(folder, context.run)
        self._context = context
        self._data = data
        self._peers = peers
        self._warm_from = warm_from
        self._stack = ExitStack()
        self._caches: Path | None = None  # what workers have left, by version and case
        self._cached: dict[str, Path] = {}  # the folders of these workers
        self._installations = installations
        self._judge = Judge(data.folder, data.classes)
        self._machine = {**machine.describe(), **machine.describe_job()}
        self._suite = machine.describe_suite()
        self._software: dict[str, Mapping[str, object]] = {}
        self._judging_seconds = 0.0  # of the trials that are measured now
        self._on_noise: set[tuple[object, ...]] = set()  # the programs that were trained on noise
        self._pings = defaultdict[tuple[int, int], list[float]](list)  # by samples and threads
        self._round: int | None = None
        self._draws: dict[str, Draws] = {}  # of the round that goes on, by size
        self._params: dict[str, bytes] = {}  # by trial, of the round that goes on

    def __enter__(self) -> Self:
        if self._warm_from:
            self._caches = self._stack.enter_context(scratch.make_folder())
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            self._end_round()

    def measure(self, trial: Trial) -> Record:
        """Measure one trial to its end, however it ends; judge it, and append its record.

        A trial that a signal interrupts is recorded as interrupted, and is still missing. Raises
        UserError if the run's folder or the worker's cannot be written.
        """
        (record,) = self._record([trial], lambda children: [self._run(trial, *children)])
        return record

    def measure_pair(self, trials: Sequence[Trial], *, judge_one_epoch: bool) -> Sequence[Record]:
        """Run two trials at the same time, whose workers train in turn, and append their records.

        judge_one_epoch: of one of the two, instead of all epochs (bench/runner/parity/judge.py).
        """
        run_pair = partial(self._run_pair, trials, judge_one_epoch=judge_one_epoch)
        return self._record(trials, run_pair)

    def _record(
        self,
        trials: Sequence[Trial],
        measure: Callable[[Sequence[ChildSpec]], Sequence[Result]],
    ) -> Sequence[Record]:
        """Measure trials, and append their records; interrupted ones if KeyboardInterrupt comes."""
        # First of all: another Python may need long to describe itself.
        sides, timeout = self._installations or {}, self._context.timeout
        children = [
            preflight.specify_child(trial.case, timeout, sides.get(trial.version))
            for trial in trials
        ]
        environments = [self._describe_environment(child) for child in children]
        self._judging_seconds, started = 0.0, timestamps.format_now()
        interrupt = None
        try:
            results = measure(children)
        except KeyboardInterrupt as error:
            results, interrupt = [Result("interrupted")] * len(trials), error
        if self._judging_seconds and interrupt is None:
            share = self._judging_seconds / len(trials)
            results = [result.add(judging_seconds=share) for result in results]
        records = [
            self._append(trial, environment, started, result)
            for trial, environment, result in zip(trials, environments, results, strict=True)
        ]
        if interrupt is not None:
            raise interrupt
        return records

    @contextmanager
    def _make_folder(self, trial: Trial) -> Iterator[Path]:
        """Make the folder of a worker. A warm one finds the compile caches of the one before it.

        They may depend on the path of the folder, so it is the same.
        """
        name = trial.version + trial.case.slug
        caches = self._caches if trial.round >= self._warm_from else None
        with scratch.make_folder(self._cached.get(name) if caches else None) as folder:
            if caches:
                spec.move_compile_caches(caches / name, folder)
            yield folder

    def _keep_caches(self, trial: Trial, folder: Path) -> None:
        """Keep the compile caches that a worker has left."""
        if self._caches:
            name = trial.version + trial.case.slug
            spec.move_compile_caches(folder, self._caches / name)
            self._cached[name] = folder

    def _run(self, trial: Trial, child: ChildSpec) -> Result:
        """Measure one trial, unless something prevents it."""
        if obstacle := self._find_obstacle(trial.case):
            return obstacle
        with self._make_folder(trial) as folder:
            before = machine.read_conditions()
            measure = self._drive if trial.kind == "trial" else self._launch
            result = measure(trial, child, folder)
            conditions = machine.compare_readings(before, machine.read_conditions())
        if result.status != "ok":
            scratch.check_room()  # if the disk is full even without its files: UserError
        return result.add(conditions=conditions)

    def _drive(self, trial: Trial, child: ChildSpec, folder: Path) -> Result:
        """Drive a worker through a trial and judge it."""
        draws, case = self._get_draws(trial), trial.case
        monitor = GpuMonitor(gpu.get_visible_gpu()) if case.device == "gpu" else None
        found_bytes = spec.count_cache_bytes(folder)
        with make_worker(case, self._data, child, folder) as worker:
            pings = self._pings[case.samples, case.threads]
            drive = Drive(worker, case, draws, self._data.folder, monitor, pings=pings)
            with suppress(ProcessStopped):
                drive.set_up()
                drive.train_first()
                if not trial.lean:
                    drive.train_stretch(timed=True)
                drive.train_all(None if self._installations is None else 0.0)
                drive.predict_all(partial(self._time, self._judge.find_mistaken, case))
                program = trial.version, case.implementation, case.device
                if program not in self._on_noise or not secrets.randbelow(NOISE_ONE_IN):
                    drive.train_on_noise(self._judge.read_problem(case))
                    self._on_noise.add(program)
            outcome = worker.finish()
        if "framework_peak_bytes" in outcome.document:
            peak = outcome.document["framework_peak_bytes"]
            drive.measurement.device_conditions["framework_peak_bytes"] = peak
        result = describe_outcome(outcome).add(
            drive.measurement, kernel_seconds=drive.kernel_seconds
        )
        if outcome.status == "unavailable" and drive.measurement.setup_seconds:
            return result.fail(f"it was available when it was set up: {outcome.reason}")
        if outcome.status != "ok":
            return result
        left = spec.count_cache_bytes(folder)
        self._keep_caches(trial, folder)
        result = result.add(cache_bytes=left, found_cache_bytes=found_bytes)
        return self._judge_drive(trial, drive, result, self._judge.judge)

    def _run_pair(
        self, trials: Sequence[Trial], children: Sequence[ChildSpec], *, judge_one_epoch: bool
    ) -> list[Result]:
        """Measure two trials; see ``measure_pair``."""
        obstacles = [self._find_obstacle(trial.case) for trial in trials]
        if any(obstacles):
            other = Result("unavailable", "its partner was not measured")
            return [obstacle or other for obstacle in obstacles]
        before = machine.read_conditions()
        with ExitStack() as stack:
            drives, folders = [], []
            for trial, child in zip(trials, children, strict=True):
                folder = stack.enter_context(self._make_folder(trial))
                folders.append(folder)
                worker = make_worker(trial.case, self._data, child, folder)
                stack.enter_context(worker)
                # Orders of its own: neither worker learns anything from the other one's.
                draws = Draws.make(None, trial.round)
                pings = self._pings[trial.case.samples, trial.case.threads]
                drives.append(Drive(worker, trial.case, draws, self._data.folder, pings=pings))
            with suppress(ProcessStopped):
                for drive in drives:
                    drive.set_up()
                    drive.train_first()
                    drive.warm_up()
                alternate(drives, trials[0].case.epochs)
                for drive in drives:
                    drive.end_epochs()
                    if not judge_one_epoch:
                        find_mistaken = self._judge.find_mistaken
                        drive.predict_all(partial(self._time, find_mistaken, drive.case))
            outcomes = [drive.worker.finish() for drive in drives]
            for trial, folder in zip(trials, folders, strict=True):
                self._keep_caches(trial, folder)
        conditions = machine.compare_readings(before, machine.read_conditions())
        results = [
            describe_outcome(outcome).add(drive.measurement, alternated=True, conditions=conditions)
            for drive, outcome in zip(drives, outcomes, strict=True)
        ]
        if any(result.status != "ok" for result in results):
            return [
                result.fail("its partner failed", "interrupted")
                if result.status == "ok"
                else result
                for result in results
            ]
        judge: Callable[..., Judgement] = (
            self._judge.judge_epoch if judge_one_epoch else self._judge.judge
        )
        judged = [secrets.choice(drives)] if judge_one_epoch else drives
        return [
            self._judge_drive(trial, drive, result, judge if drive in judged else None)
            for trial, drive, result in zip(trials, drives, results, strict=True)
        ]

    def _time(self, judge: Callable[..., Returned], *args: object) -> Returned:
        """Return what a function of the judge returns, and note how long it took."""
        begin = now()
        try:
            return judge(*args)
        finally:
            self._judging_seconds += now() - begin

    def _judge_drive(
        self,
        trial: Trial,
        drive: Drive,
        result: Result,
        judge: Callable[..., Judgement] | None,
    ) -> Result:
        """Return the result of a successful process with what the parent adds to it.

        judge: None if params and predictions are not judged.
        """
        judgement = Judgement()
        if judge is not None:
            judgement = self._time(judge, trial.case, drive.draws, drive.evidence)
        threads, threads_fault = drive.judge_threads()
        fault = judgement.fault or drive.find_disturbance_fault() or threads_fault
        timed = sorted(epoch.number for epoch in judgement.errors if epoch.part == "timed")
        result = result.add(
            judgement, entropy=drive.draws.id, judged_epochs=timed, threads_in_force=threads
        )
        kept = self._installations is None and get_workload(trial.case.workload).keeps_params
        if kept and judgement.parity is not None:
            stream = io.BytesIO()
            np.save(stream, stack_params(drive.evidence))
            self._params[trial.id] = stream.getvalue()
            digest = hashlib.sha256(stream.getvalue()).hexdigest()
            result = result.add(params_sha256=digest, whole_noise=True, noise_epochs=NOISE_EPOCHS)
        return result.fail(fault) if fault else result

    def _launch(self, trial: Trial, child: ChildSpec, folder: Path) -> Result:
        """Run a roofline probe or a program of the textbook."""
        seconds: dict[str, float] = {}
        with Worker(self._build_request(trial), child, folder) as worker:
            with suppress(ProcessStopped):
                worker.await_start()
                if trial.kind == "textbook":
                    worker.call(exchange.READ_DATA)
                imported = worker.call(exchange.IMPORT).elapsed
                seconds["import_seconds"] = worker.numpy_seconds + imported
                elapsed = worker.call(exchange.RUN).elapsed
                if trial.kind == "textbook":
                    seconds["program_seconds"] = elapsed
            outcome = worker.finish()
        # A worker reports these fields and no others: the parent fills in the rest.
        reported = {
            name: outcome.document[name] for name in REPORTED[trial.kind] & outcome.document.keys()
        }
        result = describe_outcome(outcome).add(**(reported | seconds))
        if trial.kind == "textbook" and outcome.status == "ok":
            quantities = outcome.document.get("quantities", {})
            if fault := find_textbook_fault(trial.case.implementation, quantities):
                return result.fail(fault)
        return result

    def _get_draws(self, trial: Trial) -> Draws:
        """Return the draws of a trial, which other programs have in its round at its size.

        No other process of its program has them in the round: it could find on the disk what this
        one leaves there.
        """
        if trial.round != self._round:
            self._end_round()
            self._round = trial.round
        size = trial.case.slug.replace(trial.case.implementation, "", 1)
        if size not in self._draws:
            self._draws[size] = Draws.make(self._context.seed, trial.round, size)
        return self._draws[size]

    def _end_round(self) -> None:
        for trial, params in self._params.items():
            store.save_params(self._folder, trial, params)
        for draws in self._draws.values() if self._params else ():
            store.save_entropy(self._folder, draws.entropy)
        self._round, self._draws, self._params = None, {}, {}

    def _append(
        self, trial: Trial, environment: Environment, started: str, result: Result
    ) -> Record:
        identity: dict[str, object] = {
            "kind": trial.kind,
            "trial": trial.id,
            "round": trial.round,
            "case": trial.case,
            "started": started,
        }
        if trial.kind == "trial":
            identity["version"] = trial.version
        folders = find_case_folders(trial.case)
        record = self._recorder.append(identity, environment, result.fields, folders)
        return cast("Record", record)

    def _find_obstacle(self, case: Case) -> Result | None:
        """Return the result of a case that cannot be measured on this host, or None."""
        data, memory, models = self._data, read_usable_memory(), count_models(case.workload)
        if case.device not in case.devices:
            reason = f"{case.implementation} runs on {' and '.join(case.devices)} only"
        elif not can_train(case, case.workload):
            reason = TOGETHER if case.many else ONE_BY_ONE
        elif case.samples > (most := compute_max_samples(data.features, memory)):
            reason = f"{case.samples} samples: this machine's memory holds {most} at most"
        elif models > (
            most := compute_max_models(case.samples, data.features, data.classes, memory)
        ):
            reason = f"{models} models: this machine's memory holds {most} at most"
        elif case.threads > (cores := len(list_usable_cores())):
            reason = f"{case.threads} threads: only {cores} cores are usable on this machine"
        else:
            fault = find_file_fault(case)
            return Result("failed", fault) if fault else None
        return Result("unavailable", reason)

    def _build_request(self, trial: Trial) -> dict[str, object]:
        case, source = trial.case, spec.describe_source(trial.case)
        if trial.kind == "textbook":
            return {"mode": "textbook", **source, "data": str(self._data.folder)}
        # Trials with more are unavailable.
        most = compute_max_samples(self._data.features, read_usable_memory())
        # A probe reads floats: as many images as its peers read, and as many bytes.
        samples = {
            count
            for peer in self._peers
            if peer.samples <= most and (peer.device, peer.threads) == (case.device, case.threads)
            for count in (peer.samples, peer.samples * peer.bytes_per_pixel // 4)
            if count <= most
        }
        return {
            "mode": "roofline",
            **source,
            "device": case.device,
            "features": self._data.features,
            "samples": sorted(samples),
        }

    def _describe_environment(self, child: ChildSpec) -> Environment:
        """Return the environment of a trial; raises UserError if another Python does not answer."""
        python = child.installation.python
        if python not in self._software:  # another interpreter than ours is asked once
            ours = python == Installation().python
            self._software[python] = (
                list_software() if ours else preflight.read_software(child.installation)
            )
        facts = {
            "machine": self._machine,
            "software": self._software[python],
            "suite": self._suite,
            "variables": redact_variables(child),
            "data": self._data.describe(),
        }
        return environments.make_environment(facts)


def find_file_fault(case: Case) -> str | None:
    """Return how a user's own file, or one that it imports, has changed since the plan, or None."""
    if case.file is None:
        return None
    file = Path(case.file)
    planned = {file: case.sha256}
    planned |= {file.parent / name: digest for name, digest in case.siblings.items()}
    for path, digest in planned.items():
        try:
            if hash_file(path) != digest:
                return f"{path} has changed since the run was planned"
        except OSError as error:
            return f"{path} cannot be read any more: {error.strerror}"
    return None
