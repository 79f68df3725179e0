"""Read stored runs as the sides of ``bench compare``."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.analysis import summary
from bench.analysis.summary import Row
from bench.errors import UserError
from bench.records.layout import CALIBRATION_PLAN
from bench.records.schema import Environment, TrialRecord
from bench.records.store import read_environments, read_records, read_run
from bench.regression.calibration.spread import Calibrations
from bench.worker import machine


@dataclass(frozen=True, slots=True)
class Series:
    """One case on one side.

    name: the slug of the case. processes: seconds of the steady epochs of each process that
    succeeded, in the order measured. tried: number of all processes. faults: why the others failed.
    accuracy: validation accuracy after the workload's epochs. wrong: why the result was wrong, or
    None. unavailable: there was nothing to try, such as a framework that is not installed.
    """

    name: str
    processes: tuple[tuple[float, ...], ...]
    tried: int
    faults: tuple[str, ...] = ()
    accuracy: float | None = None
    wrong: str | None = None
    unavailable: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """The cases of a run's folder.

    machine, data: ids, equal for equal machines and data; None if nothing was measured. software:
    versions by distribution.
    """

    name: str
    machine: str | None
    series: Mapping[str, Series]
    software: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None


def load_calibrations(folder: Path, machine: str | None) -> Calibrations:
    """Read the calibrations of a machine; a missing folder holds none.

    Raises UserError for a calibration of another machine.
    """
    for path in sorted(folder.glob(f"*/{CALIBRATION_PLAN}")):
        if _list_machines(read_environments(path.parent).values()) - {machine}:
            raise UserError(
                f"{path.parent} was calibrated on another machine than the runs were measured on. "
                "Remove that calibration"
            )
    return Calibrations(folder)


def load_side(folder: Path) -> Side:
    """Read a run's folder; raise UserError if it is damaged or has runs of several machines."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder. Name the folder of a run")
    run, records, environments = read_run(folder), read_records(folder), read_environments(folder)
    trials = defaultdict(list)
    for record in records:
        if isinstance(record, TrialRecord):
            trials[record.case.slug].append(record)
    machines = _list_machines(environments.values())
    if len(machines) > 1:
        raise UserError(f"{folder} was measured on {len(machines)} machines. Name a run of one")
    software: dict[str, set[str]] = defaultdict(set)
    for environment in environments.values():
        for name, version in environment.software.get("distributions", {}).items():
            software[name].add(str(version))
        software["python"].add(str(environment.software.get("python", "unknown")))
    # The hashes of the data, not where they came from.
    data = {
        machine.fingerprint(environment.data.get("sha256") or environment.data.get("name"))
        for environment in environments.values()
    }
    rows = summary.summarize(records, environments, run)
    return Side(
        name=str(folder),
        machine=next(iter(machines), None),
        series={row.case.slug: _make_series(row, trials[row.case.slug]) for row in rows},
        software={name: " and ".join(sorted(software[name])) for name in sorted(software)},
        data=" ".join(sorted(data)) or None,
    )


def _make_series(row: Row, trials: Iterable[TrialRecord]) -> Series:
    """Return a case with the faults of its row: times faster than the roofline are one of them."""
    trials = list(trials)
    return Series(
        name=row.case.slug,
        processes=tuple(tuple(trial.epoch_seconds) for trial in trials if trial.status == "ok"),
        tried=row.rounds,
        faults=tuple(f"{status}: {reason}" for status, reason in row.faults),
        accuracy=row.validation_accuracy,
        wrong=next(
            (
                f"{trial.status}: {trial.reason}"
                for trial in trials
                if trial.parity is not None and not trial.parity.passed
            ),
            None,
        ),
        unavailable={status for status, _ in row.faults} == {"unavailable"} and row.epoch is None,
    )


def _list_machines(environments: Iterable[Environment]) -> set[str]:
    return {str(environment.machine.get("id")) for environment in environments}
