"""Format numbers for readers: three significant digits and a fitting unit."""

import re
from collections.abc import Iterable
from math import floor, isfinite, log10
from statistics import median

from bench.analysis.intervals import Interval

ABSENT = "—"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Spaces before a unit, a power of ten or an interval, and within the last two.
_INSIDE_NUMBER = re.compile(
    r"(?<=\d) (?=(?:[mµ]?s|[KMG]iB|%|[GT]B/s|GFLOP/s|× 10)(?:\W|$))"
    r"|(?<=\d[ \N{NO-BREAK SPACE}]×) (?=10)"
    r"|(?<=[\ds%B]) (?=\\?\[)"
    r"|(?<=\d,) (?=(?:[<>]|&[lg]t;)? ?[\d.,]+\\?\])"
)


def format_number(value: float | None, digits: int = 3) -> str:
    """Round to significant digits, without an exponent, thousands separated: 1,230 or 0.0123."""
    if value is None:
        return ABSENT
    if value == 0 or not isfinite(value):
        return f"{value:g}"
    places = digits - 1 - floor(log10(abs(value)))
    rounded = round(value, places)
    # Rounding may carry into one more digit: 9.999 is 10.0, not 10.00.
    places = digits - 1 - floor(log10(abs(rounded)))
    return f"{rounded:,.{max(0, places)}f}"


def choose_unit(times: Iterable[Interval | float | None]) -> tuple[float, str]:
    """Return the scale and the unit in which a whole column of times, in seconds, is written.

    The unit of a column stands in its heading, so that its numbers can be compared at a glance:
    every table of the report and of the terminal uses this. It fits the median time; scale is the
    factor for ``format_interval`` and ``format_number``. Without any time it is s.

    >>> choose_unit([0.024, 0.085, 1.95])
    (1000.0, 'ms')
    """
    means = [time.mean if isinstance(time, Interval) else time for time in times if time]
    # The unit fits the rounded time: 999.6 µs is 1.00 ms, not 1,000 µs.
    middle = float(f"{median(means):.3g}") if means else 1.0
    if middle >= 1:
        return 1.0, "s"
    return (1e3, "ms") if middle >= 1e-3 else (1e6, "µs")


def format_duration(value: Interval | float | None) -> str:
    """Return a time in s, ms or µs, and its interval, if there is one, in the same unit."""
    interval = Interval(value) if isinstance(value, int | float) else value
    return format_interval(interval, *choose_unit([interval]))


def format_typical(value: Interval | float) -> str:
    """Return a time for a sentence, with as many digits as its interval bears.

    Three if both bounds are within 1 %, else two; with the interval if they are not within 25 %.

    >>> format_typical(Interval(0.0692, 0.0678, 0.0724)), format_typical(Interval(0.7, 0.65, 1.4))
    ('69 ms', '700 ms [650, 1,400]')
    """
    interval = value if isinstance(value, Interval) else Interval(value)
    digits = 3 if interval.is_within(0.01) else 2
    scale, unit = choose_unit([interval])
    if interval.low is None or interval.is_within(0.25):
        interval = interval.without_bounds()
    return format_interval(interval, scale, unit, digits)


def format_interval(
    value: Interval | float | None, scale: float = 1.0, unit: str = "", digits: int = 3
) -> str:
    """Return a mean times a scale, with its unit, and the interval or the other group, if any."""
    if value is None:
        return ABSENT
    interval = value if isinstance(value, Interval) else Interval(value)
    mean = f"{format_number(interval.mean * scale, digits)} {unit}".rstrip()
    if interval.other is not None:
        return f"{mean} or {format_number(interval.other * scale, digits)} {unit}".rstrip()
    if interval.low is None or interval.high is None:
        return mean
    low, high = (format_number(bound * scale, digits) for bound in (interval.low, interval.high))
    return f"{mean} [{low}, {high}]"


def format_factor(interval: Interval | None) -> str:
    """Return a ratio with its interval; exactly 1 is a row compared with itself."""
    return "1" if interval is not None and interval.mean == 1 else format_interval(interval)


def format_count(value: int) -> str:
    """Return a whole number: exact below 1,000, with three digits from there on."""
    return f"{value}" if value < 1000 else format_number(value)


def format_threads(count: int) -> str:
    """Return a number of threads: 1 thread, 2 threads."""
    return f"{count} threads" if count > 1 else f"{count} thread"


def format_mebibytes(value: float | None) -> str:
    """Return bytes in MiB."""
    return ABSENT if value is None else f"{format_number(value / 2**20)} MiB"


def format_share(value: Interval | float | None) -> str:
    """Return an accuracy with four decimals, one image in 10,000; with its least and largest."""
    if not isinstance(value, Interval):
        return ABSENT if value is None else f"{value:.4f}"
    return f"{value.mean:.4f} [{value.low:.4f}, {value.high:.4f}]"


def format_percent(value: float | None) -> str:
    """Return a share in percent, or a dash if it is unknown."""
    return ABSENT if value is None else f"{format_number(100 * value, 2)} %"


def format_error(value: float | None) -> str:
    """Return a small relative error: 1.8 × 10⁻⁶."""
    if not value or not isfinite(value):
        return ABSENT if value is None else f"{value:g}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def keep_together(text: str) -> str:
    r"""Return a text, escaped or not, with NO-BREAK SPACE between number, unit and interval.

    >>> keep_together("24.2 ms [23.1, 25.2], two groups").split(" ")
    ['24.2\xa0ms\xa0[23.1,\xa025.2],', 'two', 'groups']
    """
    return _INSIDE_NUMBER.sub("\N{NO-BREAK SPACE}", text)


def format_minutes(seconds: float) -> str:
    """Return a duration in whole minutes, or in seconds if it is shorter."""
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"


def format_wall_time(seconds: float) -> str:
    """Return a duration in words: 45 s, 3 min 05 s, 2 h 05 min."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
