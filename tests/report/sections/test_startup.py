"""Tables of start-up, of accuracy over time, and of break-evens: worked out by hand."""

from support.records import case, environment, ok, trials

from bench.analysis.intervals import Interval
from bench.analysis.startup import BreakEven, Start, TimeToAccuracy, find_curves
from bench.analysis.summary import summarize
from bench.report.sections.startup import (
    tabulate_break_evens,
    tabulate_costs,
    tabulate_curves,
    tabulate_times,
)


def start(of, total):
    interval = Interval(total, total / 2, total * 2)
    values = {"imports": 2.0, "setup": 0.00025, "reset": 0.0, "first_epoch": 0.5}
    return Start(of, interval, **values, parity_error=2e-6)


def row(of):
    (summarized,) = summarize([ok(of)], {"here": environment()})
    return summarized


def find_curves_of(records):
    return find_curves(summarize(records, {}), records)


def test_start_is_shown_by_its_parts():
    (table,) = tabulate_costs([start(case("jax"), 4.0)])
    assert dict(zip(table.headings, *table.lines, strict=True)) == {
        "implementation": "jax",
        "objective": "softmax",
        "style": "idiomatic",
        "import": "2.00 s",
        "set-up": "250 µs",
        "reset": "0 µs",
        "first epoch": "500 ms",
        "cold start": "4.00 s [2.00, 8.00]",
        "parity error": "2.0e-06",
    }
    assert {table.headings[column] for column in table.numeric} == {
        "import",
        "set-up",
        "reset",
        "first epoch",
        "cold start",
        "parity error",
    }
    assert table.title == "What a start costs, sgd: cpu, batch size 32, 2 threads, 48,000 samples"


def test_each_device_has_its_own_table():
    cases = [case(), case(device="gpu"), case("other", device="gpu")]
    tables = tabulate_costs(start(of, 1.0) for of in cases)
    assert [len(table.lines) for table in tables] == [1, 2]


def test_shortest_time_to_accuracy_is_first_and_unreached_last():
    interval = Interval(2.0, 1.0, 4.0)
    known = {
        "never": TimeToAccuracy(case("never"), (None,) * 3, None, 5, 2e-6),
        "most": TimeToAccuracy(case("most"), (4, None, 1200), Interval(4.0), 12, 2e-6),
        "slow": TimeToAccuracy(case("slow"), (3, 3, 3), Interval(3.0, 3.0, 3.0), 5, 2e-6),
        "fast": TimeToAccuracy(case("fast"), (5, 3, 4), interval, 5, 2e-6),
    }
    (table,) = tabulate_times(known.values())
    assert table.title.startswith("Time to validation accuracy 0.84, sgd: cpu")
    assert table.headings[3:] == ("epochs", "time", "parity error")
    assert [[line[0], *line[3:5]] for line in table.lines] == [
        ["fast", "3 to 5", "2.00 s [1.00, 4.00]"],
        ["slow", "3", "3.00 s [3.00, 3.00]"],
        ["most", "4 to 1,200; 1 of 3 not within 12", "4.00 s"],
        ["never", "not within 5", "—"],
    ]
    assert "over 3 seeds" in table.note
    assert "75 %" in table.note  # all three on one side of the typical seed: 2 / 8
    (table,) = tabulate_times([TimeToAccuracy(case("once"), (3,), interval, 5, 2e-6)])
    assert "one seed" in table.note


def test_break_evens_are_a_matrix():
    scan, fused = row(case("scan", style="tuned")), row(case("fused", style="tuned"))
    plain, other = row(case("plain")), row(case("other"))
    (table,) = tabulate_break_evens(
        [
            BreakEven(scan, plain, 1, None, certain=True),
            BreakEven(scan, other, 12, None, certain=True),
            BreakEven(fused, plain, None, None, certain=False),
            BreakEven(fused, other, 1, 7, certain=False),
        ]
    )
    assert table.headings == ("tuned, ahead of", "plain", "other")
    assert table.lines == [
        ["scan", "at once", "12"],
        ["fused", "never, not certain", "at once, until 7, not certain"],
    ]
    assert table.numeric == {1, 2}
    assert table.title.endswith(", sgd, softmax: cpu, batch size 32, 2 threads, 48,000 samples")


def test_curve_has_time_and_accuracy_after_each_epoch():
    (table,) = tabulate_curves(find_curves_of(trials(case("a"), 0.5)))
    assert table.title.endswith(" sgd: cpu, batch size 32, 2 threads, 48,000 samples")
    assert table.headings[3:] == ("epoch 1", "epoch 2", "epoch 3", "epoch 4", "epoch 5")
    cells = ["5.26 s: 0.1000", "5.51 s: 0.2000", "6.01 s: 0.3000", "6.51 s: 0.4000"]
    assert table.lines == [["a", "softmax", "idiomatic", *cells, "7.01 s: 0.8396"]]


def test_curves_are_sorted_by_their_end_in_a_table_for_each_device():
    late, short = ok(case("late"), import_seconds=60.0), ok(case("short"), epoch_seconds=[0.1])
    records = [late, short, *trials(case("a"), 0.1), *trials(case("a", device="gpu"), 0.1)]
    cpu, gpu = tabulate_curves(find_curves_of(records))
    assert [line[0] for line in cpu.lines] == ["short", "a", "late"]
    assert cpu.lines[0][3:] == ["5.26 s: 0.1000", "—", "—", "—", "—"]
    assert [line[0] for line in gpu.lines] == ["a"]
