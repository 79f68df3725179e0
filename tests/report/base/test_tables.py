"""Tables have one unit a column, words after numbers, and no column that says nothing."""

from bench.analysis.intervals import Interval
from bench.report.base import tables


def test_numbers_come_before_words_and_empty_columns_are_left_out():
    table = tables.build_table(
        "t",
        [
            tables.list_words("program", ["a", "b"]),
            tables.list_words("style", ["x", "y"]),
            tables.list_words("nothing", ["", ""]),
            tables.list_times("epoch", [Interval(0.024, 0.023, 0.026), 1.95]),
            tables.list_times("unknown", [None, None]),
            tables.list_errors("error", [1.84e-6, None]),
            tables.list_percents("share", [0.294, 0.0035]),
            tables.list_memory("memory", [2.0**30, None]),
            tables.list_counts("lines", [41, None]),
        ],
    )
    assert table.headings == (
        "program",
        "epoch, ms",
        "error, × 10⁻⁶",
        "share",
        "memory, MiB",
        "lines",
        "style",
    )
    assert table.lines == [
        ["a", "24.0 [23.0, 26.0]", "1.8", "29", "1,020", "41", "x"],
        ["b", "1,950", "—", "0.35", "—", "—", "y"],
    ]
    assert table.numeric == set(range(1, 6))
    assert table.keys == [
        ["a", 0.024, 1.84e-6, 0.294, 2.0**30, 41, "x"],
        ["b", 1.95, None, 0.0035, None, None, "y"],
    ]
