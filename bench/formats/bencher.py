"""Bencher Metric Format: a benchmark, its measures, and what was measured of each.

Source: https://bencher.dev/docs/reference/bencher-metric-format/.
"""

from bench.formats import document
from bench.formats.exported import Exported, exported
from bench.report.loaded import Loaded

NANOSECONDS = 1e9


def write(found: Loaded) -> str:
    """Return the report's epoch of each case as its latency in nanoseconds, with the interval.

    A case of one process has no bounds. The format has no place for a reason: what is left out or
    not ranked is for the command line to say.
    """
    return document.text({each.name: {"latency": _metric(each)} for each in exported(found)})


def _metric(case: Exported) -> dict[str, float]:
    epoch = case.epoch
    bounds = {"value": epoch.mean, "lower_value": epoch.low, "upper_value": epoch.high}
    return {name: seconds * NANOSECONDS for name, seconds in bounds.items() if seconds is not None}
