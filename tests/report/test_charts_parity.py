"""The chart of parity errors has a dot a size, and marks what is above the tolerance."""

import math
import re

import pytest
from support.records import case, environment, trials

from bench.analysis import summary
from bench.records.schema import Parity
from bench.report.charts import epochs, parity

HERE = {"here": environment()}


def rows(**errors):
    records = []
    for name, error in errors.items():
        of = case(name.partition("_")[0], batch_size=8 if name.endswith("_8") else 32)
        good = error <= 1e-5
        records += trials(of, 0.5, parity=Parity(error, 1e-5, passed=good),
                          status="ok" if good else "failed")  # fmt: skip
    return summary.summarize(records, HERE)


def points(chart):
    return chart.to_dict()["layer"][-1]["data"]["values"]


def test_every_size_is_a_dot_and_what_is_above_the_tolerance_has_a_mark_of_its_own():
    chart = parity.errors(rows(a=2e-6, a_8=4e-6, b=1e-6, wrong=1e-3), [1e-5], "a title")
    assert {(one["name"], one["batch_size"]): one["what"] for one in points(chart)} == {
        ("a", 32): "first size", ("a", 8): "another size", ("b", 32): "first size",
        ("wrong", 32): "above the tolerance",
    }  # fmt: skip
    assert [one["error"] for one in points(chart) if one["name"] == "wrong"] == [1e-3]
    # The smallest error at the first size is on top.
    assert chart.to_dict()["layer"][-1]["encoding"]["y"]["sort"] == ["b", "a", "wrong"]
    svg = epochs.svg(chart)
    for text in ("a title", "a", "b", "wrong", "tolerance 1e-05", "above the tolerance"):
        assert f">{text}<" in svg


def test_the_tolerance_is_a_dashed_line():
    rule, text, _ = parity.errors(rows(a=2e-6), [1e-5], "a title").to_dict()["layer"]
    assert rule["mark"]["strokeDash"] == [4, 3]
    assert rule["data"]["values"] == text["data"]["values"]
    assert [one["limit"] for one in rule["data"]["values"]] == [1e-5]


@pytest.mark.parametrize("errors", [{"a": 2e-6, "b": 3e-6}, {"a": 2e-6, "wrong": 1e-3}])
def test_dots_of_one_kind_or_two_can_be_seen(errors):
    svg = epochs.svg(parity.errors(rows(**errors), [1e-5], "a title"))
    drawn = re.findall(r'<path aria-label="parity error[^>]* d="([^"]*)"', svg)
    assert len(drawn) == 2
    assert not [path for path in drawn if "NaN" in path or path.startswith("M0,0")]
    assert (">another size<" in svg, ">first size<" in svg) == (False, True)


@pytest.mark.parametrize("error", [0.0, math.inf, math.nan])
def test_what_has_no_place_on_a_logarithmic_axis_is_left_out(error):
    found = rows(a=2e-6, odd=error)
    assert [one["name"] for one in points(parity.errors(found, [1e-5], "t"))] == ["a"]
    assert [row.case.implementation for row in found if parity.placed(row)] == ["a"]
