"""Two runs into one folder or on one host: one measures, the other waits or is refused."""

import datetime as dt
from itertools import pairwise

import pytest
from support.processes import (
    RUN,
    assert_nothing_left,
    assert_whole,
    count_announced,
    read_lines,
    resume_command,
)
from support.recorder import snapshot

from bench.records import store
from bench.worker.machine import ROOT

NUMPY = (*RUN, "--rounds=1", "--implementation=numpy")


def assert_ends_well(process):
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    return count_announced(out)


def assert_refused(process):
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err.startswith("softmax-bench: another process is measuring into out")
    assert err.count("\n") == 1


def spans(folder):
    """Return when each trial of a run began and ended, in seconds."""
    records = store.read_records(folder)
    begins = [dt.datetime.fromisoformat(record.started).timestamp() for record in records]
    return [
        (begin, begin + record.wall_seconds) for begin, record in zip(begins, records, strict=True)
    ]


def test_other_runs_wait_for_the_one_that_measures(hanging, started, alone, tmp_path):
    first = hanging()
    before = read_lines(tmp_path / "out")
    other_lock = {**alone, "SOFTMAX_BENCH_LOCK": str(tmp_path / "other-lock")}
    assert_refused(started(*resume_command(tmp_path / "out"), **other_lock))
    resumed = started(*resume_command(tmp_path / "out"), **alone)
    (tmp_path / "elsewhere").mkdir()
    elsewhere = {**alone, "TMPDIR": str(tmp_path / "elsewhere")}
    other = started(*NUMPY, "--output=other", **elsewhere)
    for process in (resumed, other):
        assert "waiting for it" in process.stdout.readline()
    assert not read_lines(tmp_path / "other")
    (tmp_path / "hang").unlink()
    assert [assert_ends_well(process) for process in (first, resumed, other)] == [3, 0, 1]
    assert_whole(tmp_path / "out", before)
    assert_whole(tmp_path / "other")
    trials = sorted(spans(tmp_path / "out") + spans(tmp_path / "other"))
    assert len(trials) == 4
    for (_, end), (begin, _) in pairwise(trials):
        assert end <= begin + 0.002  # the start in a record is rounded to milliseconds
    assert_nothing_left(tmp_path / "tmp")


@pytest.mark.parametrize("pairs", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_of_two_merges_one_is_whole_and_the_other_is_refused(started, tmp_path, pairs):
    reference = ROOT / "results" / "reference"
    parts = [reference / f"amd-epyc-2-cores-{name}" for name in ("first", "second")]
    assert started("merge", *parts, "--output=one").wait() == 0
    whole = snapshot(tmp_path / "one")
    for number in range(pairs):
        merges = [started("merge", *parts, f"--output=out{number}") for _ in range(2)]
        assert sorted(process.wait() for process in merges) == [0, 2]
        assert snapshot(tmp_path / f"out{number}") == whole
        assert not list(tmp_path.glob(".*"))
