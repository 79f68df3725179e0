"""Predictions are compared as epochs are: every cell is worked out by hand."""

from support.records import case, plan_of, trials, write

from bench.report.base.load import load_run
from bench.report.sections.costs.prediction import (
    BY_PREDICT,
    NO_SINGLE,
    SINGLE_NOTE,
    describe_predictions,
)

DATA = {"features": 784, "classes": 10, "test_images": 10_000}


def describe(tmp_path, *records):
    folder = write(tmp_path / "run", plan_of(*records), *records, data=DATA)
    return describe_predictions(load_run(folder))


def test_predictions_are_ranked_by_the_typical_process(tmp_path):
    fast = trials(case("fast"), 1.0, 1.0, predict_seconds=[0.02])
    slow = trials(case("slow", style="tuned"), 0.5, 0.5, predict_seconds=[0.05])
    section = describe(tmp_path, *fast, *slow, *trials(case("none"), 1.0))
    (table,) = section.tables
    assert table.headings == ("program", "10,000 images, ms", "× fastest", "images/s", "style")
    assert table.lines == [
        ["fast", "20.0 [20.0, 20.0]", "1", "500,000", "idiomatic"],
        ["slow", "50.0 [50.0, 50.0]", "2.50 [2.50, 2.50]", "200,000", "tuned"],
    ]


def test_one_image_has_a_column_or_a_remark(tmp_path):
    old = trials(case("old"), 1.0, 1.0, predict_seconds=[0.02])
    new = trials(case("new"), 1.0, predict_seconds=[0.03], predict_one_seconds=[4e-6, 9e-6, 5e-6])
    section = describe(tmp_path, *old, *new)
    (table,) = section.tables
    assert [line[table.headings.index("one image, µs")] for line in table.lines] == ["—", "5.00"]
    assert table.note.endswith(SINGLE_NOTE)
    assert section.finding == "The label of one image: new 5.0 µs, measured once."
    keras = trials(case("k", framework="keras"), 1.0, predict_seconds=[1], predict_one_seconds=[1])
    assert describe(tmp_path / "keras", *keras).finding.endswith(f"measured once.{BY_PREDICT}")
    older = describe(tmp_path / "older", *old)
    assert older.tables[0].note.endswith(NO_SINGLE)
    assert older.tables[0].headings[-2:] == ("images/s", "style")
