"""Several runs side by side: each row keeps its machine, and no ratio goes across two of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from bench import noise as noises
from bench.error import UserError
from bench.machine import fingerprint
from bench.noise import Noise
from bench.report import loaded, numbers, tables
from bench.report.loaded import Loaded
from bench.report.prose import Contents
from bench.report.tables import Table
from bench.summary import Row

# So many machines, or runs of one, can be read side by side: a column, a colour, a paragraph each.
BESIDE = 20
NOTE = (
    "Epochs with their 95 % intervals, a machine a column, and the largest parity error of a row. "
    "No ratio is taken across machines: the processor differs, but so do the libraries that a "
    "framework brings for it, and perhaps the versions, which stand in the table of all rows."
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run measured on one machine.

    name: the machine's, and more where two have the same. folder: the run's, as it was given.
    of: the report of it alone, but for its sections; its rows say where they are from.
    """

    name: str
    folder: Path
    of: Contents

    @property
    def rows(self) -> Sequence[Row]:
        """Its rows."""
        return self.of.run.rows


class _Part(NamedTuple):
    folder: Path
    run: Loaded
    noise: Noise

    @property
    def machine(self) -> str:
        return next((str(each.machine.get("id")) for each in self.run.environments.values()), "")

    @property
    def named(self) -> str:
        return loaded.machine(self.run)


def read(folders: Iterable[Path]) -> list[Measured]:
    """Read runs, each apart by machine; raises UserError, also for a run that is there twice."""
    seen: dict[str, Path] = {}
    parts: list[_Part] = []
    for folder in folders:
        found = loaded.apart(folder)
        if (before := seen.setdefault(found[0].run.run, folder)) is not folder:
            raise UserError(f"{before} and {folder} are one run; name it once")
        parts += [_part(folder, each) for each in found]
    return [_measured(part, name) for part, name in zip(parts, _names(parts), strict=True)]


def _part(folder: Path, run: Loaded) -> _Part:
    """Keep of a run what is shown: its records, of many runs, would fill the memory."""
    noise = noises.noise(run.main_records, run.environments)
    return _Part(folder, replace(run, records=()), noise)


def _names(parts: Sequence[_Part]) -> list[str]:
    """Name each part by its machine, and by its folder and the machine's id where it takes them."""
    names = [part.named for part in parts]
    longer = (
        [f"{part.named} ({part.folder.name})" for part in parts],
        [f"{part.named} ({part.folder}, {part.machine})" for part in parts],
    )
    for more in longer:
        counts = Counter(names)
        names = [long if counts[name] > 1 else name for name, long in zip(names, more, strict=True)]
    return names


def _measured(part: _Part, name: str) -> Measured:
    run = replace(part.run, rows=[replace(row, where=name) for row in part.run.rows])
    return Measured(name, part.folder, Contents(run, (), {}, run.missing, part.noise))


class Problem(NamedTuple):
    """What has to be the same for epochs to stand beside each other; data: a digest of the files.

    Not the threads: how many cores there are is what a machine differs in.
    """

    workload: str
    device: str
    batch_size: int
    samples: int
    name: str
    data: str

    def __str__(self) -> str:
        return (
            f"{self.workload}: {self.device}, batch size {self.batch_size}, {self.samples:,} "
            f"samples of {self.name}"
        )


Alike = Mapping[str, Mapping[str, Row]]  # rows by what they are called, and by the machine's name


def alike(found: Iterable[Measured]) -> dict[Problem, Alike]:
    """Return the rows of each problem that at least two machines were asked to solve.

    Those of a run's first size alone: a sweep is the business of its own report.
    """
    groups: dict[Problem, dict[str, dict[str, Row]]] = defaultdict(lambda: defaultdict(dict))
    for each in found:
        data = _data(each.of.run)
        for row in each.rows:
            if not row.swept:
                case = row.case
                problem = Problem(case.workload, case.device, case.batch_size, case.samples, *data)
                groups[problem][tables.name(case)][each.name] = row
    return {problem: rows for problem, rows in groups.items()
            if len({name for row in rows.values() for name in row}) > 1}  # fmt: skip


def _data(run: Loaded) -> tuple[str, str]:
    """Return the name of a run's data, and a digest of their files."""
    told = next((each.data for each in run.environments.values()), {})
    return str(told.get("name")), fingerprint([told.get("name"), told.get("sha256")])


def machines(found: Sequence[Measured]) -> list[Table]:
    """Return a table for each problem: an implementation a line, and its epoch on each machine."""
    return [_compared(problem, rows, found) for problem, rows in alike(found).items()]


def _compared(problem: Problem, rows: Alike, found: Sequence[Measured]) -> Table:
    there = {name: row for its in rows.values() for name, row in its.items()}
    names = [each.name for each in found if each.name in there]
    lines = [
        [called, *(_epoch(its.get(name)) for name in names), numbers.error(_error(its.values()))]
        for called, its in rows.items()
    ]
    headings = [f"{name}, {_threads(there[name])}" for name in names]
    return Table(str(problem), ("implementation", *headings, "parity error"), lines, 1, NOTE)


def _threads(row: Row) -> str:
    return f"{row.case.threads} thread{'s' * (row.case.threads > 1)}"


def _epoch(row: Row | None) -> str:
    """Show an epoch, or why there is none."""
    if row and row.ranked:
        return numbers.duration_interval(row.epoch)
    return tables.standing(row)


def _error(rows: Iterable[Row]) -> float | None:
    return max((row.parity_error for row in rows if row.parity_error is not None), default=None)


def overview(found: Sequence[Measured]) -> Table:
    """Return what the runs are: where, when, with what, and how disturbed."""
    lines = [
        [each.name, each.folder.name, each.of.run.run.created, _versions(each.of.run),
         numbers.whole(each.of.missing), "; ".join(each.of.noise.causes) or "none recorded"]
        for each in found
    ]  # fmt: skip
    headings = ("machine", "run", "started", "suite", "trials missing", "disturbances")
    return Table("Where and when", headings, lines, len(headings))


def _versions(run: Loaded) -> str:
    """Name the versions of the suite that measured."""
    told = [each.suite for each in run.environments.values()]
    named = (f"{its.get('version')}, commit {str(its.get('commit'))[:12]}" for its in told)
    return "; ".join(dict.fromkeys(named))
