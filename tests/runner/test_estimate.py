"""How long a plan will take is learnt from what earlier trials took."""

import os

import pytest
from support.records import bare, case, ok, run, write

from bench.records import store
from bench.records.schema import Trial
from bench.runner import estimate
from bench.runner.estimate import Estimate


def trial(**changes):
    return Trial("r1-x", "trial", 1, case(**changes))


def took(seconds, name="pytorch", **changes):
    return bare(case(name, **changes), wall_seconds=seconds)


def test_nothing_is_known_without_an_earlier_trial():
    assert Estimate().seconds([trial()]) is None
    assert Estimate([bare(case())]).seconds([trial()]) is None


def test_a_trial_takes_the_mean_of_its_own_kind():
    known = Estimate([took(10), took(14), took(100, "jax"), took(None)])
    assert known.seconds([trial()]) == 12
    assert known.seconds([trial(), trial(implementation="jax"), trial()]) == 124
    assert known.seconds([]) == 0


@pytest.mark.parametrize("change", [{"workload": "textbook"}, {"device": "gpu"}])
def test_workload_and_device_make_another_kind(change):
    known = Estimate([took(10), took(50, **change)])
    assert known.seconds([trial()]) == 10
    assert known.seconds([trial(**change)]) == 50


SIZES = [{"batch_size": 8}, {"threads": 1}, {"samples": 96}]


@pytest.mark.parametrize("change", SIZES)
def test_a_sweep_does_not_spoil_the_estimate_of_ordinary_trials_nor_they_its_own(change):
    known = Estimate([took(10), took(500, **change), took(14)])
    assert known.seconds([trial()]) == 12
    assert known.seconds([trial(**change)]) == 500


@pytest.mark.parametrize("change", SIZES)
def test_a_size_that_is_not_known_takes_the_mean_of_the_same_implementations_sizes(change):
    others = [took(888, workload="textbook", **change), took(777, device="gpu", **change)]
    known = Estimate([took(10), took(10), took(40, batch_size=64), took(999, "jax"), *others])
    assert known.seconds([trial(**change)]) == 25  # of the sizes, not of the trials


def test_an_implementation_that_is_not_known_takes_the_mean_of_all_whatever_their_sizes():
    known = Estimate([took(10), took(10), took(30, batch_size=8), took(40, "jax"), took(40, "jax")])
    assert known.seconds([trial(implementation="numpy")]) == 30  # (20 + 40) / 2


def test_an_unknown_kind_takes_the_mean_of_the_kinds_not_of_the_trials():
    known = Estimate([took(10), took(10), took(10), took(40, "jax")])
    assert known.seconds([trial(implementation="keras-jax")]) == 25  # (10 + 40) / 2


def test_it_learns_while_the_run_goes_on():
    known = Estimate([took(10)])
    known.add(took(30))
    assert known.seconds([trial()]) == 20


def runs(results, *names):
    """Write runs of one trial each, numbered in its wall time, the later the newer."""
    for number, name in enumerate(names, 1):
        folder = write(results / name, run(), ok(case(), wall_seconds=float(number)))
        os.utime(folder / "trials.jsonl", (number, number))


def test_only_the_last_five_runs_count(tmp_path):
    runs(tmp_path, "g", "a", "f", "b", "e", "c", "d")
    found = [record.wall_seconds for record in estimate.read_earlier_records(tmp_path)]
    assert found == [3, 4, 5, 6, 7]


def test_published_runs_count_where_there_is_no_own(tmp_path):
    runs(tmp_path, "reference/a", "reference/b")
    assert [record.wall_seconds for record in estimate.read_earlier_records(tmp_path)] == [1, 2]
    runs(tmp_path, "mine")
    assert [record.wall_seconds for record in estimate.read_earlier_records(tmp_path)] == [1]


def test_an_own_run_without_a_record_is_none(tmp_path):
    runs(tmp_path, "reference/a")
    write(tmp_path / "mine", run())
    (tmp_path / "mine" / "trials.jsonl").touch()
    assert len(estimate.read_earlier_records(tmp_path)) == 1


def test_what_is_whole_of_a_damaged_run_counts(tmp_path):
    runs(tmp_path, "damaged")
    with (tmp_path / "damaged" / "trials.jsonl").open("ab") as stream:
        stream.write(b"no record\n")
    assert [record.wall_seconds for record in estimate.read_earlier_records(tmp_path)] == [1]


def test_a_damaged_run_is_passed_over(tmp_path):
    runs(tmp_path, "damaged", "whole")
    (tmp_path / "damaged" / "trials.jsonl").write_bytes(b"no record\n")
    assert estimate.read_earlier_records(tmp_path) == store.read_records(tmp_path / "whole")


def test_a_folder_without_runs_has_nothing_to_say(tmp_path):
    assert estimate.read_earlier_records(tmp_path / "nowhere") == []
