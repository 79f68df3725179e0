"""A line of trials.jsonl is the record that was written, or is found to be none."""

import io
import re

import msgspec
import pytest
from support.records import bare, case, ok

from bench import lines
from bench.error import UserError
from bench.lines import Line
from bench.result import Parity, Slowdown
from bench.strict import DamagedError

replace = msgspec.structs.replace


def line(data):
    return Line(1, 0, len(data), data.removesuffix(b"\n"), data.endswith(b"\n"))


def decoded(data):
    return lines.decoded(line(data), "here")


def older(record, version=4):
    """Return a line as it was before there was a check."""
    return msgspec.json.encode(replace(record, format=version)) + b"\n"


def test_a_line_ends_with_the_check_of_what_is_before_it():
    data = lines.encoded(bare(case()))
    assert re.search(rb',"check":"[0-9a-f]{8}"\}\n$', data)
    assert data.count(b"\n") == 1
    assert decoded(data) == bare(case())


def test_whatever_bit_is_flipped_is_found():
    record = bare(case("naïve"), reason="a\nb", conditions={"a": 0.5})
    data = lines.encoded(record)
    for at in range(8 * (len(data) - 1)):
        place, bit = divmod(at, 8)
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        with pytest.raises((DamagedError, UserError)):
            decoded(bytes(flipped))


@pytest.mark.parametrize("bit", range(8))
def test_a_newline_that_was_flipped_does_not_hide_a_record(bit):
    data = lines.encoded(bare(case()))
    (found,) = lines.read(io.BytesIO(data[:-1] + bytes([10 ^ 1 << bit])))
    assert not found.cut
    with pytest.raises(DamagedError):
        lines.decoded(found, "here")


def test_a_line_that_was_cut_anywhere_is_one_that_was_being_written():
    data = lines.encoded(ok(case()))
    for end in range(1, len(data)):
        (found,) = lines.read(io.BytesIO(data[:end]))
        assert found.cut
    (found,) = lines.read(io.BytesIO(data))
    assert not found.cut


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_lines_of_older_formats_have_no_check_and_are_read(version):
    record = replace(ok(case()), format=version)
    assert decoded(older(record, version)) == record


def test_a_line_of_now_without_a_check_is_damaged():
    with pytest.raises(DamagedError, match="was changed after it was written: it lacks its check"):
        decoded(older(bare(case()), 5))


def test_an_older_line_with_a_check_is_held_to_it():
    data = lines.encoded(replace(bare(case()), format=4))
    assert decoded(data).format == 4
    with pytest.raises(DamagedError, match="was changed after it was written"):
        decoded(data.replace(b'"round":1', b'"round":2'))


def test_a_changed_line_is_not_taken_for_a_newer_one():
    data = lines.encoded(bare(case()))
    with pytest.raises(DamagedError, match="was changed"):
        decoded(data.replace(b'"format":5', b'"format":7'))
    with pytest.raises(UserError, match="here: format 7 is newer than this suite; update it"):
        decoded(lines.encoded(replace(bare(case()), format=7)))


@pytest.mark.parametrize(
    ("here", "there", "key"),
    [(b'"round":1', b'"round":1,"round":2', "round"),
     (b'"threads":2', b'"threads":1,"threads":2', "threads"),
     (b'"conditions":{', b'"conditions":{"a":1.0,', "a")],
)  # fmt: skip
def test_a_key_that_is_there_twice_is_damage(here, there, key):
    data = older(bare(case(), conditions={"a": 0.5}))
    assert data.count(here) == 1
    with pytest.raises(DamagedError, match=f"it says '{key}' twice"):
        decoded(data.replace(here, there))


def test_another_layout_of_the_same_record_is_read():
    record = replace(bare(case(), wall_seconds=1e-6), format=4)
    spaced = msgspec.json.format(msgspec.json.encode(record), indent=0)
    assert decoded(spaced.replace(b"1e-6", b"0.000001") + b"\n") == record


@pytest.mark.parametrize(
    "change",
    [
        {"wall_seconds": -1e-9}, {"wall_seconds": 1.1e9}, {"epoch_seconds": [1e308]},
        {"import_seconds": -5e-324}, {"predict_seconds": [0.1, -0.1]},
        {"warmup_seconds": [float("inf")]}, {"epoch_cpu_seconds": [float("nan")]},
        {"validation_accuracy": [1.0000001]}, {"test_accuracy": [-0.1]},
        {"validation_loss": [-1.0]}, {"validation_loss": [1e101]},
        {"peak_rss_bytes": 2**53 + 1}, {"peak_rss_bytes": -1}, {"round": -1}, {"round": 2**64},
        {"phase_rss_bytes": {"a": 2**60}}, {"read_bytes": [-8]}, {"product_operations": -1},
        {"energy_joules": -1.0}, {"energy_joules": 1e19}, {"threads_in_force": -0.1},
        {"conditions": {"a": 1e308}}, {"device_conditions": {"a": -1e19}},
        {"figure": {"a": float("1e300")}}, {"figure_seconds": -1.0},
        {"parity": Parity(-1e-6, 1e-5, passed=True)}, {"parity": Parity(1e-6, 1e101, passed=True)},
        {"parity": Parity(1e-4, 1e-5, passed=True)}, {"parity": Parity(1e-6, 1e-5, passed=False)},
        {"slowdown": Slowdown(-0.1)}, {"slowdown": Slowdown(0.1, 0)},
        {"case": case(samples=2**53 + 1)}, {"case": case(threads=-1)}, {"case": case(epochs=-1)},
    ],
)  # fmt: skip
def test_a_number_that_nothing_can_have_is_damage(change):
    with pytest.raises(DamagedError):
        decoded(lines.encoded(replace(bare(case()), **change)))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000])
def test_a_number_that_json_has_not_is_damage(number):
    data = older(bare(case(), wall_seconds=0.5))
    with pytest.raises(DamagedError, match="not a Record"):
        decoded(data.replace(b"0.5", number))


@pytest.mark.parametrize("text", ["", "now", "2025-13-01", "0001-01-01", "9999-12-31"])
def test_a_trial_that_began_at_no_time_is_damage(text):
    with pytest.raises(DamagedError, match="began at no time"):
        decoded(lines.encoded(bare(case(), started=text)))


def test_a_good_trial_that_failed_its_parity_is_damage():
    wrong = Parity(1e-4, 1e-5, passed=False)
    assert decoded(lines.encoded(ok(case(), status="failed", parity=wrong))).parity == wrong
    with pytest.raises(DamagedError, match="an ok trial without all its numbers"):
        decoded(lines.encoded(ok(case(), parity=wrong)))


def test_half_a_character_is_written_as_a_question_mark():
    record = bare(case(file="\udcff.py"), stderr_tail="a\ud800b", conditions={"\udc00": 1.0})
    found = decoded(lines.encoded(record))
    assert (found.stderr_tail, found.case.file) == ("a?b", "?.py")
    assert found.conditions == {"?": 1.0}


def test_lines_are_told_apart_with_their_places_however_long():
    longest = b"x" * lines.MOST
    data = b"a\n" + longest + b"\n" + longest * 3 + b"y\n\nlast"
    found = list(lines.read(io.BytesIO(data)))
    assert [each.number for each in found] == [1, 2, 3, 4, 5]
    assert [each.start for each in found] == [0, *(each.end for each in found[:-1])]
    assert found[-1].end == len(data)
    assert [each.finished for each in found] == [True] * 4 + [False]
    assert max(len(each.data) for each in found) == lines.MOST + 1
    assert found[0].data == b"a"


def test_a_line_that_is_too_long_is_damage_by_its_length():
    reason = "x" * lines.MOST
    (found,) = lines.read(io.BytesIO(lines.encoded(bare(case(), reason=reason))))
    with pytest.raises(DamagedError, match=r"of 104\d{4} bytes, where a line has 1048576 at most"):
        lines.decoded(found, "here")


def test_what_no_reader_would_take_is_known_before_it_is_written():
    assert lines.refused(ok(case())) is None
    assert "where a line has" in lines.refused(
        ok(case(), phase_rss_bytes={str(n): n for n in range(150_000)})
    )
