"""The JSON of pytest-benchmark.

The process is our unit. ``stats.data`` is one value a process, the median of its steady epochs,
because what is in there is taken for independent: epochs of one process are never pooled. They are
kept by process in ``extra_info``, which the tool passes on as it is.
Source: pytest_benchmark/stats.py, pytest_benchmark/session.py.
"""

import math
from statistics import fmean, median, stdev
from typing import Any

import numpy as np

from bench.records.schema import Environment
from bench.report.export import json_file
from bench.report.export.cases import Exported, commits, exported
from bench.report.load import Loaded

# The release whose format this is.
VERSION = "5.3.1"


def write(found: Loaded) -> str:
    """Return what ``pytest-benchmark compare`` loads; raises UserError where nothing has times.

    The mean is that of the tool, arithmetic; the report's, geometric, is in ``extra_info``.
    """
    cases = exported(found)
    return json_file.text({
        "machine_info": _machine_info(cases[0].environment),
        "commit_info": _commit_info(cases),
        "benchmarks": [_benchmark(case) for case in cases],
        "datetime": found.run.created,
        "version": VERSION,
    })  # fmt: skip


def _machine_info(of: Environment) -> dict[str, Any]:
    """Name what the tool's own files name, as far as our records tell, and our machine's id."""
    here, software = of.machine, of.software
    system, _, release = str(here.get("system", "")).partition(" ")
    return {
        "node": "", "processor": "", "machine": here.get("architecture", ""),
        "python_implementation": software.get("interpreter", ""),
        "python_implementation_version": software.get("python", ""),
        "python_version": software.get("python", ""), "release": release, "system": system,
        "cpu": {"brand_raw": here.get("cpu", ""), "count": here.get("processors")},
        "softmax_bench_machine": here.get("id"),
    }  # fmt: skip


def _commit_info(cases: list[Exported]) -> dict[str, Any]:
    return {
        "id": " and ".join(commits(cases)) or "unversioned", "time": None, "author_time": None,
        "dirty": any(bool(case.environment.suite.get("dirty")) for case in cases),
        "project": "softmax-bench", "branch": "(unknown)",
    }  # fmt: skip


def _benchmark(of: Exported) -> dict[str, Any]:
    case = of.row.case
    params = {
        "implementation": case.implementation, "workload": case.workload, "device": case.device,
        "batch_size": case.batch_size, "threads": case.threads, "samples": case.samples,
    }  # fmt: skip
    return {
        "group": (f"{case.workload}-{case.device}-b{case.batch_size}-t{case.threads}"
                  f"-n{case.samples}"),
        "name": of.name, "fullname": of.name, "params": params, "param": case.implementation,
        "extra_info": _extra_info(of), "options": {}, "stats": statistics(of.medians),
    }  # fmt: skip


def _extra_info(of: Exported) -> dict[str, Any]:
    return {
        "version": of.row.version,
        "epoch_seconds": {"mean": of.epoch.mean, "low": of.epoch.low, "high": of.epoch.high},
        "epoch_seconds_by_process": [trial.epoch_seconds for trial in of.trials],
        "first_epoch_seconds": [trial.first_epoch_seconds for trial in of.trials],
        **of.correctness,
    }


def statistics(data: list[float]) -> dict[str, Any]:
    """Return the statistics as the tool defines them, for it does not compute them on reading.

    Its quartiles are those whose position among n sorted values is (n - 2) / 4 from either end,
    counted from 0: Hazen's. Outliers are beyond the mean by more than a standard deviation, or
    beyond the quartiles by more than 1.5 times the distance between them.
    """
    mean, deviation = fmean(data), stdev(data) if len(data) > 1 else 0.0
    q1, q3 = (float(each) for each in np.quantile(data, [0.25, 0.75], method="hazen"))
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    within = [value for value in data if low <= value <= high]
    far = sum(abs(value - mean) > deviation for value in data)
    return {
        "min": min(data), "max": max(data), "mean": mean, "stddev": deviation, "rounds": len(data),
        "median": median(data), "iqr": q3 - q1, "q1": q1, "q3": q3,
        "iqr_outliers": len(data) - len(within), "stddev_outliers": far,
        "outliers": f"{far};{len(data) - len(within)}",
        "ld15iqr": min(within), "hd15iqr": max(within), "ops": 1 / mean, "total": math.fsum(data),
        "data": data, "iterations": 1,
    }  # fmt: skip
