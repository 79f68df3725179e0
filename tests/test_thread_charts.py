"""The chart of threads has a dot a size and number of threads, with its interval."""

import pytest
from fixtures_records import case, environment, trials
from fixtures_sweep import swept

from bench.report import charts, thread_charts
from bench.scaling import scalings
from bench.summary import rows

HERE = {"here": environment()}


def values(chart):
    return chart.to_dict()["data"]["values"]


def test_two_threads_are_one_and_a_half_times_as_fast_as_one():
    grown = scalings(rows(swept("a", "b"), HERE), "sgd")
    found = values(thread_charts.by_threads(grown, "a title"))
    assert [(one["name"], one["size"], one["panel"]) for one in found] == [
        (name, f"batch size {size}, 48,000 samples", "2 threads")
        for name in "ab" for size in ("32", "1,920")
    ]  # fmt: skip
    assert {round(one["times"], 6) for one in found} == {1.5}
    assert {one["low"] for one in found} == {one["times"] for one in found}


def test_every_number_of_threads_has_a_panel_and_an_interval_where_there_are_rounds():
    records = [
        record for threads, times in ((1, (8.0, 8.0)), (2, (4.0, 4.0)), (8, (1.0, 4.0)))
        for record in trials(case("<i>", threads=threads), *times)
    ]  # fmt: skip
    chart = thread_charts.by_threads(scalings(rows(records, HERE), "sgd"), "a title")
    two, eight = values(chart)
    assert (two["panel"], two["times"], two["low"]) == ("2 threads", pytest.approx(2), two["low"])
    assert (eight["threads"], eight["times"]) == (8, pytest.approx(4))
    assert eight["low"] < eight["times"] < eight["high"]
    svg = charts.svg(chart)
    for text in ("a title", "2 threads", "8 threads", "&lt;i&gt;"):
        assert f">{text}<" in svg
    assert "<i>" not in svg


def test_more_sizes_than_looks_share_the_last():
    sizes = [(2**power, 48000, threads) for power in range(8) for threads in (1, 2)]
    chart = thread_charts.by_threads(scalings(rows(swept("a", sizes=sizes), HERE), "sgd"), "t")
    assert len(values(chart)) == 8
    assert charts.svg(chart).count('aria-roledescription="point"') == 8
