"""Play recorded times through the planner of a default run: python docs/generate.py.

What a run has after some minutes, on four machines: processes of a row in ``sgd``, and in
``textbook``. A process takes what its phases took in a published run; which process follows is
decided by the code that decides it in a run. The Xeon is family 6 model 167, and the last machine
takes twice its times. The imports before the first process are counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from bench.analysis.stopping import find_settled
from bench.planning.cases import make_case
from bench.planning.plan import LEAN_EPOCHS, Schedule, list_variants
from bench.planning.presets import PRESETS
from bench.records import store
from bench.records.schema import (
    FORMAT,
    Case,
    Parity,
    Record,
    RooflineRecord,
    Run,
    StoppingRule,
    TextbookRecord,
    Trial,
    TrialRecord,
)
from bench.runner.drive import LONG_EPOCH, TIMED_SECONDS
from implementations import IMPLEMENTATIONS

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
ZEN5 = "amd-epyc-zen5-2-cores-second"
# The run, how many times as long everything takes, and the seconds of the imports before it.
MACHINES = {
    "AMD EPYC (Zen 5)": (ZEN5, 1.0, 12.0),
    "AMD EPYC (Zen 4)": ("amd-epyc-zen4-2-cores", 1.0, 12.0),
    "Intel Xeon": ("intel-xeon-167-2-cores", 1.0, 20.0),
    "twice as slow": ("intel-xeon-167-2-cores", 2.0, 20.0),
}
WORKLOADS = ("sgd", "textbook")
MINUTES = (1, 2, 5, 10, 15)
# Seconds of a process that no record has: Python's start, its end and the pings. Of a program of
# the textbook and a probe, as a default run took on the Xeon.
OTHER_SECONDS, PROGRAM_SECONDS, PROBE_SECONDS = 0.65, 20.0, 4.0
# The Xeon's run was resumed two hours later, in another state of the machine.
ENDS = {"intel-xeon-167-2-cores": "2026-11-30T16"}


@dataclass(frozen=True, slots=True)
class Phases:
    """Median seconds of a process: before its second epoch, of an epoch, and of the rest."""

    start: float
    setup: float
    epoch: float
    predictions: float
    noise: float
    judging: float

    def sum_seconds(self, trial: Trial, *, noise: bool, warm: bool) -> float:
        """Return the seconds of a trial; noise, warm: with that epoch, or with compile caches."""
        seconds = OTHER_SECONDS + self.start - (0.8 * self.setup if warm else 0.0)
        seconds += self.predictions + self.judging + noise * self.noise
        least = LEAN_EPOCHS if trial.lean else 4
        if trial.lean or self.epoch < LONG_EPOCH:
            seconds += max(TIMED_SECONDS["cpu"], least * self.epoch)
        return seconds + (0.0 if trial.lean else 4 * self.epoch)


def read_phases(name: str, workload: str) -> dict[str, Phases]:
    """Return the phases of the programs of a default run, with one thread in batches of 32."""
    trials: dict[str, list[TrialRecord]] = {}
    for record in store.read_records(REFERENCE / name):
        case = record.case
        if not isinstance(record, TrialRecord) or record.status != "ok":
            continue
        size = (case.workload, case.batch_size, case.threads, case.samples)
        known = size == (workload, 32, 1, 48_000) and not record.found_cache_bytes
        if known and record.started < ENDS.get(name, "9"):
            trials.setdefault(case.implementation, []).append(record)
    return {program: find_phases(own) for program, own in trials.items()}


def find_phases(trials: Sequence[TrialRecord]) -> Phases:
    """Return the median phases of some processes."""
    epoch = median(median(trial.epoch_seconds) for trial in trials)
    setup = median(trial.setup_seconds or 0.0 for trial in trials)
    known = {
        "start": [
            (trial.import_seconds or 0.0)
            + (trial.setup_seconds or 0.0)
            + (trial.first_epoch_seconds or 0.0)
            for trial in trials
        ],
        "predictions": [
            (trial.first_predict_seconds or 0.0) + sum(trial.predict_seconds) + 0.1
            for trial in trials
        ],
        # Most of it is another set-up, and a fifth of an epoch.
        "noise": [setup + 0.2 * epoch],
        "judging": [trial.judging_seconds or 0.0 for trial in trials],
    }
    return Phases(setup=setup, epoch=epoch, **{name: median(own) for name, own in known.items()})


def plan(cores: int = 2) -> Run:
    """Return the plan of a default run."""
    preset = PRESETS["default"]
    entries = [entry for entry in IMPLEMENTATIONS if entry.always]
    sizes = {"batch_size": 32, "threads": 1, "samples": 48_000, "epochs": 5}
    cases = tuple(
        make_case(entry, workload=workload, device="cpu", **sizes)
        for workload in WORKLOADS
        for entry in entries
    )
    names = ("numpy", "jax", "torch", "tensorflow")
    probes = (make_case(entries[0], workload="roofline", threads=1) for _ in names)
    return Run(
        format=FORMAT,
        run="a run",
        command="",
        created="2026-01-01T00:00:00+00:00",
        seed=None,
        timeout=600.0,
        rounds={"sgd": preset.rounds, "textbook": preset.other_rounds},
        cases=cases,
        textbook=tuple(
            make_case(entries[0], workload="textbook", threads=cores, epochs=n) for n in (1, 2)
        ),
        rooflines=tuple(
            msgspec.structs.replace(probe, implementation=f"roofline-{name}")
            for probe, name in zip(probes, names, strict=True)
        ),
        order="0",
        budget=preset.budget,
        stopping=StoppingRule(preset.least_rounds, 0.05),
        lean_from=preset.lean_from,
        warm_from=preset.warm_from,
        variants=list_variants(cases, cores),
    )


def play(
    name: str, slowness: float, imports: float, minutes: float = MINUTES[-1]
) -> list[tuple[float, Trial]]:
    """Return the trials of a run on a machine, each with the second in which it ends.

    Without those of programs that lack a workload. slowness, imports: see MACHINES.
    """
    run, records, now = plan(), [], slowness * imports
    phases = {workload: read_phases(name, workload) for workload in WORKLOADS}
    fallback = {workload: read_phases(ZEN5, workload) for workload in WORKLOADS}
    ended: list[tuple[float, Trial]] = []
    while (parts := Schedule(run, records, find_settled).missing) and now < 60 * minutes:
        trial = next(iter(parts.values()))[0]
        own = find_own(trial.case, phases, fallback) if trial.kind == "trial" else None
        noisy = trial.round == 1 and trial.case.workload == WORKLOADS[0]
        warm = trial.round >= run.warm_from and trial.case.implementation in CACHED
        if own:
            now += slowness * own.sum_seconds(trial, noise=noisy, warm=warm)
        elif trial.kind != "trial":
            now += slowness * (PROGRAM_SECONDS if trial.kind == "textbook" else PROBE_SECONDS)
        records.append(make_record(trial, own))
        if own or trial.kind != "trial":
            ended.append((now, trial))
    return ended


# Programs that leave a compile cache.
CACHED = {"numba", "pytorch-compiled"}


def find_own(
    case: Case,
    phases: Mapping[str, Mapping[str, Phases]],
    fallback: Mapping[str, Mapping[str, Phases]],
) -> Phases | None:
    """Return the phases of a case; None of one that is unavailable.

    Where a run lacks a workload, its epochs are as much longer as in the fallback.
    """
    name, workload = case.implementation, case.workload
    if name not in fallback[workload]:
        return None
    if own := phases[workload].get(name):
        return own
    own, other = phases[WORKLOADS[0]][name], fallback[workload][name]
    ratio = other.epoch / fallback[WORKLOADS[0]][name].epoch
    return Phases(own.start, own.setup, ratio * own.epoch, own.predictions, own.noise, own.judging)


def make_record(trial: Trial, own: Phases | None) -> Record:
    """Return the record of a trial; all cores are a fifth slower, as most are on two of them."""
    values = {
        "format": FORMAT,
        "run": "a run",
        "trial": trial.id,
        "round": trial.round,
        "started": "2026-01-01T00:00:00+00:00",
        "environment": "here",
        "case": trial.case,
        "status": "ok",
    }
    if trial.kind == "textbook":
        return TextbookRecord(**values)
    if trial.kind == "roofline":
        return RooflineRecord(**values)
    if own is None:
        return TrialRecord(**values | {"status": "unavailable"})
    # Processes differ by 3 %, in a fixed order.
    noise = 1 + 0.03 * ((7 * trial.round + len(trial.case.implementation)) % 5 - 2) / 2
    epoch = own.epoch * noise * (1.2 if trial.case.threads > 1 else 1.0)
    scores = [0.8] * (0 if trial.lean else 5)
    parity = Parity(1e-6, 1e-5, passed=True)
    return TrialRecord(
        **values,
        epoch_seconds=[epoch] * LEAN_EPOCHS,
        parity=parity,
        validation_accuracy=scores,
        test_accuracy=scores,
    )


def count_processes(ended: Sequence[tuple[float, Trial]], second: float) -> dict[str, list[int]]:
    """Return how many processes each row of a workload has after some seconds, in order."""
    counts: dict[str, Counter[str]] = {workload: Counter() for workload in WORKLOADS}
    for end, trial in ended:
        if trial.kind == "trial" and trial.case.threads == 1:
            counts[trial.case.workload][trial.case.implementation] += end <= second
    return {name: sorted(own.values()) for name, own in counts.items()}


def describe(processes: Sequence[int]) -> str:
    """Return the processes of the rows of a workload in a few words."""
    if processes[0] == 0:
        return f"{sum(map(bool, processes))} of {len(processes)}"
    return " to ".join(map(str, dict.fromkeys((processes[0], processes[-1]))))


def find_end(ended: Sequence[tuple[float, Trial]], workload: str, number: int) -> float | None:
    """Return the second from which all rows of a workload have this many processes."""
    times = [
        end
        for end, trial in ended
        if (trial.kind, trial.case.workload, trial.round) == ("trial", workload, number)
        and trial.case.threads == 1
    ]
    return max(times, default=None)


def tabulate() -> list[dict[str, str]]:
    """Return a line for each machine: what exists after some minutes, and what exists when."""
    lines = []
    for machine, parts in MACHINES.items():
        ended = play(*parts)
        line = {"machine": machine}
        for minutes in MINUTES:
            counts = count_processes(ended, 60 * minutes)
            line[f"{minutes} min"] = ", ".join(map(describe, counts.values()))
        for heading, workload, number in (
            ("`sgd` once, s", "sgd", 1),
            ("both once, s", "textbook", 1),
            ("both twice, s", "textbook", 2),
        ):
            end = find_end(ended, workload, number)
            line[heading] = f"{end:.0f}" if end else "—"
        lines.append(line)
    return lines
