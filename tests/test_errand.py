"""What goes to a host and comes back: the same at the other end, or refused in one line."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import BINARY, damaged
from support.hosts import QUESTION, STARTED, SUITE, answer, introduction, placed
from support.records import case, run

from bench import dataset, plan
from bench.cluster.errand import (
    Answer,
    Data,
    Errand,
    Introduction,
    Question,
    Reply,
    Suite,
    data_of,
    decoded,
    encoded,
    errand,
)
from bench.error import UserError
from bench.result import Slowdown, Trial

SENT = [
    QUESTION,
    introduction(),
    introduction(environment=None, fault="no data here"),
    Reply(b"\x00\xff"),
    Reply(failure="no room"),
    answer(epoch_seconds=[0.5, 1e-9], phase_rss_bytes={"import": None}),
    Answer(placed(), {"status": "ok", "started": STARTED}, "é", b"params", b"labels"),
]


@pytest.mark.parametrize("sent", SENT, ids=lambda each: type(each).__name__)
def test_what_is_sent_comes_back_the_same(sent):
    assert decoded(encoded(sent), type(sent)) == sent


def test_an_errand_has_its_trial_as_it_is_and_what_it_shares_with_the_others():
    planned = run(case(), timeout=7.0, memory_limit=2**30, machine="machine-one")
    trial = Trial("r1-x", "trial", 1, case(), slowdown=Slowdown(0.5, 2))
    found = decoded(errand(trial, planned, QUESTION), Errand)
    assert found.trial == trial
    assert (found.shared.run, found.shared.seed) == ("a run", 42)
    assert (found.shared.timeout, found.shared.memory_limit) == (7.0, 2**30)
    assert found.shared.question == QUESTION


def test_only_a_probe_is_told_the_cases_whose_ceilings_it_probes():
    swept = case(batch_size=96)
    planned = run(case(), sweep=(swept,), ceilings=plan.ceilings([case()]))
    probe, *_, trial = plan.trials(planned)
    assert decoded(errand(probe, planned, QUESTION), Errand).shared.peers == (case(), swept)
    assert decoded(errand(trial, planned, QUESTION), Errand).shared.peers == ()


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ("mine.py", "{here}/mine.py"), ("../mine.py", "{up}/mine.py"), ("/a/mine.py", "/a/mine.py"),
        ("./venv/python", "{here}/venv/python"), ("~/venv/python", "{home}/venv/python"),
        ("python3.13", "python3.13"), (None, None),
    ],
)  # fmt: skip
def test_what_lies_in_a_file_is_named_by_its_whole_path_and_a_program_by_its_name(
    named, sent, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    places = {"here": tmp_path, "up": tmp_path.parent, "home": Path.home()}
    trial = Trial("r1-x", "trial", 1, case(file=named, interpreter=named))
    found = decoded(errand(trial, run(case()), QUESTION), Errand).trial.case
    expected = sent and sent.format(**places)
    assert (found.file, found.interpreter) == (expected, expected)


def test_the_python_of_an_environment_is_sent_as_the_link_that_it_is(tmp_path):
    (tmp_path / "python").symlink_to("/usr/bin/env")
    named = str(tmp_path / "python")
    trial = Trial("r1-x", "trial", 1, case(interpreter=named))
    assert decoded(errand(trial, run(case()), QUESTION), Errand).trial.case.interpreter == named


@pytest.mark.parametrize("asked", [None, "digits", "nowhere"])
def test_data_that_are_no_folder_are_called_what_the_caller_calls_them(
    digits, asked, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()  # the name is the data set's all the same
    assert data_of(digits, asked) == Data(asked, digits.sha256)


def test_a_folder_of_data_is_named_by_its_whole_path(small_folder, monkeypatch):
    monkeypatch.chdir(small_folder.parent)
    found = dataset.find("clothes")
    assert data_of(found, "clothes") == Data(str(small_folder), found.sha256)


def test_a_suite_is_said_with_what_tells_it_from_another():
    assert str(SUITE) == "0.1.0 (code 0123456789ab, commit abcdef0)"
    assert str(Suite("0.1.0", "", "0123456789ab")) == "0.1.0 (code 0123456789ab)"


def packed(sent, **changes):
    """Return what is sent, with other facts in its environment."""
    found = msgspec.to_builtins(sent)
    found["environment"] |= changes
    return msgspec.msgpack.encode(found)


NESTED = b"\x91" * 100_000  # a list in a list in a list
PACKED = msgspec.msgpack.encode
HOSTILE = {
    "nothing": b"",
    "no message": b"\xc1",
    "a message and more": encoded(answer()) + b"\x00",
    "half a message": encoded(answer())[:-9],
    "another kind": encoded(QUESTION),
    "a list": PACKED([1]),
    "values that are none": PACKED({**msgspec.to_builtins(answer()), "values": [1]}),
    "an environment that is none": packed(answer(), software=None),
    "a machine whose id is no text": encoded(Answer(placed(machine={"id": 5}), {})),
    "versions of nothing": encoded(Answer(placed(software={"distributions": 5}), {})),
    "another id than its facts have": packed(answer(), id="0123456789ab"),
    "facts that were changed": packed(answer(), suite={"version": "0.0.1"}),
    "keys that cannot be sorted": packed(answer(), suite={1: 2, "version": 3}),
    "what JSON has not": packed(answer(), suite={"version": msgspec.msgpack.Ext(5, b"x")}),
    "half a character": encoded(answer()).replace(b"no abacus", b"no \xed\xa0\x80bacu"),
    "too deep": NESTED,
    "facts too deep": packed(answer(), suite={"version": msgspec.Raw(NESTED[:-1] + b"\x90")}),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_answer_is_refused_in_one_line(data):
    with pytest.raises(UserError, match=r"^what it sent is no Answer: .+$"):
        decoded(data, Answer)


def test_an_introduction_is_held_to_the_same():
    with pytest.raises(UserError, match="no Introduction: the environment's id is not that of its"):
        decoded(packed(introduction(), id="../../x"), Introduction)


def read_or_refused(data, kind):
    """Whatever comes: a message of this kind or a UserError, of one line."""
    try:
        found = decoded(data, kind)
    except UserError:  # which is of one line: tests/test_error.py
        return
    assert isinstance(found, kind)


KINDS = st.sampled_from([Answer, Introduction, Errand, Question, Reply])


@given(st.binary(), KINDS)
def test_bytes_that_nobody_meant_are_read_or_refused(data, kind):
    read_or_refused(data, kind)


def test_a_suite_is_known_by_its_version_and_code_whether_or_not_it_knows_its_commit():
    assert SUITE.same(Suite(SUITE.version, "", SUITE.code))
    assert not SUITE.same(Suite(SUITE.version, SUITE.commit, "edited"))
    assert not SUITE.same(Suite("0.0.1", SUITE.commit, SUITE.code))


ERRAND = errand(Trial("r1-x", "trial", 1, case()), run(case()), QUESTION)
MESSAGES = [ERRAND, *map(encoded, SENT)]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary()
    | st.text(max_size=3) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers() | st.text(), inner),
)  # fmt: skip


@given(damaged(MESSAGES, BINARY), KINDS)
def test_a_message_that_was_damaged_is_read_or_refused(several, kind):
    for data in several:
        read_or_refused(data, kind)


@given(VALUES, st.sampled_from(["machine", "software", "suite", "variables", "data", "id"]))
def test_an_environment_with_any_fact_is_read_or_refused(value, name):
    try:
        data = packed(answer(), **{name: value})
    except (OverflowError, TypeError):
        return  # no message has it
    read_or_refused(data, Answer)
