"""Whatever an error quotes, it is one line that a terminal only shows."""

import pytest

from bench.errors import DataError, UserError, clean_text
from bench.records.jsonl import clean_texts


@pytest.mark.parametrize("kind", [UserError, DataError])
def test_the_lines_of_an_error_are_joined(kind):
    assert str(kind("run.json:\r\nnot a Run:\u2028`a\x0bb`")) == "run.json: not a Run: `a b`"


@pytest.mark.parametrize("text", ["\x1b[2J", "\x00", "\x9b1m", "\ud800", "\x7f"])
def test_what_a_terminal_obeys_and_no_file_takes_is_a_question_mark(text):
    assert str(UserError(f"no {text} here")) == f"no ?{text[1:]} here"


def test_every_bidirectional_mark_is_a_question_mark():
    # Table 4 of Unicode Standard Annex #9.
    marks = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    assert clean_text(f"a{marks}b") == f"a{'?' * 12}b"
    assert clean_texts({"a": [f"{marks}b"]}) == {"a": ["?" * 12 + "b"]}


def test_other_alphabets_and_marks_stay():
    assert str(UserError("Größe 10 µs, 時間, e\u0301, 😀")) == "Größe 10 µs, 時間, e\u0301, 😀"


def test_of_a_long_error_both_ends_are_kept():
    said = str(UserError(f"run.json: {'x' * 10**6}; delete it"))
    assert said.startswith("run.json: xxx")
    assert said.endswith("xxx; delete it")
    assert len(said) < 2_000
