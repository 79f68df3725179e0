"""Merging: whatever the order, the same; all or nothing; and nothing of what is read is changed."""

import itertools
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fixtures_records import MACHINE, bare, case, environment, ok, run, trials, write
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import durable, merge, part, store
from bench.error import UserError
from bench.report import load

PLAN = run(case("a"), case("b"), rounds={"sgd": 3})
LATER = "2025-01-02T04:04:05+00:00"
RECORDS = [
    *trials(case("a"), 0.5, 0.6, 0.7), ok(case("b"), 1, started=LATER),
    bare(case("b"), 2, status="interrupted"), bare(case("b"), 2, status="interrupted",
                                                   started="2025-01-02T04:04:06+02:00"),
    ok(case("b"), 2, environment="there", started=LATER), bare(case("b"), 3, reason="it fell"),
]  # fmt: skip


def contents(folder):
    """Return all that is in a folder, by its place there."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in folder.rglob("*")}  # fmt: skip


def written(folder, records, plan=PLAN):
    """Write a part of a run, with an environment for each machine and params of what is well."""
    write(folder, plan, *records)
    store.add_environment(folder, environment(id="there", machine={**MACHINE, "host": "there"}))
    for each in records:
        if each.status == "ok":
            np.save(folder / "params" / f"{each.trial}.npy", np.full((1, 1, 1), each.round, "<f4"))
    return folder


@pytest.fixture
def parts(tmp_path):
    """Three parts of one run, which share some records."""
    return [written(tmp_path / name, RECORDS[begin:end])
            for name, begin, end in (("x", 0, 3), ("y", 2, 6), ("z", 5, 8))]  # fmt: skip


def test_the_order_of_what_is_merged_changes_no_byte(parts, tmp_path):
    found = []
    for number, order in enumerate(itertools.permutations(parts)):
        merge.merge(order, tmp_path / f"out {number}")
        found.append(contents(tmp_path / f"out {number}"))
    assert all(each == found[0] for each in found)
    assert len(store.read_records(tmp_path / "out 0")) == len(RECORDS)


def test_the_order_of_an_environments_facts_changes_no_byte_either(tmp_path):
    for name, facts in (("x", MACHINE), ("y", dict(reversed(MACHINE.items())))):
        write(tmp_path / name, PLAN, machine=facts)
    merge.merge([tmp_path / "x", tmp_path / "y"], tmp_path / "out")
    merge.merge([tmp_path / "y", tmp_path / "x"], tmp_path / "other")
    assert contents(tmp_path / "out") == contents(tmp_path / "other")
    place = "environments/here.json"
    assert (tmp_path / "out" / place).read_bytes() in [
        (tmp_path / name / place).read_bytes() for name in "xy"
    ]


def test_records_are_in_the_order_in_which_they_began(parts, tmp_path):
    merge.merge(parts, tmp_path / "out")
    found = store.read_records(tmp_path / "out")
    assert [(each.case.implementation, each.round, each.status) for each in found] == [
        ("b", 2, "interrupted"),  # at four o'clock two hours east of the others
        ("a", 1, "ok"), ("a", 2, "ok"), ("b", 2, "interrupted"), ("a", 3, "ok"),
        ("b", 3, "failed"), ("b", 1, "ok"), ("b", 2, "ok"),
    ]  # fmt: skip


@given(st.lists(st.lists(st.integers(0, len(RECORDS) - 1), unique=True), min_size=3, max_size=4))
@settings(max_examples=15, deadline=None)
def test_merging_again_or_in_groups_changes_nothing(chosen):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        parts = [written(place / f"{number}", [RECORDS[each] for each in those])
                 for number, those in enumerate(chosen)]  # fmt: skip
        merge.merge(parts, place / "all")
        merge.merge(parts[:2], place / "first")
        merge.merge([*parts[2:], place / "first"], place / "grouped")
        merge.merge([place / "all", *parts, place / "first"], place / "again")
        assert contents(place / "grouped") == contents(place / "all") == contents(place / "again")


def test_what_is_merged_is_a_run_that_is_read_and_gone_on_with(parts, tmp_path):
    before = [contents(each) for each in parts]
    (found,) = merge.merge(parts, tmp_path / "new" / "out")
    assert (len(found.records), found.repeated, found.unclaimed) == (8, 2, [])
    assert [contents(each) for each in parts] == before
    out = tmp_path / "new" / "out"
    assert store.read_run(out) == PLAN
    assert load.load_run(out).missing == 0
    assert np.load(out / "params" / f"{RECORDS[0].trial}.npy").tolist() == [[[1.0]]]
    assert {each.name for each in out.iterdir()} == {
        "run.json", "environments", "trials.jsonl", "params"
    }  # fmt: skip
    store.mend(out)
    assert [each.name for each in out.parent.iterdir()] == ["out"]


def test_what_an_earlier_format_wrote_is_of_todays(tmp_path):
    old = [msgspec.structs.replace(each, format=2) for each in RECORDS[:2]]
    plan = msgspec.structs.replace(PLAN, format=2)
    (tmp_path / "old" / "environments").mkdir(parents=True)
    (tmp_path / "old" / "run.json").write_bytes(msgspec.json.encode(plan))
    store.add_environment(tmp_path / "old", environment())
    lines = b"".join(msgspec.json.encode(each) + b"\n" for each in old)
    (tmp_path / "old" / "trials.jsonl").write_bytes(lines)
    write(tmp_path / "new", PLAN, *RECORDS[:2])
    (found,) = merge.merge([tmp_path / "old", tmp_path / "new"], tmp_path / "out")
    assert found.repeated == 2
    assert store.read_records(tmp_path / "out") == RECORDS[:2]
    assert store.read_run(tmp_path / "out") == PLAN


def test_runs_of_several_names_stand_beside_each_other(parts, tmp_path):
    other = msgspec.structs.replace(PLAN, run="another")
    written(tmp_path / "w", RECORDS[:1], other)
    found = merge.merge([*parts, tmp_path / "w"], tmp_path / "out")
    assert [each.run.run for each in found] == ["a run", "another"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a run", "another"]
    assert store.read_records(tmp_path / "out" / "another") == [
        msgspec.structs.replace(RECORDS[0], run="another")
    ]
    merge.merge([tmp_path / "out", parts[0]], tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "out")


@pytest.mark.parametrize("name", ["../a run", "a/run", ".", "", "x" * 300])
def test_a_run_whose_name_is_no_folders_is_refused(parts, tmp_path, name):
    written(tmp_path / "w", [], msgspec.structs.replace(PLAN, run=name))
    with pytest.raises(UserError, match="cannot be a folder's name"):
        merge.merge([*parts, tmp_path / "w"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_more_than_a_run_may_hold_is_refused(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(merge.trials, "MOST", 2**12)
    with pytest.raises(UserError, match="run a run: its records would be more than 0 MiB"):
        merge.merge(parts, tmp_path / "out")


def test_one_run_alone_is_refused(parts, tmp_path):
    with pytest.raises(UserError, match="there is one run: name another RUN"):
        merge.merge(parts[:1], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_params_without_a_record_are_left_out_and_said(parts, tmp_path):
    lost = [parts[0] / "params" / f"{RECORDS[3].trial}.npy", parts[2] / "params" / "x.npy"]
    for path in lost:
        path.write_bytes(b"being written")
    (found,) = merge.merge(parts, tmp_path / "out")
    assert found.unclaimed == lost
    kept = {path.name for path in (tmp_path / "out" / "params").iterdir()}
    assert kept == {f"{each.trial}.npy" for each in RECORDS if each.status == "ok"}


def test_the_output_is_new_or_empty_and_in_nothing_that_is_read(parts, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").touch()
    (tmp_path / "link").symlink_to(parts[0])
    for output, said in ((full, "there already"), (full / "x", "there already"),
                         (parts[0], "is only read"), (parts[1] / "out", "is only read"),
                         (tmp_path / "link" / "out", "is only read")):  # fmt: skip
        with pytest.raises(UserError, match=said):
            merge.merge(parts, output)
    (full / "x").unlink()
    merge.merge(parts, full)
    assert len(store.read_records(full)) == len(RECORDS)


def test_what_cannot_be_written_leaves_nothing(parts, tmp_path, monkeypatch):
    before = contents(tmp_path)
    whole, count = durable.write, itertools.count()

    def fails(path, data):
        if next(count) == 4:
            raise OSError(28, "No space left on device", str(path))
        return whole(path, data)

    monkeypatch.setattr(durable, "write", fails)
    with pytest.raises(UserError, match=r"cannot write to .*out: No space left on device"):
        merge.merge(parts, tmp_path / "out")
    assert contents(tmp_path) == before


def test_who_ends_it_finds_nothing_half(parts, tmp_path, monkeypatch):
    def ended(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(merge, "_lines", ended)
    before = contents(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        merge.merge(parts, tmp_path / "out")
    assert contents(tmp_path) == before


def test_who_is_second_writes_over_nothing(parts, tmp_path, monkeypatch):
    whole = store.document

    def late(found):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "theirs").touch()
        return whole(found)

    monkeypatch.setattr(store, "document", late)
    with pytest.raises(UserError, match=r"cannot write to .*out: Directory not empty"):
        merge.merge(parts, tmp_path / "out")
    assert list(contents(tmp_path / "out")) == ["theirs"]


@pytest.mark.parametrize("change", [b"[", b"x"])
def test_a_run_that_is_changed_while_it_is_merged_is_refused(parts, tmp_path, monkeypatch, change):
    found = merge.merged(part.read(parts))
    path = parts[0] / "trials.jsonl"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"{", change, 1) if change == b"[" else _another(data))
    with pytest.raises(UserError, match=r"trials\.jsonl:1: it was changed meanwhile; merge again"):
        list(merge._lines(found[0]))


def _another(data):
    """Return lines the first of which is another record, as long and as whole."""
    first, *others = data.splitlines(keepends=True)
    told = msgspec.json.decode(first.replace(b',"check":', b',"checked":'))
    told.pop("checked")
    told["peak_rss_bytes"] += 1
    record = msgspec.convert(told, merge.part.Record)
    return b"".join([merge.part.lines.encoded(record), *others])


def test_the_command_says_what_it_did(parts, tmp_path, called):
    (parts[0] / "params" / "x.npy").touch()
    code, out, err = called("merge", *parts, "--output", "out")
    assert (code, err) == (0, "")
    left, said = out.splitlines()
    assert left == f"left out: {parts[0]}/params/x.npy, of no record"
    assert said == "merged 3 runs, 8 records (2 were there twice) into out"


def test_in_a_process_of_its_own_it_merges_or_refuses(parts, tmp_path, bench):
    assert bench("merge", "x", "y", "--output", "out").returncode == 0
    assert len(store.read_records(tmp_path / "out")) == 6
    ended = bench("merge", "x", "y", "--output", "out")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "bench: out is there already; choose another --output\n"
