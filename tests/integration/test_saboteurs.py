"""Implementations that only a run can show to be wrong: none of them gets a rank by deceit."""

import shutil

import pytest

from bench.records import store


@pytest.fixture
def measure(tmp_path, command, saboteur):
    """Measure NumPy and a saboteur in a few rounds; return the saboteur's records."""

    def run(name, *, rounds):
        shutil.copy(saboteur(name), tmp_path)
        ended = command(
            tmp_path,
            *("run", "--data=digits", "--workload=sgd", f"--rounds={rounds}", "--threads=1"),
            *("--no-roofline", "--output=out", "--implementation=numpy", "--epochs=60"),
            f"--implementation={name}.py",
        )
        assert ended.returncode in {0, 3}, ended.stderr
        records = store.read_records(tmp_path / "out")
        return [record for record in records if record.case.implementation == name]

    return run


def test_less_work_after_ten_epochs_fails_in_a_run(measure):
    # All timed epochs are wrong: the stretch of sixty is longer than ten.
    assert {record.status for record in measure("tires_after_ten", rounds=1)} == {"failed"}


def test_params_of_a_neighbour_in_the_same_round_cannot_be_copied(measure):
    assert {record.status for record in measure("copies_a_neighbour", rounds=2)} == {"failed"}


def test_slow_processes_cannot_be_thrown_away(measure):
    records = measure("dies_when_it_is_slow", rounds=3)
    assert [one.status for one in records] == ["ok", "failed", "failed"]


def test_results_of_an_earlier_round_are_worth_nothing(measure):
    first, second = measure("remembers_on_disk", rounds=2)
    assert (first.status, second.status) == ("ok", "failed")
