"""Memory by phase is a mean over processes, worked out by hand."""

import pytest
from support.records import bare, case, ok

from bench.analysis.memory import PHASES, summarize_memory
from bench.report.charts import epochs


def trial(number=1, **peaks):
    phases = {phase.replace("_", " "): value for phase, value in peaks.items()}
    return ok(case(), number, phase_rss_bytes=phases)


def test_peaks_are_means_over_recorded_values():
    (memory,) = summarize_memory(
        [
            trial(1, start=100, epochs=300, first_epoch=None),
            trial(2, start=200, epochs=500, first_epoch=260),
        ]
    )
    assert memory.peaks == {"start": 150, "first epoch": 260, "epochs": 400}
    assert list(memory.peaks) == ["start", "first epoch", "epochs"]


def test_older_records_and_failed_trials_are_ignored():
    failed = bare(case(), phase_rss_bytes={"start": 1})
    figure = ok(case("figure-keras"), kind="figure", phase_rss_bytes={"start": 1})
    assert summarize_memory([ok(case()), failed, figure]) == []


def test_chart_stacks_what_each_phase_adds():
    mib = 2**20
    memories = summarize_memory([trial(start=10 * mib, **{"import": 30 * mib}, epochs=45 * mib)])
    values = epochs.memory(memories, "a title").to_dict()["data"]["values"]
    added = dict.fromkeys(PHASES, 0) | {"start": 10, "import": 20, "epochs": 15}
    assert {point["phase"]: point["added"] for point in values} == pytest.approx(added)
    assert [point["number"] for point in values] == list(range(len(PHASES)))
