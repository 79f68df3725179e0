"""Epochs without the noise of the machine's speed, by the reference kernel.

On a shared host the speed of a core jumps within seconds, and epochs and kernel jump together. So
the kernel is a control variate: from the logarithm of a process's epoch, a slope times that of its
kernel is subtracted. A row's slope comes from

- how the epochs *within* its processes follow the kernel, and
- how the processes of the *other* rows follow it, where that is not certain.

Neither uses the differences between the row's own processes, from which its intervals are computed.
A bad slope therefore makes an interval wide, but not wrong. Where the processes of a case do not
agree better by it, all stays as measured: a scheduler that gives a core to many processes in turn
delays kernels and epochs independently of each other. Source of the method: S. Asmussen and
P. W. Glynn, "Stochastic Simulation" (2007), section V.2, Control Variates.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bench.analysis.noise import estimate_between
from bench.records.schema import Record, TrialRecord

# Standard deviation of the slopes of different rows, about: slopes of 0.7 to 1.1 were measured.
SLOPE_SPREAD = 0.2
# The spread must fall to this share of what was measured.
HELPFUL = 0.9


@dataclass(frozen=True, slots=True)
class Adjustment:
    """The epochs of each process at the run's mean speed, if that makes processes agree.

    seconds: the median epoch by case and round. Empty unless it helps.
    before, after: standard deviation between the processes of a case, without the drift, as
        measured and at the run's mean speed; None if unknown.
    """

    seconds: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    before: float | None = None
    after: float | None = None


def adjust_epochs(records: Iterable[Record]) -> Adjustment:
    """Return the epochs of the processes on a CPU at the run's mean speed.

    Without effect where the kernel is unknown, or does not make the processes of a case agree
    better: that is judged with slopes to which the case's own differences did not contribute.
    """
    epochs = tabulate_epochs(records)
    if epochs.empty:
        return Adjustment()
    slopes = epochs["case"].map(estimate_slopes(epochs))
    # A control variate is subtracted around its mean: there, a wrong slope does least harm.
    mean_kernel = epochs.groupby(["case", "round"])["kernel"].mean().mean()
    at_run_speed = epochs["log"] - slopes * (epochs["kernel"] - mean_kernel)
    # Epoch by epoch, because the speed also changes within a process.
    medians, adjusted = (
        logs.groupby(["case", "round"], as_index=False).median()
        for logs in (epochs, epochs.assign(log=at_run_speed))
    )
    before, after = estimate_between(medians), estimate_between(adjusted)
    if before is None or after is None or after >= HELPFUL * before:
        return Adjustment(before=before, after=after)
    seconds: dict[str, dict[int, float]] = defaultdict(dict)
    columns = (adjusted[name].tolist() for name in ("case", "round", "log"))
    for case, number, log in zip(*columns, strict=True):
        seconds[case][number] = math.exp(log)
    return Adjustment(seconds, before, after)


def tabulate_epochs(records: Iterable[Record]) -> pd.DataFrame:
    """Return the epochs with a kernel before and after each: columns case, round, kernel and log.

    kernel, log: natural logarithms of the kernel around an epoch and of the epoch, in seconds. Only
    of successful trials on a CPU: the kernel says nothing of a GPU's speed.
    """
    rows: list[tuple[str, int, float, float]] = []
    for record in records:
        if (
            isinstance(record, TrialRecord)
            and record.status == "ok"
            and record.case.device == "cpu"
            and len(record.kernel_seconds) == len(record.epoch_seconds) + 1
        ):
            kernels, logs = np.log(record.kernel_seconds), np.log(record.epoch_seconds)
            for kernel, log in zip((kernels[:-1] + kernels[1:]) / 2, logs, strict=True):
                rows.append((record.case.slug, record.round, kernel, log))
    return pd.DataFrame(rows, columns=["case", "round", "kernel", "log"])


def estimate_slopes(epochs: pd.DataFrame) -> "pd.Series[float]":
    """Return by how much the log epoch of each case grows with the log kernel.

    The mean of two slopes, weighted by their precisions: that within the case's processes, and that
    between the processes of the other cases.
    """
    processes = epochs.groupby(["case", "round"])[["kernel", "log"]]
    medians = processes.median()
    between = _sum_squares(medians - medians.groupby("case").transform("mean"))
    others = between.sum() - between
    prior = (others["xy"] / others["xx"]).where(others["xx"] > 0, 0.0)
    values = epochs.set_index(["case", "round"])[["kernel", "log"]]
    within = _sum_squares(values - values.groupby(["case", "round"]).transform("mean"))
    slopes = (within["xy"] / within["xx"]).where(within["xx"] > 0, 0.0)
    counts = processes.size().groupby("case")
    freedom = (counts.sum() - counts.size() - 1).clip(lower=0)
    # The precision of the own slope is evidence / residuals.
    evidence = within["xx"] * freedom
    residuals = (within["yy"] - slopes * within["xy"]).clip(lower=0.0)
    weight = (evidence / (evidence + residuals / SLOPE_SPREAD**2)).fillna(0.0)
    # No program is slower on a faster machine, and none gains more than the square of its speed.
    return (weight * slopes + (1 - weight) * prior).clip(0.0, 2.0)


def _sum_squares(centred: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of xx, xy and yy by case, of centred kernels x and logs y."""
    x, y = centred["kernel"], centred["log"]
    return centred.assign(xx=x * x, xy=x * y, yy=y * y).groupby("case")[["xx", "xy", "yy"]].sum()
