"""How noisy a run was, and what disturbed it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import pandas as pd

from bench.analysis.intervals import Interval, compute_t_quantile, share_deviation
from bench.records.schema import Environment, Record, TrialRecord

# Above these a run was disturbed. For comparison, on two idle shared cores other processes take
# 1 to 2 %, nothing is stolen, and the processes of the typical case differ by 2 to 4 %; on a busy
# one, by 17 %.
MAX_OTHERS = 0.05
MAX_STEAL = 0.01
MAX_CLOCK = 0.05
MAX_DRIFT = 0.05
MAX_BETWEEN = 0.10
# A GPU that reaches its power cap for a moment is not disturbed: boost looks for the cap.
MAX_LIMITED = 0.01
LIMITS = {
    "power": "its power cap",
    "heat": "heat",
    "board": "a limit of its board",
    "reliability": "its reliability limit",
}

Conditions = Mapping[str, float | None]
# Of a record whose environment is not at hand.
UNKNOWN = Environment(id="", machine={}, software={}, suite={}, variables={}, data={})


@dataclass(frozen=True, slots=True)
class Noise:
    """The disturbances of a run; None for what its records do not show."""

    # Standard deviation of the logarithms of the epochs of one process.
    spread_within_process: float | None
    # That of the processes' median epochs, which the cases share.
    spread_between_processes: float | None
    drift: Interval | None  # the factor by which times changed from the first round to the last
    others: float | None  # share of all cores' time that other processes took
    steal: float | None  # the same of other guests
    clock: float | None  # largest mean clock over the smallest, minus 1
    throttled: float | None  # how often cores were throttled
    gpu_causes: tuple[str, ...] = ()  # what disturbed the trials on a GPU

    @property
    def causes(self) -> list[str]:
        """Name what disturbed the run."""
        drift = abs(self.drift.mean - 1) if self.drift and self.drift.excludes(1) else None
        thresholds = (
            (self.others, MAX_OTHERS, "other processes took {:.1%} of the cores"),
            (self.steal, MAX_STEAL, "the hypervisor took {:.1%} of the time"),
            (self.clock, MAX_CLOCK, "the clock varied by {:.0%}"),
            (self.throttled, 0, "cores were throttled {:g} times"),
            (
                self.spread_between_processes,
                MAX_BETWEEN,
                "processes of the typical program differ by {:.0%}",
            ),
            (drift, MAX_DRIFT, "times drifted by {:.0%} over the rounds"),
        )
        causes = [text.format(value) for value, limit, text in thresholds if (value or 0) > limit]
        return [cause.replace("%", " %") for cause in (*causes, *self.gpu_causes)]

    @property
    def words(self) -> str:
        """What disturbed the run, or that it was quiet; empty if neither is known."""
        return "; ".join(self.causes) or ("" if self.others is None else "quiet")

    @property
    def warning(self) -> str:
        """Say what disturbed the run, what follows, and what to do; empty if nothing did."""
        if not self.causes:
            return ""
        causes = "; ".join(self.causes)
        causes = f"{causes[:1].upper()}{causes[1:]}"
        taken = (self.others or 0) > MAX_OTHERS or (self.steal or 0) > MAX_STEAL
        effect = "these times are too long" if taken else "these times are not certain"
        return f"{causes}: {effect}. Measure again when the machine is idle."


def measure_noise(records: Iterable[Record], environments: Mapping[str, Environment]) -> Noise:
    """Measure the noise of a run's successful trials."""
    trials = [
        record for record in records if isinstance(record, TrialRecord) and record.status == "ok"
    ]
    times = [(t.case.slug, t.round, math.log(median(t.epoch_seconds))) for t in trials]
    medians = pd.DataFrame(times, columns=["case", "round", "log"])
    # The variances of the processes' log epochs are pooled by their degrees of freedom.
    logs = [np.log(trial.epoch_seconds) for trial in trials]
    freedom = sum(len(epochs) - 1 for epochs in logs)
    squares = sum(((epochs - epochs.mean()) ** 2).sum() for epochs in logs)
    conditions = [trial.conditions for trial in trials]
    throttled = _list_readings(conditions, "throttled")
    # A clock of 0 was not read.
    clocks = [clock for clock in _list_readings(conditions, "mhz_before", "mhz_after") if clock]
    return Noise(
        spread_within_process=math.sqrt(squares / freedom) if freedom else None,
        spread_between_processes=share_deviation(
            [logs.tolist() for _, logs in medians.groupby("case")["log"]]
        ),
        drift=_estimate_drift(medians),
        others=compute_share(trials, environments, "others_seconds"),
        steal=compute_share(trials, environments, "steal_seconds"),
        clock=max(clocks) / min(clocks) - 1 if clocks else None,
        throttled=sum(throttled) if throttled else None,
        gpu_causes=_find_gpu_causes([trial for trial in trials if trial.case.device == "gpu"]),
    )


def estimate_between(medians: pd.DataFrame) -> float | None:
    """Fit an effect of each case and of each round, and return the residuals' deviation.

    medians: of the processes' epochs; columns case, round and log. Least squares, because trials
    may be missing. The factor with more levels is removed by subtracting its means, so that the
    matrix has a column for each level of the other only. None without degrees of freedom.
    """
    few, many = sorted(("case", "round"), key=lambda factor: medians[factor].nunique())
    levels = pd.get_dummies(medians[few], dtype=float).assign(log=medians["log"])
    centred = levels - levels.groupby(medians[many]).transform("mean")
    design, logs = centred.drop(columns="log").to_numpy(), centred["log"].to_numpy()
    effects, _, rank, _ = np.linalg.lstsq(design, logs, rcond=None)
    freedom = len(medians) - medians[many].nunique() - rank
    if freedom <= 0:
        return None
    return math.sqrt(((logs - design @ effects) ** 2).sum() / freedom)


def _estimate_drift(medians: pd.DataFrame) -> Interval | None:
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


def compute_share(
    trials: Iterable[Record], environments: Mapping[str, Environment], name: str
) -> float | None:
    """Return the seconds of a condition over all cores' seconds, of the trials with both."""
    part = whole = 0.0
    for trial in trials:
        seconds, elapsed = trial.conditions.get(name), trial.conditions.get("seconds")
        if seconds is not None and elapsed:
            machine = environments.get(trial.environment, UNKNOWN).machine
            processors = machine.get("processors") or machine.get("cores") or trial.case.threads
            part += seconds
            whole += elapsed * float(processors)
    return part / whole if whole else None


def _find_gpu_causes(trials: Sequence[TrialRecord]) -> tuple[str, ...]:
    """Name what held the GPU's clock down in timed epochs, and whether others used the GPU."""
    causes = []
    for name, words in LIMITS.items():
        shares = []
        for trial in trials:
            before, after = (
                trial.device_conditions.get(f"{name}_seconds_{when}")
                for when in ("before", "after")
            )
            if before is not None and after is not None:
                shares.append((after - before) / sum(trial.epoch_seconds))
        if limited := [share for share in shares if share > MAX_LIMITED]:
            causes.append(
                f"{words} slowed the GPU in {len(limited)} of {len(shares)} trials, up to "
                f"{max(limited):.0%} of the time"
            )
    others = _list_readings([trial.device_conditions for trial in trials], "other_processes")
    if shared := sum(count > 0 for count in others):
        causes.append(f"another process was on the GPU in {shared} of {len(others)} trials")
    return tuple(causes)


def _list_readings(conditions: Iterable[Conditions], *names: str) -> list[float]:
    """Return the values that were recorded under these names."""
    values = (read.get(name) for read in conditions for name in names)
    return [value for value in values if value is not None]
