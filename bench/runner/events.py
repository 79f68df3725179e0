"""What a measurement yields while it goes on: lines of text, and events that have data.

A line stays, unless it is ``Transient``. Whoever measures yields; the command line alone decides
how an event is printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.records.schema import Record, Trial


class Transient(str):
    """A line of progress that the next event replaces."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial begins: row ``number`` of ``total`` of its round, workload, threads and kind."""

    trial: Trial
    number: int
    total: int
    remaining: Sequence[Trial]  # it and those after it
    budget: float | None = None  # the seconds that are left of it, or None without one


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial ended and its record is on disk."""

    record: Record
    number: int
    total: int


Event = str | Transient | TrialStarted | TrialEnded
