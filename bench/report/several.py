"""Several runs side by side: each row keeps its machine."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from bench.analysis import noise as noises
from bench.analysis.noise import Noise
from bench.analysis.summary import Row
from bench.errors import UserError
from bench.report import load
from bench.report.load import Loaded
from bench.report.render import numbers
from bench.report.render.text import Contents
from bench.report.sections.comparison import Table

# So many machines, or runs of one, can be read side by side: a column, a colour, a paragraph each.
BESIDE = 20


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
        return load.machine(self.run)


def read(folders: Iterable[Path]) -> list[Measured]:
    """Read runs, each apart by machine; raises UserError, also for a run that is there twice."""
    seen: dict[str, Path] = {}
    parts: list[_Part] = []
    for folder in folders:
        found = load.apart(folder)
        if (before := seen.setdefault(found[0].run.run, folder)) is not folder:
            raise UserError(f"{before} and {folder} are one run; name it once")
        parts += [_part(folder, each) for each in found]
    return [_measured(part, name) for part, name in zip(parts, _names(parts), strict=True)]


def _part(folder: Path, run: Loaded) -> _Part:
    """Keep of a run what is shown: its records, of many runs, would fill the memory."""
    noise = noises.measure_noise(run.main_records, run.environments)
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
    run = replace(part.run, rows=[replace(row, machine=name) for row in part.run.rows])
    return Measured(name, part.folder, Contents(run, (), {}, run.missing, part.noise))


def overview(found: Sequence[Measured]) -> Table:
    """Return what the runs are: where, when, with what, and how disturbed."""
    lines = [
        [each.name, each.folder.name, each.of.run.run.created, versions(each.of.run),
         numbers.whole(each.of.missing), "; ".join(each.of.noise.causes) or "none recorded"]
        for each in found
    ]  # fmt: skip
    headings = ("machine", "run", "started", "suite", "trials missing", "disturbances")
    return Table("Where and when", headings, lines, len(headings))


def versions(run: Loaded) -> str:
    """Name the versions of the suite that measured a run."""
    told = [each.suite for each in run.environments.values()]
    named = (f"{its.get('version')}, commit {str(its.get('commit'))[:12]}" for its in told)
    return "; ".join(dict.fromkeys(named))
