"""What a trial says of a version: the quantity that the gate judges, and those shown beside it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles

from bench.result import Record


@dataclass(frozen=True, slots=True)
class Quantity:
    """A positive number of one process, less being better; None where the record lacks it.

    unit: "seconds" or "bytes". gated: ``always``, ``on request`` or, for what is only shown,
    ``never``.
    """

    name: str
    value: Callable[[Record], float | None]
    unit: str
    gated: str


def _tail(record: Record) -> float:
    """90th percentile of a process's epochs; of five it lies between the two longest."""
    return quantiles(record.epoch_seconds, n=10, method="inclusive")[-1]


# Of five epochs the least sees the smallest slowdown (docs/calibration.md); what slows only some
# of them does not show in it, and is for the eye in the next two.
EPOCH = Quantity("epoch", lambda record: min(record.epoch_seconds), "seconds", "always")
QUANTITIES = (
    EPOCH,
    Quantity("median epoch", lambda record: median(record.epoch_seconds), "seconds", "never"),
    Quantity("90 % epoch", _tail, "seconds", "never"),
    Quantity("first-epoch", lambda record: record.first_epoch_seconds, "seconds", "on request"),
    Quantity("set-up", lambda record: record.setup_seconds, "seconds", "on request"),
    Quantity("import", lambda record: record.import_seconds, "seconds", "on request"),
    Quantity("memory", lambda record: record.peak_rss_bytes, "bytes", "on request"),
)
ON_REQUEST = tuple(each.name for each in QUANTITIES if each.gated == "on request")


def log_ratio(quantity: Quantity, base: Record, candidate: Record) -> float | None:
    """Logarithm of the candidate's value over the base's; None where one is lacking or nought."""
    values = quantity.value(base), quantity.value(candidate)
    if not all(values):
        return None
    return math.log((values[1] or 1) / (values[0] or 1))
