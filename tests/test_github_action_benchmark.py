"""What is exported for github-action-benchmark, held against what its page says of the format."""

import json

import jsonschema
import pytest
from fixtures_exports import ALONE, GOOD, PART, REFERENCE, WRONG, figures, loaded

from bench.formats import github_action_benchmark
from bench.report.loaded import load

# As published: "name", "unit" and "value" must be there, "range" and "extra" may be.
SCHEMA = {
    "type": "array", "minItems": 1,
    "items": {
        "type": "object", "additionalProperties": False, "required": ["name", "unit", "value"],
        "properties": {
            "name": {"type": "string", "minLength": 1}, "unit": {"type": "string", "minLength": 1},
            "value": {"type": "number", "exclusiveMinimum": 0},
            "range": {"type": "string"}, "extra": {"type": "string"},
        },
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    text = github_action_benchmark.write(loaded(tmp_path_factory.mktemp("run") / "run"))
    return {entry["name"]: entry for entry in json.loads(text)}


def test_the_list_of_the_published_run_has_the_shape_and_the_figures_of_its_report():
    found = json.loads(github_action_benchmark.write(load(REFERENCE)))
    jsonschema.validate(found, SCHEMA)
    expected = figures(REFERENCE)
    assert [entry["name"] for entry in found] == sorted(expected)
    for entry in found:
        mean, low, high = expected[entry["name"]]
        assert entry["value"] == pytest.approx(mean, rel=1e-12)
        assert entry["unit"] == "s/epoch"
        assert entry.get("range") == (low and f"95 % [{low:.4g}, {high:.4g}]")


def test_cases_without_times_are_left_out_and_one_process_has_no_range(mixed):
    assert mixed.keys() == {each.slug for each in (GOOD, PART, WRONG, ALONE)}
    assert {name for name, entry in mixed.items() if "range" not in entry} == {ALONE.slug}


def test_beside_the_time_stands_what_it_is_worth(mixed):
    assert mixed[GOOD.slug]["extra"].splitlines() == [
        "torch 2.9.1", "processes: 3 of 3", "validation accuracy: 0.8396", "parity error: 1.5e-06",
    ]  # fmt: skip
    assert mixed[PART.slug]["extra"].splitlines()[1:] == [
        "processes: 2 of 3", "validation accuracy: 0.8396", "parity error: 1.5e-06",
        "timeout: 600 s are over",
    ]  # fmt: skip
    assert mixed[WRONG.slug]["extra"].splitlines()[-2:] == ["not ranked", "failed: parity error"]
