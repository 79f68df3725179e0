"""The intervals have the coverage that docs/methodology.md says, on noise of published runs."""

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest
from studies import simulate

TABLES = 100
STUDIES = Path(simulate.__file__).parent


def read_documented(name):
    with (STUDIES / name).open(encoding="utf-8", newline="") as stream:
        headings, *lines = csv.reader(stream)
    return headings, {noise: [float(cell) / 100 for cell in cells] for noise, *cells in lines}


# Every day on the first two noises of each table.
@pytest.mark.parametrize("lines", [2, pytest.param(None, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", simulate.TABLES_OF_PAGE)
def test_documented_coverage_is_that_of_the_code(monkeypatch, name, lines):
    for kind in ("list_noises", "list_table_noises"):
        noises = dict([*getattr(simulate, kind)().items()][:lines])
        monkeypatch.setattr(simulate, kind, lambda noises=noises: noises)
    headings, run, _ = simulate.TABLES_OF_PAGE[name]
    (documented_headings, documented), simulated = read_documented(name), run(TABLES)
    assert documented_headings == list(headings)
    assert list(simulated) == [*documented][:lines]
    for noise, shares in simulated.items():
        for heading, share, published in zip(headings[1:], shares, documented[noise], strict=True):
            if not heading.endswith("width"):
                # Four standard errors of what is simulated here; rows of a table are not alike.
                error = 4 * math.sqrt(max(0.01, published * (1 - published)) / TABLES)
                assert share == pytest.approx(published, abs=error), (noise, heading)


def test_documented_coverage_is_at_least_94_percent():
    headings, documented = read_documented("intervals.csv")
    shared = [place for place, name in enumerate(headings[1:]) if re.match(r"(row|×).*\d$", name)]
    for name, values in documented.items():
        # Where one process in five is slow, tables of three share too little; the page says so.
        least = 0.91 if "one in five" in name else 0.935
        assert min(values[place] for place in shared) >= least, name
    width = {name: headings.index(f"{name}, 2 width") - 1 for name in ("alone", "row")}
    quiet = documented["quiet, each by itself"]
    assert quiet[width["alone"]] > 4 * quiet[width["row"]]


def test_documented_errors_are_5_percent_and_differences_are_found():
    headings, documented = read_documented("differences.csv")
    documented.pop("a quarter of the rows as busy")  # the page says so
    equal = [place for place, name in enumerate(headings[1:]) if "equal" in name]
    assert max(max(shares[place] for place in equal) for shares in documented.values()) <= 0.05
    assert documented["quiet"][headings.index("1.4 times, 3") - 1] >= 0.99


def test_bursts_stay_together_and_have_the_median_of_their_stretch():
    # One slow stretch of ten: processes of a run are slow together, and so is the truth.
    population = np.repeat([0.0, 1.0], 10)
    noise = simulate.resample_in_order(population, 2)
    (row, other), truth = noise(np.random.default_rng(1), (2, 500, 3))
    assert set(np.unique(row)) == {0.0, 1.0}
    assert (row == other).mean() > 0.9  # in the same two seconds of a round
    assert (truth[:, 0] == np.median(row, axis=1)).mean() > 0.8
