"""A list for github-action-benchmark, as its tool ``customSmallerIsBetter`` reads it.

Source: https://github.com/benchmark-action/github-action-benchmark, src/extract.ts.
"""

from bench.formats import document
from bench.formats.exported import Exported, exported
from bench.report import numbers
from bench.report.loaded import Loaded

# The action draws one line a name over the commits: a unit that changed with the value would bend
# it.
UNIT = "s/epoch"


def write(found: Loaded) -> str:
    """Return the report's epoch of each case, in seconds, with its interval as the range.

    A case of one process has no range; ``extra`` is what the action shows beside a point.
    """
    return document.text([_entry(each) for each in exported(found)])


def _entry(case: Exported) -> dict[str, object]:
    epoch = case.epoch
    entry: dict[str, object] = {"name": case.name, "unit": UNIT, "value": epoch.mean}
    if epoch.low is not None and epoch.high is not None:
        entry["range"] = f"95 % [{epoch.low:.4g}, {epoch.high:.4g}]"
    return entry | {"extra": "\n".join(_extra(case))}


def _extra(case: Exported) -> list[str]:
    row = case.row
    lines = [
        row.version,
        f"processes: {len(case.trials)} of {row.rounds}",
        f"validation accuracy: {numbers.share(row.validation_accuracy)}",
        f"parity error: {numbers.error(row.parity_error)}",
    ]
    lines += [] if row.ranked else ["not ranked"]
    return lines + case.faults
