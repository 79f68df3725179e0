"""Charts of the chapter's notebook: images, and the weights of a classifier."""

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.report.base.numbers import format_number
from bench.report.charts.style import COLOURS, alt, set_title

# Pixels of the charts: a picture's side, and the distance between two pictures.
_SIDE, _STEP = 58, 64
_COLUMNS = 5
# Red, green and blue of square pictures: uint8 (pictures, side, side, 3).
Squares = NDArray[np.uint8]


def chart_images(images: NDArray[np.float32], names: Sequence[str], title: str) -> Any:
    """Draw images (n, features) from 0, white, to 1, black, each above the name of its class."""
    shades = np.round(255 * (1 - np.clip(images, 0, 1))).astype(np.uint8)
    return _draw_row(_fold(np.repeat(shades[..., None], 3, axis=-1)), names, title)


def chart_weights(weight: NDArray[np.float64], class_names: Sequence[str], title: str) -> Any:
    """Draw the weights (features, classes) of each class as a picture, all on one scale.

    The scale is symmetric, and one weight in a hundred lies beyond its ends.
    """
    limit = float(np.quantile(np.abs(weight), 0.99)) or 1.0
    shares = np.clip(weight.T / limit, -1, 1)[..., None]
    negative, positive = (
        np.array(list(bytes.fromhex(COLOURS[style].removeprefix("#"))))
        for style in ("idiomatic", "tuned")
    )
    ends = np.where(shares < 0, negative, positive)
    pictures = np.round(255 + np.abs(shares) * (ends - 255)).astype(np.uint8)
    subtitle = (
        f"blue: {format_number(-limit, 2)}, against the class; white: 0; "
        f"orange: {format_number(limit, 2)}, for the class; "
        "on one scale for all"
    )
    return _draw_row(_fold(pictures), class_names, title, subtitle)


def _draw_row(pictures: Squares, names: Sequence[str], title: str, subtitle: str = "") -> Any:
    """Draw pictures in rows, each above its name.

    A row fits on a phone, so that the page needs only one drawing of all the pixels.
    """
    points = [
        {"place": number, "image": _encode_png(picture), "name": name}
        for number, (picture, name) in enumerate(zip(pictures, names, strict=True))
    ]
    base = alt.Chart()
    # Without smoothing: a pixel is a square.
    image = base.mark_image(width=_SIDE, height=_SIDE, smooth=False, aria=True)
    middle = alt.value(_SIDE / 2)
    # By default the description of an image would include its whole URL.
    described = image.encode(url="image:N", x=middle, y=middle, description="name:N")
    text = base.mark_text(fontSize=11, limit=_STEP)
    named = text.encode(x=middle, y=alt.value(_SIDE + 12), text="name:N")
    facet = alt.Facet(
        "place:O", title=None, header=alt.Header(labelExpr="''", labelFontSize=1, labelPadding=0)
    )
    panel = alt.layer(described, named).properties(width=_SIDE, height=_SIDE + 20)
    panels = panel.facet(
        facet=facet, columns=_COLUMNS, spacing=_STEP - _SIDE, data=alt.Data(values=points)
    )
    width = _STEP * min(len(names), _COLUMNS)
    return set_title(panels, title, subtitle, width).configure_view(stroke=None)


def _fold(pixels: NDArray[np.uint8]) -> Squares:
    """Reshape the pixels (n, features, 3) to square pictures."""
    side = math.isqrt(pixels.shape[1])
    return pixels.reshape(-1, side, side, 3)


def _encode_png(picture: NDArray[np.uint8]) -> str:
    """Return a picture (height, width, 3) as the data URI of a PNG."""
    import vl_convert

    height, width, _ = picture.shape
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="#{picture[y, x].tobytes().hex()}"/>'
        for y, x in np.ndindex(height, width)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'shape-rendering="crispEdges">{squares}</svg>'
    )
    png = vl_convert.svg_to_png(svg, scale=1, ppi=72)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
