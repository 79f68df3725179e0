"""Very many runs and trials: memory that is bounded, and steps that do not take longer and longer.

``nox -s soak`` has 100,000 trials; every day has fewer of the same.
"""

import gc
import os
import subprocess
import sys
import tracemalloc
from statistics import median
from time import perf_counter  # noqa: TID251 - of the suite's own steps, not of a framework

import fixtures_large
import msgspec
import pytest
from fixtures_records import case, ok
from fixtures_records import run as a_run

from bench import estimate, machine, measure, run, store
from bench.report import several
from bench.report.render import csv, page
from bench.report.sections import comparison
from bench.result import Record, Trial

SOAK = pytest.mark.soak
# The command line in a process of its own, which tells its own peak: what the parent had is in
# the one that the kernel tells of a child.
MEASURED = """
import atexit, sys
from bench import __main__, machine
atexit.register(lambda: print("peak", machine.peak_rss_bytes(), file=sys.stderr))
__main__.main()
"""


def peak(folder, *arguments):
    """Run the command line in a folder; return its peak memory, MiB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments)], cwd=folder, check=False,
        env={**os.environ, "PYTHONPATH": str(machine.ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    said, _, found = done.stderr.rpartition("peak ")
    assert (done.returncode, said) == (0, "")
    return int(found) / 2**20


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """Folders of so many runs of one machine, 100 trials each."""
    made = {}

    def make(count):
        if count not in made:
            made[count] = fixtures_large.write_several(tmp_path_factory.mktemp("nights"), count)
        return made[count]

    return make


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=SOAK)])
def test_many_runs_are_shown_in_memory_that_hardly_grows_with_each(nights, tmp_path, count):
    found = peak(tmp_path, "report", *nights(count), "--output", "out")
    print(f"report of {count} runs: {found:.0f} MiB")  # noqa: T201 - a figure to be noted
    assert found < 300 + 0.4 * count
    page = (tmp_path / "out" / "report.md").read_text()
    assert all(page.count(each.name.replace("_", "\\_")) for each in nights(count))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=SOAK)])
def test_two_large_runs_are_compared_in_memory_that_is_bounded(tmp_path, rounds):
    trials = [fixtures_large.write(tmp_path / name, rounds) for name in ("one", "other")]
    assert trials == [500 * rounds] * 2
    found = peak(tmp_path, "compare", "one", "other")
    print(f"compare of twice {trials[0]} trials: {found:.0f} MiB")  # noqa: T201 - likewise
    assert found < 150 + 0.01 * trials[0]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=SOAK)])
def test_two_large_runs_are_merged_in_memory_that_is_bounded(tmp_path, rounds):
    """The same one twice: half of all that is read is there again."""
    (trials,) = {fixtures_large.write(tmp_path / name, rounds) for name in ("one", "other")}
    begun = perf_counter()
    found = peak(tmp_path, "merge", "one", "other", "--output", "out")
    took = perf_counter() - begun
    print(f"merge of twice {trials} trials: {found:.0f} MiB, {took:.0f} s")  # noqa: T201 - likewise
    assert found < 120 + 0.001 * trials
    assert (tmp_path / "out" / "trials.jsonl").read_bytes().count(b"\n") >= trials


def records():
    gc.collect()
    return sum(type(each) is Record for each in gc.get_objects())  # isinstance would ask the object


def test_no_record_of_a_run_outlives_its_reading(nights):
    before = records()
    kept = several.read(nights(20))
    assert len(kept) == 20
    assert records() == before


def test_every_row_is_held_against_those_of_its_own_run_only(nights, monkeypatch):
    seen = comparison.Column("seen", lambda rows, row: float(len(rows)), 1)
    monkeypatch.setattr(comparison, "COLUMNS", (comparison.COLUMNS[0], seen))
    rows = [row for each in several.read(nights(20)) for row in each.rows]
    assert len(rows) == 200
    assert {
        line[1] for line in comparison.format_cells(rows, rows, comparison.filter_columns())
    } == {"10.0"}
    held = []
    monkeypatch.setattr(csv, "times_fastest", lambda rows, _: held.append(len(rows)))
    csv.build_frame(rows)
    assert set(held) == {10}
    lines = page.build_comparison(rows)["lines"]
    assert {each["text"] for line in lines for each in line["cells"] if each["numeric"]} == {"10.0"}


# ----- steps that take the same however many there were


def seconds(step):
    begun = perf_counter()
    step()
    return perf_counter() - begun


def test_a_record_is_appended_to_100_000_in_the_time_that_it_takes_to_append_to_100(tmp_path):
    record = ok(case("pytorch"))
    folders = [tmp_path / "few", tmp_path / "many"]
    for folder, count in zip(folders, (100, 100_000), strict=True):
        folder.mkdir()
        (folder / "trials.jsonl").write_bytes(count * (msgspec.json.encode(record) + b"\n"))
    times = [[seconds(lambda folder=each: store.append(folder, record)) for each in folders]
             for _ in range(40)]  # fmt: skip
    few, many = (median(one) for one in zip(*times, strict=True))
    assert many <= 3 * few


class Fake:
    """A runner whose trials take no time, and have as many epochs as there can be."""

    def __init__(self, folder, planned, data, **how):
        pass

    def measure(self, trial):
        told = [0.5 + trial.round * 1e-9 * number for number in range(measure.MOST_REPEATS)]
        lists = ("epoch_seconds", "epoch_cpu_seconds", "validation_accuracy", "validation_loss",
                 "test_accuracy", "predict_seconds")  # fmt: skip
        values = {name: [each + 0.0 for each in told] for name in lists}
        return ok(trial.case, trial.round, trial=trial.id, **values)


@pytest.mark.parametrize("count", [3000, pytest.param(10_000, marks=SOAK)])
def test_what_is_done_between_two_trials_does_not_grow_with_those_that_were_made(
    tmp_path, monkeypatch, count
):
    monkeypatch.setattr(run, "Runner", Fake)
    monkeypatch.setattr(run, "_imports", lambda _: ())
    cases = [case(f"case-{number}") for number in range(10)]
    planned = a_run(*cases, rounds={"sgd": count // 10}, budget=1e9)
    store.create(tmp_path / "run", planned)
    times, begun = [], perf_counter()
    for event in run.perform(tmp_path / "run", planned, None):
        if isinstance(event, run.Ended):
            times.append(perf_counter() - begun)
            begun = perf_counter()
    assert len(times) == count
    tenths = [median(times[first : first + count // 10]) for first in range(0, count, count // 10)]
    assert max(tenths) < 0.005


def test_little_is_kept_of_a_trial_that_is_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "Runner", Fake)
    monkeypatch.setattr(run, "_imports", lambda _: ())
    planned = a_run(case("pytorch"), rounds={"sgd": 300})
    store.create(tmp_path / "run", planned)
    tracemalloc.start()
    events = run.perform(tmp_path / "run", planned, None)
    sizes = [tracemalloc.get_traced_memory()[0] for event in events if isinstance(event, run.Ended)]
    tracemalloc.stop()
    assert (sizes[-1] - sizes[0]) / len(sizes) < 4096


def test_what_is_left_is_estimated_from_100_000_trials_in_the_time_that_it_takes_from_10():
    few, many = ok(case("pytorch"), wall_seconds=3.0), 100_000
    left = [Trial(f"r{number}", "trial", number, few.case) for number in range(10)]
    both = [estimate.Estimate([few] * count) for count in (10, many)]
    assert [each.seconds(left) for each in both] == [30, 30]
    times = [[seconds(lambda known=each: known.seconds(left)) for each in both] for _ in range(40)]
    one, other = (median(each) for each in zip(*times, strict=True))
    assert other <= 3 * one
