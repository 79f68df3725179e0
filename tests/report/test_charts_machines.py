"""Charts of several machines: the points that are drawn, and letters that can be read."""

import re

import pytest
from support.devices import on, unavailable
from support.machines import BOX, GPU, SERVER, read
from support.records import bare, case, trials

from bench.report.charts import chart as drawn
from bench.report.charts import epochs, machines
from bench.report.charts.machines import HEAT, LIGHT
from bench.report.sections.hardware import alike


@pytest.fixture
def found(tmp_path):
    """Rows of a on a box and both devices of a server; b failed on one and is absent elsewhere."""
    server = [*on("cpu", times=0.5), *on("gpu"), unavailable("b")]
    box = [*on("cpu"), *on("cpu", "b", epochs=(1.0,)), bare(case("b"), 2, reason="wrong")]
    (each,) = alike(read(tmp_path, box=(BOX, *box), server=(SERVER, *server)))
    return each


def points(chart):
    (found,) = drawn.data(chart.to_dict())
    return found


def test_the_chart_of_epochs_has_a_dot_for_each_device_and_the_numbers_of_the_table(found):
    shown = points(machines.epochs(found, "title"))
    server = f"16-core Server, 64 GiB, {GPU}"
    assert [(one["name"], one["machine"], one["said"]) for one in shown] == [
        ("a", "2-core Box, 8 GiB, 2 threads", "64.0 ms"), ("a", f"{server}, 2 threads", "32.0 ms"),
        ("a", f"{server}, gpu", "62.5 ms"),
    ]  # fmt: skip


def test_every_cell_of_the_throughput_has_its_number_or_why_there_is_none(found):
    shown = points(machines.throughput(found, "title"))
    assert [(one["name"], one["short"], one["said"]) for one in shown] == [
        ("a", "750k", "750,000 samples/s"), ("a", "1.5M", "1,500,000 samples/s"),
        ("a", "770k", "768,000 samples/s"), ("b", "failed", "failed"),
        ("b", "—", "not measured"), ("b", "unavailable", "unavailable"),
    ]  # fmt: skip
    assert [one["rate"] is None for one in shown] == [False] * 3 + [True] * 3
    svg = epochs.svg(machines.throughput(found, "title"))
    grey, coloured = re.findall(r'<g class="mark-rect role-mark .*?</g>', svg)
    assert (grey.count("<path"), coloured.count("<path")) == (6, 3)
    for text in ("750k", "1.5M", "failed", "unavailable", "—"):
        assert f">{text}</text>" in svg


def test_one_number_alone_has_a_colour(tmp_path):
    same = read(tmp_path, x=(BOX, *trials(case("a"), 0.1)), y=(SERVER, *trials(case("a"), 0.1)))
    (each,) = alike(same)
    chart = machines.throughput(each, "title")
    assert epochs.svg(chart).count(">480k</text>") == 2
    colour = chart.to_dict()["layer"][1]["encoding"]["color"]
    steps = colour["scale"]["domain"]
    assert steps == sorted(set(steps))
    assert len(steps) == len(HEAT)


@pytest.mark.parametrize(
    ("value", "said"),
    [(7, "7.0"), (99.6, "100"), (999.6, "1.0k"), (21_640, "22k"), (994_000, "990k"),
     (996_000, "1.0M"), (2_400_000_000, "2.4G")],
)  # fmt: skip
def test_a_number_is_short_enough_for_a_cell(value, said):
    assert machines._short(value) == said


def luminance(colour):
    """Return how light a colour is: https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in colour]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def at(share):
    """Return the colour at a share of the scale, as a linear interpolation of its steps."""
    place = min(int(share * (len(HEAT) - 1)), len(HEAT) - 2)
    part = share * (len(HEAT) - 1) - place
    one, other = (bytes.fromhex(HEAT[number][1:]) for number in (place, place + 1))
    return [(a + part * (b - a)) / 255 for a, b in zip(one, other, strict=True)]


def test_letters_stand_out_from_every_colour_and_lighter_is_faster():
    shares = [number / 200 for number in range(201)]
    light = [luminance(at(share)) for share in shares]
    assert light == sorted(light)
    contrasts = [(its + 0.05) / 0.05 if share > LIGHT else 1.05 / (its + 0.05)
                 for share, its in zip(shares, light, strict=True)]  # fmt: skip
    assert min(contrasts) >= 4.5


def test_letters_turn_black_where_the_scale_says(found):
    chart = machines.throughput(found, "title").to_dict()
    turned, white = chart["layer"][2]["encoding"]["color"]["condition"]
    assert (turned["value"], white["value"]) == ("black", "white")
    assert float(turned["test"].split(" > ")[1]) == pytest.approx(750_000 * 2**LIGHT)
