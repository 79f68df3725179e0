"""Memory by phase is a mean over processes: worked out by hand."""

import pytest
from support.records import bare, case, ok

from bench import memory
from bench.report.charts import epochs


def of(number=1, **peaks):
    phases = {phase.replace("_", " "): value for phase, value in peaks.items()}
    return ok(case(), number, phase_rss_bytes=phases)


def test_peaks_are_means_over_the_processes_that_tell_them():
    (found,) = memory.summarize_memory([
        of(number=1, start=100, epochs=300, first_epoch=None),
        of(number=2, start=200, epochs=500, first_epoch=260),
    ])  # fmt: skip
    assert found.peaks == {"start": 150, "first epoch": 260, "epochs": 400}
    assert list(found.peaks) == ["start", "first epoch", "epochs"]


def test_older_records_and_failed_trials_tell_nothing():
    failed = bare(case(), phase_rss_bytes={"start": 1})
    figure = ok(case("figure-keras"), kind="figure", phase_rss_bytes={"start": 1})
    assert memory.summarize_memory([ok(case()), failed, figure]) == []


def test_the_chart_stacks_what_each_phase_adds():
    mib = 2**20
    found = memory.summarize_memory([of(start=10 * mib, **{"import": 30 * mib}, epochs=45 * mib)])
    (values,) = (epochs.chart_memory(found, "a title").to_dict()["data"]["values"],)
    assert {point["phase"]: point["added"] for point in values} == pytest.approx({
        "start": 10, "import": 20, "data": 0, "set-up": 0, "first epoch": 0, "epochs": 15,
        "predictions": 0,
    })  # fmt: skip
    assert [point["number"] for point in values] == list(range(len(memory.PHASES)))
    assert epochs.render_svg(epochs.chart_memory(found, "a title")).startswith("<svg")
