"""The two sides of a comparison of stored runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Series:
    """One case on one side.

    name: what the case is called, on both sides alike.
    processes: seconds of the steady epochs, a tuple a process that went well, in the order
    measured.
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
    """What a run's folder holds.

    machine: an id that is equal where the machine is; None where nothing was measured.
    software: versions by distribution, whose differences are shown.
    data: an id that is equal where the data are; None where nothing was measured.
    """

    name: str
    machine: str | None
    series: Mapping[str, Series]
    software: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None
