"""The finding of a comparison in a sentence or two, as strong as its intervals and no stronger."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from bench.analysis.ranking import compare_epochs, find_leaders, select_comparable
from bench.analysis.summary import Row, sort_key
from bench.records.schema import Environment
from bench.report.render import numbers

NOTHING = "Nothing was measured that could be ranked."
# So many names can be read in a sentence; the table has them all.
NAMED = 3


class Part(NamedTuple):
    """A piece of a sentence, plain text; whoever lays it out escapes what is of a record.

    kind: "ours" is the suite's own words and numbers; "record" is text of a record, which nobody
    trusts; "name" is that too, an implementation's, and may be set off from the rest.
    """

    text: str
    kind: Literal["ours", "record", "name"] = "ours"


def finding(rows: Sequence[Row], machine: str | None = None) -> list[Part]:
    """Say what trains fastest, on each device, by how much, and that it is the same training.

    Where there are two devices, also which of them is worth it.

    rows: those of one workload at one size. machine: its name, where all rows are of one.
    """
    firsts: dict[str, Row] = {}
    for row in rows:
        if row.ranked and row.case.objective == "softmax":
            firsts.setdefault(row.case.device, row)
    parts: list[Part] = []
    for device, first in firsts.items():
        parts += [Part(" ")] if parts else []
        parts += _where(machine, device if len(firsts) > 1 else None, first=not parts)
        parts += _found(select_comparable(rows, first))
    return [*parts, *_devices(firsts)] or [Part(NOTHING)]


def machine_of(environments: Mapping[str, Environment]) -> str | None:
    """Return the machine's name, or None where it is not known to be one machine."""
    found = {(each.machine.get("id"), each.machine.get("name")) for each in environments.values()}
    name = next(iter(found))[1] if len(found) == 1 else None
    return str(name) if name else None


def _where(machine: str | None, device: str | None, *, first: bool) -> list[Part]:
    """Name the machine once, and the device where there are several."""
    if device is None:
        return [Part("On this "), Part(machine, "record"), Part(", ")] if machine else []
    if machine is None or not first:
        return [Part(f"On the {device.upper()}, ")]
    return [Part(f"On the {device.upper()} of this "), Part(machine, "record"), Part(", ")]


def _devices(firsts: Mapping[str, Row]) -> list[Part]:
    """Hold the fastest of both devices against each other; one round tells nothing."""
    if not {"cpu", "gpu"} <= firsts.keys():
        return []
    found = compare_epochs(firsts["cpu"], firsts["gpu"])
    if found is None or found.low is None or found.high is None:
        return []
    if found.low <= 1 <= found.high:
        return [Part(" The fastest on the GPU and on the CPU cannot be told apart.")]
    slower, faster = ("cpu", "gpu") if found.low > 1 else ("gpu", "cpu")
    times = _ratio(firsts[slower], firsts[faster])
    said = f" The fastest on the {faster.upper()} is {times} times as fast as the fastest on the "
    return [Part(f"{said}{slower.upper()}.")]


def _found(group: Sequence[Row]) -> list[Part]:
    """Say what is known of rows that may be compared, of which there is one at least."""
    best = find_leaders(group)
    time = numbers.duration_interval(best[0].epoch)
    if len(group) == 1:
        said = f" alone was measured and can be ranked: {time} an epoch"
        return [_name(best[0]), Part(said), *_same(best)]
    if best[0].epoch is not None and best[0].epoch.low is None:
        said = f" had the shortest epoch, {time}, but one process gives no interval"
        return [_name(best[0]), Part(f"{said}: nothing is ranked"), *_same(best[:1])]
    if len(best) > 1:
        return [*_tied(best), *_same(best)]
    against = _against(best[0], group)
    said = f" trains fastest: {time} an epoch"
    return [_name(best[0]), Part(said), *_times(best[0], against), *_same([*best, *against])]


def _tied(best: Sequence[Row]) -> list[Part]:
    """Name those that the intervals do not tell apart, each with its own."""
    parts: list[Part] = []
    for row in best[:NAMED]:
        last = row is best[-1]
        parts += [Part(" and " if last else ", ")] if parts else []
        parts += [_name(row), Part(f" ({numbers.duration_interval(row.epoch)} an epoch)")]
    if len(best) > NAMED:
        parts.append(Part(f" and {len(best) - NAMED} more"))
    return [*parts, Part(" are the fastest and cannot be told apart")]


def _against(best: Row, group: Sequence[Row]) -> list[Row]:
    """Return what the fastest is held against: Keras's own fit, on its best and worst backend.

    Where there is none, the slowest row. All of them are told from the fastest, or it would not
    lead alone.
    """
    rest = sorted((row for row in group if row is not best), key=sort_key)
    keras = [row for row in rest if _is_fit(row)]
    return [keras[0], keras[-1]] if len(keras) > 1 else keras or rest[-1:]


def _is_fit(row: Row) -> bool:
    return row.case.framework == "keras" and row.case.style == "idiomatic"


def _times(best: Row, against: Sequence[Row]) -> list[Part]:
    """Say how many times as fast as these the fastest is."""
    parts = [Part(", ")]
    if not _is_fit(against[0]):
        said = f"{_ratio(against[0], best)} times as fast as the slowest, "
        return [*parts, Part(said), _name(against[0])]
    if len(against) == 1:
        said = f"{_ratio(against[0], best)} times as fast as Keras's fit ("
        return [*parts, Part(said), _name(against[0]), Part(")")]
    for row, after in zip(against, (") to ", ") times as fast as Keras's fit"), strict=True):
        parts += [Part(f"{_ratio(row, best)} ("), _name(row), Part(after)]
    return parts


def _ratio(slower: Row, faster: Row) -> str:
    return numbers.factor(compare_epochs(slower, faster))


def _same(rows: Sequence[Row]) -> list[Part]:
    """Say how near the weights of these rows came to the oracle's; nothing where that is absent."""
    errors = [row.parity_error for row in rows if row.parity_error is not None]
    if len(errors) < len(rows):
        return [Part(".")]
    whose = "Its weights are" if len(rows) == 1 else "Their weights are"
    return [Part(f". {whose} the float64 oracle's to {numbers.error(max(errors))}.")]


def _name(row: Row) -> Part:
    return Part(row.case.implementation, "name")
