"""The JSON of pyperf, format 1.0: one of ``runs`` is a process.

Source: pyperf/_bench.py, which has the format's history.
"""

from bench.records import timestamps
from bench.records.schema import TrialRecord
from bench.report.export.cases import ExportedCase, select_cases
from bench.report.load import LoadedRun

VERSION = "1.0"


def export_run(run: LoadedRun) -> dict[str, object]:
    """Return what ``pyperf stats``, ``show`` and ``compare_to`` read as JSON; raises UserError.

    The first epoch of a process is its warm-up, the steady-state ones are its values, in seconds.
    The tool pools the values of all processes, so its deviations and tests are of epochs, which are
    not independent within a process.
    """
    return {
        "version": VERSION,
        "metadata": {"unit": "second", "loops": 1},
        "benchmarks": [
            {"metadata": _list_metadata(case), "runs": list(map(_export_trial, case.trials))}
            for case in select_cases(run)
        ],
    }


def _list_metadata(case: ExportedCase) -> dict[str, str | int | float]:
    """Return the tool's own facts and ours; it accepts neither empty values nor line ends."""
    machine, software = case.environment.machine, case.environment.software
    interpreter = software.get("interpreter")
    facts = {
        "name": case.name,
        "description": case.row.version,
        "cpu_model_name": machine.get("cpu"),
        "cpu_count": machine.get("processors"),
        "platform": machine.get("system"),
        "python_implementation": str(interpreter).lower() if interpreter else None,
        "python_version": software.get("python"),
        "softmax_bench_machine": machine.get("id"),
        "softmax_bench_trials": case.row.rounds,
        "softmax_bench_faults": "; ".join(case.row.reasons),
        "softmax_bench_ranked": "yes" if case.row.ranked else "no",
        "softmax_bench_validation_accuracy": case.row.accuracy.validation,
        "softmax_bench_parity_error": case.row.parity_error,
    }
    return {
        name: value if isinstance(value, int | float) else str(value)
        for name, value in facts.items()
        if value not in (None, "")
    }


def _export_trial(trial: TrialRecord) -> dict[str, object]:
    date, first = str(timestamps.parse_time(trial.started)), trial.first_epoch_seconds
    known = {"duration": trial.wall_seconds, "mem_max_rss": trial.peak_rss_bytes}
    known = {name: value for name, value in known.items() if value is not None}
    return {
        "metadata": {"date": date, **known},
        "warmups": [] if first is None else [[1, first]],
        "values": trial.epoch_seconds,
    }
