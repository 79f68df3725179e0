"""The cases of a run that have times, by the same name in every export format."""

from dataclasses import dataclass

from bench.analysis.intervals import Interval
from bench.analysis.summary import Row
from bench.errors import UserError
from bench.records.schema import Environment, TrialRecord
from bench.report.load import LoadedRun


@dataclass(frozen=True, slots=True)
class ExportedCase:
    """A case that has times, ranked or not: its row, and its successful trials by round.

    epoch: seconds, as in the report. environment: of the first trial.
    """

    row: Row
    epoch: Interval
    trials: tuple[TrialRecord, ...]
    environment: Environment

    @property
    def name(self) -> str:
        """A name that is the same in every run, and safe in a path or a URL."""
        return self.row.case.slug


def select_cases(run: LoadedRun) -> list[ExportedCase]:
    """Return the cases of a run that have times, by name. Raises UserError if there is none."""
    cases = []
    for row in run.rows:
        if row.epoch is not None:
            good = [
                record
                for record in run.records
                if isinstance(record, TrialRecord)
                and record.status == "ok"
                and record.case.slug == row.case.slug
            ]
            trials = tuple(sorted(good, key=lambda trial: trial.round))
            environment = run.environments[trials[0].environment]
            cases.append(ExportedCase(row, row.epoch, trials, environment))
    if not cases:
        raise UserError("there is nothing to export: no trial of this run succeeded. Measure again")
    return sorted(cases, key=lambda case: case.name)


def list_remarks(run: LoadedRun) -> list[str]:
    """Return a line for each thing that an export lacks or that failed."""
    remarks = []
    for row in run.rows:
        name, reasons = row.case.slug, "; ".join(row.reasons)
        if row.epoch is None:
            remarks.append(f"left out: {name}: {reasons}")
        elif not row.ranked:
            remarks.append(f"not ranked: {name}: {reasons}")
        elif row.faults:
            remarks.append(f"{name}: {len(row.faults)} of {row.rounds} trials failed: {reasons}")
    known = {row.case.slug for row in run.rows}
    remarks += [
        f"left out: {case.slug}: not measured"
        for case in (*run.run.cases, *run.run.sweep)
        if case.slug not in known
    ]
    if any(one.suite.get("dirty") for one in run.environments.values()):
        remarks.append("measured with changes that are not in the commit")
    return remarks
