"""The machines compared, as tables of text: a device of a machine a column."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import combinations

from bench.analysis import crossover
from bench.analysis.crossover import Crossover
from bench.analysis.summary import Row
from bench.report.render import numbers
from bench.report.sections import gpu
from bench.report.sections.comparison import Table, standing
from bench.report.sections.hardware import Alike, Hardware, sized
from bench.report.several import Measured, versions

THROUGHPUT_NOTE = (
    "Samples a second of a steady epoch with their 95 % intervals, and the largest parity error of "
    "a row. Above 1e-5 a row fails and is not ranked."
)
SPEEDUP_NOTE = (
    "The time of an epoch there over the time here: above 1 the case is faster here. The interval "
    "holds the spread between the processes of these two runs; how far runs of another day lie "
    "apart is not in it. Between the devices of one run the ratio is taken round by round. What "
    "differs is not the processor alone: so do the libraries that a framework brings for it."
)
SHARE_NOTE = (
    "The least time that an epoch could take on each of them, as the probes of its own run found "
    "it, over the time it took."
)
JOULES_NOTE = "By the GPU's own counter, over the timed epochs and what lies between them."
CROSSING_NOTE = (
    "Faster: whichever of a pair is at the largest batch size that both were measured at. From: "
    f"{gpu.PASSING}"
)
NO_SWEEP = "with --sweep on two of them: from which batch size on one is faster than the other"


def compared(found: Alike, base: Hardware | None) -> list[Table]:
    """Return what each device did of one problem; the speedups where the base was asked too."""
    shares = partial(_known, found, "Share of each one's own ceiling", SHARE_NOTE)
    joules = partial(_known, found, "Joules an epoch", JOULES_NOTE)
    return [
        _throughput(found),
        *([_speedups(found, base)] if base and base in found.hardware else []),
        *shares(lambda row: row.roofline_share, numbers.percent),
        *joules(lambda row: row.epoch_joules, numbers.count),
    ]


def _known(
    found: Alike, title: str, note: str,
    value: Callable[[Row], float | None], shown: Callable[[float | None], str],
) -> list[Table]:  # fmt: skip
    """Return the table of what some rows do not know; none where no row does."""
    if all(value(row) is None for _, row in _ranked([found])):
        return []
    return [_table(found, title, lambda row: shown(value(row)), note)]


def _ranked(found: Iterable[Alike]) -> Iterable[tuple[Hardware, Row]]:
    return ((one, row) for each in found for its in each.rows.values()
            for one, row in its.items() if row.ranked)  # fmt: skip


def _table(found: Alike, title: str, shown: Callable[[Row], str], note: str) -> Table:
    """Return a line an implementation: the text of its row on each device, or why it has none."""
    lines = [[called, *(_cell(its.get(one), shown) for one in found.hardware)]
             for called, its in found.rows.items()]  # fmt: skip
    headings = ("implementation", *map(str, found.hardware))
    return Table(f"{title}, {found.problem}", headings, lines, 1, note)


def _cell(row: Row | None, shown: Callable[[Row], str]) -> str:
    return shown(row) if row and row.ranked else standing(row)


def _throughput(found: Alike) -> Table:
    table = _table(found, "Samples a second", _rate, THROUGHPUT_NOTE)
    lines = [[*line, numbers.error(_error(its.values()))]
             for line, its in zip(table.lines, found.rows.values(), strict=True)]  # fmt: skip
    return Table(table.title, (*table.headings, "parity error"), lines, 1, table.note)


def _rate(row: Row) -> str:
    return numbers.count_interval(row.epoch and row.case.samples / row.epoch)


def _error(rows: Iterable[Row]) -> float | None:
    return max((row.parity_error for row in rows if row.parity_error is not None), default=None)


def _speedups(found: Alike, base: Hardware) -> Table:
    there = {id(row): its[base] for its in found.rows.values() if base in its
             for row in its.values()}  # fmt: skip

    def times(row: Row) -> str:
        held = there.get(id(row))
        return numbers.factor(crossover.compare_machines(row, held) if held else None)

    return _table(found, f"How many times as fast as {base}", times, SPEEDUP_NOTE)


def remarks(found: Sequence[Alike], base: Hardware | None) -> list[str]:
    """Say what the tables lack and why, and where a ratio is of two versions as well."""
    return [*_without(found, base), *_versions(found), *_unprobed(found), *_unmetered(found)]


def _without(found: Sequence[Alike], base: Hardware | None) -> list[str]:
    """Name the problems that the base was not asked to solve."""
    return [f"no speedup, {each.problem}: {base} was not asked to solve it"
            for each in found if base and base not in each.hardware]  # fmt: skip


def _versions(found: Sequence[Alike]) -> list[str]:
    known: dict[str, dict[str, dict[str, None]]] = {}
    for one, row in _ranked(found):
        its = known.setdefault(row.case.implementation, {})
        its.setdefault(row.version, {})[one.machine] = None
    return [
        f"versions differ, {name}: "
        + "; ".join(f"{version} on {' and '.join(on)}" for version, on in its.items())
        for name, its in known.items() if len(its) > 1
    ]  # fmt: skip


def suites(found: Iterable[Measured]) -> list[str]:
    """Say where the suite itself was another: its implementations may have been other programs."""
    known: dict[str, dict[str, None]] = {}
    for each in found:
        known.setdefault(versions(each.of.run), {})[each.name] = None
    said = "; ".join(f"{version} on {' and '.join(on)}" for version, on in known.items())
    what = "versions of the suite differ, and so may its implementations"
    return [f"{what}: {said}"] if len(known) > 1 else []


def _by_hardware(found: Sequence[Alike]) -> dict[Hardware, list[Row]]:
    rows: dict[Hardware, list[Row]] = {}
    for one, row in _ranked(found):
        rows.setdefault(one, []).append(row)
    return rows


def _unprobed(found: Sequence[Alike]) -> list[str]:
    """Name what has no ceiling that anything could be a share of."""
    there = [str(one) for one, rows in _by_hardware(found).items()
             if all(row.roofline_share is None for row in rows)]  # fmt: skip
    return [f"no share of the ceiling, which was not probed: {'; '.join(there)}"] if there else []


def _unmetered(found: Sequence[Alike]) -> list[str]:
    """Say why joules are absent: a line a reason, with the devices, or some rows of one."""
    whole: dict[str, list[str]] = {}
    some = []
    for one, rows in _by_hardware(found).items():
        why = gpu.absent_joules(rows)
        if len(why) == 1 and all(row.epoch_joules is None for row in rows):
            whole.setdefault(next(iter(why)), []).append(str(one))
        else:
            some += [f"no joules of {', '.join(its)}, {one}: {said}" for said, its in why.items()]
    return [*(f"no joules, {'; '.join(its)}: {said}" for said, its in whole.items()), *some]


def crossings(found: Iterable[Measured]) -> tuple[list[Table], list[str]]:
    """Return from which batch sizes on one device overtakes another, and what is left out.

    A table for each workload and data of which two devices were measured at common sizes.
    """
    made, left = [], []
    for (workload, data, _), rows in sized(found).items():
        pairs = {(one, other): its for one, other in combinations(rows, 2)
                 if (its := crossover.find_machine_crossovers(rows[one], rows[other]))}  # fmt: skip
        if pairs:
            lines = [_crossed(each, *pair) for pair, its in pairs.items() for each in its]
            headings = ("implementation", "faster", "than", "from batch size")
            title = f"From which batch size on, {workload} on {data}"
            made.append(Table(title, headings, lines, 3, CROSSING_NOTE))
            left += _left_out(rows, pairs)
    return made, left if made else [NO_SWEEP]


def _crossed(found: Crossover, one: Hardware, other: Hardware) -> list[str]:
    """Put the one first that is the faster in the end."""
    if found.speedups[max(found.speedups)].mean < 1:
        found, one, other = found.inverted, other, one
    return [found.name, str(other), str(one), gpu.crossing(found)]


def _left_out(
    rows: Iterable[Hardware], pairs: Mapping[tuple[Hardware, Hardware], object]
) -> list[str]:
    """Name the devices that are in no pair, and the pairs of others that are none."""
    known = {one for pair in pairs for one in pair}
    alone = [str(one) for one in rows if one not in known]
    alone += [f"{one} with {other}" for one, other in combinations(rows, 2)
              if {one, other} <= known and (one, other) not in pairs]  # fmt: skip
    why = "no crossover batch size for want of two sizes in common"
    return [f"{why}: {'; '.join(alone)}"] if alone else []
