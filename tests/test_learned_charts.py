"""Weights are drawn on one scale for all, symmetric about nought; confusions are counts."""

import numpy as np
import pytest
from fixtures_records import case
from test_pixels import chunks, read

from bench.learned import Learned
from bench.report import charts, learned_charts

NAMES = ("cat", "<b>", "dog")


def of(name, weight):
    return Learned(case(name), np.array(weight, np.float32), np.zeros(2, np.int64))


def strips(chart):
    points = chart.to_dict()["layer"][0]["data"]["values"]
    return {point["name"]: read(point["image"])[1] for point in points}


def colours(chart):
    image = chart.to_dict()["layer"][0]["data"]["values"][0]["image"]
    return np.frombuffer(chunks(image)["PLTE"], np.uint8).reshape(-1, 3).tolist()


@pytest.fixture
def small():
    """Two classes of four pixels; nearly all weights of the first case lie within 1."""
    weight = np.zeros((4, 2))
    weight[:, 0], weight[:, 1] = [1, -1, 0.5, 0], [-1, 1, 1, 1]
    return [of("one", weight), of("half", weight / 2)]


def test_a_row_has_a_picture_a_class_and_the_middle_is_nought(small):
    found = strips(learned_charts.weights(small, NAMES[:2], "a title"))
    assert list(found) == ["one", "half"]
    assert found["one"].shape == (4, 8)
    assert found["one"][1:3, 1:3].tolist() == [[254, 0], [190, 127]]
    assert found["one"][1:3, 5:7].tolist() == [[0, 254], [254, 254]]
    frame = found["one"].copy()
    frame[1:3, 1:3] = frame[1:3, 5:7] = 127
    assert set(frame.ravel().tolist()) == {127}


def test_all_rows_have_one_scale(small):
    found = strips(learned_charts.weights(small, NAMES[:2], "a title"))
    assert found["half"][1:3, 1:3].tolist() == [[190, 64], [159, 127]]


def test_the_scale_ends_where_one_weight_in_a_hundred_is_beyond():
    weight = np.concatenate([np.full(991, 0.25), np.full(9, 100.0)]).reshape(-1, 1)
    assert learned_charts.reach([of("a", weight)]) == 0.25
    assert learned_charts.reach([of("a", weight), of("b", [[0.5], [-0.5]])]) == 0.5
    assert learned_charts.reach([of("a", [[0.0]])]) == 1.0


def test_the_palette_goes_from_blue_through_white_to_orange(small):
    found = colours(learned_charts.weights(small, NAMES[:2], "a title"))
    assert len(found) == 255
    assert (found[0], found[127], found[254]) == ([0, 114, 178], [255, 255, 255], [213, 94, 0])


def test_weights_are_drawn_with_every_name(small):
    svg = charts.svg(learned_charts.weights(small, NAMES[:2], "a title"))
    assert svg.count("<image") == 2
    for text in ("a title", "one", "half", "cat", "&lt;b&gt;"):
        assert f">{text}<" in svg
    assert "from -1, blue, through nought, white, to 1, orange" in svg


def test_a_confusion_has_every_pair_and_prints_every_count_but_nought():
    counted = np.array([[90, 10, 0], [0, 0, 0], [1, 0, 3]])
    chart = learned_charts.confusion(counted, NAMES, "a title")
    points = chart.to_dict()["layer"][0].get("data", chart.to_dict().get("data"))["values"]
    assert {(one["class"], one["predicted"]): one["images"] for one in points} == {
        (true, other): int(counted[NAMES.index(true), NAMES.index(other)])
        for true in NAMES for other in NAMES
    }  # fmt: skip
    shares = {(one["class"], one["predicted"]): one["share"] for one in points}
    assert shares["cat", "<b>"] == pytest.approx(0.1)
    assert shares["<b>", "cat"] == 0
    svg = charts.svg(chart)
    for text in ("90", "10", "1", "3", "a title", "&lt;b&gt;"):
        assert f">{text}<" in svg
    assert ">0<" not in svg
