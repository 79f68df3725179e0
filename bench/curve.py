"""Accuracy against wall-clock time: what each case has learned how long after a cold start.

Time is counted as in bench/startup.py: import, set-up, reset and the first epoch of a fresh
process, which stands in for epoch 1, and the timed epochs after it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.intervals import Interval
from bench.result import Case, Record, Run
from bench.startup import over_rounds, phases, ranked


@dataclass(frozen=True, slots=True)
class Stage:
    """What is reached after so many epochs.

    seconds: since the start of a fresh process, geometric mean over processes. accuracy: on the
    validation images, arithmetic mean.
    """

    epoch: int
    seconds: Interval
    accuracy: float


@dataclass(frozen=True, slots=True)
class Curve:
    """The stages of one case, one for each of its workload's epochs, in their order."""

    case: Case
    stages: tuple[Stage, ...]


def curves(records: Iterable[Record], run: Run | None = None) -> list[Curve]:
    """Return the curve of each ranked case, in the order of the table.

    A case without one whole start among its records is left out. ``run`` says whether a precision
    was asked for, which decides how intervals are computed.
    """
    found = (_curve(row.case, trials, run) for row, trials in ranked(records))
    return [curve for curve in found if curve.stages]


def _curve(case: Case, trials: Iterable[Record], run: Run | None) -> Curve:
    whole = [(trial, sum(start)) for trial in trials if (start := phases(trial))]
    epochs = min((_epochs(trial) for trial, _ in whole), default=0)
    return Curve(case, tuple(_stage(whole, epoch, run) for epoch in range(1, epochs + 1)))


def _epochs(trial: Record) -> int:
    """Count the workload's own epochs that were both timed and judged."""
    return min(trial.case.epochs, len(trial.epoch_seconds), len(trial.validation_accuracy))


def _stage(whole: Sequence[tuple[Record, float]], epoch: int, run: Run | None) -> Stage:
    seconds = {
        trial.round: start + sum(trial.epoch_seconds[1:epoch]) for trial, start in whole
    }  # fmt: skip
    accuracy = fmean(trial.validation_accuracy[epoch - 1] for trial, _ in whole)
    return Stage(epoch, over_rounds(seconds, whole[0][0].case, run), accuracy)
