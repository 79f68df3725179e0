"""Progress knows the missing trials, their order, and how long they will take."""

import os

import pytest
from support.records import bare, case, ok, run, write

from bench.records import store
from bench.records.schema import Trial
from bench.runner import progress
from bench.runner.plan import find_missing_trials
from bench.runner.progress import Estimate, Progress, read_earlier_records

ONE, TWO = case("pytorch"), case("jax")


def records_of(planned, *trials, **changes):
    """Return the records of successful trials of 12 s; each round has its own epoch time."""
    epochs = {1: 1.0, 2: 1.02, 3: 1.04}
    return [
        ok(
            trial.case,
            trial.round,
            epochs.get(trial.round, 1.0),
            trial=trial.id,
            run=planned.run,
            kind=trial.kind,
            **changes,
        )
        for trial in trials
    ]


def test_ended_trial_remains_only_if_it_was_interrupted():
    planned = run(ONE)
    followed = Progress(planned, [])
    first, second = followed.plan_stage()
    assert followed.remaining_trials == (first, second)
    followed.add(bare(ONE, 1, trial=first.id, status="interrupted"))
    assert (followed.remaining, followed.remaining_trials) == (2, (first, second))
    followed.add(*records_of(planned, first))
    assert (followed.remaining, followed.remaining_trials) == (1, (second,))
    followed.add(*records_of(planned, second))
    assert (followed.remaining, followed.remaining_trials) == (0, ())
    assert followed.plan_stage() == []


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress, "now", lambda: now[0])
    return now


def test_budget_allows_for_the_longest_trial_of_the_case(clock):
    planned = run(ONE, TWO, budget=35.0)
    first, *_ = find_missing_trials(planned, [])
    other = next(trial for trial in find_missing_trials(planned, []) if trial.case != first.case)
    records = records_of(planned, first)
    followed = Progress(planned, records)
    clock[0] += 23.0
    assert (followed.exceeds_budget(first), followed.exceeds_budget(other)) == (False, False)
    clock[0] += 0.5
    assert (followed.exceeds_budget(first), followed.exceeds_budget(other)) == (True, False)
    followed.add(*records_of(planned, first, wall_seconds=1.0))  # no shorter one makes it fit
    assert followed.exceeds_budget(first)
    clock[0] += 12.0
    assert followed.exceeds_budget(other)


def test_run_without_a_budget_never_exceeds_it(clock):
    planned = run(ONE)
    (first, _), followed = find_missing_trials(planned, []), Progress(planned, [])
    clock[0] += 1e9
    assert not followed.exceeds_budget(first)


def took(seconds, name="pytorch", **changes):
    return bare(case(name, **changes), wall_seconds=seconds)


def estimate(records, **changes):
    return Estimate(records).seconds([Trial("r1-x", "trial", 1, case(**changes))])


def test_estimate_without_an_earlier_trial_is_none():
    assert estimate([]) is None
    assert estimate([bare(case())]) is None


def test_estimate_is_the_mean_of_the_same_case():
    records = [took(10), took(14), took(100, "jax"), took(None)]
    assert estimate(records) == 12
    trial, other = (Trial("r1-x", "trial", 1, case(name)) for name in ("pytorch", "jax"))
    assert Estimate(records).seconds([trial, other, trial]) == 124
    assert Estimate(records).seconds([]) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"workload": "textbook"},
        {"device": "gpu"},
        {"batch_size": 8},
        {"threads": 1},
        {"samples": 96},
    ],
)
def test_estimate_separates_workloads_devices_and_sizes(change):
    records = [took(10), took(500, **change), took(14)]
    assert estimate(records) == 12
    assert estimate(records, **change) == 500


def test_estimate_of_an_unknown_size_is_the_mean_of_its_kind():
    records = [took(10), took(10), took(40, batch_size=64), took(999, "jax")]
    records += [took(888, workload="textbook"), took(777, device="gpu")]
    assert estimate(records, threads=1) == 25  # (10 + 40) / 2: sizes have equal weight


def test_estimate_of_an_unknown_kind_is_the_mean_of_the_kinds():
    records = [took(10), took(10), took(30, batch_size=8), took(40, "jax"), took(40, "jax")]
    assert estimate(records, implementation="numpy") == 30  # (20 + 40) / 2


def write_runs(results, *names):
    """Write runs of one trial each, whose number is its wall time; later ones are newer."""
    for number, name in enumerate(names, 1):
        folder = write(results / name, run(), ok(case(), wall_seconds=float(number)))
        os.utime(folder / "trials.jsonl", (number, number))


def wall_times(results):
    return [record.wall_seconds for record in read_earlier_records(results)]


def test_earlier_records_are_of_the_last_five_runs(tmp_path):
    write_runs(tmp_path, "g", "a", "f", "b", "e", "c", "d")
    assert wall_times(tmp_path) == [3, 4, 5, 6, 7]


def test_published_runs_replace_missing_own_ones(tmp_path):
    assert wall_times(tmp_path / "nowhere") == []
    write_runs(tmp_path, "reference/a", "reference/b")
    write(tmp_path / "empty", run())
    (tmp_path / "empty" / "trials.jsonl").touch()
    assert wall_times(tmp_path) == [1, 2]
    write_runs(tmp_path, "mine")
    assert wall_times(tmp_path) == [1]


def test_damaged_lines_and_runs_are_left_out(tmp_path):
    write_runs(tmp_path, "damaged", "whole")
    (tmp_path / "damaged" / "trials.jsonl").write_bytes(b"no record\n")
    with (tmp_path / "whole" / "trials.jsonl").open("ab") as stream:
        stream.write(b"no record\n")
    assert read_earlier_records(tmp_path) == list(store.read_contents(tmp_path / "whole").records)
