"""Export formats by the names that the command line uses."""

from collections.abc import Callable

from bench.report.export import pyperf, pytest_benchmark
from bench.report.load import LoadedRun

WRITERS: dict[str, Callable[[LoadedRun], str]] = {
    "pytest-benchmark": pytest_benchmark.export_run,
    "pyperf": pyperf.export_run,
}
