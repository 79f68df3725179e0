"""How noisy a run was, and what disturbed it."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.intervals import Interval, compute_t_quantile
from bench.records.schema import Environment, Record, TrialRecord

if TYPE_CHECKING:
    import pandas as pd

# Above these a run was disturbed. For comparison, on two idle shared cores other processes take
# 1 to 2 %, nothing is stolen, and the processes of one case differ by 4 %.
MAX_OTHERS = 0.05
MAX_STEAL = 0.01
MAX_CLOCK = 0.05
MAX_DRIFT = 0.05
MAX_BETWEEN = 0.10
# The clocks event reasons of NVML that slow a GPU down. The others (idle, clocks set by an
# application or the display, synchronised boards) do not. Source: nvml.h, "Clocks Event Reasons",
# https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
SLOWDOWNS = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "heat",
    0x40: "heat",
    0x80: "power brake",
}

Conditions = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Noise:
    """The disturbances of a run; None for what its records do not show.

    within: standard deviation of the logarithms of the epochs of one process.
    between: the same of the processes' median epochs of one case, without the drift.
    drift: the factor by which times changed from the first round to the last.
    others, steal: share of all cores' time that other processes and other guests took.
    clock: largest mean clock over the smallest, minus 1.
    throttled: how often cores were throttled.
    gpu_causes: what disturbed the trials on a GPU.
    """

    within: float | None
    between: float | None
    drift: Interval | None
    others: float | None
    steal: float | None
    clock: float | None
    throttled: float | None
    gpu_causes: tuple[str, ...] = ()

    @property
    def causes(self) -> list[str]:
        """Name what disturbed the run."""
        drift = abs(self.drift.mean - 1) if self.drift and self.drift.excludes(1) else None
        thresholds = (
            (self.others, MAX_OTHERS, "other processes took {:.1%} of the cores"),
            (self.steal, MAX_STEAL, "the hypervisor took {:.1%} of the time"),
            (self.clock, MAX_CLOCK, "the clock varied by {:.0%}"),
            (self.throttled, 0, "cores were throttled {:g} times"),
            (self.between, MAX_BETWEEN, "processes of one case differ by {:.0%}"),
            (drift, MAX_DRIFT, "times drifted by {:.0%} over the rounds"),
        )
        causes = [text.format(value) for value, limit, text in thresholds if (value or 0) > limit]
        return [*causes, *self.gpu_causes]


def measure_noise(records: Iterable[Record], environments: Mapping[str, Environment]) -> Noise:
    """Measure the noise of a run's successful trials."""
    import pandas as pd

    trials = [
        record for record in records if isinstance(record, TrialRecord) and record.status == "ok"
    ]
    medians = pd.DataFrame(
        {
            "case": [trial.case.slug for trial in trials],
            "round": [trial.round for trial in trials],
            "log": [math.log(median(trial.epoch_seconds)) for trial in trials],
        }
    )
    conditions = [trial.conditions for trial in trials]
    throttled = _list_readings(conditions, "throttled")
    return Noise(
        within=_estimate_within(trials),
        between=_estimate_between(medians),
        drift=_estimate_drift(medians),
        others=_compute_share(trials, environments, "others_seconds"),
        steal=_compute_share(trials, environments, "steal_seconds"),
        clock=_compute_variation(_list_readings(conditions, "mhz_before", "mhz_after")),
        throttled=sum(throttled) if throttled else None,
        gpu_causes=_find_gpu_causes(
            [trial.device_conditions for trial in trials if trial.case.device == "gpu"]
        ),
    )


def _estimate_within(trials: Iterable[TrialRecord]) -> float | None:
    """Pool the variances of the processes' log epochs by their degrees of freedom."""
    logs = [np.log(trial.epoch_seconds) for trial in trials]
    freedom = sum(len(epochs) - 1 for epochs in logs)
    if not freedom:
        return None
    return math.sqrt(sum(((epochs - epochs.mean()) ** 2).sum() for epochs in logs) / freedom)


def _estimate_between(medians: "pd.DataFrame") -> float | None:
    """Fit an effect of each case and of each round, and return the residuals' deviation.

    Least squares, because trials may be missing. The factor with more levels is removed by
    subtracting its means, so that the matrix has a column for each level of the other only. None
    without degrees of freedom.
    """
    import pandas as pd

    few, many = sorted(("case", "round"), key=lambda factor: medians[factor].nunique())
    levels = pd.get_dummies(medians[few], dtype=float).assign(log=medians["log"])
    centred = levels - levels.groupby(medians[many]).transform("mean")
    design, logs = centred.drop(columns="log").to_numpy(), centred["log"].to_numpy()
    effects, _, rank, _ = np.linalg.lstsq(design, logs, rcond=None)
    freedom = len(medians) - medians[many].nunique() - rank
    if freedom <= 0:
        return None
    return math.sqrt(((logs - design @ effects) ** 2).sum() / freedom)


def _estimate_drift(medians: "pd.DataFrame") -> Interval | None:
    """Fit a level of each case and one slope over the rounds; None with fewer than three rounds.

    The standard error is that of the rounds' mean residuals, because what slows one trial of a
    round slows the others too.
    """
    rounds = medians["round"]
    means = medians.groupby("case")[["round", "log"]].transform("mean")
    x, y = rounds - means["round"], medians["log"] - means["log"]
    squares, freedom = (x**2).sum(), rounds.nunique() - 2
    if freedom < 1 or not squares:
        return None
    slope = (x * y).sum() / squares
    residuals = (y - slope * x).groupby(rounds)
    variance = (residuals.size() * residuals.mean() ** 2).sum() / freedom
    half_width = compute_t_quantile(freedom) * math.sqrt(variance / squares)
    length = rounds.max() - rounds.min()
    low, mean, high = (
        math.exp(length * value) for value in (slope - half_width, slope, slope + half_width)
    )
    return Interval(mean, low, high)


def _compute_share(
    trials: Iterable[Record], environments: Mapping[str, Environment], name: str
) -> float | None:
    """Return the seconds of a condition over all cores' seconds, of the trials with both."""
    part = whole = 0.0
    for trial in trials:
        seconds, elapsed = trial.conditions.get(name), trial.conditions.get("seconds")
        if seconds is not None and elapsed:
            environment = environments.get(trial.environment)
            machine = environment.machine if environment else {}
            processors = machine.get("processors") or machine.get("cores") or trial.case.threads
            part += seconds
            whole += elapsed * float(processors)
    return part / whole if whole else None


def _find_gpu_causes(conditions: Sequence[Conditions]) -> tuple[str, ...]:
    """Name what throttled the GPU, whether others used it, and whether its clock varied.

    conditions: of the trials on a GPU.
    """
    causes = []
    masks = [_list_readings([read], "throttle_before", "throttle_after") for read in conditions]
    recorded = [list(map(int, by_trial)) for by_trial in masks if by_trial]
    counts = Counter(
        reason
        for trial in recorded
        for reason in {name for bit, name in SLOWDOWNS.items() if any(mask & bit for mask in trial)}
    )
    if counts:
        reasons = " and ".join(
            f"{reason} in {counts[reason]} of {len(recorded)} trials"
            for reason in dict.fromkeys(SLOWDOWNS.values())
            if reason in counts
        )
        causes.append(f"the GPU was throttled by {reasons}")
    others = _list_readings(conditions, "other_processes")
    if shared := sum(count > 0 for count in others):
        causes.append(f"another process was on the GPU in {shared} of {len(others)} trials")
    variation = _compute_variation(_list_readings(conditions, "sm_mhz_after"))
    if variation is not None and variation > MAX_CLOCK:
        causes.append(f"the GPU's clock varied by {variation:.0%}")
    return tuple(causes)


def _list_readings(conditions: Iterable[Conditions], *names: str) -> list[float]:
    """Return the values that were recorded under these names."""
    values = (read.get(name) for read in conditions for name in names)
    return [value for value in values if value is not None]


def _compute_variation(clocks: Iterable[float]) -> float | None:
    """Return the largest clock over the smallest, minus 1; a clock of 0 was not read."""
    positive = [clock for clock in clocks if clock]
    return max(positive) / min(positive) - 1 if positive else None
