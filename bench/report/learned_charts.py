"""Charts of what classifiers learned, as Altair specifications; needs the extra ``report``."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.learned import Learned
from bench.report.charts import COLOURS, labels
from bench.report.data_charts import side
from bench.report.pixels import Pixels, address
from bench.report.tables import label

# Numbers of a palette's colours: 127 is nought.
_MIDDLE = 127
_CELL = 46


def weights(found: Sequence[Learned], class_names: Sequence[str], title: str) -> Any:
    """Show the weights of each class as a picture: a row a case, a column a class, one scale.

    The colours end at the same weight on both sides and for all; what is beyond has the last.
    """
    import altair as alt

    limit = reach(found)
    points = [{"name": label(each.case), "image": _strip(each.weight, limit)} for each in found]
    order = [point["name"] for point in points]
    columns = [{"place": number, "name": each} for number, each in enumerate(class_names)]
    width = _CELL * len(class_names)
    rows = alt.Chart(alt.Data(values=points)).mark_image(width=width, height=_CELL, smooth=False)
    heads = alt.Chart(alt.Data(values=columns)).mark_text(
        angle=315, align="left", fontSize=11, dx=4
    )
    subtitle = (
        f"from {-limit:.2g}, blue, through nought, white, to {limit:.2g}, orange: "
        "pixels that speak against a class and for it"
    )
    return (
        alt.layer(
            rows.encode(
                url="image:N", x=alt.value(width / 2), description="name:N",
                y=alt.Y("name:N", sort=order, title=None, axis=labels()),
            ),
            heads.encode(x=alt.X("place:O", axis=None), y=alt.value(-4), text="name:N"),
        )
        .properties(
            title=alt.TitleParams(title, subtitle=subtitle, offset=12), width=width,
            height=_CELL * len(points), background="white",
        )
        .configure_view(stroke=None)
        .configure_title(anchor="start", fontSize=14, subtitleFontSize=11)
    )  # fmt: skip


def reach(found: Sequence[Learned]) -> float:
    """Return the weight at which the colours end: one in a hundred weights of a case is beyond."""
    return max(float(np.quantile(np.abs(each.weight), 0.99)) for each in found) or 1.0


def _strip(weight: NDArray[np.float32], limit: float) -> str:
    """Return the pictures of all classes in a row, with a frame of nought around each."""
    pixels = side(len(weight))
    assert pixels is not None
    shares = np.clip(weight.T / np.float32(limit), -1, 1)
    shades = np.round(_MIDDLE * (1 + shares)).astype(np.uint8).reshape(-1, pixels, pixels)
    framed = np.pad(shades, ((0, 0), (1, 1), (1, 1)), constant_values=_MIDDLE)
    return address(np.hstack(list(framed)), _palette())


def _palette() -> Pixels:
    """Return colours from blue through white to orange, nought in the middle."""
    ends = [np.array(list(bytes.fromhex(COLOURS[style][1:]))) for style in ("idiomatic", "tuned")]
    shares = np.arange(_MIDDLE + 1)[:, None] / _MIDDLE
    halves = [255 + shares * (end - 255) for end in ends]
    return np.round(np.vstack([halves[0][::-1], halves[1][1:]])).astype(np.uint8)


def confusion(counts: NDArray[np.int64], class_names: Sequence[str], title: str) -> Any:
    """Show how many images of each class (rows) were put into each (columns), as counts."""
    import altair as alt

    totals = counts.sum(axis=1)
    points = [
        {
            "class": class_names[true], "predicted": class_names[found],
            "images": int(counts[true, found]), "right": true == found,
            "share": float(counts[true, found] / max(1, totals[true])),
        }
        for true, found in np.ndindex(counts.shape)
    ]  # fmt: skip
    names = list(class_names)
    base = alt.Chart(alt.Data(values=points)).encode(
        y=alt.Y("class:N", sort=names, title="class"),
        x=alt.X("predicted:N", sort=names, title="predicted",
                axis=alt.Axis(orient="top", labelAngle=-45)),
        tooltip=["class:N", "predicted:N", "images:Q", "share:Q"],
    )  # fmt: skip
    shade = alt.Color(
        "share:Q", legend=None,
        scale=alt.Scale(domain=[0, 1], range=["#FFFFFF", COLOURS["idiomatic"]], interpolate="rgb"),
    )  # fmt: skip
    dark = alt.condition("datum.share > 0.5", alt.value("white"), alt.value("black"))
    text = base.transform_filter("datum.images > 0").mark_text(fontSize=11)
    return (
        alt.layer(base.mark_rect().encode(color=shade), text.encode(text="images:Q", color=dark))
        .properties(title=title, width=_CELL * len(names), height=28 * len(names),
                    background="white")
        .configure_axis(grid=False, ticks=False, domain=False)
        .configure_title(anchor="start", fontSize=14, offset=12)
    )  # fmt: skip
