"""The chart of a history: every time a point, and lines between neighbours only."""

import datetime as dt

import pytest
from fixtures_records import MACHINE, bare, case, environment, run, trials

from bench.history import Stored, keep, tracks
from bench.report import charts, history, history_charts

NUMPY = case("numpy", framework="numpy")
OTHER = {**MACHINE, "id": "fedcba987654"}
BEFORE = dt.datetime(2024, 12, 31, 3, 4, 5, tzinfo=dt.UTC)


def stored(day, *records, **changes):
    plan = run(NUMPY, run=f"of day {day}", created=str(BEFORE + dt.timedelta(days=day)))
    return keep(Stored(f"day-{day}", plan, records, {"here": environment(**changes)}))


def drawn(*found):
    """Return the specification of the first machine's chart."""
    (group,) = history.groups(tracks(found)[0])
    return history_charts.over_runs(group.courses, "a title").to_dict()


def points(chart, name="numpy"):
    return {one["run"]: one for one in chart["data"]["values"] if one["name"] == name}


def test_every_run_with_a_time_is_a_point_with_its_interval():
    found = points(drawn(stored(1, *trials(NUMPY, 0.4, 0.9)), stored(2, *trials(NUMPY, 0.3))))
    assert [one["ms"] for one in found.values()] == pytest.approx([600, 300])
    assert found[1]["low"] < 400
    assert found[1]["high"] > 900
    assert (found[2]["low"], found[2]["high"]) == (found[2]["ms"], found[2]["ms"])
    assert found[1]["created"] == "2025-01-01 03:04"


def test_neighbours_share_a_segment_and_a_gap_begins_another():
    found = points(drawn(
        stored(1, *trials(NUMPY, 0.4)), stored(2, *trials(NUMPY, 0.4)),
        stored(3, bare(NUMPY, reason="parity")), stored(4, *trials(NUMPY, 0.4)),
        stored(5, *trials(case("pytorch"), 0.4)), stored(6, *trials(NUMPY, 0.4)),
    ))  # fmt: skip
    assert list(found) == [1, 2, 4, 6]
    segments = [one["segment"] for one in found.values()]
    assert segments[0] == segments[1]
    assert len(set(segments)) == 3


def test_a_line_joins_the_points_of_a_segment_only():
    (line,) = (one for one in drawn(stored(1, *trials(NUMPY, 0.4)))["spec"]["layer"]
               if one["mark"]["type"] == "line")  # fmt: skip
    assert line["encoding"]["detail"]["field"] == "segment"


def test_a_run_without_a_time_keeps_its_place_and_another_machines_has_none():
    chart = drawn(
        stored(1, *trials(NUMPY, 0.4)), stored(2, *trials(NUMPY, 0.1), machine=OTHER),
        stored(3, bare(NUMPY, reason="parity")), stored(4, *trials(NUMPY, 0.4)),
    )  # fmt: skip
    assert list(points(chart)) == [1, 4]
    layers = chart["spec"]["layer"]
    assert {tuple(one["encoding"]["x"]["scale"]["domain"]) for one in layers} == {(1, 3, 4)}


def test_a_run_with_other_versions_has_a_mark_of_its_own_but_not_for_the_suites_commit():
    suite = {"suite": {"version": "0.1.0", "commit": "fedcba9"}}
    renewed = {"software": {"python": "3.12.1", "blas": "openblas 0.3"}}
    found = points(drawn(
        stored(1, *trials(NUMPY, 0.4)), stored(2, *trials(NUMPY, 0.4), **suite),
        stored(3, *trials(NUMPY, 0.4), **renewed),
    ))  # fmt: skip
    plain, renewed = history_charts.KINDS
    assert [one["what"] for one in found.values()] == [plain, plain, renewed]
    assert "suite 0.1.0 abcdef" in found[2]["changed"]


def test_a_panel_spans_half_as_much_again_at_least_and_has_its_own_scale():
    chart = drawn(stored(1, *trials(NUMPY, 0.4), *trials(case("pytorch"), 3.0)),
                  stored(2, *trials(NUMPY, 0.401)))  # fmt: skip
    first, second = points(chart).values()
    assert first["least"] < 400
    assert first["most"] / first["least"] == pytest.approx(1.5)
    assert second.keys() == first.keys() - {"least", "most"}  # once is enough
    assert points(chart, "pytorch")[1]["least"] > 2000
    assert chart["resolve"]["scale"]["y"] == "independent"
    unseen = [one["encoding"]["y"]["field"] for one in chart["spec"]["layer"]
              if one["mark"].get("opacity") == 0]  # fmt: skip
    assert unseen == ["least", "most"]


def test_of_many_runs_some_are_named_and_the_dots_are_small():
    for count, named, size in ((10, 10, 45), (31, 8, 8), (100, 10, 8)):
        layers = drawn(*(stored(day, *trials(NUMPY, 0.4)) for day in range(1, count + 1)))
        axis = layers["spec"]["layer"][-1]["encoding"]["x"]["axis"]["values"]
        assert (len(axis), axis[0]) == (named, 1)
        assert layers["spec"]["layer"][-1]["mark"]["size"] == size


def test_the_picture_has_a_panel_for_each_case_in_the_order_of_the_table():
    chart = drawn(stored(1, *trials(case("b"), 0.4), *trials(case("<a>"), 0.5)),
                  stored(2, *trials(case("b"), 0.4), *trials(case("<a>"), 0.5)))  # fmt: skip
    assert chart["facet"]["sort"] == ["b", "<a>"]
    (group,) = history.groups(tracks([stored(1, *trials(case("<a>"), 0.5))])[0])
    picture = charts.svg(history_charts.over_runs(group.courses, "a title"))
    assert ">a title<" in picture
    assert ">&lt;a&gt;<" in picture
