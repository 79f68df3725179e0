"""The figures of docs/methodology.md about the suite's own cost."""

import pytest
from support import costs
from support.records import case, ok


def test_time_without_worker_is_that_between_end_and_next_start():
    records = [
        ok(case(), started=f"2026-01-01T00:00:{second:02}.000+00:00", wall_seconds=wall)
        for second, wall in ((0, 6.0), (8, 9.0), (20, 10.0))
    ]
    # 2 s and 3 s of 30 s.
    assert costs.compute_idle_share(records) == pytest.approx(5 / 30)


def test_handovers_are_those_of_all_trials():
    records = [ok(case(), handover_seconds=seconds) for seconds in ([1e-4], [2e-4, 3e-4])]
    assert costs.list_handovers(records) == [1e-4, 2e-4, 3e-4]
