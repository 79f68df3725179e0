"""Predictions are compared as epochs are: every cell is worked out by hand."""

from support.records import case, run, trials, write

from bench.report.load import load_run
from bench.report.sections.prediction import NO_PREDICTIONS, describe_predictions

DATA = {"features": 784, "classes": 10, "test_images": 10_000}


def describe(tmp_path, *records):
    plan = run(*{record.case.slug: record.case for record in records}.values())
    return describe_predictions(load_run(write(tmp_path / "run", plan, *records, data=DATA)))


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
    assert section.finding == (
        "Once trained, fast (idiomatic) labels the test images fastest: 20.0 ms [20.0, 20.0]."
    )


def test_run_without_predictions_says_so(tmp_path):
    assert describe(tmp_path, *trials(case("a"), 0.5)).empty == NO_PREDICTIONS
