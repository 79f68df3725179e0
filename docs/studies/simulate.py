"""Compute the coverage of a report's intervals: python docs/studies/simulate.py.

Writes the tables of docs/how-sure.md as CSV beside this file, in percent. Noise is normal, or drawn
from the processes of published runs, whose true median is then known. The intervals are those of
bench/analysis.
"""

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.intervals import Interval, estimate_ratio, estimate_typical
from bench.analysis.ranking import Comparison, compare_all
from bench.analysis.stopping import apply_rule
from bench.planning.pilot import MIN_GAIN
from bench.planning.plan import PRECISION
from bench.planning.presets import PRESETS
from bench.records import store
from bench.records.schema import StoppingRule, TrialRecord

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
CALIBRATION = REFERENCE / "intel-xeon-2-cores-calibration"
COUNTS = (3, 5, 6, 10)
REPEATS = 10_000
TABLES, ROUNDS = 1500, 5
STOPPING = StoppingRule(PRESETS["default"].least_rounds, PRECISION)
# Tables by the heading of their column: rows, processes of each, and how many times as long as the
# row before it each row takes. A default run has 13 rows, and one with layers 24.
COLUMNS = {
    **{f"{size} equal rows, {count}": (size, count, 1.0) for count in (3, 5) for size in (13, 24)},
    **{f"1.4 times, {count}": (24, count, 1.4) for count in (3, 5)},
}
# Under the stopping rule each of these pairs of equal rows is this many times as slow as the last.
PAIRS = 7
STEPS = (1.02, 1.05, 1.1, 1.2, 1.5, 3.0)
SPREAD = 0.04  # of normal noise, standard deviation of the logarithms
SLOW = math.log(1.6)  # how much longer processes in the slower of two states take
# A run gives a case one process a round. These many processes of the calibration, which measures
# one after the other, fit into a round: one or ten seconds, or a minute.
STRETCHES = (10, 60)

Logs = NDArray[np.float64]
# Takes a generator and the shape (rows, repeats, processes). Returns the logarithms of the times,
# and those of the true median, (repeats, 1) or one for all.
Noise = Callable[[np.random.Generator, tuple[int, int, int]], tuple[Logs, Logs | float]]


def read_session(folder: Path) -> Logs:
    """Return the log median epoch of each process of a calibration, in the order measured."""
    trials = sorted(store.read_trials(folder), key=lambda trial: trial.started)
    return np.log([median(t.epoch_seconds) for t in trials if t.status == "ok" and not t.slowdown])


def read_residuals(folder: Path) -> list[float]:
    """Return how far the processes of each row of a run are from its mean, on the logarithms.

    Widened, because a mean of few processes lies closer to them than the true one does.
    """
    rows: dict[str, list[float]] = {}
    for record in store.read_records(folder):
        if isinstance(record, TrialRecord) and record.status == "ok":
            rows.setdefault(record.case.slug, []).append(math.log(median(record.epoch_seconds)))
    residuals: list[float] = []
    for logs in rows.values():
        if len(logs) > 2:
            wider = math.sqrt(len(logs) / (len(logs) - 1))
            residuals += (wider * (np.array(logs) - np.mean(logs))).tolist()
    return residuals


def make_normal(spread: float) -> Noise:
    return lambda random, shape: (random.normal(0, spread, shape), 0.0)


def resample(population: Logs) -> Noise:
    """Return noise that is drawn from these processes, each by itself."""
    return lambda random, shape: (random.choice(population, shape), float(np.median(population)))


def resample_in_order(population: Logs, stretch: int) -> Noise:
    """Return processes of one stretch of time: in each round, one from as many in a row.

    The truth is the median of all processes of the stretch. So bursts stay together.
    """

    def draw(random: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Logs, Logs]:
        _, repeats, count = shape
        windows = np.lib.stride_tricks.sliding_window_view(population, count * stretch)
        starts = random.integers(0, len(windows), (repeats, 1))
        chosen = starts + np.arange(count) * stretch + random.integers(0, stretch, shape)
        return population[chosen], np.median(windows, axis=1)[starts]

    return draw


def add_slow_processes(population: Logs, one_in: int) -> Noise:
    """Return noise of these processes, of which one of ``one_in`` is in another, slower state."""
    return resample(np.concatenate([np.repeat(population, one_in - 1), population + SLOW]))


def list_noises() -> dict[str, Noise]:
    sessions = CALIBRATION.glob("*/trials.jsonl")
    quiet, busy = sorted((read_session(file.parent) for file in sessions), key=np.std)
    runs = sorted(REFERENCE.glob("*/run.json"))
    residuals = np.array([value for plan in runs for value in read_residuals(plan.parent)])
    normal = np.random.default_rng(0).normal(0, SPREAD, 10_000)
    return {
        "normal, 4 %": make_normal(SPREAD),
        "quiet, each by itself": resample(quiet),
        "busy, each by itself": resample(busy),
        **{
            f"busy, in bursts, {stretch} s a round": resample_in_order(busy, stretch)
            for stretch in STRETCHES
        },
        "published runs": resample(residuals),
        "normal, one in five 1.6 × slower": add_slow_processes(normal, 5),
        "busy, one in five 1.6 × slower": add_slow_processes(busy, 5),
        "normal, one in two 1.6 × slower": add_slow_processes(normal, 2),
    }


def list_table_noises() -> dict[str, Noise]:
    """Return the noise of a quiet and of a busy published run, also with rows that are unlike."""
    runs = (REFERENCE / name for name in ("amd-epyc-2-cores", "amd-epyc-2-cores-busy"))
    quiet, busy = (np.array(read_residuals(run)) for run in runs)

    def mix(other: Noise, one_in: int) -> Noise:
        def draw(random: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Logs, float]:
            logs = random.choice(quiet, shape)
            logs[::one_in] = other(random, shape)[0][::one_in]
            return logs, 0.0

        return draw

    return {
        "quiet": resample(quiet),
        "busy": resample(busy),
        "one process in five 1.6 × slower": add_slow_processes(quiet, 5),
        "so in half of the rows": mix(add_slow_processes(quiet, 5), 2),
        "one process in two 1.6 × slower": add_slow_processes(quiet, 2),
        "a quarter of the rows as busy": mix(resample(busy), 4),
    }


def compute_coverage(intervals: Iterator[Interval], truths: Sequence[float]) -> float:
    """Return the share of intervals that contain the true value, a logarithm."""
    hits = [
        interval.low is not None
        and interval.high is not None
        and interval.low <= math.exp(truth) <= interval.high
        for interval, truth in zip(intervals, truths, strict=True)
    ]
    return sum(hits) / len(hits)


def cover_row(noise: Noise, count: int, repeats: int, random: np.random.Generator) -> float:
    """Return the coverage of the interval of a row."""
    (row,), truth = noise(random, (1, repeats, count))
    truths = np.broadcast_to(truth, (repeats, 1))[:, 0]
    return compute_coverage(map(estimate_typical, np.exp(row).tolist()), truths.tolist())


def cover_machines(noise: Noise, count: int, repeats: int, random: np.random.Generator) -> float:
    """Return the coverage of the interval of a ratio to a machine with normal noise."""
    (row,), truth = noise(random, (1, repeats, count))
    base = np.exp(random.normal(0, SPREAD, (repeats, count)))
    truths = np.broadcast_to(truth, (repeats, 1))[:, 0]
    return compute_coverage(
        map(estimate_ratio, np.exp(row).tolist(), base.tolist()), truths.tolist()
    )


def find_differences(
    noise: Noise, size: int, count: int, times_as_long: float, tables: int
) -> float:
    """Return the share of tables of equal rows in which any differ; else of neighbours that do."""
    logs, _ = noise(np.random.default_rng(42), (size, tables, count))
    slower = np.arange(size)[:, None] * math.log(times_as_long)
    shares = []
    for table in logs.transpose(1, 0, 2):
        times = sorted(np.exp(table + slower).tolist(), key=median)
        pairs = combinations(range(size), 2) if times_as_long == 1 else pairwise(range(size))
        comparison = Comparison({place: dict(enumerate(row)) for place, row in enumerate(times)})
        differ = [comparison.is_slower(two, one) for one, two in pairs]
        shares.append(any(differ) if times_as_long == 1 else np.mean(differ))
    return float(np.mean(shares))


def follow_rule(noise: Noise, tables: int, random: np.random.Generator) -> list[float]:
    """Return the shares in a line of the table for the stopping rule.

    The coverage for rows, the share of tables with a false difference, and that of five processes a
    row that are measured. In round 1 each row is measured twice, as by a pilot of two equal numbers
    of threads, and the choice counts.
    """
    logs, truth = noise(random, (2 * PAIRS, tables, ROUNDS + 1))
    truths = np.broadcast_to(truth, (tables, 1))[:, 0]
    fewest, most = logs[..., 0], logs[..., 1]
    chosen = np.where(fewest + math.log(1 - MIN_GAIN) <= most, fewest, most)
    rounds = np.concatenate([chosen[..., None], logs[..., 2:]], axis=2)
    scale = np.repeat(np.log(np.cumprod([1.0, *STEPS])), 2)
    same = dict.fromkeys(("workload", "objective", "device", "style", "batch_size", "samples"), 0)
    cases = [
        SimpleNamespace(slug=place, tried_threads=(1, 2), **same) for place in range(2 * PAIRS)
    ]
    row_coverage, errors, measured = [], 0, 0
    for table, true in zip(rounds.transpose(1, 0, 2), truths, strict=True):
        epochs = np.exp(table + scale[:, None])
        rows: list[Any] = []
        times: list[dict[int, float]] = [{} for _ in cases]
        for number in range(ROUNDS):
            settled = apply_rule(STOPPING, rows) if number >= STOPPING.least_rounds else set()
            for place in set(range(2 * PAIRS)) - settled:
                times[place][number] = epochs[place, number]
            if number + 1 < STOPPING.least_rounds:
                continue
            rows = [
                SimpleNamespace(
                    case=of,
                    machine="",
                    ranked=True,
                    succeeded=len(own),
                    epoch=estimate_typical(list(own.values())),
                    adjusted_by_round=own,
                    waits=None,
                )
                for of, own in zip(cases, times, strict=True)
            ]
            rows.sort(key=lambda row: row.epoch.mean)
        by_place = sorted(rows, key=lambda row: row.case.slug)
        row_coverage.append(
            compute_coverage((row.epoch for row in by_place), (true + scale).tolist())
        )
        comparison: Any = compare_all(rows)
        equal = range(0, 2 * PAIRS, 2)
        errors += any(comparison.estimate(place, place + 1).excludes(1) for place in equal)
        measured += sum(map(len, times))
    share_measured = measured / (tables * 2 * PAIRS * ROUNDS)
    return [float(np.mean(row_coverage)), errors / tables, share_measured]


HEADINGS = (
    "noise",
    *(f"row, {count}" for count in COUNTS),
    f"two machines, {ROUNDS}",
)
RULE_HEADINGS = ("noise", "row", "false differences", "processes")
TABLE_HEADINGS = ("noise", *COLUMNS)


def simulate(repeats: int) -> dict[str, list[float]]:
    """Return the shares in the columns of the table, by noise."""
    lines = {}
    for name, noise in list_noises().items():
        random = np.random.default_rng(42)
        lines[name] = [
            *(cover_row(noise, count, repeats, random) for count in COUNTS),
            cover_machines(noise, ROUNDS, repeats, random),
        ]
    return lines


def simulate_rule(tables: int) -> dict[str, list[float]]:
    """Return the shares in the columns of the table for the stopping rule, by noise."""
    return {
        name: follow_rule(noise, tables, np.random.default_rng(42))
        for name, noise in list_noises().items()
    }


def simulate_tables(tables: int) -> dict[str, list[float]]:
    """Return the shares in the columns of the table of differences, by noise."""
    return {
        name: [find_differences(noise, *column, tables) for column in COLUMNS.values()]
        for name, noise in list_table_noises().items()
    }


TABLES_OF_PAGE: dict[str, tuple[Sequence[str], Callable[[int], dict[str, list[float]]], int]] = {
    "intervals.csv": (HEADINGS, simulate, REPEATS),
    "differences.csv": (TABLE_HEADINGS, simulate_tables, TABLES),
    "stopping.csv": (RULE_HEADINGS, simulate_rule, TABLES),
}


if __name__ == "__main__":
    for name, (headings, run, repeats) in TABLES_OF_PAGE.items():
        with (Path(__file__).parent / name).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(headings)
            for noise, shares in run(repeats).items():
                writer.writerow([noise, *(f"{100 * share:.1f}" for share in shares)])
