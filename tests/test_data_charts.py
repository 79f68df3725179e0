"""The first images are drawn pixel for pixel, dark on light, above their class."""

import numpy as np
import pytest
from test_pixels import read

from bench.report import charts, data_charts


@pytest.fixture
def chart():
    images = np.array([[0, 0.2, 0.4, 1], [1, 1, 0, 0], [2, -1, 0, 0]], np.float32)
    return data_charts.first_images(images, ["Bag", "<b>", "Bag"], "a title")


def test_every_pixel_is_there_white_for_nought(chart):
    points = chart.to_dict()["layer"][0]["data"]["values"] if (
        "data" in chart.to_dict()["layer"][0]
    ) else chart.to_dict()["data"]["values"]  # fmt: skip
    assert [point["name"] for point in points] == ["Bag", "<b>", "Bag"]
    assert read(points[0]["image"])[1].tolist() == [[255, 204], [153, 0]]
    assert read(points[2]["image"])[1].tolist() == [[0, 255], [255, 255]]


def test_it_is_drawn_with_the_names_and_without_smoothing(chart):
    svg = charts.svg(chart)
    assert svg.count("<image") == 3
    assert svg.count("data:image/png;base64,") == 3
    assert svg.count(">Bag<") == 2
    assert ">&lt;b&gt;<" in svg
    assert "<b>" not in svg
    assert "pixelated" in svg or "optimizeSpeed" in svg


@pytest.mark.parametrize(("features", "side"), [(784, 28), (64, 8), (1, 1), (6, None), (2, None)])
def test_only_what_is_square_has_a_side(features, side):
    assert data_charts.side(features) == side
