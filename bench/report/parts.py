"""What the sections of a report consist of: tables, charts and sentences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.analysis.intervals import Interval

Key = float | str | Interval | None
# Letters in a line of a table that fit into half a sheet of paper and into a whole one; longer
# texts than LONG are wrapped.
HALF_SHEET, SHEET, LONG = 80, 150, 40
# What joins the parts of a tooltip, the first of which names the row. Marks without a tooltip are
# described by a name and this: the page finds both by the name, to show what a reader chose.
JOINED = " · "


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain text; the renderer escapes titles, headings and cells.

    words, last_words: number of columns of text at the beginning and at the end; those between
        them are numbers.
    note: Markdown below the table.
    programs: of each line, by which a page finds the lines that a reader chose; empty if lines are
        about something else. keys: what such lines are sorted by, a key a cell; of a ratio, the
        time of the line, of which a page computes that to another line.
    """

    title: str
    headings: tuple[str, ...]
    lines: list[list[str]]
    words: int
    note: str = ""
    last_words: int = 0
    keys: Sequence[Sequence[Key]] = ()
    programs: Sequence[str] = ()

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
        return ["wide"] * (letters > HALF_SHEET) + ["vast"] * (letters > SHEET)


@dataclass(frozen=True, slots=True)
class Relative:
    """What a page shows relative to a program that a reader chooses.

    heading: how that of the first such column begins. cells: of this column and those after it, by
    the program that they are relative to, and by their own.
    """

    heading: str = ""
    cells: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart to draw. name: of its file, without suffix. draw: returns the Altair chart."""

    name: str
    title: str
    draw: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Fold:
    """A long plain text that a page folds, below its title, and for which report.md has a link.

    link: from the folder of the report to the file; empty if report.md leaves the text out.
    """

    title: str
    text: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a file. title: plain text. url: relative to the folder of the report."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its contents. title: plain text, like every title of its parts.

    finding: the section's claim, plain text; it becomes the heading, and the title its subtitle.
    group: the part of the page to which the section belongs: one link in the list of contents.
    folded: whether a page shows what is below the heading only on demand.
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
    folds: Sequence[Fold] = ()
    links: Sequence[Link] = ()
    finding: str = ""
    group: str = ""
    folded: bool = False

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
    """A chart. file: for report.md. title: its text alternative. svg: contents of the file.

    caption: the lines of its own title and subtitle. wide, narrow: SVGs without the caption, in
    the colours of the page, whose marks have tooltips; narrow is empty if it would be the same.
    """

    file: str
    title: str
    svg: str
    caption: Sequence[str] = ()
    wide: str = ""
    narrow: str = ""
