"""Two runs into one folder or on one host: one measures, the other waits or is refused."""

import datetime as dt
from itertools import pairwise

from support.processes import (
    NO_CHARTS,
    RUN,
    assert_nothing_left,
    assert_whole,
    count_announced,
    read_lines,
    resume_command,
    run_first,
)

from bench.records import store

NUMPY = (*RUN, "--rounds=1", "--implementation=numpy")

# A process that looks for the run goes on when the other one has looked too, or after a second.
MEETS = """
import os, signal
from pathlib import Path
real, looks = Path.exists, []
def exists(path, **options):
    exists = real(path, **options)
    if path.name == "run.json" and not exists:
        looks.append(path)
        Path(f"looked-{os.getpid()}-{len(looks)}").touch()
        for _ in range(20):
            if len(list(Path().glob(f"looked-*-{len(looks)}"))) == 2:
                break
            signal.sigtimedwait([], 0.05)
    return exists
Path.exists = exists
"""


def assert_ends_well(process):
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    return count_announced(out)


def assert_refused(process):
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err.startswith("bench: another process is measuring into out")
    assert err.count("\n") == 1


def test_second_new_run_in_a_folder_is_refused(started, alone, tmp_path):
    run_first(tmp_path, NO_CHARTS + MEETS)
    processes = [started(*NUMPY, "--output=out", **alone) for _ in range(2)]
    errors = {process.communicate()[1]: process.returncode for process in processes}
    assert sorted(errors.values()) == [0, 2]
    (line,) = [text for text, status in errors.items() if status == 2]
    assert line.startswith("bench: ")
    assert line.count("\n") == 1
    assert_whole(tmp_path / "out")


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
