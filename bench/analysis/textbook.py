"""The textbook's published quantities beside what its programs gave here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.analysis.summary import describe_framework
from bench.records.schema import Environment, Record, TextbookRecord
from implementations import TEXTBOOK_PROGRAMS


@dataclass(frozen=True, slots=True)
class TextbookRow:
    """One published quantity beside ours; a tolerance of None means shown, not judged."""

    name: str
    quantity: str
    version: str
    published: float
    tolerance: float | None
    measured: float | None
    seconds: float | None
    reason: str | None

    @property
    def is_within_tolerance(self) -> bool | None:
        """Return whether ours is within the tolerance; None if it is not judged."""
        if self.measured is None or self.tolerance is None:
            return None
        return abs(self.measured - self.published) <= self.tolerance

    @property
    def verdict(self) -> str:
        """Say whether ours is within the tolerance, and how the program failed if it did."""
        if self.measured is None:
            return self.reason or "not measured"
        difference = abs(self.measured - self.published)
        if self.tolerance is None:
            verdict = f"differs by {difference:.4f}; depends on the seed, not judged"
        else:
            where = "within" if self.is_within_tolerance else "OUTSIDE"
            verdict = f"differs by {difference:.4f}: {where} {self.tolerance:g}"
        return "; ".join(filter(None, (verdict, self.reason)))


def compare_textbook(
    records: Iterable[Record], environments: Mapping[str, Environment]
) -> list[TextbookRow]:
    """Return every published quantity of the programs that ran, beside ours."""
    published = {figure.name: figure.published for figure in TEXTBOOK_PROGRAMS}
    return [
        TextbookRow(
            name=record.case.implementation,
            quantity=quantity,
            version=describe_framework(record, environments),
            published=value,
            tolerance=tolerance,
            measured=record.quantities.get(quantity),
            seconds=record.program_seconds,
            reason=None
            if record.status == "ok"
            else f"{record.status}: {record.reason or 'no reason was given'}",
        )
        for record in records
        if isinstance(record, TextbookRecord) and record.status != "interrupted"
        for quantity, (value, tolerance) in published.get(record.case.implementation, {}).items()
    ]
