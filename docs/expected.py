"""Publish where new runs are expected, and count how often that was true.

``python docs/expected.py write`` tests the runs that were published since, and adds a line for each
to docs/findings/predicted.csv; then it writes docs/findings/expected.csv from all of them.
``python docs/expected.py count`` prints how many ratios of a run that was left out lay inside.
"""

import csv
import io
import math
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

import figures
from figures import Figure, NotMeasuredError, Published

from bench.analysis.expected import BASE, PUBLISHED, Expected, expect, list_ratios, read_expected
from bench.records.store import read_run
from bench.report.base.labels import PROCESSORS
from bench.report.base.load import LoadedRun, load_run
from bench.report.base.numbers import format_number
from bench.report.sections.setting.machines import refuse_column

PREDICTED = PUBLISHED.with_name("predicted.csv")
# When the first intervals were written: commit b88c1a1b.
FIRST = "2026-12-02T10:47:43+00:00"
# A figure of fewer runs than these says so.
FEW = 10
# Other figures than epochs of which the pages say where new runs have them.
OTHERS = (figures.LABEL, figures.MANY, *figures.TRAIN.values())
# Runs whose records do not name the family of the processor: by their times.
OLDER = {
    "amd-epyc-2-cores": "Zen 4",
    "amd-epyc-2-cores-judged": "Zen 5",
    "amd-epyc-zen5-2-cores": "Zen 5",
    "amd-epyc-zen5-2-cores-second": "Zen 5",
}

Ratios = Mapping[str, float]


def name_processor(run: LoadedRun) -> str:
    """Return the name that people use, or family and model."""
    name = str(run.machine.get("cpu"))
    short = (short for words, short in PROCESSORS.items() if words in name)
    return OLDER.get(run.folder.name) or next(short, name)


@cache
def read_published() -> dict[str, dict[str, Published]]:
    """Return the published runs that nothing disturbed and that have NumPy's epoch.

    By processor and folder.
    """
    runs: dict[str, dict[str, Published]] = {}
    for path in sorted(figures.REFERENCE.glob("*/run.json")):
        one = Published(path.parent, processes=1)
        if not refuse_column(one.run) and list_ratios(one.run.rows):
            runs.setdefault(name_processor(one.run), {})[path.parent.name] = one
    return runs


@cache
def read_ratios(
    measure: figures.Measure = figures.EPOCH, base: str | None = BASE
) -> dict[str, dict[str, Ratios]]:
    """Return a figure of all programs in each published run, over that of a base.

    By processor, folder and program; without runs that lack the base.
    """
    ratios: dict[str, dict[str, Ratios]] = {}
    for processor, by_folder in read_published().items():
        for folder, published in by_folder.items():
            own = {}
            for name in sorted(published.names - {base}):
                with suppress(NotMeasuredError):
                    own[name] = Figure(measure, name, base)(published)
            if own:
                ratios.setdefault(processor, {})[folder] = own
    return ratios


def predict(
    runs: Mapping[str, Mapping[str, Ratios]], left_out: Collection[str] = ()
) -> dict[str, Expected]:
    """Return what is expected without some runs, named by their folders."""
    kept = {
        processor: [own for folder, own in by_folder.items() if folder not in left_out]
        for processor, by_folder in runs.items()
    }
    return expect({processor: own for processor, own in kept.items() if own})


class Predicted(NamedTuple):
    """Where nine of ten new runs have a figure; where too few have been measured, one value.

    place: the machine of the only value.
    """

    expected: Expected | None = None
    value: float = math.nan
    place: str = ""

    def __str__(self) -> str:
        """Return the bounds, or the value."""
        return str(self.expected) if self.expected else format_number(self.value, 2)

    @property
    def where(self) -> str:
        """Return where the figure is expected, or was measured."""
        if self.expected is None:
            return f"on a {self.place}"
        few = self.expected.runs if self.expected.runs < FEW else None
        return f"in nine of ten new runs{f', by {few} that measured it' if few else ''}"


@cache
def expect_all(measure: figures.Measure, base: str | None) -> dict[str, Expected]:
    """Return where new runs have a figure of each program; empty where too few runs have it."""
    if (measure, base) == (figures.EPOCH, BASE):
        return read_expected()
    runs = read_ratios(measure, base)
    try:
        return predict(runs)
    except ValueError:
        return {}


def predict_figure(figure: Figure, source: figures.Source = figures.RUNS["Zen 4"]) -> Predicted:
    """Return where new runs have a figure, or what it is in the only run of its kind."""
    one = expect_all(figure.measure, figure.base).get(figure.name)
    if one and one.processors > 1:
        return Predicted(one)
    published = figures.read_source(source)
    return Predicted(None, figure(published), name_processor(published.run))


def predict_heading(heading: figures.Heading) -> dict[str, Predicted]:
    """Return the figures of a finding."""
    return {what: predict_figure(one, heading.source) for what, one in heading.figures.items()}


def compare_with_published(heading: figures.Heading, folder: Path) -> list[Sequence[str]]:
    """Return what each figure is in a run of the reader, and in the published ones."""
    own = Published(folder, processes=2)
    lines: list[Sequence[str]] = []
    for what, published in predict_heading(heading).items():
        try:
            here = format_number(heading.figures[what](own), 2)
        except NotMeasuredError as error:
            here = f"not measured: {error}"
        lines.append((what, here, f"{published} {published.where}"))
    return lines


class Count(NamedTuple):
    """How many ratios lay inside of intervals that did not know them."""

    what: str
    inside: int
    total: int

    def __str__(self) -> str:
        """Return the count, and its share."""
        return (
            f"{self.what}: {self.inside} of {self.total} ({self.inside / max(1, self.total):.0%})"
        )


def list_counts() -> Iterator[Count]:
    """Yield how many ratios lay inside without a run, without a processor, and of three runs.

    Of epochs, and then of the other figures that the pages predict for most programs.
    """
    runs = read_ratios()
    three = {source.folder for source in figures.RUNS.values()}
    ranges = span_runs(own for each in runs.values() for name, own in each.items() if name in three)
    others = Counter[bool](
        ranges[name].holds(ratio)
        for by_folder in runs.values()
        for folder, own in by_folder.items()
        if folder not in three
        for name, ratio in own.items()
        if name in ranges
    )
    families = [read_ratios(measure, BASE) for measure in OTHERS]
    for prefix, group in (("", [runs]), ("other figures, ", families)):
        counts = count_left_out(group)
        for what, count in counts.items():
            yield Count(f"{prefix}{what} left out", count[True], count.total())
        if not prefix:
            yield Count("range of three runs, the others", others[True], others.total())


def count_left_out(
    families: Iterable[Mapping[str, Mapping[str, Ratios]]],
) -> dict[str, Counter[bool]]:
    """Return how many ratios lay inside of intervals without their run, or their processor."""
    counts = {"one run": Counter[bool](), "one processor": Counter[bool]()}
    for runs in families:
        for by_folder in runs.values():
            elsewhere = predict(runs, by_folder)
            for folder, ratios in by_folder.items():
                intervals = predict(runs, {folder}), elsewhere
                for count, expected in zip(counts.values(), intervals, strict=True):
                    common = ratios.keys() & expected.keys()
                    count.update(expected[name].holds(ratios[name]) for name in common)
    return counts


def count_predicted() -> Count:
    """Return how many ratios of later runs lay where they were expected before."""
    with PREDICTED.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    inside, total = (sum(int(line[name]) for line in lines) for name in ("inside", "of"))
    return Count(f"{len(lines)} runs that came later", inside, total)


def span_runs(runs: Iterable[Ratios]) -> dict[str, Expected]:
    """Return the ranges of the programs that all of these runs have."""
    first, *others = runs
    ranges = {}
    for name in first:
        if all(name in own for own in others):
            ends = [own[name] for own in (first, *others)]
            ranges[name] = Expected(min(ends), median(ends), max(ends), len(ends), len(ends))
    return ranges


def render() -> str:
    """Return the intervals of the published runs as CSV."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["program", *Expected._fields])
    for name, one in predict(read_ratios()).items():
        ends = (format_number(end) for end in (one.low, one.typical, one.high))
        lines.writerow([name, *ends, one.runs, one.processors])
    return text.getvalue()


def list_later() -> list[str]:
    """Return the folders of the published runs that began after the first intervals."""
    folders = [folder for by_folder in read_ratios().values() for folder in by_folder]
    began = {name: read_run(figures.REFERENCE / name).created for name in folders}
    return sorted((name for name in folders if began[name] > FIRST), key=began.__getitem__)


def write() -> None:
    """Test the runs that were published since, then write the intervals of all runs."""
    with PREDICTED.open(encoding="utf-8", newline="") as stream:
        tested = {line["run"] for line in csv.DictReader(stream)}
    for name in list_later():
        if name not in tested:
            judge(figures.REFERENCE / name)
    PUBLISHED.write_text(render(), encoding="utf-8")


def judge(folder: Path) -> None:
    """Add how a run that came after its intervals fell; nothing is taken out."""
    run, intervals = load_run(folder), read_expected()
    ratios = {name: one for name, one in list_ratios(run.rows).items() if name in intervals}
    missed = [
        f"{name} {format_number(one, 3)}"
        for name, one in ratios.items()
        if not intervals[name].holds(one)
    ]
    line = [
        folder.name,
        run.plan.created,
        name_processor(run),
        len(ratios) - len(missed),
        len(ratios),
        "; ".join(missed),
    ]
    with PREDICTED.open("a", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerow(line)


def main(words: Sequence[str]) -> None:
    """Do what the words say."""
    match list(words):
        case ["write"]:
            write()
        case ["count"]:
            sys.stdout.writelines(f"{line}\n" for line in list_counts())
        case _:
            raise SystemExit("python docs/expected.py write | count")


if __name__ == "__main__":
    main(sys.argv[1:])
