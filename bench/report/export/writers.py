"""Export formats by the names that the command line uses."""

from collections.abc import Callable

from bench.report.export import pyperf, pytest_benchmark
from bench.report.load import Loaded

WRITERS: dict[str, Callable[[Loaded], str]] = {
    "pytest-benchmark": pytest_benchmark.write,
    "pyperf": pyperf.write,
}
