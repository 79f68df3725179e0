"""The figures of docs/methodology.md about the suite's own cost."""

import numpy as np
import pytest
from studies import costs
from support.records import case, ok

from bench.records.store import read_records
from bench.worker.machine import ROOT


def test_shares_are_of_the_whole_run_with_the_judging_of_its_last_trial():
    records = [
        ok(
            case(),
            started=f"2026-01-01T00:00:{second:02}.000+00:00",
            wall_seconds=wall,
            judging_seconds=judging,
        )
        for second, wall, judging in ((0, 6.0, 1.5), (8, 9.0, None), (20, 10.0, 2.0))
    ]
    # Its last trial begins after 20 s, takes 10 s, and is judged in 2 s.
    assert costs.compute_judging_share(records) == pytest.approx(3.5 / 32)


def test_handovers_are_those_of_all_trials():
    records = [ok(case(), ping_seconds=seconds) for seconds in (1e-4, None, 2e-4)]
    assert costs.list_handovers(records) == [1e-4, 2e-4]


def test_documented_costs_are_those_of_the_published_run():
    records = read_records(ROOT / "results" / "reference" / "amd-epyc-zen5-2-cores")
    share = costs.compute_judging_share(records)
    assert share < 0.1
    median, most = 1e3 * np.percentile(costs.list_handovers(records), [50, 95])
    text = (ROOT / "docs" / "methodology.md").read_text(encoding="utf-8")
    assert f"took {median:.2f} ms in the published run (95 %: less than {most:.2f} ms)" in text
    assert f"**judging** {100 * share:.1f} % of the run's time" in text
