"""Memory by phase is a mean over processes, and its growth a slope: worked out by hand."""

import pytest
from fixtures_records import bare, case, ok

from bench import memory
from bench.report import charts


def of(samples=48000, number=1, name="numpy", batch_size=384, **peaks):
    phases = {phase.replace("_", " "): value for phase, value in peaks.items()}
    return ok(case(name, samples=samples, batch_size=batch_size), number, phase_rss_bytes=phases)


def test_peaks_are_means_over_the_processes_that_tell_them():
    (found,) = memory.memories([
        of(number=1, start=100, epochs=300, first_epoch=None),
        of(number=2, start=200, epochs=500, first_epoch=260),
    ])  # fmt: skip
    assert found.peaks == {"start": 150, "first epoch": 260, "epochs": 400}
    assert list(found.peaks) == ["start", "first epoch", "epochs"]


def test_older_records_and_failed_trials_tell_nothing():
    failed = bare(case(), phase_rss_bytes={"start": 1})
    figure = ok(case("figure-keras"), kind="figure", phase_rss_bytes={"start": 1})
    assert memory.memories([ok(case()), failed, figure]) == []


def test_growth_is_the_slope_over_the_samples():
    # 1,000 + 7 n at n = 10, 20, 30, 40, off by +1, -1, -1, +1, which moves no slope. What is left
    # is 4, over 2 degrees of freedom 2; Σ(n - 25)² = 500; half = 4.3027 * √(2 / 500) = 0.27213.
    peaks = {10: 1071, 20: 1139, 30: 1209, 40: 1281}
    found = memory.growth(memory.memories([of(n, epochs=peak) for n, peak in peaks.items()]))
    assert list(found) == ["numpy"]
    assert found["numpy"].mean == pytest.approx(7)
    assert found["numpy"].low == pytest.approx(7 - 0.27213, rel=1e-4)
    assert found["numpy"].high == pytest.approx(7 + 0.27213, rel=1e-4)


def test_three_numbers_of_samples_give_no_interval_and_one_no_growth():
    peaks = {10: 1070, 20: 1140, 30: 1210}
    found = memory.growth(memory.memories([of(n, epochs=peak) for n, peak in peaks.items()]))
    assert (found["numpy"].mean, found["numpy"].low) == (pytest.approx(7), None)
    assert memory.growth(memory.memories([of(10, epochs=1)])) == {}


def test_growth_is_taken_at_the_batch_size_with_most_numbers_of_samples():
    records = [of(n, epochs=100 * n) for n in (10, 20, 30)]
    records += [of(n, epochs=5, batch_size=32) for n in (10, 20)]
    records += [of(n, epochs=n, name="jax") for n in (10, 20)]
    found = memory.growth(memory.memories(records))
    assert {name: one.mean for name, one in found.items()} == pytest.approx(
        {"numpy": 100, "jax": 1}
    )


def test_growth_is_that_of_training_and_of_the_same_threads():
    # What predictions take, and what one thread takes, grows otherwise.
    records = [of(n, epochs=100 * n, predictions=10**9 - n) for n in (10, 20, 30)]
    alone = [case("numpy", samples=n, batch_size=384, threads=1) for n in (10, 20)]
    records += [ok(one, phase_rss_bytes={"epochs": 5}) for one in alone]
    assert memory.growth(memory.memories(records))["numpy"].mean == pytest.approx(100)


def test_what_tells_no_peak_of_its_epochs_does_not_grow():
    assert memory.growth(memory.memories([of(n, start=n) for n in (10, 20)])) == {}


def test_the_chart_stacks_what_each_phase_adds():
    mib = 2**20
    found = memory.memories([of(start=10 * mib, **{"import": 30 * mib}, epochs=45 * mib)])
    (values,) = (charts.memory(found, "a title").to_dict()["data"]["values"],)
    assert {point["phase"]: point["added"] for point in values} == pytest.approx({
        "start": 10, "import": 20, "data": 0, "set-up": 0, "first epoch": 0, "epochs": 15,
        "predictions": 0,
    })  # fmt: skip
    assert [point["number"] for point in values] == list(range(len(memory.PHASES)))
    assert charts.svg(charts.memory(found, "a title")).startswith("<svg")
