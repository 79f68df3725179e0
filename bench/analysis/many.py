"""Several models at once: how many a program trains, and from which number on that is faster."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.analysis.devices import Crossover
from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_epochs
from bench.analysis.summary import Row
from bench.records.schema import Case
from bench.worker.workloads import count_models


@dataclass(frozen=True, slots=True)
class Growth:
    """A program on a device by the number of models, ascending; every row is ranked.

    over_processes: from which number on it is faster than the fastest that trains them one by one;
    None for those. over_cpu: than itself on the CPU; None for rows on a CPU.
    """

    rows: Mapping[int, Row]
    over_processes: Crossover | None = None
    over_cpu: Crossover | None = None

    @property
    def case(self) -> Case:
        """One of its cases."""
        return next(iter(self.rows.values())).case


def trains_one_by_one(case: Case) -> bool:
    """Return whether a program trains models one by one, in one process a core."""
    return case.module.rpartition(".")[2].startswith("processes_")


def compute_rate(row: Row) -> Interval:
    """Return how many epochs of single models a ranked row trains in a second."""
    models, epoch = count_models(row.case.workload), row.epoch
    assert epoch is not None
    bounds = [None if bound is None else models / bound for bound in (epoch.high, epoch.low)]
    return Interval(models / epoch.mean, *bounds)


def find_fastest_processes(growths: Iterable[Growth]) -> Growth | None:
    """Return what is fastest with most models of the programs that train them one by one."""
    rows = [(max(growth.rows), growth) for growth in growths if trains_one_by_one(growth.case)]
    most = max((models for models, _ in rows), default=0)
    fastest = [growth for models, growth in rows if models == most]
    return min(fastest, key=lambda growth: growth.rows[most].typical_seconds, default=None)


def measure_growth(rows: Iterable[Row]) -> list[Growth]:
    """Return every program that trained several models, in the order of its rate with most."""
    groups: dict[tuple[str, str], dict[int, Row]] = defaultdict(dict)
    for row in rows:
        models = count_models(row.case.workload)
        if models and row.ranked and not (row.swept or row.provisional):
            groups[row.case.implementation, row.case.device][models] = row
    growths = {key: Growth(dict(sorted(group.items()))) for key, group in groups.items()}
    alone = find_fastest_processes(growths.values())
    compared = [
        Growth(
            growth.rows,
            None if trains_one_by_one(growth.case) else _cross(alone, growth),
            _cross(growths.get((name, "cpu")), growth) if device == "gpu" else None,
        )
        for (name, device), growth in growths.items()
    ]
    return sorted(
        compared,
        key=lambda growth: (-max(growth.rows), growth.rows[max(growth.rows)].typical_seconds),
    )


def _cross(slower: Growth | None, faster: Growth) -> Crossover | None:
    """Return from which number of models on one program is faster than another."""
    if slower is None:
        return None
    speedups = {
        models: speedup
        for models, row in faster.rows.items()
        if models in slower.rows and (speedup := compare_epochs(slower.rows[models], row))
    }
    return Crossover.from_speedups(faster.case.implementation, speedups) if speedups else None
