"""Two runs into one folder, two runs on one host: one measures, the other waits or is refused."""

import datetime as dt
from itertools import pairwise

from support.processes import (
    NO_CHARTS,
    RUN,
    announced,
    assert_nothing_left,
    assert_whole,
    beginning_with,
    going_on,
    lines_of,
)

from bench.records import store

WAITING = "another run is measuring on this machine; waiting for it\n"
NUMPY = (*RUN, "--rounds=1", "--implementation=numpy")

# Who looks for a run in the folder goes on when somebody else has looked too, or after a second.
MEET = """
import os, signal
from pathlib import Path
real, looks = Path.exists, []
def exists(path, **named):
    found = real(path, **named)
    if path.name == "run.json" and not found:
        looks.append(path)
        Path(f"looked-{os.getpid()}-{len(looks)}").touch()
        for _ in range(20):
            if len(list(Path().glob(f"looked-*-{len(looks)}"))) == 2:
                break
            signal.sigtimedwait([], 0.05)
    return found
Path.exists = exists
"""


def test_of_two_that_begin_a_run_in_one_folder_at_once_one_is_refused(started, alone, tmp_path):
    beginning_with(tmp_path, NO_CHARTS + MEET)
    processes = [started(*NUMPY, "--output=out", **alone) for _ in range(2)]
    told = {each.communicate(timeout=60)[1]: each.returncode for each in processes}
    assert sorted(told.values()) == [0, 2]
    (line,) = [each for each, status in told.items() if status == 2]
    assert line.startswith("bench: ")
    assert line.count("\n") == 1
    assert_whole(tmp_path / "out")


def test_of_two_that_go_on_with_a_run_the_second_waits_and_finds_nothing_to_do(
    hanging, started, alone, tmp_path
):
    first = hanging()
    second = started(*going_on(tmp_path / "out"), **alone)
    assert second.stdout.readline() == WAITING
    before = lines_of(tmp_path / "out")
    (tmp_path / "hang").unlink()
    for process, told in ((first, 3), (second, 0)):
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err, announced(out)) == (0, "", told)
    assert_whole(tmp_path / "out", before)
    assert_nothing_left(tmp_path / "tmp")


def test_a_run_that_another_process_measures_into_under_another_lock_is_not_gone_on_with(
    hanging, started, alone, tmp_path
):
    first = hanging()
    elsewhere = {**alone, "SOFTMAX_BENCH_LOCK": str(tmp_path / "other")}
    second = started(*going_on(tmp_path / "out"), **elsewhere)
    out, err = second.communicate(timeout=60)
    assert (second.returncode, out) == (2, "")
    assert err.startswith("bench: another process is measuring into out")
    assert err.count("\n") == 1
    before = lines_of(tmp_path / "out")
    (tmp_path / "hang").unlink()
    _, err = first.communicate(timeout=60)
    assert (first.returncode, err) == (0, "")
    assert_whole(tmp_path / "out", before)


def spans(folder):
    """Return when each trial of a run began and ended, seconds."""
    found = []
    for record in store.read_records(folder):
        begun = dt.datetime.fromisoformat(record.started).timestamp()
        found.append((begun, begun + record.wall_seconds))
    return found


def test_a_second_run_on_the_host_says_that_it_waits_and_measures_nothing_until_then(
    hanging, started, alone, tmp_path
):
    first = hanging()
    (tmp_path / "elsewhere").mkdir()
    elsewhere = {**alone, "TMPDIR": str(tmp_path / "elsewhere")}
    second = started(*NUMPY, "--output=other", **elsewhere)
    assert second.stdout.readline() == WAITING
    assert not lines_of(tmp_path / "other")
    (tmp_path / "hang").unlink()
    for process in (first, second):
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
    assert_whole(tmp_path / "out")
    assert_whole(tmp_path / "other")
    one_by_one = sorted(spans(tmp_path / "out") + spans(tmp_path / "other"))
    assert len(one_by_one) == 4
    for (_, ended), (begun, _) in pairwise(one_by_one):
        assert ended <= begun + 0.002  # a record's start is rounded to milliseconds
    assert_nothing_left(tmp_path / "tmp")
