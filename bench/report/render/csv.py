"""summary.csv: every number of the tables, unrounded."""

from collections.abc import Sequence

import pandas as pd

from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_to_fastest
from bench.analysis.summary import Row
from bench.records.schema import format_env

# What a spreadsheet reads as the start of a formula
# (https://owasp.org/www-community/attacks/CSV_Injection).
FORMULA = tuple("=+-@＝＋－＠")  # noqa: RUF001 - East Asian spreadsheets read these, too


def render_csv(rows: Sequence[Row]) -> bytes:
    """Return summary.csv: a line for each case at each size.

    With the machine if there are several runs, and GPU columns if a GPU was tried.
    """
    on_gpu = any(row.case.device == "gpu" for row in rows)
    compared = compare_to_fastest(rows)
    lines = []
    for row in rows:
        ratio, _ = compared.get((row.machine, row.case.slug), (None, None))
        values = _list_values(row, None if row.provisional else ratio)
        if row.case.env:
            values["env"] = format_env(row.case.env)
        if on_gpu:
            values |= {
                "peak_device_bytes": row.memory.device_bytes,
                "framework_peak_bytes": row.memory.framework_bytes,
                "epoch_joules": row.epoch_joules,
            }
        lines.append(values)
    return pd.DataFrame(lines).map(_escape).to_csv(index=False).encode()


def _escape(value: object) -> object:
    """Return a text with an apostrophe before what looks like a formula, spaces or not."""
    if isinstance(value, str) and value.lstrip().startswith(FORMULA):
        return f"'{value}"
    return value


def _list_ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    """Return the columns of an interval: its mean and its ends."""
    if interval is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _list_values(row: Row, ratio: Interval | None) -> dict[str, object]:
    """Return the columns of every report. ratio: to the fastest row of the same problem."""
    case = row.case
    machine = {"machine": row.machine} if row.machine else {}
    return machine | {
        "implementation": case.implementation,
        "version": row.version,
        "objective": case.objective,
        "style": case.style,
        "data": case.data_access,
        "workload": case.workload,
        "device": case.device,
        "batch_size": case.batch_size,
        "threads": case.threads,
        "samples": case.samples,
        "rounds": row.rounds,
        "rounds_ok": len(row.epochs_by_round),
        "ranked": row.ranked,
        "seeds": len(row.accuracy_by_seed),
        "validation_accuracy": row.accuracy.validation,
        "validation_accuracy_least": min(row.accuracy_by_seed, default=None),
        "validation_accuracy_largest": max(row.accuracy_by_seed, default=None),
        "test_accuracy": row.accuracy.test,
        **_list_ends("epoch_seconds", row.epoch),
        "epoch_seconds_least": min(row.epochs_by_round.values(), default=None),
        "epoch_seconds_largest": max(row.epochs_by_round.values(), default=None),
        "samples_per_second": row.samples_per_second,
        "least_epoch_seconds": row.roofline_seconds,
        "share_of_roofline": row.roofline_share,
        "times_fastest": ratio and ratio.mean,
        "first_epoch_seconds": row.start.first_epoch,
        "import_seconds": row.start.imports,
        "setup_seconds": row.start.setup,
        **_list_ends("warm_start_seconds", row.start.warm),
        **_list_ends("predict_seconds", row.prediction.typical),
        **_list_ends("predict_one_seconds", row.prediction.single),
        "peak_rss_bytes": row.memory.peak_bytes,
        "parity_error": row.parity_error,
        "reasons": "; ".join(row.reasons),
    }
