"""The first images of a data set, as an Altair specification; needs the extra ``report``."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.report.pixels import address

_SIDE, _STEP = 58, 64


def side(features: int) -> int | None:
    """Return the pixels of a side, or None where images are not square."""
    root = math.isqrt(features)
    return root if root * root == features else None


def first_images(images: NDArray[np.float32], names: Sequence[str], title: str) -> Any:
    """Show images (n, features) from 0, white, to 1, black, each above the name of its class."""
    import altair as alt

    pixels = side(images.shape[1])
    assert pixels is not None
    shades = np.round(255 * (1 - np.clip(images, 0, 1))).astype(np.uint8)
    points = [
        {"place": number, "image": address(each.reshape(pixels, pixels)), "name": name}
        for number, (each, name) in enumerate(zip(shades, names, strict=True))
    ]
    base = alt.Chart(alt.Data(values=points)).encode(x=alt.X("place:O", axis=None))
    # Unsmoothed: a pixel is a square, as it is for the classifier.
    picture = base.mark_image(width=_SIDE, height=_SIDE, smooth=False)
    text = base.mark_text(fontSize=11, limit=_STEP).encode(y=alt.value(_SIDE + 12), text="name:N")
    # Described by its class, or else by every channel: by the picture once more.
    shown = picture.encode(url="image:N", y=alt.value(_SIDE / 2), description="name:N")
    return (
        alt.layer(shown, text)
        .properties(title=title, width=_STEP * len(points), height=_SIDE + 20, background="white")
        .configure_view(stroke=None)
        .configure_title(anchor="start", fontSize=14, offset=12)
    )
