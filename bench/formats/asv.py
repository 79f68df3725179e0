"""The results folder of asv (airspeed velocity).

asv reads a folder: ``benchmarks.json`` says what the benchmarks are, ``MACHINE/machine.json`` what
the machine is, and one file a machine, commit and environment holds results. The last alone is the
document of ``write``; ``save`` writes all three, and the runs of several commits share a folder.
Source: asv/results.py, asv/machine.py and asv/benchmarks.py.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import machine, moment
from bench.error import UserError
from bench.formats import document
from bench.formats.exported import Exported, commits, exported, name_of, tried
from bench.intervals import interval
from bench.plan import distributions
from bench.report.loaded import Loaded
from bench.result import Environment, Record
from bench.summary import first_stage

TOOL = "asv"
# Of the results and the benchmarks, and of a machine.
VERSION, MACHINE_VERSION = 2, 1
COLUMNS = (
    "result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b",
    "stats_q_25", "stats_q_75", "stats_number", "stats_repeat", "samples",
)  # fmt: skip


def write(found: Loaded) -> str:
    """Return the results file; raises UserError where nothing has times, or no one commit has.

    A result is the report's epoch in seconds, its samples are one median a process, its interval is
    the report's at 99 %. A case whose trials all failed has no result, which asv shows as failed;
    one that is unavailable is left out. The format has no place for a reason, nor for what is not
    ranked. asv has the date of the commit, we that of the run.
    """
    cases = exported(found)
    here = cases[0].environment
    return document.text({
        "version": VERSION, "commit_hash": _commit(cases),
        "env_name": f"existing-py{_python(here)}", "date": _milliseconds(found.run.created),
        "params": {**_machine(here), "python": _python(here)}, "python": _python(here),
        "requirements": _requirements(cases), "env_vars": {}, "result_columns": COLUMNS,
        "results": _failed(found) | {case.name: _result(found, case) for case in cases},
        "durations": {},
    })  # fmt: skip


def save(found: Loaded, folder: Path) -> list[Path]:
    """Write all that asv needs into its results folder; raises UserError as ``write`` does.

    What benchmarks are there already stay. Results of the same machine, commit and Python are
    replaced. Returns the files.
    """
    text, cases = write(found), exported(found)
    here = cases[0].environment
    place, listed = folder / _machine(here)["machine"], folder / "benchmarks.json"
    known = document.read(listed, dict[str, Any], TOOL) if listed.exists() else {}
    benchmarks = {**known, **_benchmarks(found), "version": VERSION}
    file = place / f"{_commit(cases)[:8]}-existing-py{_python(here)}.json"
    return [
        document.save(listed, document.text(benchmarks)),
        document.save(place / "machine.json",
                      document.text({**_machine(here), "version": MACHINE_VERSION})),
        document.save(file, text),
    ]  # fmt: skip


def _commit(cases: Sequence[Exported]) -> str:
    found = commits(cases)
    if len(found) != 1 or not re.fullmatch(r"[0-9a-f]+", found[0]):
        told = f"{len(found)} commits" if len(found) > 1 else "no commit"
        raise UserError(
            f"asv files results under one commit and this run names {told}; choose another format"
        )
    return found[0]


def _machine(of: Environment) -> dict[str, str]:
    """Name the machine by our id of it, which is what tells machines apart, and safe as a folder.

    Of a record without one, it is a hash of whatever is there.
    """
    here, id_ = of.machine, str(of.machine.get("id"))
    return {
        "machine": id_ if re.fullmatch(r"[0-9a-f]+", id_) else machine.fingerprint(here),
        "os": str(here.get("system", "")), "arch": str(here.get("architecture", "")),
        "cpu": str(here.get("cpu", "")), "num_cpu": str(here.get("processors", "")),
        "ram": f"{here['memory_gib']} GiB" if "memory_gib" in here else "",
    }  # fmt: skip


def _python(of: Environment) -> str:
    """Name Python as asv names its environments: 3.11. Releases of bug fixes are compared."""
    found = re.match(r"\d+\.\d+", str(of.software.get("python", "")))
    return found[0] if found else "unknown"


def _requirements(cases: Sequence[Exported]) -> dict[str, str]:
    found: dict[str, str] = {}
    for case in cases:
        known = case.environment.software.get("distributions", {})
        found |= {name: str(known[name]) for name in distributions(case.row.case) if name in known}
    return dict(sorted(found.items()))


def _result(found: Loaded, case: Exported) -> list[Any]:
    """Return the columns of a case; one process has no interval."""
    medians = case.medians
    stage = first_stage(case.row.epochs_by_round, case.row.case, found.run)
    sure = interval(medians, len(stage) if stage else None, confidence=0.99)
    low, high = (None if bound is None else [bound] for bound in (sure.low, sure.high))
    q1, q3 = (float(each) for each in np.quantile(medians, [0.25, 0.75]))
    trials = tried(found, case.row)
    duration = sum(trial.wall_seconds or 0.0 for trial in trials)
    return [[case.epoch.mean], *_began(found, trials), duration, low, high, [q1], [q3],
            [1], [len(medians)], [medians]]  # fmt: skip


def _failed(found: Loaded) -> dict[str, list[Any]]:
    """Return the columns of the cases that were tried and have no times."""
    return {
        name_of(row.case): [None, *_began(found, tried(found, row))]
        for row in found.rows
        if row.epoch is None and {status for status, _ in row.faults} != {"unavailable"}
    }


def _began(found: Loaded, trials: Sequence[Record]) -> list[Any]:
    """Return params, of which there are none, the version, and when the first trial began."""
    return [[], _version(found, trials[0]), _milliseconds(trials[0].started)]


def _version(found: Loaded, of: Record) -> str:
    """Hash the data: asv compares no results of different versions of a benchmark."""
    known = found.environments.get(of.environment)
    data: Mapping[str, Any] = known.data if known else {}
    return machine.fingerprint(data.get("sha256") or data.get("name"))


def _benchmarks(found: Loaded) -> dict[str, dict[str, Any]]:
    """Describe every case that was tried, as asv's discovery does; our names are all there is."""
    names = {name_of(row.case): tried(found, row)[0] for row in found.rows}
    return {
        name: {
            "name": name, "type": "time", "unit": "seconds", "params": [], "param_names": [],
            "version": _version(found, first), "timeout": found.run.timeout,
            "code": f"python -m bench run --implementation {first.case.implementation}",
        }
        for name, first in names.items()
    }  # fmt: skip


def _milliseconds(told: str) -> int:
    """Return a time of our records as asv has it, in milliseconds since 1970."""
    return round(1000 * moment.read(told).timestamp())
