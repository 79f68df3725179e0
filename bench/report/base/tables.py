"""Build tables by columns: one unit a column, which its heading names, and words after numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.analysis.intervals import Interval
from bench.report.base import numbers
from bench.report.base.parts import SortKey, Table

CellValue = Interval | float | None

# Cells without a value.
NOTHING = {numbers.ABSENT, ""}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    heading: str
    cells: Sequence[str]
    keys: Sequence[SortKey]  # what lines are sorted by; None for a line without a value
    numeric: bool = True


def list_words(heading: str, words: Iterable[str]) -> Column:
    """Return a column of text."""
    cells = list(words)
    return Column(heading, cells, cells, numeric=False)


def list_times(heading: str, seconds: Iterable[CellValue]) -> Column:
    """Return a column of times in the unit of their median."""
    times = list(seconds)
    scale, unit = numbers.choose_unit(times)
    return list_numbers(f"{heading}, {unit}", times, scale)


def list_memory(heading: str, sizes: Iterable[float | None]) -> Column:
    """Return a column of bytes in MiB."""
    return list_numbers(f"{heading}, MiB", sizes, 2.0**-20)


def list_numbers(heading: str, values: Iterable[CellValue], scale: float = 1.0) -> Column:
    """Return a column of numbers, each times a scale, whose heading names their unit."""
    return _list_values(heading, values, partial(numbers.format_interval, scale=scale))


def list_errors(heading: str, errors: Iterable[float | None]) -> Column:
    """Return a column of parity errors in millionths."""
    heading = f"{heading}, × 10⁻⁶"
    return _list_values(heading, errors, lambda error: numbers.format_number(1e6 * error, 2))


def _list_values(
    heading: str, values: Iterable[CellValue], format_cell: Callable[[Any], str]
) -> Column:
    """Return a column of values, a dash for None; the mean of an interval is its key."""
    values = list(values)
    cells = [numbers.ABSENT if value is None else format_cell(value) for value in values]
    keys = [value.mean if isinstance(value, Interval) else value for value in values]
    return Column(heading, cells, keys)


# Columns of whole numbers, of accuracies, of ratios, and of shares in percent, which the heading
# names.
list_counts = partial(_list_values, format_cell="{:,}".format)
list_accuracies = partial(_list_values, format_cell=numbers.format_share)
list_factors = partial(_list_values, format_cell=numbers.format_factor)
list_percents = partial(
    _list_values, format_cell=lambda share: numbers.format_number(100 * share, 2)
)


def tabulate_lines(
    title: str, lines: Sequence[Mapping[str, str]], words: int, note: str = ""
) -> Table:
    """Return a table of lines, cells by their heading; words: the number of columns of words."""
    headings = tuple(next(iter(lines), ()))
    return Table(title, headings, [list(line.values()) for line in lines], words, note)


def build_table(
    title: str,
    columns: Iterable[Column],
    note: str = "",
    *,
    programs: Sequence[str] = (),
    leading: int = 1,
) -> Table:
    """Return a table of columns of one length: the leading words, the numbers, the other words.

    Leaves out columns without any value, except the leading ones. programs: of each line.
    """
    columns = list(columns)
    first, rest = columns[:leading], columns[leading:]
    rest = [column for column in rest if any(cell not in NOTHING for cell in column.cells)]
    rest.sort(key=lambda column: not column.numeric)
    ordered = [*first, *rest]
    return Table(
        title,
        tuple(column.heading for column in ordered),
        [list(line) for line in zip(*(column.cells for column in ordered), strict=True)],
        words=leading,
        note=note,
        last_words=sum(not column.numeric for column in rest),
        keys=[list(keys) for keys in zip(*(column.keys for column in ordered), strict=True)],
        programs=programs,
    )
