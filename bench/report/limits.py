"""What the machine can do, and what memory each implementation takes, as tables of text."""

from collections.abc import Mapping, Sequence

from bench.ceiling import Ceiling, Place
from bench.memory import PHASES, Memory, growth
from bench.report import numbers
from bench.report.tables import Table

CEILING_NOTE = (
    "The best of all probes, in their fastest repetitions. The least time of an epoch is its "
    "operations at this rate, or its images read once at this bandwidth, whichever is longer; the "
    "share of the ceiling in the tables is that time over the epoch's."
)
MEMORY_NOTE = (
    "Peak of the resident memory up to the end of each phase; the data are mapped and count from "
    "the phase *data* on. A sample more: slope of the peak over the samples where a sweep varied "
    "them, with its 95 % interval; an image of 784 float32 numbers has 3.06 KiB."
)


def ceilings(found: Mapping[Place, Ceiling], least: Mapping[Place, float]) -> list[Table]:
    """Return what the machine can do, a line for each device and number of threads."""
    lines = [
        [device, str(threads), f"{numbers.significant(each.rate / 1e9)} GFLOP/s", each.rate_by,
         f"{numbers.significant(max(each.bandwidth.values()) / 1e9)} GB/s"
         if each.bandwidth else numbers.ABSENT,
         each.bandwidth_by, numbers.duration(least.get((device, threads)))]
        for (device, threads), each in sorted(found.items())
    ]  # fmt: skip
    headings = ("device", "threads", "matrix product", "by", "bandwidth", "by",
                "least epoch")  # fmt: skip
    return [Table("The ceiling", headings, lines, 1, CEILING_NOTE)] if lines else []


def memory(found: Sequence[Memory]) -> list[Table]:
    """Return the peaks of each implementation by phase, and how they grow with the samples."""
    firsts: dict[str, Memory] = {}
    for each in found:
        firsts.setdefault(each.case.implementation, each)
    slopes = growth(found)
    phases = [phase for phase in PHASES if any(phase in each.peaks for each in firsts.values())]
    lines = [
        [name, *(numbers.mebibytes(each.peaks.get(phase)) for phase in phases),
         numbers.kibibytes_interval(slopes.get(name))]
        for name, each in sorted(firsts.items(), key=lambda item: _peak(item[1]))
    ]  # fmt: skip
    headings = ("implementation", *phases, "a sample more")
    return [Table("Peak memory by phase", headings, lines, 1, MEMORY_NOTE)] if lines else []


def _peak(found: Memory) -> float:
    return max(found.peaks.values(), default=0.0)
