"""Compute the coverage of a report's intervals: python docs/studies/simulate.py.

Writes intervals.csv, differences.csv and stopping.csv beside this file, in percent. Noise is
normal, or drawn from the processes of published runs, whose true median is then known. The
intervals are those of bench/analysis.
"""

import csv
import json
import math
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.intervals import Interval, Traits, estimate_typical
from bench.analysis.ranking import Ranking, compare_all
from bench.analysis.stopping import apply_rule
from bench.planning.plan import PRECISION
from bench.planning.presets import PRESETS
from bench.records import store
from bench.records.schema import StoppingRule, TrialRecord

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
CALIBRATION = REFERENCE / "intel-xeon-2-cores-calibration"
COUNTS = (2, 3, 5)
ROWS, APART = 16, 1.1  # of a default run
TABLES, ROUNDS = 1500, 5
STOPPING = StoppingRule(PRESETS["default"].least_rounds, PRECISION)
# Tables by the heading of their column: rows, processes of each, and how many times as long as the
# row before it each row takes. A run with layers has 24.
COLUMNS = {
    **{f"{size} equal rows, {n}": (size, n, 1.0) for n in COUNTS for size in (ROWS, 24)},
    **{f"{times:g} times, {n}": (ROWS, n, times) for times in (1.2, 1.4) for n in COUNTS},
}
# Under the stopping rule each of these pairs of equal rows is this many times as slow as the last.
PAIRS = 7
STEPS = (1.02, 1.05, 1.1, 1.2, 1.5, 3.0)
SPREAD = 0.04  # of normal noise, standard deviation of the logarithms
SLOW = math.log(1.6)  # how much longer processes in the slower of two states take
# A run gives a case one process a round. These many processes of the calibration, which measures
# one after the other, fit into a round: one or ten seconds, or a minute.
ROUND_SECONDS = (10, 60)

Logs = NDArray[np.float64]
# Takes a generator and the shape (rows, repeats, processes). Returns the logarithms of the times,
# and those of the true median, (repeats, 1) or one for all.
Noise = Callable[[np.random.Generator, tuple[int, int, int]], tuple[Logs, Logs | float]]


def read_session(folder: Path) -> Logs:
    """Return the log median epoch of each process of a calibration, in the order measured.

    Without those into which a slowdown was injected, as older.json says.
    """
    older = json.loads((folder / "older.json").read_text(encoding="utf-8"))
    trials = sorted(store.read_records(folder), key=lambda trial: trial.started)
    trials = [trial for trial in trials if "slowdown" not in older.get(trial.trial, {})]
    return np.log([median(trial.epoch_seconds) for trial in trials if trial.status == "ok"])


def read_residuals(folder: Path, threads: int | None = None) -> dict[str, list[float]]:
    """Return how far the processes of each row of a run are from its mean, on the logarithms.

    By program. Widened, because a mean of few processes lies closer to them than the true one does.
    threads: of the rows; None for any.
    """
    rows: dict[tuple[str, str], list[float]] = {}
    for record in store.read_records(folder):
        if not isinstance(record, TrialRecord) or record.status != "ok":
            continue
        if threads in {None, record.case.threads}:
            key = record.case.implementation, record.case.slug
            rows.setdefault(key, []).append(math.log(median(record.epoch_seconds)))
    residuals: dict[str, list[float]] = {}
    for (program, _), logs in rows.items():
        if len(logs) > 2:
            wider = math.sqrt(len(logs) / (len(logs) - 1))
            own = residuals.setdefault(program, [])
            own += (wider * (np.array(logs) - np.mean(logs))).tolist()
    return residuals


def pool(residuals: dict[str, list[float]]) -> Logs:
    return np.array([value for own in residuals.values() for value in own])


def resample_by_program(residuals: dict[str, list[float]]) -> Noise:
    """Return noise in which each row has the processes of one program, drawn for the table."""
    own = [np.array(one) for one in residuals.values() if len(one) >= 9]

    def draw(random: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Logs, Logs]:
        rows, repeats, count = shape
        logs, truths = np.empty(shape), np.empty((rows, repeats, 1))
        for table in range(repeats):
            for row, program in enumerate(random.permutation(len(own))[:rows]):
                # Smoothed: a population of few values has no density at its median.
                width = 0.3 * np.median(np.abs(own[program])) + 1e-4
                drawn = random.choice(own[program], count) + random.normal(0, width, count)
                logs[row, table], truths[row, table] = drawn, np.median(own[program])
        return logs, truths

    return draw


def make_normal(spread: float) -> Noise:
    return lambda random, shape: (random.normal(0, spread, shape), 0.0)


def resample(population: Logs) -> Noise:
    """Return noise that is drawn from these processes, each by itself."""
    return lambda random, shape: (random.choice(population, shape), float(np.median(population)))


def resample_in_order(population: Logs, seconds: int) -> Noise:
    """Return processes of one window of time: in each round, one from as many in a row.

    The truth is the median of all processes of the window. So bursts stay together.
    """

    def draw(random: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Logs, Logs]:
        _, repeats, count = shape
        windows = np.lib.stride_tricks.sliding_window_view(population, count * seconds)
        starts = random.integers(0, len(windows), (repeats, 1))
        chosen = starts + np.arange(count) * seconds + random.integers(0, seconds, shape)
        return population[chosen], np.median(windows, axis=1)[starts]

    return draw


def add_slow_processes(population: Logs, one_in: int) -> Noise:
    """Return noise of these processes, of which one of ``one_in`` is in another, slower state."""
    return resample(np.concatenate([np.repeat(population, one_in - 1), population + SLOW]))


def list_noises() -> dict[str, Noise]:
    sessions = CALIBRATION.glob("*/trials.jsonl")
    quiet, busy = sorted((read_session(file.parent) for file in sessions), key=np.std)
    zen5, zen4 = REFERENCE / "amd-epyc-zen5-2-cores", REFERENCE / "amd-epyc-2-cores"
    again = REFERENCE / "amd-epyc-zen5-2-cores-second"
    normal = np.random.default_rng(0).normal(0, SPREAD, 10_000)
    return {
        "normal, 4 %": make_normal(SPREAD),
        "quiet, each by itself": resample(quiet),
        "busy, each by itself": resample(busy),
        **{
            f"busy, in bursts, {seconds} s a round": resample_in_order(busy, seconds)
            for seconds in ROUND_SECONDS
        },
        "Zen 5, one thread": resample(pool(read_residuals(zen5, 1))),
        "Zen 5, one thread, by program": resample_by_program(read_residuals(zen5, 1)),
        "Zen 5, three hours later": resample(pool(read_residuals(again, 1))),
        "Zen 5, two threads": resample(pool(read_residuals(zen5, 2))),
        "Zen 4, one thread": resample(pool(read_residuals(zen4, 1))),
        "Zen 4, busy": resample(pool(read_residuals(REFERENCE / "amd-epyc-2-cores-busy"))),
        "normal, one in five 1.6 × slower": add_slow_processes(normal, 5),
        "busy, one in five 1.6 × slower": add_slow_processes(busy, 5),
        "normal, one in two 1.6 × slower": add_slow_processes(normal, 2),
    }


def list_table_noises() -> dict[str, Noise]:
    """Return the noise of a quiet and of a busy published run, also with rows that are unlike."""
    runs = (REFERENCE / name for name in ("amd-epyc-2-cores", "amd-epyc-2-cores-busy"))
    quiet, busy = (pool(read_residuals(run)) for run in runs)

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


def cover(noise: Noise, count: int, tables: int) -> list[float]:
    """Return shares and widths of the intervals of tables, whose rows are APART times apart.

    Of rows each by itself: the coverage of those with bounds, the median width, and the share
    without bounds. The same of rows that share their noise, and of their ratios to the fastest.
    """
    logs, truth = noise(np.random.default_rng(42), (ROWS, tables, count))
    apart = np.arange(ROWS)[:, None] * math.log(APART)
    truths = np.broadcast_to(truth, (ROWS, tables, 1))[..., 0] + apart
    logs += apart[..., None]
    kinds: list[list[tuple[Interval, float]]] = [[], [], []]
    for place in range(tables):
        table, true = np.exp(logs[:, place]).tolist(), truths[:, place].tolist()
        comparison = Ranking(
            {row: (dict(enumerate(own)), Traits()) for row, own in enumerate(table)}
        )
        fastest = min(range(ROWS), key=lambda row: median(table[row]))
        for row in range(ROWS):
            kinds[0].append((estimate_typical(table[row]), true[row]))
            kinds[1].append((comparison.typical[row], true[row]))
            if row != fastest:
                ratio = comparison.estimate(row, fastest)
                kinds[2].append((ratio, true[row] - true[fastest]))
    return [value for kind in kinds for value in summarize_coverage(kind)]


def summarize_coverage(intervals: Sequence[tuple[Interval, float]]) -> list[float]:
    """Return the coverage of intervals with bounds, their median width, and the share of others."""
    ends = [(one.low, one.high, math.exp(true)) for one, true in intervals if one.low and one.high]
    hits = [low <= true <= high for low, high, true in ends]
    # An interval without bounds is infinitely wide.
    widths = [high / low - 1 for low, high, _ in ends]
    widths += [math.inf] * (len(intervals) - len(ends))
    return [sum(hits) / max(1, len(hits)), median(widths), 1 - len(hits) / len(intervals)]


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
        comparison = Ranking(
            {place: (dict(enumerate(row)), Traits()) for place, row in enumerate(times)}
        )
        differ = [comparison.is_slower(two, one) for one, two in pairs]
        shares.append(any(differ) if times_as_long == 1 else np.mean(differ))
    return float(np.mean(shares))


def follow_rule(noise: Noise, tables: int) -> list[float]:
    """Return the shares in a line of the table for the stopping rule.

    The coverage for rows, the share of tables with a false difference, and that of five processes a
    row that are measured.
    """
    logs, truth = noise(np.random.default_rng(42), (2 * PAIRS, tables, ROUNDS))
    truths = np.broadcast_to(truth, (2 * PAIRS, tables, 1))[..., 0]
    scale = np.repeat(np.log(np.cumprod([1.0, *STEPS])), 2)
    same = dict.fromkeys(("workload", "device", "style"), 0) | {"objective": "softmax"}
    cases = [SimpleNamespace(slug=place, **same) for place in range(2 * PAIRS)]
    coverage, errors, measured = [], 0, 0
    for table, true in zip(logs.transpose(1, 0, 2), truths.T, strict=True):
        epochs = np.exp(table + scale[:, None])
        rows: list[Any] = []
        times: list[dict[int, float]] = [{} for _ in cases]
        for number in range(ROUNDS):
            settled = apply_rule(STOPPING, rows) if number >= STOPPING.least_rounds else set()
            for place in set(range(2 * PAIRS)) - settled:
                times[place][number] = epochs[place, number]
            if number + 1 < STOPPING.least_rounds:
                continue
            comparison = Ranking({place: (own, Traits()) for place, own in enumerate(times)})
            rows = [
                SimpleNamespace(
                    case=of,
                    machine="",
                    ranked=True,
                    succeeded=len(own),
                    epoch=comparison.typical[of.slug],
                    adjusted_by_round=own,
                    traits=Traits(),
                    size=(0, 0, 0),
                )
                for of, own in zip(cases, times, strict=True)
            ]
            rows.sort(key=lambda row: row.epoch.mean)
        by_place = sorted(rows, key=lambda row: row.case.slug)
        coverage += zip((row.epoch for row in by_place), (true + scale).tolist(), strict=True)
        final = compare_all(rows)
        errors += any(final.differ(place, place + 1) for place in range(0, 2 * PAIRS, 2))
        measured += sum(map(len, times))
    share_measured = measured / (tables * 2 * PAIRS * ROUNDS)
    return [summarize_coverage(coverage)[0], errors / tables, share_measured]


KINDS = ("alone", "row", "× fastest")
HEADINGS = (
    "noise",
    *(f"{kind}, {n}{what}" for n in COUNTS for kind in KINDS for what in ("", " width", " none")),
)
RULE_HEADINGS = ("noise", "row", "false differences", "processes")
TABLE_HEADINGS = ("noise", *COLUMNS)


def simulate(tables: int) -> dict[str, list[float]]:
    """Return the values in the columns of the table of coverage, by noise."""
    return {
        name: [value for count in COUNTS for value in cover(noise, count, tables)]
        for name, noise in list_noises().items()
    }


def simulate_rule(tables: int) -> dict[str, list[float]]:
    """Return the shares in the columns of the table for the stopping rule, by noise."""
    return {name: follow_rule(noise, tables) for name, noise in list_noises().items()}


def simulate_tables(tables: int) -> dict[str, list[float]]:
    """Return the shares in the columns of the table of differences, by noise."""
    return {
        name: [find_differences(noise, *column, tables) for column in COLUMNS.values()]
        for name, noise in list_table_noises().items()
    }


TABLES_OF_PAGE: dict[str, tuple[Sequence[str], Callable[[int], dict[str, list[float]]], int]] = {
    "intervals.csv": (HEADINGS, simulate, TABLES),
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
