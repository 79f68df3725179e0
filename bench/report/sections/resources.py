"""What the machine can do, and what memory each implementation takes, as tables of text."""

from collections.abc import Iterable, Mapping, Sequence

from bench.analysis.memory import PHASES, Memory
from bench.analysis.roofline import Resources, Roofline
from bench.analysis.summary import Row
from bench.records.schema import Case, Record
from bench.report.render import numbers
from bench.report.sections.comparison import Table, problem

CEILING_NOTE = (
    "The best of all probes, in their fastest repetitions; the bandwidth is that of reading as "
    "many images as an epoch of the tables has. The least time of an epoch is its operations at "
    "this rate, or its images read once at this bandwidth, or on a GPU its steps one after the "
    "other, whichever is longest; the share of the ceiling in the tables is that time over the "
    "epoch's."
)
MEMORY_NOTE = (
    "Peak of the resident memory up to the end of each phase; the data are mapped and count from "
    "the phase *data* on."
)


def ceilings(
    found: Mapping[Resources, Roofline], rows: Iterable[Row], features: int | None
) -> list[Table]:
    """Return what the machine can do, a line for each device and number of threads.

    rows: those whose epoch the bandwidth and the least time are of; features: pixels of an image.
    """
    firsts: dict[Resources, Row] = {}
    for row in rows:
        firsts.setdefault((row.case.device, row.case.threads), row)
    lines = [
        [*_named(place), f"{numbers.significant(each.rate / 1e9)} GFLOP/s", each.rate_by,
         *_read(each, firsts.get(place), features), numbers.duration(each.step),
         numbers.duration(firsts[place].roofline_seconds if place in firsts else None)]
        for place, each in sorted(found.items())
    ]  # fmt: skip
    headings = ("device", "threads", "matrix product", "by", "bandwidth", "by", "a step",
                "least epoch")  # fmt: skip
    return [Table("The ceiling", headings, lines, 1, CEILING_NOTE)] if lines else []


def _named(place: Resources) -> list[str]:
    return [place[0], str(place[1])]


def _read(found: Roofline, row: Row | None, features: int | None) -> list[str]:
    """Return the bandwidth at which a row's images were read, and who reached it."""
    size = 4 * row.case.samples * features if row and features else 0
    if size not in found.bandwidth:
        return [numbers.ABSENT, numbers.ABSENT]
    return [f"{numbers.significant(found.bandwidth[size] / 1e9)} GB/s", found.bandwidth_by[size]]


def absent(records: Iterable[Record]) -> list[str]:
    """Say in a line each which probes told nothing, and why."""
    lines = [
        f"{case.implementation}, {case.device}, {case.threads} thread{'s' * (case.threads > 1)}: "
        f"{record.status}, {record.reason or 'no reason was given'}"
        for record in records
        if record.kind == "ceiling" and record.status not in {"ok", "interrupted"}
        for case in [record.case]
    ]
    return list(dict.fromkeys(lines))


def memory(found: Sequence[Memory], cases: Iterable[Case]) -> list[Table]:
    """Return the peaks of some cases by phase."""
    shown = of_cases(found, cases)
    phases = [phase for phase in PHASES if any(phase in each.peaks for each in shown)]
    lines = [
        [each.case.implementation, *(numbers.mebibytes(each.peaks.get(phase)) for phase in phases)]
        for each in shown
    ]
    headings = ("implementation", *phases)
    title = f"Peak memory by phase: {problem(shown[0])}" if shown else ""
    return [Table(title, headings, lines, 1, MEMORY_NOTE)] if lines else []


def of_cases(found: Iterable[Memory], cases: Iterable[Case]) -> list[Memory]:
    """Return the memory of some cases, the least first."""
    slugs = {case.slug for case in cases}
    return sorted((each for each in found if each.case.slug in slugs), key=_peak)


def _peak(found: Memory) -> float:
    return max(found.peaks.values(), default=0.0)
