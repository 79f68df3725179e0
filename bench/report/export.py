"""A run in the formats of other tools: pytest-benchmark and pyperf.

Sources: pytest_benchmark/stats.py, pytest_benchmark/session.py; pyperf/_bench.py, which has the
history of its format.
"""

import math
from dataclasses import dataclass
from statistics import fmean, median, stdev

import numpy as np

from bench.analysis.intervals import Interval
from bench.analysis.summary import Row
from bench.errors import UserError
from bench.records import timestamps
from bench.records.schema import Environment, TrialRecord
from bench.report.base.load import LoadedRun

# The release of pytest-benchmark that defines the format, and the format of pyperf.
PYTEST_BENCHMARK, PYPERF = "5.3.1", "1.0"
# The fields of a case by which pytest-benchmark groups.
PARAMS = ("implementation", "workload", "device", "batch_size", "threads", "samples")


@dataclass(frozen=True, slots=True)
class ExportedCase:
    """A case that has times, ranked or not."""

    row: Row
    epoch: Interval  # seconds, as in the report
    trials: tuple[TrialRecord, ...]  # the successful ones by round
    environment: Environment  # of the first trial


def select_timed(run: LoadedRun) -> list[ExportedCase]:
    """Return the cases of a run that have times, by name. Raises UserError if there is none."""
    cases = []
    for row in run.rows:
        if row.epoch is not None:
            good = [
                record
                for record in run.records
                if isinstance(record, TrialRecord)
                and record.status == "ok"
                and record.case.slug == row.case.slug
            ]
            trials = tuple(sorted(good, key=lambda trial: trial.round))
            environment = run.environments[trials[0].environment]
            cases.append(ExportedCase(row, row.epoch, trials, environment))
    if not cases:
        raise UserError("there is nothing to export: no trial of this run succeeded. Measure again")
    return sorted(cases, key=lambda case: case.row.case.slug)


def list_omissions(run: LoadedRun) -> list[str]:
    """Return a line for each thing that an export lacks or that failed."""
    remarks = []
    for row in run.rows:
        name, reasons = row.case.slug, "; ".join(row.reasons)
        if row.epoch is None:
            remarks.append(f"left out: {name}: {reasons}")
        elif not row.ranked:
            remarks.append(f"not ranked: {name}: {reasons}")
    measured = {row.case.slug for row in run.rows}
    remarks += [
        f"left out: {case.slug}: not measured"
        for case in (*run.plan.cases, *run.plan.sweep)
        if case.slug not in measured
    ]
    if any(environment.suite.get("dirty") for environment in run.environments.values()):
        remarks.append("measured with changes that are not in the commit")
    return remarks


# ----- pytest-benchmark


def export_pytest_benchmark(run: LoadedRun) -> dict[str, object]:
    """Return what ``pytest-benchmark compare`` loads as JSON; raises UserError without times.

    ``stats.data`` has one value for each process: the median of its steady-state epochs. Readers
    treat these values as independent, which epochs of one process are not. The epochs are in
    ``extra_info`` by process; the tool passes it on as it is. The mean is arithmetic, as the tool
    defines it; the interval of the median is in ``extra_info``.
    """
    cases = select_timed(run)
    machine, software = cases[0].environment.machine, cases[0].environment.software
    system, _, release = str(machine.get("system", "")).partition(" ")
    # The fields of the tool's own files, as far as they are known, and our machine id.
    machine_info = {
        "node": "",
        "processor": "",
        "machine": machine.get("architecture", ""),
        "python_implementation": software.get("interpreter", ""),
        "python_implementation_version": software.get("python", ""),
        "python_version": software.get("python", ""),
        "release": release,
        "system": system,
        "cpu": {"brand_raw": machine.get("cpu", ""), "count": machine.get("processors")},
        "softmax_bench_machine": machine.get("id"),
    }
    commits = {str(case.environment.suite.get("commit") or "") for case in cases} - {""}
    commit = {
        "id": " and ".join(sorted(commits)) or "unversioned",
        "time": None,
        "author_time": None,
        "dirty": any(bool(case.environment.suite.get("dirty")) for case in cases),
        "project": "softmax-bench",
        "branch": "(unknown)",
    }
    return {
        "machine_info": machine_info,
        "commit_info": commit,
        "benchmarks": [_export_case(case) for case in cases],
        "datetime": run.plan.created,
        "version": PYTEST_BENCHMARK,
    }


def _export_case(exported: ExportedCase) -> dict[str, object]:
    row, epoch = exported.row, exported.epoch
    case = row.case
    return {
        # The slug is the same in every run, and safe in a path or a URL.
        "group": case.slug.replace(f"{case.implementation}-", "", 1),
        "name": case.slug,
        "fullname": case.slug,
        "params": {name: getattr(case, name) for name in PARAMS},
        "param": case.implementation,
        "extra_info": {
            "version": row.version,
            "epoch_seconds": {"typical": epoch.mean, "low": epoch.low, "high": epoch.high},
            "epoch_seconds_by_process": [trial.epoch_seconds for trial in exported.trials],
            "first_epoch_seconds": [trial.first_epoch_seconds for trial in exported.trials],
            "ranked": row.ranked,
            "validation_accuracy": row.accuracy.validation,
            "test_accuracy": row.accuracy.test,
            "parity_error": row.parity_error,
            "trials": row.rounds,
            "faults": row.reasons,
        },
        "options": {},
        # The same as in the report.
        "stats": compute_statistics(list(row.epochs_by_round.values())),
    }


def compute_statistics(values: list[float]) -> dict[str, object]:
    """Return the statistics as the tool defines them; it does not compute them when it reads.

    Its quartiles are Hazen's: at (n - 2) / 4 from either end of n sorted values, from 0. Outliers
    are farther from the mean than a standard deviation, or beyond the quartiles by more than 1.5
    times their distance.
    """
    mean, deviation = fmean(values), stdev(values) if len(values) > 1 else 0.0
    q1, q3 = (float(quartile) for quartile in np.quantile(values, [0.25, 0.75], method="hazen"))
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    within = [value for value in values if low <= value <= high]
    far = sum(abs(value - mean) > deviation for value in values)
    return {
        "min": min(values),
        "max": max(values),
        "mean": mean,
        "stddev": deviation,
        "rounds": len(values),
        "median": median(values),
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": len(values) - len(within),
        "stddev_outliers": far,
        "outliers": f"{far};{len(values) - len(within)}",
        "ld15iqr": min(within),
        "hd15iqr": max(within),
        "ops": 1 / mean,
        "total": math.fsum(values),
        "data": values,
        "iterations": 1,
    }


# ----- pyperf


def export_pyperf(run: LoadedRun) -> dict[str, object]:
    """Return what ``pyperf stats``, ``show`` and ``compare_to`` read as JSON; raises UserError.

    One of ``runs`` is a process: its first epoch is its warm-up, the steady-state ones are its
    values, in seconds. The tool pools the values of all processes, so its deviations and tests are
    of epochs, which are not independent within a process.
    """
    return {
        "version": PYPERF,
        "metadata": {"unit": "second", "loops": 1},
        "benchmarks": [
            {"metadata": _list_metadata(case), "runs": list(map(_export_trial, case.trials))}
            for case in select_timed(run)
        ],
    }


def _list_metadata(case: ExportedCase) -> dict[str, str | int | float]:
    """Return the tool's own facts and ours; it accepts neither empty values nor line ends."""
    machine, software = case.environment.machine, case.environment.software
    interpreter = software.get("interpreter")
    facts = {
        "name": case.row.case.slug,
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
    costs = {"duration": trial.wall_seconds, "mem_max_rss": trial.peak_rss_bytes}
    costs = {name: value for name, value in costs.items() if value is not None}
    return {
        "metadata": {"date": date, **costs},
        "warmups": [] if first is None else [[1, first]],
        "values": trial.epoch_seconds,
    }
