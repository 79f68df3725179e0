"""Charts of growth hold every point of a sweep, what the model says of it, and the least."""

from dataclasses import replace

import pytest
from fixtures_records import case, environment, run, trials
from fixtures_sweep import BATCHES, SAMPLES, swept

from bench.crossover import crossovers
from bench.report import charts, growth_charts
from bench.scaling import scalings
from bench.summary import rows

HERE = {"here": environment()}


@pytest.fixture(scope="module")
def grown():
    return scalings(rows(swept(), HERE, run(case())), "sgd")


def points(chart, name, size="batch_size"):
    found = {one[size]: one for one in chart.to_dict()["data"]["values"] if one["name"] == name}
    return dict(sorted(found.items()))


def test_every_batch_size_of_the_usual_samples_is_a_point_with_what_the_model_says(grown):
    found = points(growth_charts.by_batch_size(grown, 48000, [], "a title"), "a")
    assert tuple(found) == BATCHES
    rates = [48000 / seconds for seconds in (0.154, 0.064, 0.0415, 0.0365, 0.0345, 0.0341)]
    assert [one["samples_per_second"] for one in found.values()] == pytest.approx(rates)
    assert [one["modelled"] for one in found.values()] == pytest.approx(rates)
    assert {one["what"] for one in found.values()} == {"measured"}


def test_every_number_of_samples_of_a_batch_size_is_a_point(grown):
    found = points(growth_charts.by_samples(grown, 384, "a title"), "b", "samples")
    assert tuple(found) == tuple(sorted([*SAMPLES, 48000]))
    assert [one["epoch_ms"] for one in found.values()] == pytest.approx([30.6, 41.2, 73, 126, 550])


def test_a_cliff_has_a_mark_of_its_own_and_stands_off_the_model(grown):
    found = points(growth_charts.by_batch_size(grown, 48000, [], "a title"), "b")
    assert [size for size, one in found.items() if one["what"] == "cliff"] == [9600]
    assert found[9600]["samples_per_second"] == pytest.approx(48000 / 0.682)
    assert found[9600]["modelled"] == pytest.approx(48000 / 0.0682)


def test_without_a_model_or_a_ceiling_a_point_has_only_its_time(grown):
    found = points(growth_charts.by_samples(grown, 384, "a title"), "c", "samples")
    assert {(one["modelled"], one["best"]) for one in found.values()} == {(None, None)}
    assert {one["what"] for one in found.values()} == {"measured"}
    assert found[9600]["epoch_ms"] == pytest.approx(92.16)


def drawn(chart):
    """Return what a chart's lines are of, and the subtitle that explains them."""
    made = chart.to_dict()
    fields = [layer["encoding"]["y"].get("field") for layer in made["spec"]["layer"]
              if layer["mark"]["type"] == "line"]  # fmt: skip
    return fields, made["title"].get("subtitle")


def test_a_line_that_nobody_has_is_neither_drawn_nor_explained(grown):
    with_model = [each for each in grown if each.cost is not None]
    without = [each for each in grown if each.cost is None]
    fields, says = drawn(growth_charts.by_samples(with_model, 384, "a title"))
    assert fields == ["modelled", "epoch_ms"]
    assert says == "grey line: what the model says"
    fields, says = drawn(growth_charts.by_samples(without, 384, "a title"))
    assert fields == ["epoch_ms"]
    assert says == ""


def test_fewer_threads_are_no_points(grown):
    assert any(row.case.threads == 1 for each in grown for row in each.rows)
    chart = growth_charts.by_batch_size(grown, 48000, [], "a title").to_dict()
    assert len(chart["data"]["values"]) == 3 * len(BATCHES)


def test_the_best_that_the_machine_allows_is_drawn_where_it_is_known(grown):
    known = [
        replace(each, rows=tuple(replace(row, least_epoch=0.004) for row in each.rows))
        for each in grown
    ]
    found = points(growth_charts.by_batch_size(known, 48000, [], "a title"), "a")
    assert {one["best"] for one in found.values()} == {12_000_000}
    found = points(growth_charts.by_samples(known, 384, "a title"), "a", "samples")
    assert {one["best"] for one in found.values()} == {4.0}


def test_every_implementation_is_drawn_in_the_order_of_the_table(grown):
    hostile = scalings(rows(swept("<b>a</b>"), HERE), "sgd")
    for chart, size in (
        (growth_charts.by_batch_size([*grown, *hostile], 48000, [], "a title"), "batch_size"),
        (growth_charts.by_samples([*grown, *hostile], 384, "a title"), "samples"),
    ):
        assert chart.to_dict()["facet"]["sort"] == ["a", "b", "c", "<b>a</b>"]
        svg = charts.svg(chart)
        for text in ("a", "b", "c", "a title", "cliff", "&lt;b&gt;a&lt;/b&gt;"):
            assert f">{text}<" in svg
        assert "<b>" not in svg
        # Four charts of six points or five, one of which is a cliff where batches are varied.
        assert svg.count('aria-roledescription="point"') == 4 * len(points(chart, "a", size))
        assert ">gpu<" not in svg


def both(name, times):
    """Rows of an implementation by batch size: seconds on the CPU and on the GPU."""
    records = [
        record for batch_size, pair in times.items()
        for device, seconds in zip(("cpu", "gpu"), pair, strict=True)
        for record in trials(case(name, batch_size=batch_size, device=device), seconds)
    ]  # fmt: skip
    return rows(records, HERE)


def test_where_a_gpu_was_measured_too_the_devices_cross_at_a_batch_size():
    pays = both("pays", {8: (4.0, 8.0), 32: (2.0, 2.5), 128: (1.0, 0.5), 384: (1.0, 0.1)})
    never = both("never", {8: (4.0, 8.0), 384: (1.0, 2.0)})
    every = both("every", {8: (4.0, 1.0), 384: (1.0, 0.1)})
    grown = scalings([*pays, *never, *every], "sgd")
    crossed = crossovers([*pays, *never, *every], "sgd")
    chart = growth_charts.by_batch_size(grown, 48000, crossed, "t")
    found = chart.to_dict()["data"]["values"]
    # Between 0.8 and 2: 32 * 4 ** (ln 0.8 / (ln 0.8 - ln 2)) = 32 * 4 ** 0.243529 = 44.85.
    at = {one["name"]: one["gpu_from"] for one in found}
    assert at == {"pays": pytest.approx(44.85, abs=0.01), "never": None, "every": None}
    assert len(found) == 16
    assert chart.to_dict()["facet"]["sort"] == ["pays", "never", "every"]
    svg = charts.svg(chart)
    assert svg.count(">GPU from 45<") == 1
    assert svg.count(">GPU from") == 1
    assert ">cpu<" in svg
    assert ">gpu<" in svg
    assert 'stroke-dasharray="6,3"' in svg
