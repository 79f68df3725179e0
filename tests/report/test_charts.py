"""Charts: valid Vega-Lite, drawn without errors, and with the numbers of the tables."""

import base64
import math
import re
import zlib
from dataclasses import replace

import altair as alt
import numpy as np
import pytest
from support.devices import on, unavailable
from support.records import MACHINE, bare, case, environment, run, trials, write
from support.sweep import BATCHES, SAMPLES, swept

from bench.analysis.devices import find_crossovers
from bench.analysis.startup import find_curves
from bench.analysis.summary import summarize, summarize_memory
from bench.analysis.sweep import find_sweep
from bench.records.schema import Parity
from bench.report.charts.accuracy import chart_accuracy
from bench.report.charts.chart import Chart, draw_chart, find_data_sets
from bench.report.charts.epochs import (
    chart_cold_start,
    chart_epochs,
    chart_memory,
    sum_cold_start,
)
from bench.report.charts.images import (
    chart_confusion,
    chart_images,
    chart_weights,
)
from bench.report.charts.machines import LIGHT, chart_machines, chart_throughput
from bench.report.charts.parity import can_draw_error, chart_parity
from bench.report.charts.scaling import chart_by_batch_size, chart_by_samples, chart_by_threads
from bench.report.charts.style import choose_ticks
from bench.report.load import load_runs
from bench.report.sections import Picture
from bench.report.sections.machines import group_by_problem

HERE = {"here": environment()}
# Control characters, line ends, quotes, markup and code: a name of a record may be any text.
ODD = "".join(map(chr, range(1, 32))) + "\x7f\x85\u2028\ufeff\"'\\`</script>${x}<b>"
BOTH = [*on("cpu", ODD), *on("gpu", ODD, times=0.5), *on("cpu", "b", times=2)]
SWEEP = find_sweep(summarize(swept(ODD, "b"), HERE, run(case())), "sgd")


def summarize_parity(**errors):
    records = []
    for name, error in errors.items():
        of = case(name.partition("_")[0], batch_size=8 if name.endswith("_8") else 32)
        parity = Parity(error, 1e-5, passed=error <= 1e-5)
        status = "ok" if error <= 1e-5 else "failed"
        records += trials(of, 0.5, parity=parity, status=status)
    return summarize(records, HERE)


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """Rows of a on a box and both devices of a server; b failed on one and is absent elsewhere."""
    tmp_path = tmp_path_factory.mktemp("machines")
    box = [*on("cpu"), *on("cpu", "b", epochs=(1.0,)), bare(case("b"), 2, reason="wrong")]
    server = [*on("cpu", times=0.5), *on("gpu"), unavailable("b")]
    folders = []
    for name, records in (("box", box), ("server", server)):
        machine = {**MACHINE, "id": name, "name": name}
        plan = run(case("a"), case("b"), run=name)
        folders.append(write(tmp_path / name, plan, *records, machine=machine))
    (problem,) = group_by_problem(load_runs(folders))
    return problem


CHARTS = {
    "epochs": lambda _: chart_epochs(
        [replace(row, roofline_seconds=0.004) for row in summarize(BOTH, HERE)], ODD
    ),
    "cold start": lambda _: chart_cold_start(summarize(BOTH, HERE), ODD),
    "memory": lambda _: chart_memory(
        summarize_memory(trials(case(ODD), 0.5, phase_rss_bytes={"start": 2**20})), ODD
    ),
    "accuracy": lambda _: chart_accuracy(find_curves(BOTH), ODD),
    "batch size": lambda _: chart_by_batch_size(SWEEP, [], ODD),
    "samples": lambda _: chart_by_samples(SWEEP, ODD),
    "threads": lambda _: chart_by_threads(SWEEP, ODD),
    "parity": lambda _: chart_parity(summarize_parity(a=2e-6, a_8=4e-6, wrong=1e-3), [1e-5], ODD),
    "machines": lambda problem: chart_machines(problem, ODD),
    "throughput": lambda problem: chart_throughput(problem, ODD),
    "images": lambda _: chart_images(np.zeros((2, 4), np.float32), (ODD, "b"), ODD),
    "weights": lambda _: chart_weights(np.ones((4, 2)), (ODD, "b"), ODD),
    "confusion": lambda _: chart_confusion(np.diag([1, 2]), (ODD, "b"), ODD),
}


@pytest.mark.parametrize("name", CHARTS)
def test_chart_is_valid_and_is_drawn(problem, name):
    made = CHARTS[name](problem)
    made.to_dict(validate=True)  # by Vega-Lite's schema
    drawn = draw_chart(Picture("a/b) c", "a title", lambda: made))
    assert drawn.file == "a-b--c.svg"
    assert drawn.svg.startswith("<svg")
    assert not re.search("<script|<b>|NaN", drawn.svg)
    assert all(drawn.size)
    assert drawn.tables
    alt.Chart.from_dict(dict(drawn.specification), validate=True)
    # Without the empty paths by which Vega catches the pointer.
    assert not re.search(r' d=""| d="M0,0h0v0h0Z"', drawn.svg)


def read_points(chart):
    return [point for points in find_data_sets(chart.to_dict()) for point in points]


def draw_svg(chart):
    return draw_chart(Picture("a", "a", lambda: chart)).svg


# ----- epochs and cold start


def test_epochs_are_in_milliseconds_with_intervals():
    rows = summarize([*trials(case("fast"), 0.5), *trials(case("slow"), 1.0, 4.0)], HERE)
    fast, slow = read_points(chart_epochs(rows, "t"))
    assert (fast["name"], fast["label"], fast["mean"]) == ("fast", "500", pytest.approx(500))
    assert fast["low"] == fast["mean"] == fast["high"]
    assert slow["label"] == "2,000"
    interval = rows[1].epoch
    assert (slow["low"], slow["high"]) == pytest.approx((interval.low * 1e3, interval.high * 1e3))


def test_least_epoch_is_a_line_for_each_problem():
    rows = summarize([*trials(case("a"), 0.5), *trials(case("b"), 1.0)], HERE)
    assert not [one for one in read_points(chart_epochs(rows, "t")) if "least" in one]
    known = [replace(row, roofline_seconds=0.0150528) for row in rows]
    assert draw_svg(chart_epochs(known, "t")).count(">least: 15.1<") == 1
    known[1] = replace(known[1], roofline_seconds=0.004)
    points = [one for one in read_points(chart_epochs(known, "t")) if "least" in one]
    assert {point["text"] for point in points} == {"least: 4.00", "least: 15.1"}


def test_cold_start_has_all_its_phases():
    (row,) = summarize(trials(case("fast"), 0.5), HERE)
    phases = {one["phase"]: one["seconds"] for one in read_points(chart_cold_start([row], "t"))}
    assert phases == pytest.approx(
        {"import": 2.0, "set-up": 0.25, "first epoch": 3.0, "next four epochs": 2.0}
    )
    assert sum_cold_start(row) == pytest.approx(7.25)
    (row,) = summarize(trials(case("fast"), 0.5, setup_seconds=None), HERE)
    assert sum_cold_start(row) == pytest.approx(7.0)


def test_accuracy_has_a_point_for_each_epoch_the_first_done_on_top():
    late = trials(case("late"), 0.05, 0.05, import_seconds=60.0)
    chart = chart_accuracy(find_curves([*late, *trials(case("early"), 0.1)]), "t")
    assert chart.to_dict()["facet"]["sort"] == ["early", "late"]
    points = read_points(chart)
    assert len(points) == 10
    last = next(one for one in points if one["name"] == "late" and one["epoch"] == 5)
    assert (last["accuracy"], last["seconds"]) == (0.8396, pytest.approx(63.435))


# ----- sweeps


def sweep_of(records):
    return find_sweep(summarize(records, HERE, run(case())), "sgd")


def test_sweep_charts_have_the_measured_values():
    by_batch_size = read_points(chart_by_batch_size(SWEEP, [], "t"))
    assert len(by_batch_size) == 2 * len(BATCHES)
    points = {
        one["batch_size"]: one["samples_per_second"] for one in by_batch_size if one["name"] != "b"
    }
    rates = [48000 / seconds for seconds in (0.154, 0.064, 0.0415, 0.0365, 0.0345, 0.0341)]
    assert points == pytest.approx(dict(zip(BATCHES, rates, strict=True)))
    by_samples = read_points(chart_by_samples(SWEEP, "t"))
    points = {one["samples"]: one["epoch_ms"] for one in by_samples if one["name"] == "b"}
    times = dict(zip(sorted([*SAMPLES, 48000]), (30.6, 41.2, 73, 126, 550), strict=True))
    assert points == pytest.approx(times)
    speedups = [one["times"] for one in read_points(chart_by_threads(SWEEP, "t"))]
    assert speedups == pytest.approx([1.5] * 4)


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
    assert {one["name"]: one["gpu_from"] for one in read_points(chart)} == {
        "pays": pytest.approx(44.85, abs=0.01),
        "never": None,
        "every": None,
    }
    svg = draw_svg(chart)
    assert svg.count(">GPU from 45<") == svg.count(">GPU from") == 1


def test_threads_have_panels_and_sizes_beyond_the_marks_share_one():
    records = [
        record
        for threads, times in ((1, (8.0, 8.0)), (2, (4.0, 4.0)), (8, (1.0, 4.0)))
        for record in trials(case("a", threads=threads), *times)
    ]
    two, eight = read_points(chart_by_threads(sweep_of(records), "t"))
    assert (two["panel"], two["times"]) == ("2 threads", pytest.approx(2))
    assert (eight["panel"], eight["times"]) == ("8 threads", pytest.approx(4))
    assert eight["low"] < eight["times"] < eight["high"]
    sizes = [(2**power, 48000, threads) for power in range(8) for threads in (1, 2)]
    chart = chart_by_threads(sweep_of(swept("a", sizes=sizes)), "t")
    assert len(read_points(chart)) == 8
    draw_svg(chart)


# ----- parity


def test_parity_errors_are_marked_by_size_and_tolerance():
    chart = chart_parity(summarize_parity(a=2e-6, a_8=4e-6, b=1e-6, wrong=1e-3), [1e-5], "t")
    points = [one for one in read_points(chart) if "what" in one]
    assert {(one["name"], one["batch_size"]): one["what"] for one in points} == {
        ("a", 32): "first size",
        ("a", 8): "another size",
        ("b", 32): "first size",
        ("wrong", 32): "above the tolerance",
    }
    # The smallest error at the first size is on top.
    assert chart.to_dict()["layer"][-1]["encoding"]["y"]["sort"] == ["b", "a", "wrong"]
    assert ">tolerance 1e-05<" in draw_svg(chart)


@pytest.mark.parametrize("errors", [{"a": 2e-6, "b": 3e-6}, {"a": 2e-6, "wrong": 1e-3}])
def test_parity_dots_of_one_or_two_kinds_are_visible(errors):
    svg = draw_svg(chart_parity(summarize_parity(**errors), [1e-5], "t"))
    dots = re.findall(r'<path transform="[^"]*" d="(M[^"]*)" fill="#', svg)
    assert len([path for path in dots if not path.startswith("M0,0")]) >= len(errors)
    assert (">another size<" in svg, ">first size<" in svg) == (False, True)


@pytest.mark.parametrize("error", [0.0, math.inf, math.nan])
def test_error_without_a_logarithm_is_left_out(error):
    rows = summarize_parity(a=2e-6, odd=error)
    assert [row.case.implementation for row in rows if can_draw_error(row)] == ["a"]
    points = read_points(chart_parity(rows, [1e-5], "t"))
    assert {one["name"] for one in points if "name" in one} == {"a"}


# ----- machines


def test_machines_have_a_dot_for_each_device(problem):
    points = read_points(chart_machines(problem, "t"))
    assert [(one["name"], one["machine"], one["text"]) for one in points] == [
        ("a", "box, 2 threads", "64.0 ms"),
        ("a", "server, 2 threads", "32.0 ms"),
        ("a", "server, gpu", "62.5 ms"),
    ]


def test_throughput_cells_have_a_number_or_the_reason(problem):
    chart = chart_throughput(problem, "t")
    assert [(one["name"], one["short"], one["text"]) for one in read_points(chart)] == [
        ("a", "750k", "750,000 samples/s"),
        ("a", "1.5M", "1,500,000 samples/s"),
        ("a", "770k", "768,000 samples/s"),
        ("b", "failed", "failed"),
        ("b", "—", "not measured"),
        ("b", "unavailable", "unavailable"),
    ]
    svg = draw_svg(chart)
    assert all(f">{text}</text>" in svg for text in ("750k", "1.5M", "failed", "—"))
    black, white = chart.to_dict()["layer"][2]["encoding"]["color"]["condition"]
    assert (black["value"], white["value"]) == ("black", "white")
    assert float(black["test"].split(" > ")[1]) == pytest.approx(750_000 * 2**LIGHT)


# ----- images

NAMES = ("cat", "<b>", "dog")
BLUE, WHITE, ORANGE = [0, 114, 178], [255, 255, 255], [213, 94, 0]


def read_pixels(uri):
    """Decode a PNG of opaque RGBA pixels into colours (height, width, 3)."""
    png = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
    data, at = b"", 8
    while at < len(png):
        length, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + 4 * width)
    picture = np.zeros((height + 1, width + 1, 4), int)
    for y, (kind, *values) in enumerate(lines.tolist(), 1):
        for x, pixel in enumerate(np.array(values).reshape(width, 4), 1):
            left, up, corner = picture[y, x - 1], picture[y - 1, x], picture[y - 1, x - 1]
            # The filters of https://www.w3.org/TR/png-3/#9Filters.
            nearest = np.abs(np.array([left, up, corner]) - (left + up - corner)).argmin(axis=0)
            paeth = np.array([left, up, corner])[nearest, range(4)]
            picture[y, x] = (pixel + [0, left, up, (left + up) // 2, paeth][kind]) % 256
    assert (picture[1:, 1:, 3] == 255).all()
    return picture[1:, 1:, :3].tolist()


def test_images_have_every_pixel_white_for_zero():
    values = np.array([[0, 0.2, 0.4, 1], [1, 1, 0, 0], [2, -1, 0, 0]], np.float32)
    points = read_points(chart_images(values, NAMES, "t"))
    assert [point["name"] for point in points] == list(NAMES)
    first, _, last = (np.array(read_pixels(point["image"]))[..., 0].tolist() for point in points)
    assert first == [[255, 204], [153, 0]]
    assert last == [[0, 255], [255, 255]]


def test_weights_go_from_blue_through_white_to_orange():
    weight = np.array([[1.0, -1], [-1, 1], [0, 1], [0, 1]])
    points = read_points(chart_weights(weight, NAMES[:2], "t"))
    first, second = (read_pixels(point["image"]) for point in points)
    assert first == [[ORANGE, BLUE], [WHITE, WHITE]]
    assert second == [[BLUE, ORANGE], [ORANGE, ORANGE]]


def test_confusion_has_every_pair_and_prints_all_counts_but_0():
    counts = np.array([[90, 10, 0], [0, 0, 0], [1, 0, 3]])
    chart = chart_confusion(counts, NAMES, "t")
    points = read_points(chart)
    assert [point["images"] for point in points] == counts.ravel().tolist()
    assert points[1]["share"] == pytest.approx(0.1)
    svg = draw_svg(chart)
    assert all(f">{count}<" in svg for count in (90, 10, 1, 3))
    assert ">0<" not in svg


# ----- ticks, and what the page needs of a chart


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 40], [5, 10, 20, 50]),
        ([0.087, 12.6], [0.1, 1, 10]),
        ([1e-7, 9e-6], [1e-7, 1e-6, 1e-5]),
        ([7, 9], [10]),
        ([5, None, 0, -3, math.inf, math.nan], [5]),
        ([None], []),
    ],
)
def test_ticks_are_1_2_5_or_powers_of_ten(values, expected):
    assert choose_ticks(values) == pytest.approx(expected)


def make(**specification):
    return Chart("a.svg", "what it shows", "<svg/>", specification)


def test_tables_have_the_numbers_of_every_data_set():
    chart = make(
        data={"values": [{"a": 1, "b": 2.123456}, {"a": 10000, "c": None}]},
        layer=[{"data": {"values": [{"least": "x", "n": 3, "image": "data:image/png,"}]}}],
        datasets={"one": [{"d": True}], "none": []},
    )
    assert chart.tables == [
        (["a", "b", "c"], [["1", "2.123", "—"], ["10000", "—", "—"]], {0, 1, 2}),
        (["least", "n"], [["x", "3"]], {1}),
        (["d"], [["True"]], {0}),
    ]
