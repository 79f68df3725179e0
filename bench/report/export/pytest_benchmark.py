"""The JSON of pytest-benchmark.

``stats.data`` has one value for each process: the median of its steady-state epochs. Readers treat
these values as independent, which epochs of one process are not. The epochs are in ``extra_info``
by process; the tool passes it on as it is.
Source: pytest_benchmark/stats.py, pytest_benchmark/session.py.
"""

import math
from statistics import fmean, median, stdev

import numpy as np

from bench.report.export.cases import ExportedCase, select_cases
from bench.report.load import LoadedRun

# The release that defines this format.
VERSION = "5.3.1"


def export_run(run: LoadedRun) -> dict[str, object]:
    """Return what ``pytest-benchmark compare`` loads as JSON; raises UserError without times.

    The mean is arithmetic, as the tool defines it; the interval of the median is in ``extra_info``.
    """
    cases = select_cases(run)
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
        "datetime": run.run.created,
        "version": VERSION,
    }


def _export_case(exported: ExportedCase) -> dict[str, object]:
    row, epoch = exported.row, exported.epoch
    case = row.case
    return {
        "group": exported.name.replace(f"{case.implementation}-", "", 1),
        "name": exported.name,
        "fullname": exported.name,
        "params": {
            "implementation": case.implementation,
            "workload": case.workload,
            "device": case.device,
            "batch_size": case.batch_size,
            "threads": case.threads,
            "samples": case.samples,
        },
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
