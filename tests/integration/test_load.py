"""Runs of 5,000 trials, twenty times the largest published one, take bounded memory."""

import os
import subprocess
import sys

import pytest
from support import large_runs

from bench.report.load import load_runs
from bench.report.render import csv, page
from bench.report.sections import comparison
from bench.worker import machine

# The command line in a process of its own, which reports its own peak.
MEASURED = """
import atexit, sys
from bench.worker import machine
from bench.cli import app
atexit.register(lambda: print("peak", machine.peak_rss_bytes(), file=sys.stderr))
app.main()
"""


def peak(folder, *arguments):
    """Run the command line in a folder; return its peak memory, MiB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments)],
        cwd=folder,
        check=False,
        env={**os.environ, "PYTHONPATH": str(machine.ROOT)},
        capture_output=True,
        text=True,
    )
    errors, _, size = done.stderr.rpartition("peak ")
    assert (done.returncode, errors) == (0, "")
    return int(size) / 2**20


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with two runs of 5,000 trials each, which are equal."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("one", "other"):
        assert large_runs.write(folder / name, 10) == 5000
    return folder


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [(("compare", "one", "other"), 300), (("merge", "one", "other", "--output", "out"), 200)],
    ids=["compare", "merge"],
)
def test_two_runs_of_5000_trials_take_bounded_memory(runs, arguments, limit):
    size = peak(runs, *arguments)
    print(f"{arguments[0]}: {size:.0f} MiB")  # noqa: T201 - a figure to be noted
    assert size < limit


def test_a_report_of_50_runs_with_100_trials_takes_bounded_memory(tmp_path):
    nights = large_runs.write_several(tmp_path / "nights", 50)
    size = peak(tmp_path, "report", *nights, "--output", "out")
    print(f"report: {size:.0f} MiB")  # noqa: T201 - a figure to be noted
    assert size < 350
    text = (tmp_path / "out" / "report.md").read_text()
    assert all(night.name.replace("_", "\\_") in text for night in nights)


def test_every_row_is_compared_with_those_of_its_own_run_only(tmp_path, monkeypatch):
    count = comparison.Column("count", lambda rows, row: float(len(rows)), 1)
    monkeypatch.setattr(comparison, "COLUMNS", (comparison.COLUMNS[0], count))
    nights = large_runs.write_several(tmp_path / "nights", 3)
    rows = [row for run in load_runs(nights) for row in run.rows]
    assert len(rows) == 30
    cells = comparison.format_cells(rows, rows, comparison.COLUMNS)
    assert {line[1] for line in cells} == {"10.0"}
    counts = []
    monkeypatch.setattr(csv, "compare_to_fastest", lambda rows, _: counts.append(len(rows)))
    csv.build_frame(rows)
    assert set(counts) == {10}
    lines = page.build_comparison(rows)["lines"]
    assert {cell["text"] for line in lines for cell in line["cells"] if cell["numeric"]} == {"10.0"}
