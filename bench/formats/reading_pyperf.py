"""What pyperf wrote, as the side of a comparison.

The fields are those of ``_json_load`` in its ``_bench.py``. A run is a process; one without values
has calibrated the loops, and is none of the measurement. Values are seconds of one inner loop:
pyperf has divided them by all loops. Warm-ups are kept apart from them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bench.error import UserError
from bench.gate.series import Series, Side
from bench.machine import fingerprint

# 6 differs from 1.0 in its warm-ups only; what is older calls values samples.
_VERSIONS = (6, "1.0")


class _Run(msgspec.Struct):
    values: list[float] = []
    metadata: dict[str, Any] = {}


class _Stored(msgspec.Struct):
    runs: list[_Run]
    metadata: dict[str, Any] = {}


class _File(msgspec.Struct):
    """Metadata that all benchmarks share stand here, those that all runs share in the benchmark."""

    benchmarks: list[_Stored]
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Benchmark:
    """A benchmark under its name; of all its runs, the metadata of the first."""

    name: str
    runs: Sequence[_Run]
    metadata: Mapping[str, Any]


def recognised(document: Mapping[str, Any]) -> bool:
    """Tell whether a document is pyperf's, of whatever version."""
    return "version" in document and "benchmarks" in document


def side(name: str, document: Mapping[str, Any]) -> Side:
    """Take each benchmark with its processes.

    Raises UserError where the file is of an old version, of several machines, has a name twice or
    other units than seconds, and msgspec.ValidationError where pyperf cannot have written it.
    """
    if document["version"] not in _VERSIONS:
        raise UserError(
            f"{name} has version {document['version']!r:.80} of pyperf's format, not 1.0; "
            f"`python -m pyperf convert {name} --output NEW` brings an older one up to date"
        )
    file = msgspec.convert(document, _File)
    found = [_benchmark(each, file.metadata or {}) for each in file.benchmarks]
    _refuse(name, found)
    return Side(
        name=name,
        machine=_machine(name, found),
        series={each.name: _series(each) for each in found},
        software=_software(found),
    )


def _benchmark(stored: _Stored, shared: Mapping[str, Any]) -> _Benchmark:
    """Put the metadata together; raises msgspec.ValidationError without a run or a name."""
    first = next(iter(stored.runs), None)
    metadata = {**shared, **stored.metadata, **(first.metadata if first else {})}
    name = metadata.get("name")
    if first is None or not isinstance(name, str):
        raise msgspec.ValidationError("a benchmark without a run, or without a name")
    return _Benchmark(name, stored.runs, metadata)


def _refuse(name: str, benchmarks: Sequence[_Benchmark]) -> None:
    """Raise UserError for what pyperf may write, but cannot be compared."""
    if not benchmarks:
        raise UserError(f"{name} holds no benchmark; measure again, or name another file")
    ((most, times),) = Counter(each.name for each in benchmarks).most_common(1)
    if times > 1:
        raise UserError(f"{name} holds {most!r:.80} {times} times; name a file that holds it once")
    for each in benchmarks:
        if (unit := each.metadata.get("unit", "second")) != "second":
            raise UserError(
                f"{name}: {each.name!r:.80} is in the unit {unit!r:.80}, and only seconds are "
                "compared; leave it out with pyperf convert --exclude-benchmark"
            )


def _series(benchmark: _Benchmark) -> Series:
    """Take the runs that have values; where all have only calibrated, they are what was tried."""
    measured = tuple(tuple(run.values) for run in benchmark.runs if run.values)
    return Series(
        benchmark.name,
        measured,
        tried=len(measured or benchmark.runs),
        faults=() if measured else ("failed: no values, only calibrations",) * len(benchmark.runs),
    )


def _machine(name: str, benchmarks: Iterable[_Benchmark]) -> str | None:
    """Return the machine of all benchmarks, None where one does not tell; raises UserError."""
    found = {_machine_of(each.metadata) for each in benchmarks}
    told = found - {None}
    if len(told) > 1:
        raise UserError(f"{name} was measured on {len(told)} machines; name a file of one")
    return None if None in found else told.pop()


def _machine_of(metadata: Mapping[str, Any]) -> str | None:
    """Hash the CPU's model and its count, which a new kernel or a new host name leave alone.

    It is the same as pytest-benchmark's of the same machine. ``platform`` names the kernel, and
    pyperf knows a CPU's model on Linux only.
    """
    model, cores = metadata.get("cpu_model_name"), metadata.get("cpu_count")
    return fingerprint({"cpu": model, "cores": cores}) if model and cores else None


def _software(benchmarks: Iterable[_Benchmark]) -> dict[str, str]:
    """Return every version of Python and of pyperf that was there."""
    found: dict[str, set[str]] = {"python": set(), "pyperf": set()}
    for each in benchmarks:
        # "3.11.7 (64-bit) revision 0123456"; pytest-benchmark gives the version alone.
        version = str(each.metadata.get("python_version", ""))
        found["python"].add(re.sub(r" \(\d+-bit\).*", "", version))
        found["pyperf"].add(str(each.metadata.get("perf_version", "")))
    joined = {name: " and ".join(sorted(all_ - {""})) for name, all_ in found.items()}
    return {name: versions for name, versions in joined.items() if versions}
