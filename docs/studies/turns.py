"""Count which statistic of a pair's epochs finds a slowdown, on pairs of equal versions.

``python docs/studies/turns.py CALIBRATIONS …`` reads folders of unpacked calibrations, and prints
a table. It adds a slowdown to every pair and draws comparisons from them, as ``ab`` does to say
what it detects: the level is that of ``ab``, which judges the mean epoch, too.

A slowdown of 1 % is found in this many of 100 draws of 11 pairs of equal versions (CPU time, 9,600
images, published calibrations of an older EPYC and of a Zen 5, quiet and loaded), behind the
standard deviation of a pair. The first is how older comparisons are judged, whose plan has no
``reach``; the third is what a pair contributes now:

    median ratio of epochs ...         EPYC, quiet  loaded      Zen 5, quiet  loaded
    of the same turn                   1.57 %, 37   4.23 %, 31  0.79 %, 83    0.87 %, 74
    at most one turn apart             1.47 %, 42   4.16 %, 31  0.80 %, 85    0.81 %, 78
    at most two turns apart            1.61 %, 39   3.56 %, 31  0.77 %, 88    0.81 %, 77
    however far apart                  1.85 %, 34   3.57 %, 34  0.75 %, 88    0.81 %, 76
    Hodges-Lehmann of turns' ratios    1.88 %, 32   3.69 %, 30  0.84 %, 83    0.81 %, 78
    Hodges-Lehmann of each side        3.43 %, 16   3.97 %, 32  0.94 %, 83    0.84 %, 74
    median of each side                4.48 %, 17   5.11 %, 28  1.27 %, 77    1.00 %, 59

A statistic of each side by itself does well while the machine's speed is constant; the EPYC's jumps
in the middle of pairs, and Hodges-Lehmann of each side would have lost 15 slowdowns that were found
and found two others. Two turns, not one, because every second epoch takes 1.6 % longer on the quiet
Zen 5. Of 268 injected slowdowns of all calibrations it finds 251 instead of 250, and of 370
comparisons of equal code without a tolerance it calls five different instead of two; the limit
allows seven on average. The published counts are by the statistic of their time.

On the quiet Zen 4, where 1 % was found in 9 of 20, pairs deviate by 1.4 %; both halves of a pair
correlate by 0.02, so that it is not the two processes that differ, and of nine statistics none is
clearly better.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parents[1]))
from studies.decisions import count_processors, name_load

from bench.regression.programs.comparison_plan import REACH
from bench.regression.stats.decision import Rule
from bench.regression.stats.power import find_least_detected_log, resample
from bench.regression.stored.calibrations import load_calibrations

PAIRS, SLOWDOWN, DRAWS = 11, 0.01, 2000
RULE = Rule(tolerance=0.0, family=2)
FEWEST = 100  # pairs of a line

Logs = NDArray[np.float64]  # of the epochs of one side of a pair


def estimate_centre(logs: Logs) -> float:
    """Return the Hodges-Lehmann estimate: the median of the averages of every two."""
    first, second = np.triu_indices(len(logs))
    return float(np.median((logs[first] + logs[second]) / 2))


def average_middle(logs: Logs) -> float:
    """Return the mean without a quarter at each end."""
    cut = len(logs) // 4
    return float(np.sort(logs)[cut : len(logs) - cut].mean())


def compare_near(reach: int, before: Logs, after: Logs) -> float:
    """Return the median difference of epochs that are at most so many turns apart."""
    turns = np.arange(len(before))
    near = abs(turns[:, None] - turns) <= reach
    return float(np.median((after[:, None] - before)[near]))


def correlate_halves(pairs: list[tuple[Logs, Logs]]) -> float:
    """Return how the first halves of the pairs' epochs correlate with the second halves.

    Near 1 two processes differ throughout, and only more pairs help; near 0 only more epochs do.
    """
    halve = partial(np.array_split, indices_or_sections=2)
    halves = [
        [compare_near(REACH, *sides) for sides in zip(first, second, strict=True)]
        for first, second in (map(halve, pair) for pair in pairs)
    ]
    return float(np.corrcoef(np.transpose(halves))[0, 1])


STATISTICS: dict[str, Callable[[Logs, Logs], float]] = {
    "median of neighbours' ratios": partial(compare_near, 0),
    "of epochs one turn apart, too": partial(compare_near, 1),
    "of epochs two turns apart, too": partial(compare_near, REACH),
    "of all epochs": partial(compare_near, sys.maxsize),
    "middle half of ratios": lambda before, after: average_middle(after - before),
    "Hodges-Lehmann of ratios": lambda before, after: estimate_centre(after - before),
    "of each side": lambda before, after: estimate_centre(after) - estimate_centre(before),
    "median of each side": lambda before, after: float(np.median(after) - np.median(before)),
    "middle half of each side": lambda before, after: (
        average_middle(after) - average_middle(before)
    ),
}


def collect(folder: Path) -> dict[str, list[tuple[Logs, Logs]]]:
    """Return the pairs of equal versions, as logarithms of CPU seconds, by size and load."""
    groups = defaultdict(list)
    for decision in load_calibrations(folder).decisions:
        load = name_load(decision.design.conditions, count_processors(decision))
        for pair in [] if decision.design.slowdown else decision.pairs:
            seconds = [np.array(record.epoch_cpu_seconds) for record in pair]
            if pair[0].alternated and all(side.size and side.all() for side in seconds):
                before, after = map(np.log, seconds)
                images = pair[0].case.samples
                groups[f"{folder.name}, {load}, {images:,} images"].append((before, after))
    return groups


def main(folders: list[Path]) -> None:
    """Print a column for each group: the deviation of a pair, and the share that is found."""
    groups = {
        name: pairs
        for folder in folders
        for name, pairs in sorted(collect(folder).items())
        if len(pairs) >= FEWEST
    }
    print("| statistic |", " | ".join(f"{name} ({len(groups[name]):,})" for name in groups), "|")
    print("|---|" + "---:|" * len(groups))
    for name, compare in STATISTICS.items():
        cells = []
        for pairs in groups.values():
            logs = [compare(*pair) for pair in pairs]
            found = [
                find_least_detected_log(drawn.tolist(), (PAIRS,), RULE) <= math.log1p(SLOWDOWN)
                for drawn in resample(logs, PAIRS, DRAWS)
            ]
            cells.append(f"{100 * np.std(logs):.2f} %, {100 * np.mean(found):.0f} %")
        print(f"| {name} |", " | ".join(cells), "|", flush=True)
    cells = [f"{correlate_halves(pairs):.2f}" for pairs in groups.values()]
    print("| correlation of both halves of a pair |", " | ".join(cells), "|")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or sys.exit(__doc__))
