"""The chart of accuracy over time has a panel a case, with all the others in grey."""

import pytest
from support.records import case, trials

from bench.analysis.startup import find_curves
from bench.report.charts import accuracy, epochs


@pytest.fixture
def drawn():
    records = [
        *trials(case("late"), 0.05, 0.05, import_seconds=60.0),
        *trials(case("<b>early</b>", style="tuned"), 0.1),
        *trials(case("other", objective="one-vs-rest"), 0.2),
    ]
    return accuracy.over_time(find_curves(records), "a title")


def values(chart):
    return [value for found in chart.to_dict()["datasets"].values() for value in found]


def test_every_stage_is_a_point_and_the_soonest_through_is_the_first_panel(drawn):
    points = values(drawn)
    assert len(points) == 15
    assert drawn.to_dict()["facet"]["sort"] == ["<b>early</b>", "other (one-vs-rest)", "late"]
    last = next(one for one in points if one["name"] == "late" and one["epoch"] == 5)
    assert last["accuracy"] == 0.8396
    assert last["seconds"] == pytest.approx(63.435)
    assert last["low"] == pytest.approx(63.435)
    assert {one["style"] for one in points if one["name"] == "<b>early</b>"} == {"tuned"}


def test_each_panel_has_its_own_line_and_points_and_the_line_of_every_case_in_grey(drawn):
    svg = epochs.svg(drawn)
    assert svg.count('stroke="#CCCCCC"') >= 3 * 3
    assert svg.count('aria-roledescription="point"') == 15
    for text in ("a title", "&lt;b&gt;early&lt;/b&gt;", "other (one-vs-rest)", "late"):
        assert f">{text}<" in svg
    assert "<b>" not in svg
