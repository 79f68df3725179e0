"""Predictions are compared as epochs are: every cell is worked out by hand."""

from support.records import case, read_cells, trials

from bench.report.sections.costs.prediction import (
    BY_PREDICT,
    NO_SINGLE,
    SINGLE_NOTE,
    describe_predictions,
)

DATA = {"features": 784, "classes": 10, "test_images": 10_000}


def test_predictions_are_ranked_by_the_typical_process(load):
    fast = trials(case("fast"), 1.0, 1.0, predict_seconds=[0.02])
    slow = trials(case("slow", style="tuned"), 0.5, 0.5, predict_seconds=[0.05])
    section = describe_predictions(load(*fast, *slow, *trials(case("none"), 1.0), data=DATA))
    (table,) = section.tables
    assert table.headings == ("program", "10,000 images, ms", "× fastest", "images/s", "style")
    assert table.lines == [
        ["fast", "20.0 [20.0, 20.0]", "1", "500,000", "idiomatic"],
        ["slow", "50.0 [50.0, 50.0]", "2.50 [2.50, 2.50]", "200,000", "tuned"],
    ]
    assert table.note.endswith(NO_SINGLE)


def test_one_image_has_a_column_and_a_finding(load):
    old = trials(case("old"), 1.0, 1.0, predict_seconds=[0.02])
    new = trials(case("new"), 1.0, predict_seconds=[0.03], predict_one_seconds=[4e-6, 9e-6, 5e-6])
    section = describe_predictions(load(*old, *new))
    (table,) = section.tables
    assert [line["one image, µs"] for line in read_cells(table)] == ["—", "5.00"]
    assert table.note.endswith(SINGLE_NOTE)
    assert section.finding == "The label of one image: new 5.0 µs, measured once."
    keras = trials(case("k", framework="keras"), 1.0, predict_seconds=[1], predict_one_seconds=[1])
    assert describe_predictions(load(*keras)).finding.endswith(f"measured once.{BY_PREDICT}")
