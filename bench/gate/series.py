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
    """

    name: str
    processes: tuple[tuple[float, ...], ...]
    tried: int
    faults: tuple[str, ...] = ()
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """What a run's folder or another tool's file holds.

    machine: an id that is equal where the machine is; None where the file does not tell.
    differences are shown: ``software`` has versions by distribution, empty where nothing tells.
    """

    name: str
    machine: str | None
    series: Mapping[str, Series]
    software: Mapping[str, str] = field(default_factory=dict)
