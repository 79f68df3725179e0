"""Format numbers for readers: three significant digits and a fitting unit."""

from math import floor, isfinite, log10

from bench.analysis.intervals import Interval

ABSENT = "—"


def significant(value: float, digits: int = 3) -> str:
    """Round to significant digits, without an exponent, thousands separated: 1,230 or 0.0123."""
    if value == 0 or not isfinite(value):
        return f"{value:g}"
    places = digits - 1 - floor(log10(abs(value)))
    rounded = round(value, places)
    # Rounding may carry into one more digit: 9.999 is 10.0, not 10.00.
    places = digits - 1 - floor(log10(abs(rounded)))
    return f"{rounded:,.{max(0, places)}f}"


def _unit(seconds: float) -> tuple[float, str]:
    """Choose the unit after rounding: 999.6 µs is 1.00 ms, not 1,000 µs."""
    rounded = float(f"{seconds:.3g}")
    if rounded >= 1:
        return 1.0, "s"
    return (1e3, "ms") if rounded >= 1e-3 else (1e6, "µs")


def duration(seconds: float | None) -> str:
    """Return a time in s, ms or µs."""
    if seconds is None:
        return ABSENT
    scale, unit = _unit(seconds)
    return f"{significant(seconds * scale)} {unit}"


def duration_interval(interval: Interval | None) -> str:
    """Return a time with its interval, both in the unit of the mean."""
    if interval is None:
        return ABSENT
    if interval.low is None or interval.high is None:
        return duration(interval.mean)
    scale, unit = _unit(interval.mean)
    mean, low, high = (significant(v * scale) for v in (interval.mean, interval.low, interval.high))
    return f"{mean} {unit} [{low}, {high}]"


def factor(interval: Interval | None) -> str:
    """Return a ratio with its interval; exactly 1 is a row compared with itself."""
    return "1" if interval is not None and interval.mean == 1 else count_interval(interval)


def count_interval(interval: Interval | None) -> str:
    """Return a number with three digits, and its interval if there is one."""
    if interval is None:
        return ABSENT
    if interval.low is None or interval.high is None:
        return significant(interval.mean)
    return (
        f"{significant(interval.mean)} [{significant(interval.low)}, {significant(interval.high)}]"
    )


def count(value: float | None) -> str:
    """Return a large number with three digits: 1,140,000."""
    return ABSENT if value is None else significant(value)


def whole(value: int) -> str:
    """Return a whole number: exact below 1,000, with three digits from there on."""
    return f"{value}" if value < 1000 else significant(value)


def mebibytes(value: float | None) -> str:
    """Return bytes in MiB."""
    return ABSENT if value is None else f"{significant(value / 2**20)} MiB"


def share(value: float | None) -> str:
    """Return an accuracy with four decimals: one image in 10,000."""
    return ABSENT if value is None else f"{value:.4f}"


def percent(value: float | None) -> str:
    """Return a share in percent, or a dash if it is unknown."""
    return ABSENT if value is None else f"{significant(100 * value, 2)} %"


def error(value: float | None) -> str:
    """Return a small relative error."""
    return ABSENT if value is None else f"{value:.1e}"


def clock(seconds: float) -> str:
    """Return a duration in words: 45 s, 3 min 05 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
