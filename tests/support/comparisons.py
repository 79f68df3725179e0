"""Synthetic pairs, comparisons and calibrations."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from support.records import MACHINE, bare, case, environment, ok, plan_of

from bench.analysis.intervals import Interval
from bench.records import jsonl, store
from bench.records.layout import CALIBRATION_PLAN, COMPARISON_PLAN, DECISION
from bench.records.schema import FORMAT, Case, Record, Slowdown
from bench.regression.pairs.judge import Measured
from bench.regression.pairs.plan import BASELINE, CANDIDATE
from bench.regression.programs.comparison_plan import ComparisonPlan, Pairing
from bench.regression.stats.decision import Rule
from bench.regression.stats.signed_rank import Difference
from bench.regression.stored.calibrations import CalibrationPlan, Design, MeasuredDecision
from bench.regression.stored.sides import Side, make_side
from bench.regression.versions.names import Version

# Fields of a plan that compares ``main`` with the working tree.
PAIRED: dict[str, Any] = {
    "format": FORMAT,
    "run": "a run",
    "created": "2025-01-02T03:04:05+00:00",
    "seed": None,
    "baseline": Version("main", "revision", commit="0" * 40),
    "candidate": Version(".", "tree"),
    "tolerance": 0.02,
    "alpha": 0.01,
    "budget": 180.0,
    "timeout": 600.0,
}


def comparison(*names: str, **changes: Any) -> ComparisonPlan:
    """Return the plan of a comparison of ``main`` and the working tree.

    names: of the implementations, NumPy by default.
    """
    pairings = tuple(Pairing(case(name), case(name)) for name in names or ("numpy",))
    values = {**PAIRED, "command": "python -m bench ab main .", "pairings": pairings, **changes}
    return ComparisonPlan(**values)


def side(version: str, number: int, of: Case, epoch: float, **changes: Any) -> Record:
    """Return a successful trial of one version. epoch: its minimum epoch, in seconds."""
    # The minimum epoch of ``ok`` is half of its argument.
    trial = f"p{number}-{version}-{of.slug}"
    return ok(of, number, 2 * epoch, trial=trial, version=version, **changes)


def two(
    number: int, base: float, candidate: float, of: Case | None = None, **changes: Any
) -> list[Record]:
    """Return a pair with these minimum epochs, in seconds. changes: to both records."""
    of = of or case("numpy")
    return [
        side(BASELINE, number, of, base, **changes),
        side(CANDIDATE, number, of, candidate, **changes),
    ]


def pairs(
    logs: Iterable[float], of: Case | None = None, first: int = 1, **changes: Any
) -> list[Record]:
    """Return pairs, numbered from ``first``. logs: of the ratios of their minimum epochs."""
    return [
        record
        for number, log in enumerate(logs, first)
        for record in two(number, 0.5, 0.5 * math.exp(log), of, **changes)
    ]


def bad(version: str, number: int, of: Case | None = None, **changes: Any) -> Record:
    """Return a failed trial of one version."""
    of = of or case("numpy")
    values = {"status": "failed", "reason": "it stumbled", **changes}
    trial = f"p{number}-{version}-{of.slug}"
    return bare(of, number, trial=trial, version=version, **values)


def make_difference(
    mean: float, low: float | None = None, high: float | None = None, **changes: Any
) -> Difference:
    """Return a difference of 20 pairs, with p values of 1."""
    values: dict[str, Any] = {"pairs": 20, "p_slower": 1.0, "p_faster": 1.0, **changes}
    return Difference(ratio=Interval(mean, low, high), **values)


def spread_evenly(count: int, half: float, centre: float = 0.0) -> Sequence[float]:
    """Return ``count`` evenly spaced numbers within ``half`` of a centre, in mixed order."""
    even = [centre + half * (2 * at / (count - 1) - 1) for at in range(count)]
    return [even[at * 7 % count] for at in range(count)] if count % 7 else even


def session(*cases: Case, **changes: Any) -> CalibrationPlan:
    """Return the plan of a calibration session of these cases, NumPy by default."""
    values: dict[str, Any] = {
        "format": FORMAT,
        "run": "a session",
        "command": "python docs/studies/calibrate.py",
        "seed": None,
        "created": "2025-01-02T03:04:05+00:00",
        "cases": cases or (case("numpy"),),
        "slowdowns": (),
        "budget": 100.0,
        "timeout": 600.0,
        "decision_budget": 180.0,
    }
    return CalibrationPlan(**{**values, **changes})


def make_decision(
    processes: Sequence[Sequence[float]], started: str, design: Design | None = None
) -> MeasuredDecision:
    """Return a decision of these processes, epochs of baseline and candidate in turn."""
    records = [
        side(
            ("base", "candidate")[at % 2],
            1 + at // 2,
            case("numpy"),
            1.0,
            epoch_seconds=list(epochs),
            started=started,
        )
        for at, epochs in enumerate(processes)
    ]
    return MeasuredDecision(comparison(), design or make_design(), Measured(records))


def decided(
    folder: Path,
    *decisions: Iterable[Record],
    design: Design | None = None,
    plan: ComparisonPlan | None = None,
    run: str = "a session",
    **changes: Any,
) -> Path:
    """Write a session of whole comparisons into a folder of calibrations.

    decisions: the records of each. changes: to their environment.
    """
    store.create_run(folder / run, session(run=run), CALIBRATION_PLAN)
    for number, records in enumerate(decisions, 1):
        path = folder / run / f"{number:04}"
        store.create_run(path, plan or comparison(tolerance=0.0), COMPARISON_PLAN)
        store.add_environment(path, environment(**changes))
        for record in records:
            store.append_record(path, msgspec.structs.replace(record, run="a run"))
        (path / DECISION).write_bytes(jsonl.encode_json(design or make_design()))
    return folder


def make_design(slowdown: Slowdown | None = None, **changes: Any) -> Design:
    """Return how a comparison on a quiet machine was designed."""
    conditions = {"seconds": 100.0, "others_seconds": 1.0, "steal_seconds": 0.0, "load_before": 1.5}
    return Design(slowdown, False, {**conditions, **changes})


RULE = Rule(tolerance=0.02, alpha=0.01)

Process = float | Sequence[float] | dict[str, Any]


def make_trial(of: Case, number: int, process: Process, **changes: Any) -> Record:
    """Return the trial of a process: its minimum epoch in seconds, all epochs, or other fields.

    Fields without an "epoch" are those of a failure.
    """
    if isinstance(process, float):
        process = {"epoch": process}
    elif not isinstance(process, dict):
        process = {"epoch": 1.0, "epoch_seconds": list(process)}
    if "epoch" not in process:
        return bare(of, number, **{"reason": "it stumbled", **process, **changes})
    fields = {name: value for name, value in process.items() if name != "epoch"}
    return ok(of, number, 2 * process["epoch"], **fields, **changes)  # its minimum is a half


def stored_trials(of: Case, *processes: Process) -> list[Record]:
    """Return one trial a round."""
    return [make_trial(of, number, process) for number, process in enumerate(processes, 1)]


def stored_side(
    *records: Record,
    name: str = "baseline",
    machine: str | None = "here",
    data: str = "1",
    **changes: Any,
) -> Side:
    """Return a stored run with these records. machine: None for a run without environments."""
    known = environment(
        machine={**MACHINE, "id": machine}, data={"sha256": {"train": data}}, **changes
    )
    environments = {"here": known} if machine else {}
    return make_side(name, records, environments, plan_of(*records))
