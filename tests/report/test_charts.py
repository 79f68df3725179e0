"""Charts: valid Vega-Lite, drawn without errors, and with the numbers of the tables."""

import math
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import altair as alt
import numpy as np
import pytest
from support.records import HERE, case, run, trials
from support.sweeps import BATCHES, models, on, swept

from bench.analysis.devices import find_crossovers
from bench.analysis.expected import Expected
from bench.analysis.many import measure_growth
from bench.analysis.summary import summarize
from bench.analysis.sweep import find_sweep
from bench.errors import clean_text
from bench.report.base.parts import Picture
from bench.report.charts import images
from bench.report.charts.chart import (
    NARROW,
    PAGE,
    WIDE,
    adapt_svg,
    draw_chart,
    make_specification,
    render_svg,
)
from bench.report.charts.expected import chart_expected, picture_expected
from bench.report.charts.style import choose_ticks
from bench.report.sections.costs.many import chart_models
from bench.report.sections.costs.scaling import chart_by_batch_size
from bench.report.sections.costs.workload import chart_epochs

# Control characters, line ends, quotes, markup and code, as readers of records return them.
ODD = clean_text("".join(map(chr, range(1, 32))) + "\x7f\x85\u2028\ufeff\"'\\`</script>${x}<b>")
BOTH = summarize([*on("cpu", ODD), *on("gpu", ODD, times=0.5), *on("cpu", "b", times=2)], HERE)
SWEEP = find_sweep(summarize(swept(ODD, "b"), HERE, run(case())), "sgd")
ONE, TEN = {1: [1.0]}, {1: [1.0, 2.0], 10: [3.0, 4.0]}
MODELS = summarize([*models(ODD, TEN), *models("b-processes", ONE)], HERE)


CHARTS = {
    "epochs": lambda: chart_epochs([replace(row, roofline_seconds=0.004) for row in BOTH], ODD),
    "batch size": lambda: chart_by_batch_size(SWEEP, [], ODD),
    "expected": lambda: chart_expected(
        {"jax": Expected(1, 2, 4, 9, 3)}, {ODD: {"jax": 2.0}}, ODD, ODD, 300, address=PAGE
    ),
    "models": lambda: chart_models(measure_growth(MODELS), ODD),
}


@pytest.mark.parametrize("draw", CHARTS.values(), ids=CHARTS)
def test_chart_is_valid_and_is_drawn(draw):
    made = draw()
    made.to_dict(validate=True)  # by Vega-Lite's schema
    drawn = draw_chart(Picture("a/b) c", "a title", lambda: made))
    assert drawn.file == "a-b--c.svg"
    assert drawn.svg.startswith("<svg")
    assert not re.search("<script|<b>|NaN", drawn.svg)
    layouts = {drawn.wide: WIDE, drawn.narrow: NARROW}
    for inline, room in layouts.items():
        assert float(re.search(r'width="([0-9.]+)"', inline)[1]) <= room
        assert not re.search(' style=|role=|aria-|font-family|xlink|#[0-9A-Fa-f]{3}"', inline)
        assert "<title>" in inline
        ET.fromstring(inline)
    alt.Chart.from_dict(make_specification(draw), validate=True)
    # Without the empty paths by which Vega catches the pointer.
    assert not re.search(r' d=""| d="M0,0h0v0h0Z"', drawn.svg)


def find_data_sets(specification):
    """Yield each data set of a specification once, wherever it is."""
    if isinstance(specification, dict):
        for key, value in specification.items():
            if key == "data" and "values" in value:
                yield value["values"]
            else:
                yield from find_data_sets(value)
    elif isinstance(specification, list):
        for value in specification:
            yield from find_data_sets(value)


def specify(chart):
    """Return the specification without Altair's validation, which takes longest."""
    return make_specification(lambda: chart)


def read_points(chart):
    return [point for points in find_data_sets(specify(chart)) for point in points]


def test_threads_are_in_tooltips_only():
    of = case("a", threads=1)
    points = read_points(chart_epochs(summarize(trials(of, 0.5, 0.5), HERE), "t"))
    assert {point["name"] for point in points} == {"a"}
    assert {tuple(point["tip"].split(" · ")[:2]) for point in points} == {("a", "1 thread")}


def test_each_row_has_a_tick_at_its_roofline():
    rows = summarize([*trials(case("a"), 0.5), *trials(case("b"), 1.0)], HERE)
    probed = [replace(rows[0], roofline_seconds=0.015), replace(rows[1], roofline_seconds=0.004)]
    points = [point for point in read_points(chart_epochs(probed, "t")) if "mean" in point]
    assert [point["roofline"] for point in points] == [pytest.approx(15), pytest.approx(4)]
    counts = [str(specify(chart_epochs(of, "t"))).count("'tick'") for of in (probed, rows)]
    assert counts == [1, 0]
    assert render_svg(specify(chart_epochs([probed[0], rows[1]], "t")))


def test_picture_has_a_dot_for_each_program_that_others_measured(load):
    expected = {"jax": Expected(1.5, 2, 4, 9, 3), "jax-scan": Expected(0.2, 0.3, 0.4, 9, 3)}
    chart = chart_expected(expected, {"x": {"jax": 4.4, "new": 2.0}}, "t", "", 100, address="//")
    points = read_points(chart)
    (bar,) = (point for point in points if "low" in point)
    assert (bar["row"], bar["low"], bar["high"]) == ("As documented|JAX", 1.5, 4)
    (dot,) = (point for point in points if "tip" in point)
    assert dot["tip"].startswith("jax · x · 4.4 × NumPy · ")
    (text,) = (point for point in points if "text" in point)
    assert (text["text"], text["address"]) == ("4.4", "//jax")
    inside = chart_expected(expected, {"x": {"jax": 2.0}}, "t", "", 100)
    (other,) = (point for point in read_points(inside) if "tip" in point)
    assert dot["colour"] != other["colour"]
    several = {"Zen 4": {"jax": 2.0}, "Xeon, noon": {"jax": 3.0}, "Xeon, night": {"jax": 3.0}}
    points = read_points(chart_expected(expected, several, "t", "", 100, by_machine=True))
    assert [point["colour"] for point in points if "tip" in point] == ["Zen 4", "Xeon", "Xeon"]
    assert [point["text"] for point in points if "text" in point] == ["1.5 to 4.0"]
    assert picture_expected([load(*trials(case("numpy"), 0.5))]) == []


def test_batch_sizes_have_the_measured_values():
    by_batch_size = read_points(chart_by_batch_size(SWEEP, [], "t"))
    assert len(by_batch_size) == 2 * len(BATCHES)
    points = {of["batch_size"]: of["samples_per_second"] for of in by_batch_size[: len(BATCHES)]}
    rates = [48000 / seconds for seconds in (0.154, 0.064, 0.0415, 0.0365, 0.0345, 0.0341)]
    assert points == pytest.approx(dict(zip(BATCHES, rates, strict=True)))


def test_bars_are_announced_only_where_there_are_some():
    for epochs, announced in (([0.5], False), ([0.5, 0.5], True)):
        text = str(specify(chart_epochs(summarize(trials(case(), *epochs), HERE), "t")))
        assert ("95 % interval" in text) == announced


def test_crossover_is_a_line_within_the_sweep_only():
    times = {
        "pays": {8: (4.0, 8.0), 32: (2.0, 2.5), 128: (1.0, 0.5), 384: (1.0, 0.1)},
        "never": {8: (4.0, 8.0), 384: (1.0, 2.0)},
        "every": {8: (4.0, 1.0), 384: (1.0, 0.1)},
    }
    rows = summarize(
        [
            record
            for name, by_size in times.items()
            for size, pair in by_size.items()
            for device, seconds in zip(("cpu", "gpu"), pair, strict=True)
            for record in trials(case(name, batch_size=size, device=device), seconds)
        ],
        HERE,
    )
    chart = chart_by_batch_size(find_sweep(rows, "sgd"), find_crossovers(rows, "sgd"), "t")
    # Between 0.8 and 2: 32 * 4 ** (ln 0.8 / (ln 0.8 - ln 2)) = 32 * 4 ** 0.243529 = 44.85.
    assert {point["name"]: point["gpu_from"] for point in read_points(chart)} == {
        "pays": pytest.approx(44.85, abs=0.01),
        "never": None,
        "every": None,
    }
    svg = render_svg(specify(chart))
    assert svg.count(">GPU from 45<") == svg.count(">GPU from") == 1


NAMES = ("cat", "<b>", "dog")
BLUE, WHITE, ORANGE = [0, 114, 178], [255, 255, 255], [213, 94, 0]


def test_images_have_every_pixel_white_for_zero(monkeypatch):
    monkeypatch.setattr(images, "_encode_png", lambda picture: picture[..., 0].tolist())
    values = np.array([[0, 0.2, 0.4, 1], [1, 1, 0, 0], [2, -1, 0, 0]], np.float32)
    points = read_points(images.chart_images(values, NAMES, "t"))
    assert [point["name"] for point in points] == list(NAMES)
    assert points[0]["image"] == [[255, 204], [153, 0]]
    assert points[2]["image"] == [[0, 255], [255, 255]]


def test_weights_go_from_blue_through_white_to_orange(monkeypatch):
    monkeypatch.setattr(images, "_encode_png", lambda picture: picture.tolist())
    weight = np.array([[1.0, -1], [-1, 1], [0, 1], [0, 1]])
    first, second = read_points(images.chart_weights(weight, NAMES[:2], "t"))
    assert first["image"] == [[ORANGE, BLUE], [WHITE, WHITE]]
    assert second["image"] == [[BLUE, ORANGE], [ORANGE, ORANGE]]


LONG = "Up to 17 epochs numpy is done first, " * 4


@pytest.mark.parametrize(
    "draw",
    [
        lambda: chart_epochs(BOTH, LONG),
        lambda: images.chart_weights(np.ones((4, 2)), NAMES[:2], LONG),
    ],
)
def test_title_is_inside_the_chart_in_dejavu_sans_bold(draw):
    svg = render_svg(specify(draw()))
    room = float(re.search(r'viewBox="0 0 ([0-9.]+)', svg)[1])
    title = re.search('<text[^>]*font-size="14px"[^>]*>(.*?)</text>', svg)[1]
    lines = re.findall(">([^<]+)<", title)
    assert " ".join(lines) == LONG.strip()
    # By the mean of its letters, behind the margin of a picture.
    assert 20 + 0.69 * 14 * max(map(len, lines)) <= room


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 40], [5, 10, 20, 50]),
        ([0.087, 12.6], [0.1, 1, 10]),
        ([5, None, 0, -3, math.inf, math.nan], [5]),
        ([None], []),
    ],
)
def test_ticks_are_1_2_5_or_powers_of_ten(values, expected):
    assert choose_ticks(values) == pytest.approx(expected)


def test_page_has_tooltips_colours_that_change_and_ids_of_its_own():
    svg = (
        '<svg xmlns="x" viewBox="0 0 10 20"><g role="graphics-object">'
        '<clipPath id="clip0"><path d="M1.23456,2L3,4"/></clipPath>'
        '<path aria-label="a &lt;b&gt; · 1 ms" role="graphics-symbol" aria-roledescription="point"'
        ' clip-path="url(#clip0)" fill="#0072B2" stroke="#123456" opacity="1"/>'
        '<text fill="#000" font-family="x">0.123456</text></g></svg>'
    )
    assert adapt_svg(svg, "n") == (
        '<svg viewBox="0 0 10 20" width="10" height="20"><g>'
        '<clipPath id="n-clip0"><path d="M1.23,2L3,4"/></clipPath>'
        '<path clip-path="url(#n-clip0)" fill="var(--blue)" stroke="#123456">'
        "<title>a &lt;b&gt; · 1 ms</title></path>"
        '<text fill="var(--ink)">0.123456</text></g></svg>'
    )
