"""The finding of a comparison in one or two sentences, no stronger than its intervals allow."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from bench.analysis.ranking import compare_epochs, find_leaders, select_comparable
from bench.analysis.summary import Row, sort_key
from bench.records.schema import Environment
from bench.report.render import numbers

NOTHING = "No result can be ranked."
# A sentence names at most this many; the table has all of them.
MAX_NAMES = 3


class Phrase(NamedTuple):
    """A piece of a sentence, as plain text; the renderer escapes text of records.

    kind: "ours" is text of the suite; "record" is untrusted text of a record; "name" is an
    implementation's name, also untrusted, which may be emphasised.
    """

    text: str
    kind: Literal["ours", "record", "name"] = "ours"


def write_headline(rows: Sequence[Row], machine: str | None = None) -> list[Phrase]:
    """Name the fastest implementation on each device, its lead, and its parity with the oracle.

    With two devices, also say which of them is faster.

    rows: of one workload at one size, the fastest first. machine: its name, if it is known.
    """
    fastest: dict[str, Row] = {}
    for row in rows:
        if row.ranked and row.case.objective == "softmax":
            fastest.setdefault(row.case.device, row)
    phrases: list[Phrase] = []
    for device, row in fastest.items():
        if phrases:
            phrases.append(Phrase(f" On the {device.upper()}, "))
        elif len(fastest) > 1:
            of_machine = [Phrase(" of this "), Phrase(machine, "record")] if machine else []
            phrases += [Phrase(f"On the {device.upper()}"), *of_machine, Phrase(", ")]
        elif machine:
            phrases += [Phrase("On this "), Phrase(machine, "record"), Phrase(", ")]
        phrases += _describe_fastest(select_comparable(rows, row))
    return [*phrases, *_compare_devices(fastest)] or [Phrase(NOTHING)]


def find_machine(environments: Mapping[str, Environment]) -> str | None:
    """Return the machine's name, or None if there are several machines or no name."""
    machines = {(one.machine.get("id"), one.machine.get("name")) for one in environments.values()}
    name = next(iter(machines))[1] if len(machines) == 1 else None
    return str(name) if name else None


def _compare_devices(fastest: Mapping[str, Row]) -> list[Phrase]:
    """Compare the fastest of both devices; say nothing if they were measured once."""
    if not {"cpu", "gpu"} <= fastest.keys():
        return []
    speedup = compare_epochs(fastest["cpu"], fastest["gpu"])
    if speedup is None or speedup.low is None or speedup.high is None:
        return []
    if speedup.low <= 1 <= speedup.high:
        return [Phrase(" The data do not show which device is faster.")]
    slower, faster = ("cpu", "gpu") if speedup.low > 1 else ("gpu", "cpu")
    times = _format_ratio(fastest[slower], fastest[faster])
    return [
        Phrase(
            f" The fastest on the {faster.upper()} is {times} times as fast as the fastest on the "
            f"{slower.upper()}."
        )
    ]


def _describe_fastest(rows: Sequence[Row]) -> list[Phrase]:
    """Describe the fastest of the rows, which must be comparable and not empty."""
    best = find_leaders(rows)
    first = best[0]
    time = numbers.duration_interval(first.epoch)
    if len(rows) == 1:
        text = f" is the only result that can be ranked: {time} an epoch"
        return [_name(first), Phrase(text), *_describe_parity(best)]
    if first.epoch is not None and first.epoch.low is None:
        text = f" had the shortest epoch, {time}. It was measured once: the order is not certain"
        return [_name(first), Phrase(text), *_describe_parity(best[:1])]
    if len(best) == 1:
        against = _choose_opponents(first, rows)
        lead = [Phrase(f" trains fastest: {time} an epoch, "), *_describe_lead(first, against)]
        return [_name(first), *lead, *_describe_parity([first, *against])]
    phrases: list[Phrase] = []
    for row in best[:MAX_NAMES]:
        separator = " and " if row is best[-1] else ", "
        phrases += [Phrase(separator)] if phrases else []
        phrases += [_name(row), Phrase(f" ({numbers.duration_interval(row.epoch)} an epoch)")]
    if len(best) > MAX_NAMES:
        phrases.append(Phrase(f" and {len(best) - MAX_NAMES} more"))
    phrases.append(Phrase(" are fastest; the data do not show a difference between them"))
    return [*phrases, *_describe_parity(best)]


def _choose_opponents(best: Row, rows: Sequence[Row]) -> list[Row]:
    """Return what to compare the fastest with: Keras's fit on its best and its worst backend.

    Without Keras, the slowest row. All of them differ from the fastest beyond their intervals.
    """
    rest = sorted((row for row in rows if row is not best), key=sort_key)
    keras = [row for row in rest if _is_keras_fit(row)]
    return [keras[0], keras[-1]] if len(keras) > 1 else keras or rest[-1:]


def _is_keras_fit(row: Row) -> bool:
    return row.case.framework == "keras" and row.case.style == "idiomatic"


def _describe_lead(best: Row, opponents: Sequence[Row]) -> list[Phrase]:
    """Say how many times as fast as the opponents the fastest is."""
    first = opponents[0]
    times = f"{_format_ratio(first, best)} times as fast as "
    if not _is_keras_fit(first):
        return [Phrase(f"{times}the slowest, "), _name(first)]
    if len(opponents) == 1:
        return [Phrase(f"{times}Keras's fit ("), _name(first), Phrase(")")]
    last = opponents[1]
    return [
        Phrase(f"{_format_ratio(first, best)} ("),
        _name(first),
        Phrase(f") to {_format_ratio(last, best)} ("),
        _name(last),
        Phrase(") times as fast as Keras's fit"),
    ]


def _format_ratio(slower: Row, faster: Row) -> str:
    return numbers.factor(compare_epochs(slower, faster))


def _describe_parity(rows: Sequence[Row]) -> list[Phrase]:
    """End the sentence; give the largest parity error if every row has one."""
    errors = [row.parity_error for row in rows if row.parity_error is not None]
    if len(errors) < len(rows):
        return [Phrase(".")]
    weights = "Its weights agree" if len(rows) == 1 else "Their weights agree"
    return [Phrase(f". {weights} with the float64 oracle's to {numbers.error(max(errors))}.")]


def _name(row: Row) -> Phrase:
    return Phrase(row.case.implementation, "name")
