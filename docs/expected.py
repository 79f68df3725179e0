"""Publish where new runs are expected, and count how often that was true.

``python docs/expected.py write`` tests the runs that were published since, and adds a line for each
to docs/findings/predicted.csv; then it writes docs/findings/expected.csv from all of them.
``python docs/expected.py count`` prints how many ratios of a run that was left out lay inside.
"""

import csv
import io
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

import spans

from bench.analysis.expected import BASE, PUBLISHED, Expected, expect, list_ratios, read_expected
from bench.records.store import read_run
from bench.report.base.labels import PROCESSORS
from bench.report.base.load import LoadedRun, load_run
from bench.report.base.numbers import format_number
from bench.report.sections.setting.machines import refuse_column

PREDICTED = PUBLISHED.with_name("predicted.csv")
# When the first intervals were written: commit b88c1a1b.
FIRST = "2026-12-02T10:47:43+00:00"
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


def read_ratios() -> dict[str, dict[str, Ratios]]:
    """Return the ratios of all published runs that nothing disturbed, by processor and folder."""
    runs: dict[str, dict[str, Ratios]] = {}
    for path in sorted(spans.REFERENCE.glob("*/run.json")):
        run = load_run(path.parent)
        if not refuse_column(run) and (ratios := list_ratios(run.rows)):
            runs.setdefault(name_processor(run), {})[path.parent.name] = ratios
    return runs


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
    """Where nine of ten new runs have a ratio of two programs."""

    expected: Expected

    def __str__(self) -> str:
        """Return the bounds."""
        return str(self.expected)

    @property
    def where(self) -> str:
        """Return where the ratio is expected."""
        return "in nine of ten new runs"


@cache
def expect_over(base: str) -> dict[str, Expected]:
    """Return where new runs have each program in multiples of a base."""
    if base == BASE:
        return read_expected()
    runs = {
        processor: [
            {name: ratio / own[base] for name, ratio in own.items() if name != base}
            for own in by_folder.values()
            if base in own
        ]
        for processor, by_folder in read_ratios().items()
    }
    return expect({processor: own for processor, own in runs.items() if own})


def span_heading(heading: spans.Heading) -> dict[str, spans.Span | Predicted]:
    """Return the figures of a finding: ratios of epochs of all runs, others over its machines."""
    runs = spans.read_runs(heading.sources)
    return {
        what: Predicted(expect_over(measure.base)[measure.name])
        if isinstance(measure, spans.Over)
        else spans.span(runs, measure, heading.write)
        for what, measure in heading.figures.items()
    }


def compare_with_published(heading: spans.Heading, folder: Path) -> list[Sequence[str]]:
    """Return what each figure is in a run of the reader, and in the published ones."""
    own = spans.Published(folder, processes=2)
    lines: list[Sequence[str]] = []
    for name, published in span_heading(heading).items():
        try:
            here = " or ".join(map(heading.write, spans.list_ends(heading.figures[name](own))))
        except spans.NotMeasuredError as error:
            here = f"not measured: {error}"
        lines.append((name, here, f"{published} {published.where}"))
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
    """Yield how many ratios lay inside without a run, without a processor, and of three runs."""
    runs = read_ratios()
    three = {source.folder for source in spans.RUNS.values()}
    ranges = span_runs(own for each in runs.values() for name, own in each.items() if name in three)
    counts = {
        what: Counter[bool]()
        for what in (
            "one run left out",
            "one processor left out",
            "range of three runs, the others",
        )
    }
    for by_folder in runs.values():
        elsewhere = predict(runs, by_folder)
        for folder, ratios in by_folder.items():
            intervals = predict(runs, {folder}), elsewhere, {} if folder in three else ranges
            for count, expected in zip(counts.values(), intervals, strict=True):
                common = ratios.keys() & expected.keys()
                count.update(expected[name].holds(ratios[name]) for name in common)
    for what, count in counts.items():
        yield Count(what, count[True], count.total())


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
    began = {name: read_run(spans.REFERENCE / name).created for name in folders}
    return sorted((name for name in folders if began[name] > FIRST), key=began.__getitem__)


def write() -> None:
    """Test the runs that were published since, then write the intervals of all runs."""
    with PREDICTED.open(encoding="utf-8", newline="") as stream:
        tested = {line["run"] for line in csv.DictReader(stream)}
    for name in list_later():
        if name not in tested:
            judge(spans.REFERENCE / name)
    PUBLISHED.write_text(render(), encoding="utf-8")


def judge(folder: Path) -> None:
    """Add how a run that came after its intervals fell; nothing is taken out."""
    run, intervals = load_run(folder), read_expected()
    ratios = {name: one for name, one in list_ratios(run.rows).items() if name in intervals}
    missed = [
        f"{name} {format_number(one, 2)}"
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
