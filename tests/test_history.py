"""Runs in the order of their creation: what is compared with what, and what never is."""

from dataclasses import replace

import pytest
from fixtures_records import MACHINE, bare, case, environment, run, trials

from bench import history
from bench.error import UserError
from bench.history import Stored, keep, tracks

NUMPY = case("numpy", framework="numpy", extra="", devices=("cpu",))
OTHER = {**MACHINE, "id": "fedcba987654", "name": "8-core Other CPU, 32 GiB"}
SOFTWARE = {"python": "3.11.9", "blas": "openblas 0.3"}


def stored(day, *records, cases=(), where=None, **changes):
    """Return a run of the day's number in January; ``changes`` are its environment's."""
    created = f"2025-01-{day:02}T03:04:05+00:00"
    cases = cases or tuple(dict.fromkeys(record.case.slug for record in records))
    known = {record.case.slug: record.case for record in records}
    plan = run(*(known[slug] for slug in cases), run=f"of day {day}", created=created)
    here = where or {"here": environment(**changes)}
    return keep(Stored(f"day-{day}", plan, records, here))


def entries(track, name):
    (found,) = (one for one in track.courses if one.case.implementation == name)
    return found.entries


def versions_of(**distributions):
    return {"software": {**SOFTWARE, "distributions": distributions}}


def test_runs_stand_in_the_order_of_their_creation_however_they_are_named():
    found = [stored(day, *trials(NUMPY, 0.5)) for day in (3, 1, 2)]
    (track,) = tracks(found)
    assert [(past.number, past.folder) for past in track.pasts] == [
        (1, "day-1"), (2, "day-2"), (3, "day-3")
    ]  # fmt: skip


def test_the_order_is_that_of_instants_not_of_texts():
    here, records = {"here": environment()}, trials(NUMPY, 0.5)
    early = run(NUMPY, run="e", created="2025-01-02T01:00:00+03:00")
    late = run(NUMPY, run="u", created="2025-01-01T23:00:00")
    found = (Stored("utc", late, records, here), Stored("east", early, records, here))
    (track,) = tracks(map(keep, found))
    assert [past.folder for past in track.pasts] == ["east", "utc"]
    assert track.pasts[0].created.isoformat() == "2025-01-01T22:00:00+00:00"


def test_an_epoch_is_told_with_its_interval_and_its_ratio_to_the_run_before():
    (track,) = tracks([
        stored(1, *trials(NUMPY, 0.4, 0.9)), stored(2, *trials(NUMPY, 0.3)),
        stored(3, *trials(NUMPY, 0.6)),
    ])  # fmt: skip
    first, second, third = entries(track, "numpy")
    assert (first.ratio, first.row.epoch.mean) == (None, pytest.approx(0.6))
    assert first.row.epoch.low < 0.4
    assert (second.ratio, third.ratio) == (pytest.approx(0.5), pytest.approx(2))
    assert first.timed
    assert third.timed


def test_across_a_run_without_the_case_there_is_no_ratio():
    torch = case("pytorch")
    (track,) = tracks([
        stored(1, *trials(NUMPY, 0.4), *trials(torch, 0.1)), stored(2, *trials(NUMPY, 0.3)),
        stored(3, *trials(NUMPY, 0.6), *trials(torch, 0.1)),
    ])  # fmt: skip
    first, second, third = entries(track, "pytorch")
    assert (second.row, second.timed, second.changed) == (None, False, None)
    assert (first.ratio, second.ratio, third.ratio) == (None, None, None)
    assert third.changed is None


@pytest.mark.parametrize("status", ["failed", "timeout", "unavailable"])
def test_what_went_wrong_has_no_time_and_gives_no_ratio(status):
    wrong = bare(NUMPY, status=status, reason="a reason")
    (track,) = tracks([
        stored(1, *trials(NUMPY, 0.4)), stored(2, wrong), stored(3, *trials(NUMPY, 0.6)),
    ])  # fmt: skip
    _, second, third = entries(track, "numpy")
    assert second.row is not None
    assert not second.timed
    assert (second.ratio, third.ratio) == (None, None)


def test_a_time_with_a_failed_trial_beside_it_is_none():
    mixed = (*trials(NUMPY, 0.4), bare(NUMPY, 2, reason="parity"))
    (track,) = tracks([stored(1, *mixed), stored(2, *trials(NUMPY, 0.4))])
    first, second = entries(track, "numpy")
    assert (first.timed, second.ratio) == (False, None)


def test_runs_of_another_machine_are_kept_apart():
    (ours, theirs) = tracks([
        stored(1, *trials(NUMPY, 0.4)), stored(2, *trials(NUMPY, 0.1), machine=OTHER),
        stored(3, *trials(NUMPY, 0.8)),
    ])  # fmt: skip
    assert ours.origin.machine == MACHINE["id"]
    assert theirs.origin.name == OTHER["name"]
    assert [entry.ratio for entry in entries(ours, "numpy")] == [None, pytest.approx(2)]
    assert [past.number for past in ours.pasts] == [1, 3]
    assert [entry.ratio for entry in entries(theirs, "numpy")] == [None]


def test_a_run_that_was_resumed_on_another_machine_is_two():
    here, there = trials(NUMPY, 0.4, 0.2)
    both = {"here": environment(), "there": environment(id="there", machine=OTHER)}
    resumed = stored(1, here, bare_like(there, "there"), where=both)
    ours, theirs = tracks([resumed])
    assert entries(ours, "numpy")[0].row.epoch.mean == pytest.approx(0.4)
    assert entries(theirs, "numpy")[0].row.epoch.mean == pytest.approx(0.2)


def bare_like(record, where):
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    return type(record)(**{**values, "environment": where})


def test_runs_on_other_data_are_kept_apart_even_under_the_same_name():
    changed = {"name": "fashion-mnist", "source": "a mirror", "sha256": {"train": "ab"}}
    assert len(tracks([
        stored(1, *trials(NUMPY, 0.4)), stored(2, *trials(NUMPY, 0.4), data=changed),
    ])) == 2  # fmt: skip


def test_the_same_data_from_another_source_are_the_same():
    elsewhere = {"name": "fashion-mnist", "source": "an archive", "sha256": {}}
    assert len(tracks([
        stored(1, *trials(NUMPY, 0.4)), stored(2, *trials(NUMPY, 0.4), data=elsewhere),
    ])) == 1  # fmt: skip


def test_a_case_tells_only_of_changes_below_it_and_the_run_of_all():
    torch, keras = case("pytorch"), case("keras-jax", framework="keras",
                                         variables={"KERAS_BACKEND": "jax"})  # fmt: skip
    both = (*trials(torch, 0.1), *trials(keras, 0.2))
    before = versions_of(torch="2.9.0", keras="3.12", jax="0.7", rich="14")
    after = versions_of(torch="2.9.1", keras="3.12", jax="0.8")
    (track,) = tracks([stored(1, *both, **before), stored(2, *both, **after)])
    assert entries(track, "pytorch")[0].changed is None
    assert entries(track, "pytorch")[1].changed == ("torch 2.9.0 → 2.9.1",)
    assert entries(track, "keras-jax")[1].changed == ("jax 0.7 → 0.8",)
    assert track.pasts[0].software["rich"] == "14"
    assert "rich" not in track.pasts[1].software


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"suite": {"version": "0.1.0", "commit": "123456789"}},
      "suite 0.1.0 abcdef changed → 0.1.0 1234567"),
     (versions_of(numpy="2.4"), "numpy absent → 2.4")],
)  # fmt: skip
def test_what_is_below_every_case_is_told_of_each(changes, said):
    (track,) = tracks([
        stored(1, *trials(NUMPY, 0.4), **versions_of()),
        stored(2, *trials(NUMPY, 0.4), **{**versions_of(), **changes}),
    ])  # fmt: skip
    assert entries(track, "numpy")[1].changed == (said,)


def test_only_the_environments_of_a_case_tell_what_it_ran_on():
    torch = case("pytorch")
    ours, theirs = trials(NUMPY, 0.4), trials(torch, 0.1, environment="there")
    newer = environment(id="there", software={**SOFTWARE, "python": "3.12.1"})
    where = {"here": environment(), "there": newer}
    (track,) = tracks([
        stored(1, *ours, *trials(torch, 0.1)), stored(2, *ours, *theirs, where=where),
    ])  # fmt: skip
    assert entries(track, "numpy")[1].changed == ()
    assert "python 3.11.9 → 3.12.1" in entries(track, "pytorch")[1].changed


def test_ones_own_file_is_a_case_of_its_own_and_tells_when_it_changed():
    own = {"framework": "", "extra": "", "style": "own", "file": "numpy.py"}
    before, after = (case("numpy", **own, sha256=digit * 64) for digit in "12")
    (track,) = tracks([stored(1, *trials(before, 0.4)), stored(2, *trials(after, 0.2))])
    (course,) = track.courses
    assert course.entries[1].changed == (f"file {'1' * 12} → {'2' * 12}",)
    (track,) = tracks([stored(1, *trials(NUMPY, 0.4)), stored(2, *trials(after, 0.2))])
    assert [entry.ratio for one in track.courses for entry in one.entries] == [None] * 4


def test_another_objective_is_another_case():
    ours, theirs = case("sklearn"), case("sklearn", objective="one-vs-rest")
    (track,) = tracks([stored(1, *trials(ours, 0.4)), stored(2, *trials(theirs, 0.2))])
    assert len(track.courses) == 2


def test_other_sizes_of_a_sweep_are_left_out():
    small = case("numpy", framework="numpy", batch_size=8)
    one = stored(1, *trials(NUMPY, 0.4), *trials(small, 2.0), cases=(NUMPY.slug,))
    (track,) = tracks([one])
    assert [course.case.batch_size for course in track.courses] == [32]


def test_cases_stand_as_the_newest_run_sorts_them_and_then_the_others():
    names = ("a", "b", "c")
    (track,) = tracks([
        stored(1, *(one for name, time in zip(names, (1, 2, 3), strict=True)
                    for one in trials(case(name), time))),
        stored(2, *trials(case("a"), 3), *trials(case("c"), 2)),
    ])  # fmt: skip
    assert [course.case.implementation for course in track.courses] == ["c", "a", "b"]


def test_the_case_shown_is_the_newest_runs():
    (track,) = tracks([
        stored(1, *trials(case("a", style="idiomatic"), 1)),
        stored(2, *trials(case("a", style="tuned"), 1)),
    ])  # fmt: skip
    assert [course.case.style for course in track.courses] == ["tuned"]


def test_a_run_that_is_named_twice_is_refused():
    one = stored(1, *trials(NUMPY, 0.4))
    again = replace(one, folder="a copy")
    with pytest.raises(UserError, match="a copy and day-1 are one run; name it once"):
        tracks([one, again])


def test_a_run_that_was_created_at_no_time_is_refused():
    plan = run(NUMPY, created="yesterday")
    with pytest.raises(UserError, match=r"broken/run\.json: created 'yesterday' is no time"):
        keep(Stored("broken", plan, [], {}))


def test_a_run_without_a_record_is_no_track_but_has_its_number():
    empty = keep(Stored("empty", run(NUMPY, run="empty"), [], {}))
    (track,) = tracks([empty, stored(3, *trials(NUMPY, 0.4))])
    assert [past.number for past in track.pasts] == [2]
    assert history.tracks([]) == []
