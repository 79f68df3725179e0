"""A chart carries its heading and its numbers, and what the page draws is its specification."""

from bench.report.charts.chart import Drawn


def drawn(**specification):
    return Drawn("a.svg", "what it shows", "<svg/>", specification)


def test_the_heading_of_a_chart_is_its_title_and_the_lines_below_it():
    assert drawn(title="Epoch time").caption == ["Epoch time"]
    assert drawn(title={"text": "Epoch time", "subtitle": "dashed: the least"}).caption == [
        "Epoch time", "dashed: the least",
    ]  # fmt: skip
    assert drawn(title={"text": ["a", "b"], "subtitle": ["c", "d"]}).caption == ["a", "b", "c", "d"]
    assert drawn().caption == ["what it shows"]


def test_the_page_says_the_heading_and_chooses_the_background_itself():
    whole = {"$schema": "s", "title": "t", "background": "white", "mark": "bar", "width": 3}
    found = drawn(**whole)
    assert found.inner == {"mark": "bar", "width": 3}
    assert found.specification == whole


def test_the_numbers_of_every_data_set_are_there_wherever_it_stands():
    found = drawn(
        data={"values": [{"a": 1, "b": 2.123456}, {"a": 10000, "c": None}]},
        layer=[{"data": {"values": [{"least": "x", "n": 3}]}}, {"data": {"name": "one"}}],
        datasets={"one": [{"d": True}], "none": []},
    )
    assert found.numbers == [
        (["a", "b", "c"], [["1", "2.123", "—"], ["10000", "—", "—"]], {0, 1, 2}),
        (["least", "n"], [["x", "3"]], {1}),
        (["d"], [["True"]], {0}),
    ]


def test_a_picture_is_no_number():
    points = [{"class": "shirt", "image": None}, {"class": "bag", "image": "data:image/png,"}]
    assert drawn(data={"values": points}).numbers == [(["class"], [["shirt"], ["bag"]], set())]
    assert drawn(data={"url": "data.csv"}, mark="bar").numbers == []


def test_the_size_is_that_of_the_picture():
    svg = '<svg xmlns="x" width="775" height="463.5" viewBox="0 0 1 1"><rect width="7"/></svg>'
    assert Drawn("a.svg", "a", svg, {}).size == ("775", "463.5")
    assert drawn().size == ("", "")
