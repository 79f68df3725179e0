"""The trials of a run as a table for pandas: a row for each trial, raw values in the columns."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pandas as pd

from bench.analysis.summary import describe_framework
from bench.errors import UserError
from bench.planning.threads import choose_threads, split_tried
from bench.records.layout import RUN_PLAN, TRIALS
from bench.records.schema import Case, CommandRecord, TrialRecord, format_env
from bench.records.store import read_commands, read_environments, read_records, read_run

# Fields of a case and of a trial that are no columns: settings and nested values.
NO_COLUMNS = {
    *("module", "extra", "devices", "variables", "env", "interpreter", "file"),
    *("sha256", "siblings", "pixel_bytes", "format", "case", "environment", "stderr_tail"),
    *("conditions", "parity", "noise_parity", "judged_epochs"),
    *("one_core", "many", "warmup_seconds", "alternated", "warm_start_seconds"),
    *("phase_rss_bytes", "memory_state", "device_conditions"),
}
CASE_COLUMNS = [name for name in Case.__struct_fields__ if name not in NO_COLUMNS]
RECORD_COLUMNS = [name for name in TrialRecord.__struct_fields__ if name not in NO_COLUMNS]
COMMAND_COLUMNS = ("started", "status", "reason", "wall_seconds", "iteration_seconds")
PARITIES = {"parity_error": "parity", "noise_parity_error": "noise_parity"}
DERIVED_COLUMNS = ("env", "framework_version", "machine", "median_epoch_seconds", *PARITIES)


def load_frame(folder: Path) -> pd.DataFrame:
    """Return the trials of a run in the order measured; docs/records.md describes the columns.

    Of a folder of ``bench gate``, the values of its processes. Raises UserError, one line, if the
    folder holds no run or if any of it is damaged.
    """
    if not (folder / TRIALS).is_file():
        raise UserError(f"{folder} holds no run: there is no {TRIALS}. Name the folder of a run")
    records, environments = read_records(folder), read_environments(folder)
    if commands := read_commands(folder):
        frame = pd.DataFrame([row for record in commands for row in _list_values(record)])
        frame["started"] = _parse_times(frame)
        return frame
    rows = []
    for record in records:
        if isinstance(record, TrialRecord):
            case, epochs = record.case, record.epoch_seconds
            rows.append(
                {
                    **{name: getattr(case, name) for name in CASE_COLUMNS},
                    **{name: getattr(record, name) for name in RECORD_COLUMNS},
                    "env": format_env(case.env),
                    "framework_version": describe_framework(record, environments),
                    "machine": environments[record.environment].machine.get("name"),
                    "median_epoch_seconds": median(epochs) if epochs else None,
                    **{
                        name: parity.error if (parity := getattr(record, field)) else None
                        for name, field in PARITIES.items()
                    },
                }
            )
    frame = pd.DataFrame(rows, columns=[*CASE_COLUMNS, *RECORD_COLUMNS, *DERIVED_COLUMNS])
    frame["started"] = _parse_times(frame)
    if not (folder / RUN_PLAN).is_file():  # a comparison of bench ab has pairs
        return frame.rename(columns={"version": "side", "round": "pair"})
    plan = choose_threads(read_run(folder), records)
    frame["pilot"] = frame["trial"].isin(record.trial for record in split_tried(plan, records)[1])
    return frame.drop(columns="version")


def _parse_times(frame: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(frame["started"], format="ISO8601", utc=True)


def _list_values(record: CommandRecord) -> Iterator[dict[str, object]]:
    """Yield a row for each value of a process, or one without a value."""
    values: list[tuple[str | None, float | None]] = [*record.values.items()]  # noqa: PD011
    for name, value in values or [(None, None)]:
        yield {
            "side": record.version,
            "pair": record.round,
            "name": name,
            "value": value,
            **{field: getattr(record, field) for field in COMMAND_COLUMNS},
        }
