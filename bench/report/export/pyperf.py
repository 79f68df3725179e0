"""The JSON of pyperf, format 1.0: one of ``runs`` is a process.

Source: pyperf/_bench.py, which has the format's history.
"""

from typing import Any

from bench.records import timestamps
from bench.records.schema import Record
from bench.report.export import json_file
from bench.report.export.cases import Exported, exported
from bench.report.load import Loaded

VERSION = "1.0"


def write(found: Loaded) -> str:
    """Return what ``pyperf stats``, ``show`` and ``compare_to`` read; raises UserError.

    The first epoch of a process is its warm-up, the steady ones are its values, in seconds. Mind
    that the tool pools the values of all processes: its deviations and tests are of epochs, which
    share their process's luck.
    """
    return json_file.text({
        "version": VERSION,
        "metadata": {"unit": "second", "loops": 1},
        "benchmarks": [_benchmark(case) for case in exported(found)],
    })  # fmt: skip


def _benchmark(of: Exported) -> dict[str, Any]:
    return {"metadata": _metadata(of), "runs": [_run(trial) for trial in of.trials]}


def _metadata(of: Exported) -> dict[str, str | int | float]:
    """Name what the tool names, and our own facts; it takes neither empty values nor lines."""
    here, software = of.environment.machine, of.environment.software
    facts = {
        "name": of.name, "description": of.row.version,
        "cpu_model_name": here.get("cpu"), "cpu_count": here.get("processors"),
        "platform": here.get("system"),
        "python_implementation": _lower(software.get("interpreter")),
        "python_version": software.get("python"),
        "softmax_bench_machine": here.get("id"), "softmax_bench_trials": of.row.rounds,
        "softmax_bench_faults": "; ".join(of.faults),
        "softmax_bench_ranked": "yes" if of.row.ranked else "no",
        "softmax_bench_validation_accuracy": of.row.validation_accuracy,
        "softmax_bench_parity_error": of.row.parity_error,
    }  # fmt: skip
    return {name: _line(value) for name, value in facts.items() if value not in (None, "")}


def _lower(name: Any) -> Any:
    return name.lower() if isinstance(name, str) else name


def _line(value: Any) -> str | int | float:
    return value if isinstance(value, int | float) else " ".join(str(value).split())


def _run(trial: Record) -> dict[str, Any]:
    metadata: dict[str, Any] = {"date": str(timestamps.read(trial.started))}
    metadata |= {} if trial.wall_seconds is None else {"duration": trial.wall_seconds}
    metadata |= {} if trial.peak_rss_bytes is None else {"mem_max_rss": trial.peak_rss_bytes}
    first = trial.first_epoch_seconds
    return {
        "metadata": metadata,
        "warmups": [] if first is None else [[1, first]],
        "values": trial.epoch_seconds,
    }
