"""Images and weights are drawn pixel for pixel, confusions as counts."""

import base64
import zlib

import numpy as np
import pytest

from bench.report.charts import epochs
from bench.report.charts import images as data_charts

NAMES = ("cat", "<b>", "dog")
BLUE, WHITE, ORANGE = [0, 114, 178], [255, 255, 255], [213, 94, 0]


def pixels(uri):
    """Decode a PNG of opaque RGBA pixels into colours (height, width, 3)."""
    png = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
    assert png[24:29] == bytes([8, 6, 0, 0, 0])  # RGBA of 8 bits, not interlaced
    data, at = b"", 8
    while at < len(png):
        length, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + 4 * width)
    before, decoded = np.zeros((width, 4), int), []
    for kind, *values in rows.tolist():
        line = np.array(values).reshape(width, 4)
        for x in range(width):
            left, up, corner = (
                line[x - 1] if x else np.zeros(4, int),
                before[x],
                before[x - 1] if x else np.zeros(4, int),
            )
            line[x] += _predicted(kind, left, up, corner)
            line[x] %= 256
        decoded.append(line)
        before = line
    picture = np.array(decoded)
    assert (picture[..., 3] == 255).all()
    return picture[..., :3]


def _predicted(kind, left, up, corner):
    """Return what a PNG filter adds: https://www.w3.org/TR/png-3/#9Filters."""
    if kind == 4:
        candidates = np.array([left, up, corner])
        nearest = np.abs(candidates - (left + up - corner)).argmin(axis=0)
        return candidates[nearest, range(4)]
    return [0, left, up, (left + up) // 2][kind]


def points(chart):
    specification = chart.to_dict()
    return specification.get("data", specification["layer"][0].get("data"))["values"]


@pytest.fixture
def images():
    values = np.array([[0, 0.2, 0.4, 1], [1, 1, 0, 0], [2, -1, 0, 0]], np.float32)
    return data_charts.first_images(values, NAMES, "a title")


def test_first_images_has_every_pixel_white_for_zero(images):
    assert [point["name"] for point in points(images)] == list(NAMES)
    first, _, last = (pixels(point["image"])[..., 0].tolist() for point in points(images))
    assert first == [[255, 204], [153, 0]]
    assert last == [[0, 255], [255, 255]]


def test_first_images_shows_names_and_does_not_smooth(images):
    svg = epochs.svg(images)
    assert svg.count("data:image/png;base64,") == 3
    assert ">cat<" in svg
    assert ">&lt;b&gt;<" in svg
    assert "<b>" not in svg
    assert "pixelated" in svg or "optimizeSpeed" in svg


def test_pictures_of_many_colours_are_exact():
    colours = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
    assert np.array_equal(pixels(data_charts._png(colours)), colours)


def test_weights_go_from_blue_through_white_to_orange_on_one_scale():
    weight = np.array([[1.0, -1], [-1, 1], [0, 1], [0, 1]])
    chart = data_charts.weights(weight, NAMES[:2], "a title")
    first, second = (pixels(point["image"]).tolist() for point in points(chart))
    assert first == [[ORANGE, BLUE], [WHITE, WHITE]]
    assert second == [[BLUE, ORANGE], [ORANGE, ORANGE]]
    svg = epochs.svg(chart)
    assert ">a title<" in svg
    assert "from -1, blue, through 0, white, to 1, orange" in svg


@pytest.mark.parametrize(
    ("weight", "limit"),
    [(np.zeros((4, 1)), "1"), (np.repeat([[0.25], [100.0]], [399, 1], 0), "0.25")],
)
def test_weights_end_their_scale_where_one_in_a_hundred_is_beyond(weight, limit):
    chart = data_charts.weights(weight, NAMES[:1], "a title")
    assert f"to {limit}, orange" in chart.to_dict()["title"]["subtitle"]


def test_confusion_has_every_pair_and_prints_every_count_but_zero():
    counted = np.array([[90, 10, 0], [0, 0, 0], [1, 0, 3]])
    chart = data_charts.confusion(counted, NAMES, "a title")
    pairs = {(point["class"], point["predicted"]): point for point in points(chart)}
    assert [point["images"] for point in pairs.values()] == counted.ravel().tolist()
    assert pairs["cat", "<b>"]["share"] == pytest.approx(0.1)
    assert pairs["<b>", "cat"]["share"] == 0
    svg = epochs.svg(chart)
    for text in ("90", "10", "1", "3", "a title", "&lt;b&gt;"):
        assert f">{text}<" in svg
    assert ">0<" not in svg


@pytest.mark.parametrize(("features", "side"), [(784, 28), (64, 8), (1, 1), (6, None), (2, None)])
def test_side_is_of_square_pictures_only(features, side):
    assert data_charts.side(features) == side
