"""docs/record.schema.json describes the lines that this version writes."""

import json
import runpy
from pathlib import Path

import jsonschema
import pytest
from support.commands import process
from support.records import bare, case, ok, probe

import bench
from bench.records import jsonl, store
from bench.records.schema import FORMAT

ROOT = Path(bench.__file__).parents[1]
PAGE = ROOT / "docs" / "record.schema.json"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(PAGE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_published_schema_is_current():
    # CONTRIBUTING.md has the command that renews it.
    schema = runpy.run_path(str(ROOT / "docs" / "generate.py"))["describe_line"]()
    assert json.loads(PAGE.read_text(encoding="utf-8")) == json.loads(json.dumps(schema))


@pytest.mark.parametrize(
    "record", [ok(case()), bare(case(), kind="textbook"), probe(), process("base", 1)]
)
def test_written_line_is_valid(validator, record):
    validator.validate(json.loads(jsonl.encode(record)))


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "results" / "reference").glob("*/trials.jsonl")),
    ids=lambda p: p.parent.name,
)
def test_published_records_are_valid(validator, path):
    for line, record in zip(
        path.read_bytes().splitlines(), store.read_records(path.parent), strict=True
    ):
        # Older formats may have other fields: as this version would write them.
        written = json.loads(line)
        encoded = json.loads(jsonl.encode(record))
        if written["format"] == FORMAT:
            assert [*encoded] == [*written]  # in the order of the fields, without defaults
            assert [*encoded["case"]] == [*written["case"]]
        else:
            written = encoded
        validator.validate(written)
