"""The intervals have the coverage that docs/how-sure.md says, on noise of published runs."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from studies import simulate

REPEATS, TABLES = 1000, 100
STUDIES = Path(simulate.__file__).parent


def read_documented(name):
    with (STUDIES / name).open(encoding="utf-8", newline="") as stream:
        headings, *lines = csv.reader(stream)
    return headings, {noise: [float(cell) / 100 for cell in cells] for noise, *cells in lines}


@pytest.mark.parametrize("name", simulate.TABLES_OF_PAGE)
def test_documented_coverage_is_that_of_the_code(name):
    headings, run, _ = simulate.TABLES_OF_PAGE[name]
    repeats = REPEATS if name == "intervals.csv" else TABLES
    (documented_headings, documented), simulated = read_documented(name), run(repeats)
    assert documented_headings == list(headings)
    assert list(simulated) == list(documented)
    for noise, shares in simulated.items():
        for heading, share, published in zip(headings[1:], shares, documented[noise], strict=True):
            # Four standard errors of what is simulated here.
            error = 4 * math.sqrt(max(0.01, published * (1 - published)) / repeats)
            assert share == pytest.approx(published, abs=error), (noise, heading)


def test_documented_coverage_is_at_least_95_percent():
    # 10,000 repeats have a standard error of 0.22 points.
    for name, coverage in read_documented("intervals.csv")[1].items():
        # Half of the processes in another state: only six or more need no assumption.
        shares = coverage[2:4] if "one in two" in name else coverage
        assert min(shares) >= 0.945, name


def test_documented_errors_are_5_percent_and_differences_are_found():
    _, documented = read_documented("differences.csv")
    documented.pop("a quarter of the rows as busy")  # the page says so
    assert max(max(shares[:4]) for shares in documented.values()) <= 0.05
    assert documented["quiet"][4] >= 0.99


def test_bursts_stay_together_and_have_the_median_of_their_stretch():
    # One slow stretch of ten: processes of a run are slow together, and so is the truth.
    population = np.repeat([0.0, 1.0], 10)
    noise = simulate.resample_in_order(population, 2)
    (row, other), truth = noise(np.random.default_rng(1), (2, 500, 3))
    assert set(np.unique(row)) == {0.0, 1.0}
    assert (row == other).mean() > 0.9  # in the same two seconds of a round
    assert (truth[:, 0] == np.median(row, axis=1)).mean() > 0.8
