"""Measure one softmax classifier in every framework, after showing that all compute the same."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def load(run: str | PathLike[str]) -> "pd.DataFrame":
    """Return a pandas DataFrame of a run's trials: a row for each, in the order measured.

    run: the folder of a run, such as ``results/reference/amd-epyc-zen5-2-cores``, or of a
    comparison in pairs. docs/records.md describes rows and columns, and their units. Raises
    ``bench.errors.UserError``, one line, if the folder holds no run or if any of it is damaged.
    """
    from bench.analysis.frame import load_frame

    return load_frame(Path(run))
