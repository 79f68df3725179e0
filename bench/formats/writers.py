"""The formats by the names that the command line knows them by."""

from collections.abc import Callable

from bench.formats import asv, bencher, github_action_benchmark, pyperf, pytest_benchmark
from bench.report.loaded import Loaded

WRITERS: dict[str, Callable[[Loaded], str]] = {
    "pytest-benchmark": pytest_benchmark.write,
    "pyperf": pyperf.write,
    "asv": asv.write,
    "github-action-benchmark": github_action_benchmark.write,
    "bencher": bencher.write,
}
