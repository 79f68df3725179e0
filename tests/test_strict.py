"""JSON is read as its kind, each key once; whatever else it is, is damage in one line."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from support.records import case, run

from bench import strict
from bench.error import UserError
from bench.result import Run
from bench.strict import DamagedError


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a Run: "), (b"[" * 10**6, "not a Run: "), (b'{"a": "\\ud800"}', "not a Run: "),
        (b'{"a": "\xed\xa0\x80"}', "not a Run: "), (b'{"a":' * 10**6, "not a Run: "),
    ],
)  # fmt: skip
def test_what_is_no_json_of_its_kind_is_damage(data, says):
    with pytest.raises(DamagedError, match=says):
        strict.decoded(data, Run, "here")


def test_what_only_a_newer_suite_reads_is_for_that():
    with pytest.raises(UserError, match="here: format 6 is newer than this suite; update it"):
        strict.decoded(b'{"format": 6, "more": [1]}', Run, "here")


def test_every_key_is_there_once_however_deep():
    kind = dict[str, dict[str, int]]
    assert strict.decoded(b'{"a": {"b": 1}, "c": {"b": 1}}', kind, "here")
    with pytest.raises(DamagedError, match="it says 'b' twice"):
        strict.decoded(b'{"a": {"b": 1, "\\u0062": 2}}', kind, "here")


def test_a_plan_that_was_written_is_read():
    planned = run(case())
    assert strict.decoded(msgspec.json.encode(planned), Run, "here") == planned


def test_what_is_nested_too_deep_to_be_looked_through_is_damage():
    for depth in range(900, 1100):
        data = b'{"a":' * depth + b" 1" + b"}" * depth
        with suppress(DamagedError):
            strict.decoded(data, dict[str, Any], "here")
