"""What pytest-benchmark saved, as the side of a comparison.

The fields are those of ``pytest_benchmark_generate_json`` in its ``plugin.py``, and of
``Metadata.as_dict`` in its ``stats.py``. A session is a process: all rounds of a benchmark are one
process of it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from bench.error import UserError
from bench.gate.series import Series, Side
from bench.machine import fingerprint


class _Stats(msgspec.Struct):
    """Of which only the raw times count: seconds of one iteration, one number a round."""

    data: list[float] | None = None


class _Benchmark(msgspec.Struct):
    fullname: str
    stats: _Stats


class _Machine(msgspec.Struct):
    """What a hook may leave out, or fill with anything."""

    cpu: Any = None
    python_version: str | None = None
    python_implementation: str = "CPython"
    python_implementation_version: str = ""


class _File(msgspec.Struct):
    machine_info: _Machine
    benchmarks: list[_Benchmark]
    version: str | None = None


def recognised(document: Mapping[str, Any]) -> bool:
    """Tell whether a document is pytest-benchmark's."""
    return "machine_info" in document and "benchmarks" in document


def side(name: str, document: Mapping[str, Any]) -> Side:
    """Take one process of each benchmark, by its full name: short names are not unique.

    Raises UserError where the file has no times or a name twice, and msgspec.ValidationError where
    pytest-benchmark cannot have written it.
    """
    file = msgspec.convert(document, _File)
    _refuse(name, file)
    return Side(
        name=name,
        machine=_machine(file.machine_info.cpu),
        series={each.fullname: _series(each) for each in file.benchmarks},
        software=_software(file),
    )


def _refuse(name: str, file: _File) -> None:
    """Raise UserError for a file that pytest-benchmark may write, but that cannot be compared."""
    if not file.benchmarks:
        raise UserError(f"{name} holds no benchmark: none went well; mend them and measure again")
    if any(each.stats.data is None for each in file.benchmarks):
        raise UserError(
            f"{name} holds statistics without the times they are of; save it with "
            "--benchmark-save-data"
        )
    ((most, times),) = Counter(each.fullname for each in file.benchmarks).most_common(1)
    if times > 1:
        raise UserError(f"{name} holds {most!r:.80} {times} times; name the file of one session")


def _series(benchmark: _Benchmark) -> Series:
    """Keep the times as they are: pytest-benchmark has divided them by the iterations."""
    return Series(benchmark.fullname, (tuple(benchmark.stats.data or ()),), tried=1)


def _machine(cpu: Any) -> str | None:
    """Hash the CPU's model and its count, which a new kernel or a new host name leave alone.

    The model is ``brand`` in files that are older than py-cpuinfo 6.
    """
    known = cpu if isinstance(cpu, dict) else {}
    model, cores = known.get("brand_raw") or known.get("brand"), known.get("count")
    return fingerprint({"cpu": model, "cores": cores}) if model and cores else None


def _software(file: _File) -> dict[str, str]:
    """Return the versions of Python and of pytest-benchmark, which is all there is."""
    found = {"python": _python(file.machine_info), "pytest-benchmark": file.version}
    return {name: version for name, version in found.items() if version}


def _python(machine: _Machine) -> str | None:
    """Return Python's version, and before it that of what is not CPython."""
    if machine.python_version is None or machine.python_implementation == "CPython":
        return machine.python_version
    interpreter = f"{machine.python_implementation} {machine.python_implementation_version}"
    return f"{interpreter} (Python {machine.python_version})"
