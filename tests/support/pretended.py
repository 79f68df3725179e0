"""A runner that measures nothing, and the plan of a comparison for it."""

import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from support import comparisons
from support.records import NUMPY, bare, case, environment, ok

from bench.records import store
from bench.records.schema import BasePlan, Record, Trial
from bench.regression.pairs import loop
from bench.regression.programs import measure_pairs
from bench.regression.programs.comparison_plan import ComparisonPlan, Pairing


def pairing(name: str = "numpy", **changes: Any) -> Pairing:
    """Return a pairing of equal cases: NumPy on digits."""
    of = case(name, **{**NUMPY, **changes})
    return Pairing(of, of)


def comparison(*pairings: Pairing, **changes: Any) -> ComparisonPlan:
    """Return the plan of a comparison with a budget of three minutes."""
    pairings = pairings or (pairing(),)
    return comparisons.comparison(pairings=pairings, data_source="digits", **changes)


@dataclass
class Pretended:
    """A runner without processes; only its trials move its clock, by ``seconds`` and their epochs.

    ratio: of the candidate's epoch to the base's, by the number of the pair. accuracy: by epochs.
    becomes: fields of the records of failed trials, by (version, pair). stop: the trial that is
    interrupted. judge_one: of each pair whose sides
    live at the same time, whether one epoch of it was judged.
    """

    folder: Path | None = None
    ratio: Callable[[int], float] = lambda _: 1.0
    accuracy: Callable[[int], float] = lambda _: 0.9
    epoch: float = 0.1
    seconds: float = 1.0
    becomes: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    stop: tuple[str, int] | None = None
    trials: list[Trial] = field(default_factory=list)
    judge_one: list[bool] = field(default_factory=list)
    clock: float = 1000.0
    run: str = "a run"

    def install(self, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Let ``bench ab`` measure with this runner."""
        monkeypatch.setattr(measure_pairs, "Runner", self.begin)
        for module in (measure_pairs, loop):
            monkeypatch.setattr(module, "now", self.now)
        return self

    def now(self) -> float:
        return self.clock

    def begin(self, folder: Path, planned: BasePlan, *_given: Any, **_named: Any) -> "Pretended":
        """Become the runner of a folder."""
        self.folder, self.run = folder, planned.run
        store.add_environment(folder, environment())
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def measure_pair(self, trials: Sequence[Trial], *, judge_one_epoch: bool) -> tuple[Record, ...]:
        """Store and return the records of two trials."""
        self.judge_one.append(judge_one_epoch)
        return tuple(self.measure(trial) for trial in trials)

    def measure(self, trial: Trial) -> Record:
        self.trials.append(trial)
        if self.stop == (trial.version, trial.round):
            raise KeyboardInterrupt
        epoch = self.epoch * (self.ratio(trial.round) if trial.version == "candidate" else 1.0)
        times = [epoch] * trial.case.epochs
        self.clock += self.seconds + sum(times)
        started = dt.datetime.fromtimestamp(self.clock, dt.UTC).isoformat(timespec="milliseconds")
        of = {
            "run": self.run,
            "trial": trial.id,
            "version": trial.version,
            "started": started,
        }
        wrong = self.becomes.get((trial.version, trial.round))
        record = (
            bare(trial.case, trial.round, **of, **wrong) if wrong else self._well(trial, times, of)
        )
        if self.folder is not None:
            store.append_record(self.folder, record)
        return record

    def _well(self, trial: Trial, times: list[float], of: dict[str, Any]) -> Record:
        """Return a successful record with epochs of these seconds."""
        count = trial.case.epochs
        curve = [self.accuracy(number) for number in range(1, count + 1)]
        return ok(
            trial.case,
            trial.round,
            import_seconds=0.1,
            setup_seconds=0.1,
            first_epoch_seconds=times[0],
            epoch_seconds=times,
            validation_accuracy=curve,
            test_accuracy=curve,
            **of,
        )

    @property
    def pairs(self) -> list[int]:
        """The numbers of the started pairs, in order."""
        return [number for number, _ in itertools.groupby(item.round for item in self.trials)]
