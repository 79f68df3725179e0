"""The sections of a report: their tables, charts and sentences."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain text; the renderer escapes titles, headings and cells.

    words: number of leading columns of text; the columns after them are numbers.
    note: Markdown below the table.
    """

    title: str
    headings: tuple[str, ...]
    lines: list[list[str]]
    words: int
    note: str = ""

    @property
    def numeric(self) -> set[int]:
        """Indices of the columns that are aligned right."""
        return set(range(self.words, len(self.headings)))


def make_table(
    title: str,
    items: Iterable[Item],
    columns: Mapping[str, Callable[[Item], str]],
    *,
    words: int,
    note: str = "",
) -> Table:
    """Return a table with a line for each item. columns: make the cells, by heading."""
    lines = [[make_cell(item) for make_cell in columns.values()] for item in items]
    return Table(title, tuple(columns), lines, words, note)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart to draw. name: of its file, without suffix. draw: returns the Altair chart."""

    name: str
    title: str
    draw: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its contents. title: plain text, like every title of its parts.

    empty: Markdown to show when there is neither text nor a table; it says how to get some.
    remarks: a list of plain text. text: Markdown before the tables, in which text of records is
    escaped.
    """

    title: str
    tables: Sequence[Table] = ()
    empty: str = ""
    pictures: Sequence[Picture] = ()
    remarks: Sequence[str] = ()
    text: str = ""
