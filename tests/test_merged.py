"""What is held of one run: the same is one, and what contradicts is an error that names both."""

import msgspec
import numpy as np
import pytest
from support.records import MACHINE, bare, case, environment, ok, run, trials, write

from bench import store
from bench.error import UserError
from bench.merge import merged
from bench.part import read

PLAN = run(case())
RECORDS = trials(case(), 0.5, 0.6)


@pytest.fixture
def two(tmp_path):
    """Write two parts of one run; return how to read them together."""

    def make(first, second, plans=(PLAN, PLAN), hosts=("here", "here")):
        for name, records, plan, host in zip("xy", (first, second), plans, hosts, strict=True):
            write(tmp_path / name, plan, *records, machine={**MACHINE, "host": host})
        return lambda: merged(read([tmp_path / "x", tmp_path / "y"]))

    return make


def test_the_same_record_twice_is_one(two):
    (found,) = two(RECORDS, RECORDS[1:])()
    assert (len(found.records), found.repeated) == (2, 1)


def test_two_records_of_one_trial_that_differ_are_named_where_they_are(two, tmp_path):
    other = msgspec.structs.replace(RECORDS[1], wall_seconds=1.0)
    with pytest.raises(UserError) as error:
        two(RECORDS, [other])()
    assert str(error.value).startswith(
        f"{tmp_path}/x/trials.jsonl:2 and {tmp_path}/y/trials.jsonl:1 "
        f"are both of trial {other.trial}, and differ; leave one"
    )


def test_trials_that_measured_the_same_are_two_and_of_one_the_numbers_do_not_matter(two):
    (found,) = two([ok(case(), 1)], [ok(case(), 2)])()
    assert len(found.records) == 2


def test_an_interrupted_record_contradicts_nothing(two):
    given_up = bare(case(), 1, status="interrupted")
    again = msgspec.structs.replace(given_up, started="2025-01-02T03:05:00+00:00")
    (found,) = two([given_up, RECORDS[0]], [given_up, again])()
    assert (len(found.records), found.repeated) == (3, 1)


def test_plans_of_one_run_that_differ_are_named(two, tmp_path):
    with pytest.raises(UserError) as error:
        two(RECORDS, [], plans=(PLAN, run(case(), seed=7)))()
    assert str(error.value).startswith(
        f"{tmp_path}/x/run.json and {tmp_path}/y/run.json are both of run a run, and differ; leave"
    )


def test_environments_of_one_id_that_differ_are_named(two, tmp_path):
    with pytest.raises(UserError) as error:
        two(RECORDS, [], hosts=("here", "there"))()
    assert str(error.value).startswith(
        f"{tmp_path}/x/environments/here.json and {tmp_path}/y/environments/here.json "
        "are both of environment here, and differ"
    )


def test_the_order_of_an_environments_facts_is_none_of_its(tmp_path):
    for name, facts in (("x", MACHINE), ("y", dict(reversed(MACHINE.items())))):
        write(tmp_path / name, PLAN, machine=facts)
    (found,) = merged(read([tmp_path / "x", tmp_path / "y"]))
    assert found.environments == {"here": environment()}


def test_params_of_one_trial_that_differ_are_named(two, tmp_path):
    reading = two(RECORDS, RECORDS)
    places = [tmp_path / name / "params" / f"{RECORDS[0].trial}.npy" for name in "xy"]
    for path in places:
        np.save(path, np.zeros(3))
    (found,) = reading()
    assert found.kept == {RECORDS[0].trial: places[0]}
    np.save(places[1], np.ones(3))
    with pytest.raises(UserError, match="differ") as error:
        reading()
    assert str(error.value).startswith(f"{places[0]} and {places[1]} are both of trial r1-")


def test_params_that_only_one_part_has_are_kept(two, tmp_path):
    reading = two(RECORDS, RECORDS)
    path = tmp_path / "y" / "params" / f"{RECORDS[0].trial}.npy"
    np.save(path, np.zeros(3))
    assert reading()[0].kept == {RECORDS[0].trial: path}


def test_params_are_of_a_finished_record_beside_them(two, tmp_path):
    given_up = bare(case(), 3, status="interrupted")
    reading = two(RECORDS[:1], [RECORDS[1], given_up])
    lost = [tmp_path / "y" / "params" / f"{each.trial}.npy" for each in (RECORDS[0], given_up)]
    for path in lost:
        path.touch()
    (found,) = reading()
    assert (found.kept, found.unclaimed) == ({}, lost)


def test_params_that_lead_elsewhere_are_refused(two, tmp_path):
    reading = two(RECORDS, RECORDS)
    (tmp_path / "secret").write_text("secret")
    for name in "xy":
        path = tmp_path / name / "params" / f"{RECORDS[0].trial}.npy"
        path.symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="cannot be read: Too many levels of symbolic links; leave"):
        reading()


def test_a_damaged_part_is_refused(two, tmp_path):
    reading = two(RECORDS, RECORDS)
    with (tmp_path / "y" / "trials.jsonl").open("ab") as stream:
        stream.write(b"{}\n")
    with pytest.raises(UserError, match=r"y/trials\.jsonl:3: not a Record.*; delete it"):
        reading()
    (tmp_path / "x" / "environments" / "here.json").write_text("{}")
    with pytest.raises(UserError, match=r"x/environments/here\.json: not an? Environment"):
        reading()


def test_a_last_line_that_was_being_written_is_no_record(two, tmp_path):
    reading = two(RECORDS, [])
    with (tmp_path / "x" / "trials.jsonl").open("ab") as stream:
        stream.write(b'{"format":5,"ki')
    assert len(reading()[0].records) == 2


def test_a_run_without_a_trial_is_one(tmp_path):
    for name in "xy":
        store.create(tmp_path / name, PLAN)
    (found,) = merged(read([tmp_path / "x", tmp_path / "y"]))
    assert (len(found.parts), found.records) == (2, {})
