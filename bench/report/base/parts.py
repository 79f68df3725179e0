"""What the sections of a report consist of: tables, charts and sentences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.analysis.intervals import Interval

SortKey = float | str | Interval | None
# Letters in a line of a table that fit into half a sheet of paper and into a whole one; longer
# texts than LONG are wrapped.
HALF_SHEET, SHEET, LONG = 80, 150, 40
# What joins the parts of a tooltip, the first of which names the row. Marks without a tooltip are
# described by a name and this: the page finds both by the name, to show what a reader chose.
JOINED = " · "


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain text; the renderer escapes titles, headings and cells."""

    title: str
    headings: tuple[str, ...]
    lines: list[list[str]]
    words: int  # columns of text at the beginning; numbers follow
    note: str = ""  # Markdown below the table
    last_words: int = 0  # columns of text at the end
    # What lines are sorted by, a key a cell; of a ratio, the time of the line, of which a page
    # computes the ratio to another line.
    keys: Sequence[Sequence[SortKey]] = ()
    # Of each line, by which a page finds the lines that a reader chose; empty if lines are about
    # something else.
    programs: Sequence[str] = ()
    anchor: str = ""  # how the places of these programs begin, to which links of the page lead

    @property
    def numeric(self) -> set[int]:
        """Indices of the columns that are aligned right."""
        return set(range(self.words, len(self.headings) - self.last_words))

    @property
    def widths(self) -> list[str]:
        """What a line is too long for, in the letters of style.css: half a sheet, and a sheet."""
        # Headings are wrapped between words, and long texts anywhere.
        columns = zip(self.headings, *self.lines, strict=True)
        longest = (max(map(len, [*head.split(), *cells])) for head, *cells in columns)
        letters = sum(min(length, LONG) + 1.5 for length in longest)
        limits = {"wide": HALF_SHEET, "vast": SHEET}
        return [width for width, limit in limits.items() if letters > limit]


@dataclass(frozen=True, slots=True)
class Relative:
    """What a page shows relative to a program that a reader chooses."""

    heading: str = ""  # how that of the first such column begins
    # Cells of this column and those after it, by the program that they are relative to, and by
    # their own.
    cells: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart to draw."""

    name: str  # of its file, without suffix
    title: str
    draw: Callable[[], Any]  # returns the Altair chart


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its contents; its titles and those of its parts are plain text."""

    title: str
    tables: Sequence[Table] = ()
    empty: str = ""  # Markdown in place of text and tables that are missing: how to get some
    pictures: Sequence[Picture] = ()
    remarks: Sequence[str] = ()  # a list of plain text
    text: str = ""  # Markdown before the tables, in which text of records is escaped
    finding: str = ""  # its claim, plain text: the heading, to which the title becomes the subtitle
    group: str = ""  # the part of the page to which it belongs: one link in the list of contents
    folded: bool = False  # whether a page shows what is below the heading only on demand

    @property
    def has_data(self) -> bool:
        """Whether there is more to show than ``empty``: what the section is about was measured."""
        return bool(self.text or self.tables or self.pictures or self.remarks)

    @property
    def heading(self) -> str:
        """The finding, or the title of a section without one."""
        return self.finding or self.title


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart."""

    file: str  # for report.md
    title: str  # its text alternative
    svg: str  # contents of the file
    caption: Sequence[str] = ()  # the lines of its own title and subtitle
    # SVGs without the caption, in the colours of the page, whose marks have tooltips.
    wide: str = ""
    narrow: str = ""
