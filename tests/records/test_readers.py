"""Fuzz: every reader decodes the files of a run or raises UserError."""

import json
import unicodedata
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.records import case, environment, ok, probe, run, trials, write

from bench.errors import UserError, clean_text
from bench.records import jsonl, merge, store
from bench.records.files import is_file_name
from bench.report import index
from bench.report import write as report
from bench.report.base import load
from bench.report.export import export_pyperf, export_pytest_benchmark

GPU, SMALL = case("jax", device="gpu"), case("jax", batch_size=8)
FIGURE = case("textbook-keras", workload="textbook")
PLAN = run(case(), case("jax"), GPU, sweep=(SMALL,), textbook=(FIGURE,))
RECORDS = [
    *trials(case(), 0.5, 0.25),
    *trials(case("jax"), 0.125, phase_rss_bytes={"import": 100}),
    *trials(GPU, 0.1, warmup_seconds=[0.1], device_conditions={"celsius": 50.0}, energy_joules=5.0),
    *trials(SMALL, 0.3, predict_seconds=[0.1]),
    probe(),
    ok(case("jax"), kind="trace"),
    ok(FIGURE, kind="textbook", quantities={"accuracy": 0.8}, program_seconds=3.0),
]
# Values that may stand where JSON has another one: edges of types, half a character, a path, depth.
TOKENS = [
    *["null", "true", "[]", "{}", "0", "5", "-0.0", "-1", "1e999", "5e-324", "NaN", "Infinity"],
    *(str(2**53 + 1), "9" * 400, r'"\ud800"', r'"\u0000"', '"../../x"', f'"{"x" * 10_000}"'),
    *("[" * 2_000, f"{'[' * 200}{']' * 200}", '{"a":' * 2_000, "\x00", "\ufeff", "\n"),
]
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from((2**70, 5e-324, 10**400, "../x", "\x1b[2J")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@st.composite
def damaged(draw, data):
    """Draw data with a part cut out, repeated, or replaced by a token or noise; or only noise."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=64))
    for _ in range(draw(st.integers(1, 3))):
        begin, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        token = st.sampled_from(TOKENS).map(str.encode)
        part = draw(st.just(b"") | st.just(data[begin:end] * 2) | token | st.binary(max_size=4))
        data = data[:begin] + part + data[end:]
    return data


@st.composite
def odd(draw, document):
    """Draw the JSON of a document with any value somewhere in it."""
    document = json.loads(json.dumps(document))
    inside = document
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        key = draw(st.sampled_from(keys))
        if not (isinstance(inside[key], dict | list) and inside[key] and draw(st.booleans())):
            break
        inside = inside[key]
    inside[key] = draw(TREES)
    return json.dumps(document).encode() + b"\n"


def signed(data):
    """Return the JSON of a record as a line with its checksum."""
    return b'%s,"check":"%08x"}\n' % (data[:-2], zlib.crc32(data[:-1]))


def is_line(text):
    """Return whether a text is one short line without control characters."""
    return len(text) < 2000 and not {"Cc", "Cs", "Zl", "Zp"} & set(map(unicodedata.category, text))


def read(write_data, reader):
    """Write a run, change a file in it, and read it; None where that is refused in one line."""
    with TemporaryDirectory() as name:
        folder = write(Path(name) / "run", PLAN, *RECORDS)
        write_data(folder)
        try:
            return reader(folder)
        except UserError as error:
            refusal = str(error)
        assert is_line(refusal)
        return None


def saved(file, data):
    return lambda folder: (folder / file).write_bytes(data)


LINES = b"".join(jsonl.encode(record) for record in RECORDS)
ODD = st.sampled_from(list(map(msgspec.to_builtins, RECORDS))).flatmap(odd).map(signed)


@given(damaged(LINES).map(lambda data: (data, RECORDS)) | ODD.map(lambda data: (data, None)))
def test_damaged_records_are_skipped_or_reported(drawn):
    data, known = drawn
    contents = read(saved("trials.jsonl", data), store.read_contents)
    if contents is None:
        return
    records = contents.records
    finished = [record.trial for record in records if record.status != "interrupted"]
    assert len(set(finished)) == len(finished)
    assert all(is_file_name(record.trial) and record.environment == "here" for record in records)
    assert all(map(is_line, contents.faults))
    assert known is None or all(record in known for record in records)


SHOWN_BY = [
    lambda folder: report.write_report([load.load_run(folder)]),
    lambda folder: index.read_entries(folder.parent),
    *(
        lambda folder, export=export: export(load.load_run(folder))
        for export in (export_pyperf, export_pytest_benchmark)
    ),
]


@settings(max_examples=10)
@pytest.mark.parametrize("show", SHOWN_BY)
@given(ODD)
def test_run_with_an_odd_record_is_shown_or_refused(show, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "can_draw", lambda: False)
        read(saved("trials.jsonl", data + LINES), show)


ENVIRONMENT = msgspec.to_builtins(environment())


@given(damaged(json.dumps(ENVIRONMENT).encode()) | odd(ENVIRONMENT))
def test_damaged_environment_is_reported(data):
    contents = read(saved("environments/here.json", data), store.read_contents)
    assert (
        contents is None
        or set(contents.environments) == {"here"}
        or len(contents.faults) == len(RECORDS) + 1
    )


BUILTIN_PLAN = msgspec.to_builtins(PLAN)


@given(damaged(json.dumps(BUILTIN_PLAN).encode()) | odd(BUILTIN_PLAN))
def test_plan_has_rounds_or_is_refused(data):
    plan = read(saved("run.json", data), store.read_run)
    assert plan is None or {case.workload for case in plan.cases} <= plan.rounds.keys()


@settings(max_examples=30)
@pytest.mark.parametrize("file", ["trials.jsonl", "run.json", "environments/here.json"])
@given(st.data())
def test_damaged_part_is_merged_whole_or_refused(file, data):
    def merged(folder):
        other = write(folder.parent / "other", PLAN, *RECORDS[:1])
        output = folder.parent / "output"
        try:
            merge.merge_runs([folder, other], output)
        except UserError:
            assert not output.exists()
            raise
        return output.exists()

    def change(folder):
        path = folder / file
        path.write_bytes(data.draw(damaged(path.read_bytes())))

    assert read(change, merged) in {None, True}


def test_every_text_that_a_terminal_would_obey_is_cleaned():
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    unclean = [one for one in characters if clean_text(one) != one]
    assert len(unclean) > 70
    for one in unclean:
        for plain in (True, False):
            data = json.dumps({one: one}, ensure_ascii=plain).encode()
            clean = clean_text(one)
            assert jsonl.decode_json(data, dict[str, str]) == {clean: clean}
