"""Memory by phase is a mean over processes, worked out by hand."""

from support.records import bare, case, ok

from bench.analysis.memory import summarize_memory


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
    figure = ok(case("figure-keras"), kind="textbook")
    assert summarize_memory([ok(case()), failed, figure]) == []
