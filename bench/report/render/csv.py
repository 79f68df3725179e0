"""Every number of the tables, unrounded: what summary.csv holds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.analysis.ranking import compare_to_fastest, group_by_machine
from bench.analysis.summary import Row

if TYPE_CHECKING:
    import pandas as pd

# What a spreadsheet takes for the beginning of a formula
# (https://owasp.org/www-community/attacks/CSV_Injection).
FORMULA = ("=", "+", "-", "@")


def frame(all_rows: Sequence[Row]) -> "pd.DataFrame":
    """Return one row a case, at every size.

    With its machine, where they are of several, and with what only a GPU has, where one was tried.
    """
    import pandas as pd

    on_gpu = any(row.case.device == "gpu" for row in all_rows)
    there = group_by_machine(all_rows)
    lines = [
        _flat(there[row.machine], row) | (_of_devices(row) if on_gpu else {}) for row in all_rows
    ]
    return pd.DataFrame(
        [{name: _harmless(value) for name, value in line.items()} for line in lines]
    )


def csv(all_rows: Sequence[Row]) -> bytes:
    """Return summary.csv."""
    return frame(all_rows).to_csv(index=False).encode()


def _harmless(value: object) -> object:
    """Make a text one line, with an apostrophe where a spreadsheet would compute it.

    Numbers are numbers.
    """
    if not isinstance(value, str):
        return value
    line = " ".join(value.split())
    return f"'{line}" if line.startswith(FORMULA) else line


def _flat(all_rows: Sequence[Row], row: Row) -> dict[str, object]:
    case, times = row.case, compare_to_fastest(all_rows, row)
    where = {"machine": row.machine} if row.machine else {}
    return where | {
        "implementation": case.implementation, "version": row.version,
        "objective": case.objective, "style": case.style, "data": case.data,
        "workload": case.workload, "device": case.device, "batch_size": case.batch_size,
        "threads": case.threads, "samples": case.samples, "rounds": row.rounds,
        "rounds_ok": len(row.epochs_by_round), "ranked": row.ranked,
        "validation_accuracy": row.validation_accuracy, "test_accuracy": row.test_accuracy,
        "epoch_seconds": row.epoch and row.epoch.mean,
        "epoch_seconds_low": row.epoch and row.epoch.low,
        "epoch_seconds_high": row.epoch and row.epoch.high,
        "samples_per_second": row.samples_per_second,
        "least_epoch_seconds": row.roofline_seconds, "share_of_ceiling": row.roofline_share,
        "times_fastest": times and times.mean,
        "first_epoch_seconds": row.first_epoch, "import_seconds": row.imports,
        "setup_seconds": row.setup, "peak_rss_bytes": row.peak_rss_bytes,
        "parity_error": row.parity_error,
        "reasons": "; ".join(sorted({f"{status}: {reason}" for status, reason in row.faults})),
    }  # fmt: skip


def _of_devices(row: Row) -> dict[str, object]:
    return {
        "predict_seconds": row.predict and row.predict.mean,
        "predict_seconds_low": row.predict and row.predict.low,
        "predict_seconds_high": row.predict and row.predict.high,
        "peak_device_bytes": row.peak_device_bytes, "epoch_joules": row.epoch_joules,
    }  # fmt: skip
