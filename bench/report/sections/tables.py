"""Build tables by columns: one unit a column, which its heading names, and words after numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.analysis.intervals import Interval
from bench.report.render import numbers
from bench.report.sections import Key, Table

Value = Interval | float | None

# Cells without a value.
NOTHING = {numbers.ABSENT, ""}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. keys: what lines are sorted by; None for a line without a value."""

    heading: str
    cells: Sequence[str]
    keys: Sequence[Key]
    numeric: bool = True


def list_words(heading: str, words: Iterable[str]) -> Column:
    """Return a column of text."""
    cells = list(words)
    return Column(heading, cells, cells, numeric=False)


def list_times(heading: str, seconds: Iterable[Value]) -> Column:
    """Return a column of times in the unit of their median."""
    times = list(seconds)
    scale, unit = numbers.choose_unit(times)
    return _list_values(f"{heading}, {unit}", times, scale)


def list_memory(heading: str, sizes: Iterable[float | None]) -> Column:
    """Return a column of bytes in MiB."""
    return _list_values(f"{heading}, MiB", list(sizes), 2.0**-20)


def list_numbers(heading: str, values: Iterable[Value]) -> Column:
    """Return a column of numbers whose heading names their unit."""
    return _list_values(heading, list(values), 1.0)


def list_counts(heading: str, counts: Iterable[int | None]) -> Column:
    """Return a column of whole numbers."""
    values = list(counts)
    return Column(heading, [numbers.ABSENT if v is None else f"{v:,}" for v in values], values)


def list_factors(heading: str, factors: Iterable[Interval | None]) -> Column:
    """Return a column of ratios; exactly 1 is a row compared with itself."""
    ratios = list(factors)
    return Column(heading, [numbers.format_factor(one) for one in ratios], _list_keys(ratios))


def list_percents(heading: str, shares: Iterable[float | None]) -> Column:
    """Return a column of shares in percent, which the heading names."""
    values = list(shares)
    cells = [numbers.ABSENT if v is None else numbers.format_number(100 * v, 2) for v in values]
    return Column(heading, cells, values)


def list_accuracies(heading: str, accuracies: Iterable[Value]) -> Column:
    """Return a column of accuracies, with the least and the largest if there are several seeds."""
    values = list(accuracies)
    cells = []
    for value in values:
        if isinstance(value, Interval):
            low, high = numbers.format_share(value.low), numbers.format_share(value.high)
            cells.append(f"{numbers.format_share(value.mean)} [{low}, {high}]")
        else:
            cells.append(numbers.format_share(value))
    return Column(heading, cells, _list_keys(values))


def list_errors(heading: str, errors: Iterable[float | None]) -> Column:
    """Return a column of parity errors in millionths."""
    values = list(errors)
    cells = [numbers.ABSENT if v is None else numbers.format_number(1e6 * v, 2) for v in values]
    return Column(f"{heading}, × 10⁻⁶", cells, values)


def _list_values(heading: str, values: Sequence[Value], scale: float) -> Column:
    cells = [
        numbers.format_interval(value if isinstance(value, Interval) else Interval(value), scale)
        if value is not None
        else numbers.ABSENT
        for value in values
    ]
    return Column(heading, cells, _list_keys(values))


def _list_keys(values: Iterable[Value]) -> list[Key]:
    return [value.mean if isinstance(value, Interval) else value for value in values]


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
