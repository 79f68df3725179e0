"""The textbook's published quantities beside what its programs gave here; nothing stored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.result import Environment, Record
from bench.summary import version
from implementations import FIGURES


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One quantity of the textbook beside ours; ``tolerance`` None means shown, not judged."""

    name: str
    quantity: str
    version: str
    published: float
    tolerance: float | None
    found: float | None
    seconds: float | None
    reason: str | None

    @property
    def verdict(self) -> str:
        """Whether ours came out within the tolerance, and what else went wrong."""
        if self.found is None:
            return self.reason or "not measured"
        difference = abs(self.found - self.published)
        if self.tolerance is None:
            verdict = f"differs by {difference:.4f}; depends on the seed, not judged"
        else:
            where = "within" if difference <= self.tolerance else "OUTSIDE"
            verdict = f"differs by {difference:.4f}: {where} {self.tolerance:g}"
        return "; ".join(filter(None, (verdict, self.reason)))


def rows(records: Iterable[Record], environments: Mapping[str, Environment]) -> list[FigureRow]:
    """Return every published quantity whose program ran, beside what came out here."""
    published = {figure.name: figure.published for figure in FIGURES}
    return [
        FigureRow(
            name=record.case.implementation,
            quantity=quantity,
            version=version(record.case, environments.get(record.environment)),
            published=value,
            tolerance=tolerance,
            found=record.figure.get(quantity),
            seconds=record.figure_seconds,
            reason=None
            if record.status == "ok"
            else f"{record.status}: {record.reason or 'no reason was given'}",
        )
        for record in records
        if record.kind == "figure" and record.status != "interrupted"
        for quantity, (value, tolerance) in published.get(record.case.implementation, {}).items()
    ]
