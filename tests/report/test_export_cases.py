"""What is exported of a run, whatever the format."""

import pytest
from support.exports import (
    ABSENT,
    ALONE,
    FAILED,
    GOOD,
    NEVER,
    PART,
    REFERENCE,
    WRONG,
    loaded,
    measured,
    surroundings,
)
from support.records import bare, case, environment, ok, run, write

from bench.errors import UserError
from bench.records import store
from bench.report.export.cases import commits, exported, faults, name_of, remarks
from bench.report.load import load, whole


def test_every_case_that_has_times_is_exported_under_its_own_name_ranked_or_not(tmp_path):
    cases = exported(loaded(tmp_path / "run"))
    names = [name_of(each) for each in (PART, GOOD, WRONG, ALONE)]
    assert [each.name for each in cases] == sorted(names)
    assert {each.name: each.correctness["ranked"] for each in cases} == {
        name_of(GOOD): True, name_of(PART): True, name_of(WRONG): False, name_of(ALONE): True,
    }  # fmt: skip


def test_names_differ_wherever_cases_do():
    cases = [case(), case("jax"), case(workload="textbook"), case(device="gpu"),
             case(batch_size=8), case(threads=1), case(samples=96)]  # fmt: skip
    assert len({name_of(each) for each in cases}) == len(cases)


def test_only_good_trials_are_exported_in_the_order_of_their_rounds(tmp_path):
    plan, one = run(case()), case()
    folder = write(tmp_path / "run", plan, ok(one, 2, 0.25), ok(one, 1, 0.5),
                   bare(one, 3, epoch_seconds=[9.0], first_epoch_seconds=9.0))  # fmt: skip
    (found,) = exported(load(folder))
    assert [trial.round for trial in found.trials] == [1, 2]
    assert found.medians == [0.5, 0.25]


def test_the_trials_of_a_published_run_are_all_there():
    expected = measured(REFERENCE)
    found = exported(load(REFERENCE))
    assert [each.name for each in found] == sorted(expected)
    for each in found:
        epochs = [(trial.first_epoch_seconds, trial.epoch_seconds) for trial in each.trials]
        assert epochs == expected[each.name]


def test_what_went_wrong_stands_beside_the_time_each_reason_once(tmp_path):
    by_name = {each.name: each for each in exported(loaded(tmp_path / "run"))}
    assert by_name[name_of(PART)].correctness == {
        "ranked": True, "validation_accuracy": 0.8396, "test_accuracy": 0.8321,
        "parity_error": 1.5e-6, "trials": 3, "faults": ["timeout: 600 s are over"],
    }  # fmt: skip
    assert by_name[name_of(WRONG)].correctness["parity_error"] == 0.5
    assert by_name[name_of(GOOD)].faults == []


def test_a_reason_that_several_trials_had_is_said_once(tmp_path):
    one = case()
    folder = write(tmp_path / "run", run(one), ok(one), bare(one, 2, reason="b"),
                   bare(one, 3, reason="b"), bare(one, 4, reason="a"))  # fmt: skip
    assert faults(load(folder).rows[0]) == ["failed: a", "failed: b"]


def test_what_an_export_lacks_is_said_in_a_line_each(tmp_path):
    assert sorted(remarks(loaded(tmp_path / "run"))) == sorted([
        f"{name_of(PART)}: 1 of 3 trials went wrong: timeout: 600 s are over",
        f"not ranked: {name_of(WRONG)}: failed: parity error",
        f"left out: {name_of(FAILED)}: out-of-memory: killed",
        f"left out: {name_of(ABSENT)}: unavailable: numba is not installed",
        f"left out: {name_of(NEVER)}: not measured",
    ])  # fmt: skip


def test_a_run_that_went_well_needs_no_remark_unless_the_code_was_changed(tmp_path):
    one = case()
    clean = write(tmp_path / "clean", run(one, sweep=(case(threads=1),)), ok(one),
                  ok(case(threads=1)), **surroundings())  # fmt: skip
    assert remarks(load(clean)) == []
    dirty = write(tmp_path / "dirty", run(one), ok(one))
    assert remarks(load(dirty)) == ["measured with changes that are not in the commit"]


def test_a_case_of_a_sweep_that_was_not_measured_is_missed(tmp_path):
    one, other = case(), case(threads=1)
    folder = write(tmp_path / "run", run(one, sweep=(other,)), ok(one), **surroundings())
    assert remarks(load(folder)) == [f"left out: {name_of(other)}: not measured"]


@pytest.mark.parametrize("records", [[], [bare(case())]])
def test_a_run_without_a_good_trial_has_nothing_to_export(tmp_path, records):
    with pytest.raises(UserError, match="nothing to export"):
        exported(load(write(tmp_path / "run", run(case()), *records)))


def test_a_run_of_two_machines_is_refused(tmp_path):
    one, other = case(), case("jax")
    folder = write(tmp_path / "run", run(one, other), ok(one), ok(other, environment="there"))
    store.add_environment(folder, environment(id="there", machine={"id": "another"}))
    with pytest.raises(UserError, match="2 machines"):
        exported(whole(folder))


def test_what_is_damaged_is_not_exported(tmp_path):
    folder = write(tmp_path / "run", run(case()), ok(case()))
    (folder / "environments" / "here.json").unlink()
    with pytest.raises(UserError, match="its environment 'here' is missing or damaged; delete it"):
        whole(folder)


def test_the_commits_are_those_of_the_cases(tmp_path):
    one, other = case(), case("jax")
    folder = write(tmp_path / "run", run(one, other), ok(one), ok(other, environment="later"))
    later = {**environment().suite, "commit": "123abc"}
    store.add_environment(folder, environment(id="later", suite=later))
    assert commits(exported(load(folder))) == ["123abc", "abcdef"]
