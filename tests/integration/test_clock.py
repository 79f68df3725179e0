"""The clock on the wall is set back in the middle of a run: nothing that counts is read from it."""

import datetime as dt
from itertools import pairwise

from support.processes import (
    NO_CHARTS,
    RUN,
    assert_nothing_left,
    assert_whole,
    beginning_with,
    going_on,
    lines_of,
    until,
)

from bench.records import store

# The parent's clock is an hour slow as soon as there is a file named "back".
PARENT = """
import datetime, time
import pandas  # which takes the datetime that there is for the one that it was compiled with
from pathlib import Path
real = time.time
time.time = lambda: real() - 3600 * Path("back").exists()
class Slow(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) - datetime.timedelta(hours=Path("back").exists())
datetime.datetime = Slow
"""
# As soon as the clock is set back, whatever the kernel has dated before lies in the future.
CHILD = """
import os
from pathlib import Path
from implementations.idiomatic import softmax_numpy
HERE = Path(__file__).parent
class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        if (HERE / "set").exists():
            (HERE / "set").rename(HERE / "back")
            for path in Path().iterdir():
                hour_ahead = path.stat().st_mtime + 3600
                os.utime(path, (hour_ahead, hour_ahead))
        return super().train_epoch(order)
"""


def test_a_clock_that_is_set_back_changes_no_result_and_no_order(started, alone, tmp_path):
    folder = tmp_path / "out"
    (tmp_path / "child.py").write_text(CHILD)
    beginning_with(tmp_path, NO_CHARTS + PARENT)
    command = (*RUN, "--rounds=5", "--implementation=./child.py", "--output=out")
    process = started(*command, **alone)
    until(lambda: lines_of(folder) or process.poll() is not None)
    (tmp_path / "set").touch()
    until(lambda: (tmp_path / "back").exists() or process.poll() is not None)
    back = len(lines_of(folder))
    until(lambda: len(lines_of(folder)) > back or process.poll() is not None)
    process.kill()
    process.communicate()
    before = lines_of(folder)
    process = started(*going_on(folder), **alone)
    _, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (0, "")
    assert_whole(folder, before)
    began = [dt.datetime.fromisoformat(record.started) for record in store.read_records(folder)]
    earlier = [second < first for first, second in pairwise(began)]
    assert earlier.count(True) == 1
    assert "missing" not in (folder / "report.md").read_text(encoding="utf-8")
    assert_nothing_left(tmp_path / "tmp")
