"""Which rows of a run need no further round."""

from collections.abc import Sequence

from bench.analysis.ranking import find_ties
from bench.analysis.summary import summarize
from bench.records.schema import Record, Run


def find_settled(run: Run, records: Sequence[Record]) -> set[str]:
    """Return the slugs of the cases that the run's stopping rule measures no further.

    run: with chosen threads and a stopping rule. A row that cannot be ranked is settled, too:
    another process would not change that, or take as long again to reach its time limit.
    """
    rule = run.stopping
    assert rule is not None
    slugs = {case.slug for case in run.cases}
    rows = summarize([record for record in records if record.case.slug in slugs], {}, run)
    tied = {row.case.slug for pair in find_ties(rows) for row in pair}
    return {
        row.case.slug
        for row in rows
        if not row.ranked
        or (
            row.succeeded >= rule.least_rounds
            and (
                row.case.slug not in tied
                or (row.epoch is not None and row.epoch.is_within(rule.precision))
            )
        )
    }
