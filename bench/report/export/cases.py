"""What is exported of a run: every case that has times, by one name in every format."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.analysis.intervals import Interval
from bench.analysis.summary import Row
from bench.errors import UserError
from bench.records.schema import Case, Environment, Record
from bench.report.load import Loaded

UNKNOWN = Environment("", {}, {}, {}, {}, {})


@dataclass(frozen=True, slots=True)
class Exported:
    """A case that has times, ranked or not: its row, and its good trials in order of their rounds.

    epoch: the report's, in seconds. environment: of the first trial, without anything in it where
    the run's folder lacks it.
    """

    row: Row
    epoch: Interval
    trials: tuple[Record, ...]
    environment: Environment

    @property
    def name(self) -> str:
        """What the case is called in every format."""
        return name_of(self.row.case)

    @property
    def medians(self) -> list[float]:
        """The median steady epoch of each process, in seconds: what the report's figures are of."""
        return list(self.row.epochs_by_round.values())

    @property
    def faults(self) -> list[str]:
        """How trials ended that went wrong, each reason once."""
        return faults(self.row)

    @property
    def correctness(self) -> dict[str, object]:
        """What belongs beside the time, for the formats that have a place for it."""
        return {
            "ranked": self.row.ranked, "validation_accuracy": self.row.validation_accuracy,
            "test_accuracy": self.row.test_accuracy, "parity_error": self.row.parity_error,
            "trials": self.row.rounds, "faults": self.faults,
        }  # fmt: skip


def name_of(case: Case) -> str:
    """Name a case in other tools' files: the same in every run, and safe wherever a name may go."""
    return case.slug


def faults(row: Row) -> list[str]:
    """Return how trials ended that went wrong, each reason once and in one line."""
    return sorted({" ".join(f"{status}: {reason}".split()) for status, reason in row.faults})


def exported(found: Loaded) -> list[Exported]:
    """Return the cases of a run that have times, by name.

    Raises UserError where there is none, or where they are of several machines.
    """
    cases = [_exported(found, row, row.epoch) for row in found.rows if row.epoch is not None]
    if not cases:
        raise UserError("there is nothing to export: no trial of this run went well; measure again")
    machines = {str(each.environment.machine.get("id")) for each in cases}
    if len(machines) > 1:
        raise UserError(
            f"this run was measured on {len(machines)} machines, and a file of these formats is of "
            "one; export a run of one"
        )
    return sorted(cases, key=lambda each: each.name)


def _exported(found: Loaded, row: Row, epoch: Interval) -> Exported:
    good = sorted((trial for trial in tried(found, row) if trial.status == "ok"),
                  key=lambda trial: trial.round)  # fmt: skip
    return Exported(row, epoch, tuple(good), found.environments.get(good[0].environment, UNKNOWN))


def tried(found: Loaded, row: Row) -> list[Record]:
    """Return the records that a row was made from, in the order in which they were measured."""
    return [record for record in found.records if record.kind == "trial"
            and record.status != "interrupted" and record.case.slug == row.case.slug]  # fmt: skip


def commits(cases: Sequence[Exported]) -> list[str]:
    """Name the commits of the suite that the cases were measured with; empty where none tells."""
    return sorted({str(case.environment.suite["commit"]) for case in cases
                   if case.environment.suite.get("commit")})  # fmt: skip


def remarks(found: Loaded) -> list[str]:
    """Say in a line each what an export lacks, and what is wrong with what it has."""
    lines = [line for row in found.rows for line in [_remark(row)] if line]
    there = {name_of(row.case) for row in found.rows}
    planned = dict.fromkeys(name_of(case) for case in (*found.run.cases, *found.run.sweep))
    lines += [f"left out: {name}: not measured" for name in planned if name not in there]
    if any(each.suite.get("dirty") for each in found.environments.values()):
        lines.append("measured with changes that are not in the commit")
    return lines


def _remark(row: Row) -> str | None:
    why = "; ".join(faults(row))
    if row.epoch is None:
        return f"left out: {name_of(row.case)}: {why}"
    if not row.ranked:
        return f"not ranked: {name_of(row.case)}: {why}"
    went_wrong = f"{len(row.faults)} of {row.rounds} trials went wrong"
    return f"{name_of(row.case)}: {went_wrong}: {why}" if row.faults else None
