"""A chart that was drawn: its file, its SVG, and the specification that the page draws again."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.report.render import numbers

# What the page itself says or decides: the heading is text there, and colours follow the reader's.
OF_THE_FILE = ("$schema", "title", "background")
DIGITS = 4

Point = Mapping[str, Any]


class Numbers(NamedTuple):
    """A data set as a table of text; the columns of ``flush`` are set flush right."""

    headings: list[str]
    lines: list[list[str]]
    flush: set[int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart. title: what it shows, for whoever cannot see it. specification: its Vega-Lite."""

    file: str
    title: str
    svg: str
    specification: Mapping[str, Any]

    @property
    def caption(self) -> list[str]:
        """The chart's own heading and the lines below it."""
        said = self.specification.get("title") or self.title
        if isinstance(said, str):
            return [said]
        return [line for key in ("text", "subtitle") for line in _lines(said.get(key))]

    @property
    def size(self) -> tuple[str, str]:
        """Width and height of the SVG, pixels: a page keeps the place of a picture that is late."""
        width, height = (re.search(rf'^<svg[^>]* {side}="([0-9.]+)"', self.svg)
                         for side in ("width", "height"))  # fmt: skip
        return (width[1] if width else "", height[1] if height else "")

    @property
    def inner(self) -> dict[str, Any]:
        """The specification without what the page itself says."""
        return {key: its for key, its in self.specification.items() if key not in OF_THE_FILE}

    @property
    def numbers(self) -> list[Numbers]:
        """The numbers behind the chart: each of its data sets."""
        return [_table(points) for points in data(self.specification) if points]


def _lines(said: object) -> list[str]:
    if isinstance(said, list):
        return [str(line) for line in said]
    return [str(said)] if said else []


def data(found: object) -> Iterator[list[Point]]:
    """Yield the data sets of a specification wherever they stand in it, each once."""
    if isinstance(found, Mapping):
        for key, its in found.items():
            if key == "datasets":
                yield from its.values()
            elif key == "data" and isinstance(its, Mapping) and "values" in its:
                yield its["values"]
            else:
                yield from data(its)
    elif isinstance(found, list):
        for each in found:
            yield from data(each)


def _table(points: Sequence[Point]) -> Numbers:
    """Lay out a data set; pictures among it are not numbers and are left out."""
    keys = dict.fromkeys(key for point in points for key in point)
    columns = {key: [point.get(key) for point in points] for key in keys}
    columns = {key: its for key, its in columns.items() if not any(map(_is_picture, its))}
    flush = {
        number for number, its in enumerate(columns.values())
        if all(one is None or isinstance(one, int | float) for one in its)
    }  # fmt: skip
    lines = [[_cell(point.get(key)) for key in columns] for point in points]
    return Numbers(list(columns), lines, flush)


def _is_picture(value: object) -> bool:
    return isinstance(value, str) and value.startswith("data:")


def _cell(value: object) -> str:
    if value is None:
        return numbers.ABSENT
    if isinstance(value, float):
        return numbers.significant(value, DIGITS)
    return str(value)
