"""What a trial says of a version: the quantity that the gate judges, and those shown beside it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from bench.records.schema import TrialRecord


@dataclass(frozen=True, slots=True)
class Quantity:
    """A positive number of one process, less being better; None where the record lacks it.

    unit: "seconds" or "bytes". gated: ``always``, ``on request`` or, for what is only shown,
    ``never``.
    """

    name: str
    value: Callable[[TrialRecord], float | None]
    unit: str
    gated: str


def _tail(record: TrialRecord) -> float:
    """90th percentile of a process's epochs; of five it lies between the two longest."""
    return float(np.percentile(record.epoch_seconds, 90))


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


def both(
    quantity: Quantity, base: TrialRecord, candidate: TrialRecord
) -> tuple[float, float] | None:
    """Return a quantity of both versions; None where one is lacking or nought."""
    values = quantity.value(base) or 0.0, quantity.value(candidate) or 0.0
    return values if all(values) else None


def log_ratio(quantity: Quantity, base: TrialRecord, candidate: TrialRecord) -> float | None:
    """Logarithm of the candidate's value over the base's; None where one is lacking or nought."""
    found = both(quantity, base, candidate)
    return None if found is None else math.log(found[1] / found[0])
