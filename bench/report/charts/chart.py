"""A drawn chart: its file, its SVG, and the specification that the page draws again."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.report.render import numbers
from bench.report.sections import Picture

# All have the same widths, and almost every machine has one of them.
FONT = "Arial, Liberation Sans, Helvetica, sans-serif"
# The page shows the title as text and chooses the colours.
NOT_EMBEDDED = ("$schema", "title", "background")
DIGITS = 4
MAX_NAME = 100  # letters of a file's name
# The empty paths by which Vega catches the pointer; a picture needs none.
_EMPTY_PATH = re.compile(
    r'<path class="(?:fore|back)ground" aria-hidden="true" d="(?:M0,0h0v0h0Z)?"[^>]*/>'
)

Point = Mapping[str, Any]


class DataTable(NamedTuple):
    """A data set as a table of text. numeric: indices of the columns that are aligned right."""

    headings: list[str]
    lines: list[list[str]]
    numeric: set[int]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart. title: its text alternative. specification: in Vega-Lite."""

    file: str
    title: str
    svg: str
    specification: Mapping[str, Any]

    @property
    def caption(self) -> list[str]:
        """The lines of the chart's own title and subtitle."""
        title = self.specification.get("title") or self.title
        if isinstance(title, str):
            return [title]
        lines: list[str] = []
        for text in (title.get("text"), title.get("subtitle")):
            lines += map(str, text) if isinstance(text, list) else [str(text)] * bool(text)
        return lines

    @property
    def size(self) -> tuple[str, str]:
        """Width and height of the SVG in pixels, so that the page can reserve its space."""
        sides = ("width", "height")
        width, height = (re.search(rf'^<svg[^>]* {side}="([0-9.]+)"', self.svg) for side in sides)
        return (width[1] if width else "", height[1] if height else "")

    @property
    def embedded(self) -> dict[str, Any]:
        """The specification without the parts that the page itself decides."""
        return {key: value for key, value in self.specification.items() if key not in NOT_EMBEDDED}

    @property
    def tables(self) -> list[DataTable]:
        """The numbers behind the chart: a table for each data set."""
        return [_tabulate(points) for points in find_data_sets(self.specification) if points]


def draw_chart(picture: Picture) -> Chart:
    """Draw a picture."""
    specification = make_specification(picture.draw)
    file = name_file(picture.name)
    return Chart(file, picture.title, render_svg(specification), specification)


def name_file(name: str) -> str:
    """Return the file of a chart; a record's text can neither leave the folder nor end a link."""
    return f"{re.sub(r'[^A-Za-z0-9-]', '-', name)[:MAX_NAME]}.svg"


def make_specification(draw: Callable[[], Any]) -> dict[str, Any]:
    """Return a chart's Vega-Lite specification.

    Its texts must be clean, as readers of records return them (``bench.errors.clean_text``):
    control characters end the process that measures their width, and Vega's expressions reject
    U+2028. Altair's validation takes longer than the drawing, so it runs in the tests instead.
    """
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):
        return dict(draw().to_dict(validate=False))


def render_svg(specification: Mapping[str, Any]) -> str:
    """Render a specification, with room for wider letters than those it is laid out with."""
    import vl_convert

    # An SVG in an <img> is one picture to a screen reader: marks need no descriptions.
    padding = {"left": 20, "top": 5, "right": 5, "bottom": 5}
    config = {"font": FONT, "padding": padding, "aria": False}
    svg = str(vl_convert.vegalite_to_svg(json.dumps(specification), config=config))
    return _EMPTY_PATH.sub("", svg)


def find_data_sets(specification: object) -> Iterator[list[Point]]:
    """Yield each data set of a specification once, wherever it is."""
    if isinstance(specification, Mapping):
        for key, value in specification.items():
            if key == "datasets":
                yield from value.values()
            elif key == "data" and isinstance(value, Mapping) and "values" in value:
                yield value["values"]
            else:
                yield from find_data_sets(value)
    elif isinstance(specification, list):
        for value in specification:
            yield from find_data_sets(value)


def _tabulate(points: Sequence[Point]) -> DataTable:
    """Return a data set as a table, without its pictures."""
    keys = dict.fromkeys(key for point in points for key in point)
    columns = {key: [point.get(key) for point in points] for key in keys}
    columns = {
        key: values
        for key, values in columns.items()
        if not any(isinstance(value, str) and value.startswith("data:") for value in values)
    }
    numeric = {
        number
        for number, values in enumerate(columns.values())
        if all(value is None or isinstance(value, int | float) for value in values)
    }

    def format_value(value: object) -> str:
        if value is None:
            return numbers.ABSENT
        return numbers.format_number(value, DIGITS) if isinstance(value, float) else str(value)

    lines = [[format_value(point.get(key)) for key in columns] for point in points]
    return DataTable(list(columns), lines, numeric)
