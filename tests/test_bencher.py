"""What is exported for Bencher, held against what its page says of the format."""

import json

import jsonschema
import pytest
from fixtures_exports import ALONE, GOOD, PART, REFERENCE, WRONG, figures, loaded

from bench.formats import bencher
from bench.report.loaded import load

# As published: benchmarks, each with measures, each with a value and maybe its two bounds.
NUMBER = {"type": "number", "exclusiveMinimum": 0}
SCHEMA = {
    "type": "object", "minProperties": 1, "additionalProperties": {
        "type": "object", "required": ["latency"], "additionalProperties": False, "properties": {
            "latency": {
                "type": "object", "required": ["value"], "additionalProperties": False,
                "properties": {"value": NUMBER, "lower_value": NUMBER, "upper_value": NUMBER},
            },
        },
    },
}  # fmt: skip


def test_the_document_of_the_published_run_has_the_shape_and_the_figures_in_nanoseconds():
    found = json.loads(bencher.write(load(REFERENCE)))
    jsonschema.validate(found, SCHEMA)
    expected = figures(REFERENCE)
    assert list(found) == sorted(expected)
    for name, measures in found.items():
        metric, (mean, low, high) = measures["latency"], expected[name]
        assert metric["value"] == pytest.approx(1e9 * mean, rel=1e-12)
        assert metric.get("lower_value") == (low and pytest.approx(1e9 * low, rel=1e-9))
        assert metric.get("upper_value") == (high and pytest.approx(1e9 * high, rel=1e-9))


def test_cases_without_times_are_left_out_and_one_process_has_no_bounds(tmp_path):
    found = json.loads(bencher.write(loaded(tmp_path / "run")))
    assert found.keys() == {each.slug for each in (GOOD, PART, WRONG, ALONE)}
    assert found[ALONE.slug] == {"latency": {"value": 2e9}}
    assert list(found[PART.slug]["latency"]) == ["value", "lower_value", "upper_value"]
