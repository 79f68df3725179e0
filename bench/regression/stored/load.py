"""What was measured and kept, as the side of a comparison; and what calibrating has shown."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from bench.analysis import summary
from bench.analysis.summary import Row
from bench.errors import UserError
from bench.records.schema import Environment, TrialRecord
from bench.records.store import read_environments, read_records, read_run
from bench.regression.calibration.session import PLAN
from bench.regression.calibration.spread import Calibrated
from bench.regression.stored.series import Series, Side
from bench.worker import machine


def calibrated(folder: Path, of: str | None) -> Calibrated:
    """Read the calibrations of a machine; a folder that is not there holds none.

    Raises UserError where one is of another machine: its spread says nothing of this one.
    """
    for path in sorted(folder.glob(f"*/{PLAN}")):
        if _machines(read_environments(path.parent).values()) - {of}:
            raise UserError(
                f"{path.parent} was calibrated on another machine than the runs were measured on; "
                "name its own with --calibrations"
            )
    return Calibrated(folder)


def side(folder: Path) -> Side:
    """Read a run's folder; raises UserError where it cannot, or the run is of several machines."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; name the folder of a run")
    run, records, environments = read_run(folder), read_records(folder), read_environments(folder)
    trials = defaultdict(list)
    for record in records:
        if isinstance(record, TrialRecord):
            trials[record.case.slug].append(record)
    rows = summary.summarize(records, environments, run)
    machines = _machines(environments.values())
    if len(machines) > 1:
        raise UserError(f"{folder} was measured on {len(machines)} machines; name a run of one")
    return Side(
        name=str(folder),
        machine=next(iter(machines), None),
        series={row.case.slug: _series(row, trials[row.case.slug])
                for row in rows},
        software=_software(environments.values()),
        data=_data(environments.values()),
    )  # fmt: skip


def _series(row: Row, trials: Iterable[TrialRecord]) -> Series:
    """Take the faults from the table's row: what is faster than the machine is one of them."""
    trials = list(trials)
    statuses = {status for status, _ in row.faults}
    return Series(
        name=row.case.slug,
        processes=tuple(tuple(one.epoch_seconds) for one in trials if one.status == "ok"),
        tried=row.rounds,
        faults=tuple(f"{status}: {reason}" for status, reason in row.faults),
        accuracy=row.validation_accuracy,
        wrong=next((f"{one.status}: {one.reason}" for one in trials
                    if one.parity is not None and not one.parity.passed), None),
        unavailable=statuses == {"unavailable"} and row.epoch is None,
    )  # fmt: skip


def _software(environments: Iterable[Environment]) -> dict[str, str]:
    """Return every version that was there, and Python's; several of one are all named."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in environments:
        for name, version in each.software.get("distributions", {}).items():
            found[name].add(str(version))
        found["python"].add(str(each.software.get("python", "unknown")))
    return {name: " and ".join(sorted(versions)) for name, versions in sorted(found.items())}


def _machines(environments: Iterable[Environment]) -> set[str]:
    """Return the ids of the machines that environments describe."""
    return {str(environment.machine.get("id")) for environment in environments}


def _data(environments: Iterable[Environment]) -> str | None:
    """Hash the data's own hashes: where they came from does not matter."""
    known = {machine.fingerprint(each.data.get("sha256") or each.data.get("name"))
             for each in environments}  # fmt: skip
    return " ".join(sorted(known)) or None
