"""What docs/chapter.md says about the chapter's printed log follows from the seeds' file."""

import re
import sys
from pathlib import Path

import pytest

import bench

NOTEBOOKS = Path(bench.__file__).parents[1] / "notebooks"


@pytest.fixture(scope="module")
def keras_seeds():
    sys.path.insert(0, str(NOTEBOOKS))
    import keras_seeds

    yield keras_seeds
    sys.path.remove(str(NOTEBOOKS))


def test_printed_epochs_are_the_second_to_the_sixth(keras_seeds):
    import pandas as pd

    seeds = pd.read_csv(keras_seeds.SEEDS)
    then = seeds[seeds["program"] == "then"]
    assert (then.groupby("epoch")["seed"].nunique() >= 10).all()
    # Ten numbers are tested, so each at 0.01 / 10.
    assert keras_seeds.compare(then, before=1)["p"].min() > 0.001
    for before in (0, 2):
        assert keras_seeds.compare(then, before=before)["p"].min() < 1e-6


def test_page_has_the_means_of_the_seeds(keras_seeds):
    import pandas as pd

    page = (NOTEBOOKS.parent / "docs" / "chapter.md").read_text(encoding="utf-8")
    summary = pd.read_csv(keras_seeds.SEEDS).groupby(["epoch", "program"])[["loss", "accuracy"]]
    summary = summary.agg(["mean", "std"])
    for epoch in range(1, 7):
        (row,) = re.findall(rf"^\| {epoch} \|.*±.*$", page, re.MULTILINE)
        cells = [
            f"{summary.loc[(epoch, program), (quantity, 'mean')]:.4f} ± "
            f"{summary.loc[(epoch, program), (quantity, 'std')]:.4f}"
            for quantity in ("loss", "accuracy")
            for program in ("then", "now")
        ]
        assert re.findall(r"[\d.]+ ± [\d.]+", row) == cells


def test_page_has_the_comparison_of_the_seeds(keras_seeds):
    import pandas as pd

    page = (NOTEBOOKS.parent / "docs" / "chapter.md").read_text(encoding="utf-8")
    seeds = pd.read_csv(keras_seeds.SEEDS)
    for before in (0, 1, 2):
        table = keras_seeds.compare(seeds[seeds["program"] == "then"], before)
        cells = f"| {table['t'].abs().max():.1f} | {table['p'].min():.2g} |"
        assert f"| {before} | {1 + before} to {5 + before} {cells}" in page


def test_comparison_by_hand(keras_seeds):
    # Three seeds with loss 1, 2 and 3 in each epoch: mean 2, sd 1, and a factor sqrt(4 / 3).
    import pandas as pd

    rows = [
        {"seed": seed, "epoch": epoch, "loss": seed, "accuracy": seed}
        for seed in (1.0, 2.0, 3.0)
        for epoch in range(1, 8)
    ]
    table = keras_seeds.compare(pd.DataFrame(rows), before=1).loc[("loss", 1)]
    assert (table["our epoch"], table["mean"], table["sd"]) == (2, 2, 1)
    assert table["t"] == pytest.approx((0.4782 - 2) / (4 / 3) ** 0.5)
    # Student's t with two degrees of freedom: p = 1 - |t| / sqrt(2 + t**2).
    assert table["p"] == pytest.approx(1 - 1.3179 / (2 + 1.3179**2) ** 0.5, abs=1e-4)
