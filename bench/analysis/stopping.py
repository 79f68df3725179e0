"""Which rows of a run need no further round."""

from collections.abc import Sequence

from bench.analysis.ranking import find_ties, select_comparable
from bench.analysis.states import keep_one_state
from bench.analysis.summary import Row, summarize
from bench.records.schema import Record, Run, StoppingRule


def find_settled(run: Run, records: Sequence[Record], rule: StoppingRule) -> set[str]:
    """Return the slugs of the cases that a rule measures no further. run: with chosen threads.

    Each round measures the fastest row of each style, so that its rivals have no round without it.
    A row that cannot be ranked is settled: another process would not change that, or take as long
    again to reach its time limit.
    """
    slugs = {case.slug for case in run.cases}
    kept = [record for record in keep_one_state(records) if record.case.slug in slugs]
    rows = summarize(kept, {}, run)
    tied = {row.case.slug for pair in find_ties(rows) for row in pair}
    leading = {row.case.slug for row in rows if row.ranked and _leads(row, rows)}
    return {
        row.case.slug
        for row in rows
        if not row.ranked
        or (
            row.succeeded >= rule.least_rounds
            and row.case.slug not in leading
            and (
                row.case.slug not in tied
                or (row.epoch is not None and row.epoch.is_within(rule.precision))
            )
        )
    }


def _leads(row: Row, rows: Sequence[Row]) -> bool:
    """Return whether a row is the fastest one of its style, and has a row to compare it with."""
    peers = select_comparable(rows, row)
    return len(peers) > 1 and row is next(p for p in peers if p.case.style == row.case.style)
