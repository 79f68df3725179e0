"""The two sides of a comparison of stored measurements, whichever tool they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Series:
    """One case on one side.

    name: what the case is called, on both sides alike.
    processes: seconds of what was timed (steady epochs, in our own runs), a tuple a process that
    went well, in the order measured; warm-ups are not among them.
    tried: how many processes there were, with those that went wrong.
    faults: the reasons of those.
    accuracy: validation accuracy after the workload's epochs; None where nothing tells.
    wrong: why the result was wrong, however long it took; None where nothing says so.
    unavailable: whether there was nothing to be tried, as where a framework is not installed; the
    faults then say why.
    """

    name: str
    processes: tuple[tuple[float, ...], ...]
    tried: int
    faults: tuple[str, ...] = ()
    accuracy: float | None = None
    wrong: str | None = None
    unavailable: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """What a run's folder or another tool's file holds.

    machine: an id that is equal where the machine is; None where the file does not tell.
    software: versions by distribution, whose differences are shown; empty where nothing tells.
    data: an id that is equal where the data are; None where the file does not tell.
    """

    name: str
    machine: str | None
    series: Mapping[str, Series]
    software: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None
