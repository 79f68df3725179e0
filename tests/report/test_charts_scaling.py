"""Charts of a sweep hold every point with its interval, and the least that the machine allows."""

from dataclasses import replace

import pytest
from support.records import case, environment, run, trials
from support.sweep import BATCHES, SAMPLES, swept

from bench.analysis.crossover import find_device_crossovers
from bench.analysis.summary import summarize
from bench.analysis.sweep import find_sweep
from bench.report.charts import epochs, scaling

HERE = {"here": environment()}


def sweep_of(records):
    return find_sweep(summarize(records, HERE, run(case())), "sgd")


@pytest.fixture(scope="module")
def sweep():
    return sweep_of(swept())


def values(chart):
    return chart.to_dict()["data"]["values"]


def points(chart, name, size="batch_size"):
    found = {one[size]: one for one in values(chart) if one["name"] == name}
    return dict(sorted(found.items()))


def test_every_batch_size_of_the_usual_samples_is_a_point(sweep):
    chart = scaling.by_batch_size(sweep, [], "a title")
    found = points(chart, "a")
    assert tuple(found) == BATCHES
    rates = [48000 / seconds for seconds in (0.154, 0.064, 0.0415, 0.0365, 0.0345, 0.0341)]
    assert [one["samples_per_second"] for one in found.values()] == pytest.approx(rates)
    assert len(values(chart)) == 2 * len(BATCHES)  # and none of one thread


def test_every_number_of_samples_of_a_batch_size_is_a_point(sweep):
    found = points(scaling.by_samples(sweep, "a title"), "b", "samples")
    assert tuple(found) == tuple(sorted([*SAMPLES, 48000]))
    assert [one["epoch_ms"] for one in found.values()] == pytest.approx([30.6, 41.2, 73, 126, 550])


def test_a_point_has_an_interval_where_several_processes_measured_it():
    # The logarithms of 0.1 and 0.4 lie 1.386 apart: 12.706 * 1.386 / 2 = 8.807 on either side.
    records = trials(case("a"), 0.1, 0.4) + trials(case("a", batch_size=8), 0.3)
    chart = scaling.by_batch_size(sweep_of(records), [], "a title")
    eight, base = points(chart, "a").values()
    assert (eight["low"], eight["high"]) == (None, None)
    assert (base["low"], base["high"]) == pytest.approx((240000 / 6681, 240000 * 6681), rel=1e-3)
    # One bar, of the point that has an interval, and two points.
    svg = epochs.svg(chart)
    assert svg.count('aria-roledescription="rule mark"') == 1
    assert svg.count('aria-roledescription="point"') == 2


def drawn(chart):
    """Return what a chart's lines and bars are of, and the subtitle that explains them."""
    made = chart.to_dict()
    fields = [layer["encoding"]["y"].get("field") for layer in made["spec"]["layer"]]
    return fields, made["title"].get("subtitle")


def test_a_line_that_nobody_has_is_neither_drawn_nor_explained(sweep):
    fields, says = drawn(scaling.by_samples(sweep, "a title"))
    assert (fields, says) == (["epoch_ms", "epoch_ms"], "")
    fields, says = drawn(scaling.by_batch_size(sweep, [], "a title"))
    assert fields == ["low", "samples_per_second", "samples_per_second"]
    assert "intervals" in says
    known = replace(
        sweep,
        by_batch_size=tuple(replace(row, roofline_seconds=0.004) for row in sweep.by_batch_size),
        by_samples=tuple(replace(row, roofline_seconds=0.004) for row in sweep.by_samples),
    )
    chart = scaling.by_batch_size(known, [], "a title")
    assert {one["best"] for one in values(chart)} == {12_000_000}
    chart = scaling.by_samples(known, "a title")
    assert {one["best"] for one in values(chart)} == {4.0}
    assert drawn(chart)[0] == ["best", "epoch_ms", "epoch_ms"]


def test_every_implementation_is_drawn_in_the_order_of_the_table():
    sweep = sweep_of(swept("a", "<b>a</b>", "b"))
    for chart, size in (
        (scaling.by_batch_size(sweep, [], "a title"), "batch_size"),
        (scaling.by_samples(sweep, "a title"), "samples"),
    ):
        assert chart.to_dict()["facet"]["sort"] == ["<b>a</b>", "a", "b"]
        svg = epochs.svg(chart)
        for text in ("a", "b", "a title", "&lt;b&gt;a&lt;/b&gt;"):
            assert f">{text}<" in svg
        assert "<b>" not in svg
        assert svg.count('aria-roledescription="point"') == 3 * len(points(chart, "a", size))
        assert ">gpu<" not in svg


def both(name, times):
    """Records of an implementation by batch size: seconds on the CPU and on the GPU."""
    return [
        record
        for batch_size, pair in times.items()
        for device, seconds in zip(("cpu", "gpu"), pair, strict=True)
        for record in trials(case(name, batch_size=batch_size, device=device), seconds)
    ]


def test_where_a_gpu_was_measured_too_the_devices_cross_at_a_batch_size():
    found = summarize(
        [
            *both("pays", {8: (4.0, 8.0), 32: (2.0, 2.5), 128: (1.0, 0.5), 384: (1.0, 0.1)}),
            *both("never", {8: (4.0, 8.0), 384: (1.0, 2.0)}),
            *both("every", {8: (4.0, 1.0), 384: (1.0, 0.1)}),
        ],
        HERE,
    )
    crossed = find_device_crossovers(found, "sgd")
    chart = scaling.by_batch_size(find_sweep(found, "sgd"), crossed, "t")
    # Between 0.8 and 2: 32 * 4 ** (ln 0.8 / (ln 0.8 - ln 2)) = 32 * 4 ** 0.243529 = 44.85.
    at = {one["name"]: one["gpu_from"] for one in values(chart)}
    assert at == {"pays": pytest.approx(44.85, abs=0.01), "never": None, "every": None}
    assert len(values(chart)) == 16
    svg = epochs.svg(chart)
    assert svg.count(">GPU from 45<") == svg.count(">GPU from") == 1
    for text in (">cpu<", ">gpu<", 'stroke-dasharray="6,3"'):
        assert text in svg


def test_two_threads_are_one_and_a_half_times_as_fast_as_one(sweep):
    found = values(scaling.by_threads(sweep, "a title"))
    assert [(one["name"], one["size"], one["panel"]) for one in found] == [
        (name, f"batch size {size}, 48,000 samples", "2 threads")
        for name in "ab"
        for size in ("32", "1,920")
    ]
    assert {round(one["times"], 6) for one in found} == {1.5}
    assert all(one["low"] == one["times"] == one["high"] for one in found)


def test_every_number_of_threads_has_a_panel_and_an_interval_where_there_are_rounds():
    records = [
        record
        for threads, times in ((1, (8.0, 8.0)), (2, (4.0, 4.0)), (8, (1.0, 4.0)))
        for record in trials(case("<i>", threads=threads), *times)
    ]
    chart = scaling.by_threads(sweep_of(records), "a title")
    two, eight = values(chart)
    assert (two["panel"], two["times"]) == ("2 threads", pytest.approx(2))
    assert (eight["threads"], eight["times"]) == (8, pytest.approx(4))
    assert eight["low"] < eight["times"] < eight["high"]
    svg = epochs.svg(chart)
    for text in ("a title", "2 threads", "8 threads", "&lt;i&gt;"):
        assert f">{text}<" in svg
    assert "<i>" not in svg


def test_sizes_beyond_the_last_mark_share_it():
    sizes = [(2**power, 48000, threads) for power in range(8) for threads in (1, 2)]
    chart = scaling.by_threads(sweep_of(swept("a", sizes=sizes)), "t")
    assert len(values(chart)) == 8
    assert epochs.svg(chart).count('aria-roledescription="point"') == 8
