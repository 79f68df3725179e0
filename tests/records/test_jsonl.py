"""Lines of trials.jsonl are the records that were written, or reported as damaged."""

import msgspec
import pytest
from support.commands import process
from support.records import bare, case, ok, run, write

from bench.errors import UserError
from bench.records import files, jsonl, store
from bench.records.jsonl import DamagedError
from bench.records.schema import FORMAT, OLDEST_FORMAT, Parity

replace = msgspec.structs.replace
RECORDS = [ok(case(), number) for number in (1, 2, 3)]
FIRST, SECOND, THIRD = map(jsonl.encode, RECORDS)


def decode(line):
    return jsonl.decode(line.removesuffix(b"\n"), "here")


def test_any_flipped_bit_is_damage():
    line = jsonl.encode(bare(case("naïve"), reason="a\nb", conditions={"a": 0.5}))[:-1]
    for position in range(8 * len(line)):
        place, bit = divmod(position, 8)
        flipped = bytearray(line)
        flipped[place] ^= 1 << bit
        with pytest.raises((DamagedError, UserError)):
            decode(bytes(flipped))


def test_line_without_checksum_is_damage():
    with pytest.raises(DamagedError, match="no checksum"):
        decode(msgspec.json.encode(bare(case())))


def test_changed_format_number_is_damage():
    line = jsonl.encode(bare(case()))
    with pytest.raises(DamagedError, match="was changed"):
        decode(line.replace(b'"format":%d' % FORMAT, b'"format":%d' % (FORMAT + 1)))
    with pytest.raises(UserError, match=f"format {FORMAT + 1} is newer"):
        decode(jsonl.encode(bare(case(), format=FORMAT + 1)))
    with pytest.raises(UserError, match=f"format {OLDEST_FORMAT - 1} is older"):
        decode(jsonl.encode(bare(case(), format=OLDEST_FORMAT - 1)))
    assert decode(jsonl.encode(bare(case(), format=OLDEST_FORMAT)))


@pytest.mark.parametrize(
    "change",
    [
        {"wall_seconds": -1e-9},
        {"epoch_seconds": [1e308]},
        {"epoch_cpu_seconds": [float("nan")]},
        {"validation_accuracy": [1.0000001]},
        {"peak_rss_bytes": 2**53 + 1},
        {"conditions": {"a": 1e308}},
        {"parity": Parity(1e-4, 1e-5, passed=True)},
        {"case": case(threads=-1)},
        {"started": "9999-12-31"},
        {"started": "now"},
    ],
)
def test_value_out_of_range_is_damage(change):
    with pytest.raises(DamagedError):
        decode(jsonl.encode(bare(case(), **change)))


@pytest.mark.parametrize(
    "change",
    [
        {"epoch_seconds": []},
        {"epoch_seconds": [0.5, 5e-324]},
        {"epoch_delay_seconds": [1.0] * 4},
        {"kernel_seconds": [0.002, 0.0]},
        {"validation_accuracy": [0.8] * 4},
        {"case": case(batch_size=64, samples=32)},
        {"parity": Parity(1e-4, 1e-5, passed=False)},
    ],
)
def test_incomplete_ok_trial_is_damage(change):
    record = replace(ok(case()), **change)
    assert decode(jsonl.encode(replace(record, status="failed")))
    with pytest.raises(DamagedError, match="numbers are missing"):
        decode(jsonl.encode(record))
    assert jsonl.explain_rejection(record)


PROBED = {
    "kind": "roofline",
    "product_operations": 10,
    "product_seconds": [0.1],
    "read_bytes": [8],
    "read_seconds": [0.1],
}


@pytest.mark.parametrize(
    ("change", "complete"),
    [
        ({}, True),
        ({"read_bytes": [], "read_seconds": []}, True),
        ({"chain_seconds": [0.1], "chain_steps": 10}, True),
        ({"product_operations": None}, False),
        ({"product_seconds": [0.1, 0.0]}, False),
        ({"kernel_seconds": [0.0]}, False),
        ({"read_seconds": [0.1, 0.1]}, False),
        ({"read_bytes": [0]}, False),
        ({"chain_seconds": [0.1]}, False),
    ],
)
def test_ok_probe_needs_all_numbers_of_rates(change, complete):
    record = bare(case(), status="ok", **PROBED | change)
    assert (jsonl.explain_rejection(record) is None) == complete


@pytest.mark.parametrize(
    ("change", "complete"),
    [
        ({}, True),
        ({"values": {}}, False),
        ({"values": {"a": 1.0, "b": 0.0}}, False),
        ({"iteration_seconds": [0.1, 0.0]}, False),
        ({"kernel_seconds": [0.002, 0.0]}, False),
    ],
)
def test_ok_command_needs_all_numbers_of_ratios(change, complete):
    assert (jsonl.explain_rejection(process("base", 1, **change)) is None) == complete


def test_oversized_record_is_rejected():
    assert "bytes" in jsonl.explain_rejection(bare(case(), reason="x" * jsonl.MAX_RECORD_BYTES))


def test_unpaired_surrogates_become_question_marks():
    record = bare(case(file="\udcff.py"), stderr_tail="a\ud800b", conditions={"\udc00": 1.0})
    again = decode(jsonl.encode(record))
    assert (again.stderr_tail, again.case.file, again.conditions) == ("a?b", "?.py", {"?": 1.0})


# ----- the file


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "run", run(case()), *RECORDS)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (SECOND.replace(b"0.5", b"0.6"), "was changed after it was written"),
        (b"{}\n", "not a Record: "),
        (b"\xff\xfe\n", "not a Record: "),
        (b"\n", "not a Record: "),
        (b"[" * 10**5 + b"\n", "not a Record: "),
        (SECOND[:-1] + b" " + SECOND, "was changed after it was written"),
        (jsonl.encode(replace(RECORDS[1], run="other")), "it belongs to another run, 'other'"),
        (
            jsonl.encode(replace(RECORDS[1], environment="gone")),
            "its environment 'gone' is missing",
        ),
        (jsonl.encode(replace(RECORDS[1], trial="../a")), "trial '../a' cannot be a file name"),
        (FIRST, f"trial {RECORDS[0].trial} is already recorded"),
        (jsonl.encode(replace(RECORDS[1], run="\x1b[2J" * 10_000)), "it belongs to another run"),
    ],
)
def test_damaged_line_is_skipped_reported_and_set_aside(folder, line, reason):
    (folder / "trials.jsonl").write_bytes(FIRST + line + THIRD)
    contents = store.read_contents(folder)
    assert contents.records == [RECORDS[0], RECORDS[2]]
    (fault,) = contents.faults
    assert fault.startswith(f"trials.jsonl:2: {reason}")
    assert fault.isprintable()
    assert len(fault) < 2000
    with pytest.raises(UserError):
        store.read_records(folder)
    store.repair_run(folder)
    assert store.read_records(folder) == contents.records
    assert (folder / "trials.jsonl").read_bytes() == FIRST + THIRD
    assert (folder / "damaged.jsonl").read_bytes() == line


def test_newer_line_is_user_error_and_stays(folder):
    newer = jsonl.encode(replace(RECORDS[1], format=FORMAT + 1))
    (folder / "trials.jsonl").write_bytes(FIRST + newer + b"{}\n")
    for read in (store.read_contents, store.read_records, store.repair_run):
        with pytest.raises(UserError, match="is newer than this suite"):
            read(folder)
    assert (folder / "trials.jsonl").read_bytes() == FIRST + newer + b"{}\n"


def test_killed_repair_loses_no_line(folder, monkeypatch):
    (folder / "trials.jsonl").write_bytes(FIRST + b"{}\n" + SECOND)
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_file", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            store.repair_run(folder)
    store.repair_run(folder)
    assert (folder / "trials.jsonl").read_bytes() == FIRST + SECOND
    assert (folder / "damaged.jsonl").read_bytes() == b"{}\n" * 2


def test_records_of_damaged_environment_are_set_aside(folder):
    path = folder / "environments" / "here.json"
    whole = path.read_bytes()
    path.write_bytes(b"[" + whole[1:])
    store.repair_run(folder)
    assert store.read_records(folder) == []
    assert (folder / "damaged.jsonl").read_bytes() == FIRST + SECOND + THIRD
    assert not path.exists()
    assert path.with_name("here.json.damaged").read_bytes() == b"[" + whole[1:]
