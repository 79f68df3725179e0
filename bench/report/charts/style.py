"""What the charts share: colours, shapes, axes, titles."""

import importlib
import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any


class _Altair:
    """Altair, imported when a chart is drawn: not every command draws, and not everybody has it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("altair"), name)


alt: Any = _Altair()

# Okabe and Ito's colours, which colour-blind readers can distinguish; shapes repeat them.
COLOURS = {"idiomatic": "#0072B2", "tuned": "#D55E00", "own": "#009E73"}
SHAPES = {"idiomatic": "circle", "tuned": "diamond", "own": "square"}
# For anything else. Without black and yellow, which are invisible on one of two backgrounds.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
# Limits that a machine or a tolerance sets.
LIMIT = "#CC79A7"
# Variables of style.css: each has one colour on light and one on dark paper.
COLOURS_OF_PAGE = {
    "#0072B2": "blue",
    "#D55E00": "vermilion",
    "#009E73": "green",
    "#CC79A7": "purple",
    "#56B4E9": "sky",
    "#E69F00": "orange",
    "#999999": "grey",
    "#CCCCCC": "line",
    "#DDD": "line",
    "#888": "line",
    "#000": "ink",
    "#000000": "ink",
    "BLACK": "ink",
}
WIDTH = 620
_LINE = 13  # pixels between two names
BARS = "bars: 95 % intervals"


def make_log_axis(values: Iterable[float | None], **settings: Any) -> Any:
    """Return a logarithmic axis with few ticks.

    By default it would have a line for each of 1 to 9: most of a small chart's file.
    """
    ticks = choose_ticks(values)
    few = {"values": ticks} if len(ticks) > 1 else {"tickCount": 4}
    return alt.Axis(**few, **settings)


def choose_ticks(values: Iterable[float | None]) -> list[float]:
    """Return ticks over the positive values: 1, 2 and 5, or powers of ten over a wide range."""
    positive = [value for value in values if value is not None and 0 < value < math.inf]
    if not positive:
        return []
    low, high = min(positive), max(positive)
    steps = (1, 2, 5) if high / low < 10**1.5 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
    # An axis extends a little beyond its values.
    return [tick for tick in ticks if low / 1.3 <= tick <= high * 1.3]


def set_title(chart: Any, title: str, subtitle: str = "", width: int = WIDTH) -> Any:
    """Set the title of a chart, in lines no wider than its panels, and white paper."""
    # Pixels of a letter in DejaVu Sans, which a browser may take in place of the chart's fonts.
    lines, sublines = (
        textwrap.wrap(text, int(width / letter), break_on_hyphens=False)
        for text, letter in ((title, 9.8), (subtitle, 7.0))
    )
    return chart.properties(
        title=alt.TitleParams(lines, subtitle=sublines or alt.Undefined), background="white"
    ).configure_title(anchor="start", fontSize=14, subtitleFontSize=11, offset=12)


def spread_labels(
    values: Mapping[str, float], low: float, high: float, height: float
) -> list[tuple[str, float]]:
    """Return each name with the value at which its label stands, so that none lies on another.

    low, high: of a logarithmic axis of this height in pixels.
    """
    per_pixel = math.log(high / low) / height
    ordered = sorted(values, key=lambda name: -values[name])
    places: list[float] = []
    for name in ordered:
        place = math.log(high / values[name]) / per_pixel
        places.append(max(place, places[-1] + _LINE) if places else place)
    # Where they would end below the axis, they move up.
    for number in reversed(range(len(places))):
        places[number] = min(places[number], height)
        height = places[number] - _LINE
    return [
        (name, high * math.exp(-place * per_pixel))
        for name, place in zip(ordered, places, strict=True)
    ]
