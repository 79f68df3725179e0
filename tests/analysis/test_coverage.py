"""The intervals have the coverage that docs/statistics.md says, on noise of published runs."""

import math
from pathlib import Path

import numpy as np
import pytest
from studies import simulate

REPEATS, TABLES = 1000, 100
DOCS = Path(__file__).parents[2] / "docs" / "statistics.md"


def read_documented(headings):
    text = DOCS.read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines()]
    start = lines.index(list(headings))
    table = {}
    for name, *cells in lines[start + 2 :]:
        if not cells:
            return table
        table[name] = [float(cell) / 100 for cell in cells]
    return table


@pytest.mark.parametrize(
    ("headings", "run"),
    [
        (simulate.HEADINGS, lambda: simulate.simulate(REPEATS)),
        (simulate.TABLE_HEADINGS, lambda: simulate.simulate_tables(TABLES)),
        (simulate.RULE_HEADINGS, lambda: simulate.simulate_rule(TABLES)),
    ],
)
def test_documented_coverage_is_that_of_the_code(headings, run):
    documented, simulated = read_documented(headings), run()
    assert list(simulated) == list(documented)
    for name, shares in simulated.items():
        for heading, share, published in zip(headings[1:], shares, documented[name], strict=True):
            repeats = REPEATS if headings == simulate.HEADINGS else TABLES
            # Four standard errors of what is simulated here.
            error = 4 * math.sqrt(max(0.01, published * (1 - published)) / repeats)
            assert share == pytest.approx(published, abs=error), (name, heading)


def test_documented_coverage_is_at_least_95_percent():
    # 10,000 repeats have a standard error of 0.22 points.
    for name, coverage in read_documented(simulate.HEADINGS).items():
        # Half of the processes in another state: only six or more need no assumption.
        shares = coverage[2:4] if "one in two" in name else coverage
        assert min(shares) >= 0.945, name


def test_documented_errors_are_5_percent_and_differences_are_found():
    documented = read_documented(simulate.TABLE_HEADINGS)
    documented.pop("a quarter of the rows as busy")  # the documentation says so
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
