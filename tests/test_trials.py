"""Of a damaged file of trials every whole record is read, the rest is named and set aside."""

import subprocess
import sys

import msgspec
import pytest
from support.records import bare, case, environment, ok, run, write

from bench import lines, store, trials
from bench.error import UserError

replace = msgspec.structs.replace
RECORDS = [ok(case(), number) for number in (1, 2, 3)]


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "run", run(case()), *RECORDS)


def rewritten(folder, *parts):
    (folder / "trials.jsonl").write_bytes(b"".join(parts))
    return store.salvaged(folder)


FIRST, SECOND, THIRD = (lines.encoded(record) for record in RECORDS)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (SECOND.replace(b"0.5", b"0.6"), "was changed after it was written"),
        (b"{}\n", "not a Record: "), (b"\xff\xfe\n", "not a Record: "), (b"\n", "not a Record: "),
        (SECOND[:-1] + b" " + SECOND, "not a Record: "),
        (lines.encoded(replace(RECORDS[1], run="other")), "a record of another run, 'other'"),
        (lines.encoded(replace(RECORDS[1], environment="gone")),
         "its environment 'gone' is missing or damaged"),
        (lines.encoded(replace(RECORDS[1], environment="../run")),
         r"its environment '../run' is missing or damaged"),
        (lines.encoded(replace(RECORDS[1], trial="../a")), "trial '../a' cannot be a file's name"),
        (FIRST, f"trial {RECORDS[0].trial} is there already"),
        (b"x" * lines.MOST + b"xxxxx\n", "of 1048582 bytes, where a line has 1048576 at most"),
    ],
)  # fmt: skip
def test_a_damaged_line_is_left_out_named_and_set_aside(folder, line, says):
    found = rewritten(folder, FIRST, line, THIRD)
    assert found.records == [RECORDS[0], RECORDS[2]]
    (fault,) = found.faults
    assert fault.startswith(f"trials.jsonl:2: {says}")
    with pytest.raises(UserError) as error:
        store.read_records(folder)
    assert str(error.value).startswith(f"{folder}/{fault}; delete it, or have run --resume")
    store.mend(folder)
    assert store.read_records(folder) == found.records
    assert (folder / "trials.jsonl").read_bytes() == FIRST + THIRD
    assert (folder / "damaged.jsonl").read_bytes() == line


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "x" * 100_000])
def test_what_is_said_of_a_damaged_line_is_a_line_that_a_terminal_only_shows(folder, text):
    several = [lines.encoded(replace(RECORDS[1], **{name: text}))
               for name in ("run", "environment")]  # fmt: skip
    found = rewritten(folder, FIRST, *several, b'{"%s": 1}\n' % msgspec.json.encode(text)[1:-1])
    assert len(found.faults) == 3
    assert all(fault.isprintable() and len(fault) < 2_000 for fault in found.faults)


def test_of_a_trial_that_is_there_twice_the_first_counts_but_for_interrupted_ones(folder):
    interrupted = lines.encoded(replace(bare(case(), 2), status="interrupted"))
    again = lines.encoded(replace(RECORDS[0], epoch_seconds=[0.1] * 5))
    found = rewritten(folder, interrupted, interrupted, FIRST, SECOND, again)
    assert [record.status for record in found.records] == ["interrupted"] * 2 + ["ok"] * 2
    assert found.records[2] == RECORDS[0]
    assert found.faults == [f"trials.jsonl:5: trial {RECORDS[0].trial} is there already"]


def test_a_newer_line_anywhere_is_no_damage(folder):
    newer = lines.encoded(replace(RECORDS[1], format=6))
    (folder / "trials.jsonl").write_bytes(FIRST + newer + b"{}\n")
    before = (folder / "trials.jsonl").read_bytes()
    for read in (store.salvaged, store.read_records, store.mend):
        with pytest.raises(UserError, match=r"trials\.jsonl:2: format 6 is newer than this suite"):
            read(folder)
    assert (folder / "trials.jsonl").read_bytes() == before


def test_a_newline_that_was_flipped_at_the_end_is_damage_and_nothing_is_lost(folder):
    found = rewritten(folder, FIRST, SECOND[:-1] + b"\x0b")
    assert found.records == RECORDS[:1]
    assert len(found.faults) == 1
    for _ in range(2):
        store.mend(folder)
        assert (folder / "damaged.jsonl").read_bytes() == SECOND[:-1] + b"\x0b\n"
    assert store.read_records(folder) == RECORDS[:1]


@pytest.mark.parametrize("step", [41, pytest.param(1, marks=pytest.mark.soak)])
def test_every_flipped_bit_is_refused_or_changes_nothing(folder, step):
    path, whole = folder / "trials.jsonl", FIRST + SECOND
    for place in range(0, len(whole), step):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            path.write_bytes(data)
            try:
                found = store.salvaged(folder)
            except UserError:
                continue
            assert found.faults
            assert all(record in RECORDS for record in found.records)


def test_mending_copies_what_is_damaged_again_rather_than_losing_it(folder, monkeypatch):
    (folder / "trials.jsonl").write_bytes(FIRST + b"{}\n" + SECOND)
    before = (folder / "trials.jsonl").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(trials.durable, "write", lambda *_: pytest.fail("killed in between"))
        with pytest.raises(pytest.fail.Exception):
            store.mend(folder)
    assert (folder / "trials.jsonl").read_bytes() == before
    store.mend(folder)
    assert (folder / "trials.jsonl").read_bytes() == FIRST + SECOND
    assert (folder / "damaged.jsonl").read_bytes() == b"{}\n" * 2


def test_mending_deletes_what_was_being_written_and_nothing_else(folder):
    for name in ("run.json.7.part", "params/r1.npy.7.part", "environments/a.json.17.part"):
        (folder / name).touch()
    others = {
        folder / name
        for name in (
            "a.part",
            ".7.part",
            "b.7x.part",
            "my/run.json.7.part",
            "environments/a.json.part",
            "params/my/a.npy.7.part",
        )
    }
    (folder / "my").mkdir()
    (folder / "params" / "my").mkdir()
    for path in others:
        path.touch()
    (folder / "folder.7.part").mkdir()
    before = (folder / "trials.jsonl").stat().st_ino
    store.mend(folder)
    assert set(folder.rglob("*.part")) == {*others, folder / "folder.7.part"}
    assert store.read_records(folder) == RECORDS
    assert (folder / "trials.jsonl").stat().st_ino == before
    assert not (folder / "damaged.jsonl").exists()


@pytest.mark.parametrize("name", ["params", "environments"])
def test_a_folder_that_is_a_link_is_not_gone_on_with(folder, tmp_path, name):
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=f"{name} is a link, which may lead elsewhere; copy the"):
        store.mend(folder)


def test_what_is_set_aside_goes_through_no_link(folder, tmp_path):
    (tmp_path / "other").touch()
    (folder / "damaged.jsonl").symlink_to(tmp_path / "other")
    with (folder / "trials.jsonl").open("ab") as stream:
        stream.write(b"{}\n")
    with pytest.raises(UserError, match=r"cannot write to .*symbolic links"):
        store.mend(folder)
    assert (tmp_path / "other").read_bytes() == b""


def test_a_file_that_is_damaged_all_over_is_refused(folder):
    (folder / "trials.jsonl").write_bytes(b"\n" * 10**6)
    with pytest.raises(UserError, match="more than 1,000 of its lines are damaged: leave it out"):
        store.salvaged(folder)


def test_a_damaged_environment_is_written_anew_and_loses_no_further_trial(folder):
    path = folder / "environments" / "here.json"
    whole, kept = path.read_bytes(), folder / "environments" / "here.json.damaged"
    flipped = bytes([whole[0] ^ 1]) + whole[1:]
    for count in (1, 2):
        path.write_bytes(flipped)
        store.mend(folder)
        assert store.read_records(folder) == []
        store.add_environment(folder, environment())
        for record in RECORDS:
            store.append(folder, record)
        store.mend(folder)
        assert store.read_records(folder) == RECORDS
        assert path.read_bytes() == whole
        assert (folder / "damaged.jsonl").read_bytes() == (FIRST + SECOND + THIRD) * count
    assert kept.read_bytes() == kept.with_name("here.json.damaged.2").read_bytes() == flipped


HUGE = """
import resource, sys
from pathlib import Path
from bench import store
from bench.error import UserError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for read in (store.salvaged, store.read_records, store.mend):
    try:
        print(getattr(read(Path(sys.argv[1])), "faults", None))
    except UserError as error:
        print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("kind", ["a gigabyte", "a line of 100 MB", "such a line unfinished"])
def test_no_file_takes_more_memory_than_it_may(folder, kind):
    with (folder / "trials.jsonl").open("wb") as stream:
        if kind == "a gigabyte":
            stream.truncate(2**30)
        else:
            stream.write(FIRST)
            stream.writelines([b"x" * 10**6] * 100)
            stream.write((b"\n" + SECOND) * (kind == "a line of 100 MB"))
    done = subprocess.run([sys.executable, "-c", HUGE, folder], capture_output=True, check=True,
                          text=True, timeout=120)  # fmt: skip
    *said, grown = done.stdout.splitlines()
    assert int(grown) < 50 * 2**10  # KiB
    if kind == "a gigabyte":
        assert all("it is larger than 536870912 bytes" in line for line in said)
    elif kind == "a line of 100 MB":
        assert said[0] == "['trials.jsonl:2: of 100000001 bytes, where a line has 1048576 at most']"
        assert store.read_records(folder) == RECORDS[:2]
        assert (folder / "damaged.jsonl").stat().st_size == 100000001
    else:
        assert said == ["[]", "None", "None"]
        assert (folder / "trials.jsonl").read_bytes() == FIRST
