"""The tables of starts say what was found, with its units, its reasons and its doubts."""

from dataclasses import replace

from support.records import case, environment, ok, trials

from bench.analysis import startup
from bench.analysis.intervals import Interval
from bench.analysis.startup import NO_START, BreakEven, Start, TimeToAccuracy
from bench.analysis.summary import summarize
from bench.report.render import numbers
from bench.report.sections import startup as starts


def start(of, total, **changes):
    values = {"imports": 2.0, "setup": 0.00025, "reset": 0.0, "first_epoch": 0.5}
    found = Start(
        of, {1: total}, Interval(total, total / 2, total * 2), **values, parity_error=2e-6
    )
    return replace(found, **changes)


def row(of):
    (found,) = summarize([ok(of)], {"here": environment()})
    return found


def test_a_start_is_shown_part_by_part_with_units_and_the_interval_of_the_whole():
    (table,) = starts.costs([start(case("jax"), 4.0)])
    assert dict(zip(table.headings, *table.lines, strict=True)) == {
        "implementation": "jax", "objective": "softmax", "style": "idiomatic",
        "import": "2.00 s", "set-up": "250 µs", "reset": "0 µs", "first epoch": "500 ms",
        "cold start": "4.00 s [2.00, 8.00]", "parity error": "2.0e-06",
    }  # fmt: skip
    assert {table.headings[column] for column in table.numeric} == {
        "import", "set-up", "reset", "first epoch", "cold start", "parity error",
    }  # fmt: skip
    assert table.title == "What a start costs, sgd: cpu, batch size 32, 2 threads, 48,000 samples"


def test_the_shortest_start_stands_first():
    (table,) = starts.costs([start(case("b"), 4.0), start(case("a"), 9.0), start(case("c"), 1.0)])
    assert [line[0] for line in table.lines] == ["c", "b", "a"]


def test_every_problem_has_a_table_of_its_own():
    problems = [case(), case(workload="textbook"), case(device="gpu"), case(batch_size=64)]
    tables = starts.costs(start(of, 1.0) for of in [*problems, case("other", device="gpu")])
    assert [len(table.lines) for table in tables] == [1, 1, 2, 1]
    assert len({table.title for table in tables}) == 4
    reached = starts.reached([reach(of) for of in problems])
    assert [table.title.partition(", ")[2] for table in reached] == [
        table.title.partition(", ")[2] for table in tables
    ]


def reach(of, seconds=2.0, **changes):
    known = TimeToAccuracy(of, 0.84, 3, Interval(seconds, 1.0, 4.0), Interval(0.5, 0.4, 0.6), 2e-6)
    return replace(known, **changes)


def test_the_time_to_an_accuracy_is_shown_warm_and_cold():
    (table,) = starts.reached([reach(case("jax"))])
    assert dict(zip(table.headings, *table.lines, strict=True)) == {
        "implementation": "jax", "objective": "softmax", "style": "idiomatic", "epochs": "3",
        "warm": "500 ms [400, 600]", "cold": "2.00 s [1.00, 4.00]", "parity error": "2.0e-06",
    }  # fmt: skip
    assert {table.headings[n] for n in table.numeric} == {"epochs", "warm", "cold", "parity error"}


def test_what_was_not_reached_stands_last_with_its_reason_in_place_of_every_number():
    never = reach(case("never"), epoch=None, warm=None, cold=None, reason="not within 5 epochs")
    unknown = reach(case("unknown"), cold=None, reason=NO_START)
    (table,) = starts.reached([never, reach(case("slow"), 3.0), reach(case("fast"), 2.0)])
    assert [line[0] for line in table.lines] == ["fast", "slow", "never"]
    assert table.lines[-1][3:6] == ["not within 5 epochs"] * 3
    (table,) = starts.reached([unknown])
    assert table.lines[0][3:6] == ["3", "500 ms [400, 600]", NO_START]


def test_the_title_has_the_target_with_the_digits_it_was_given():
    for target, shown in ((0.84, "0.84"), (0.8463, "0.8463")):
        (table,) = starts.reached(startup.find_times_to_accuracy(trials(case(), 0.5), target))
        assert table.title.startswith(f"Time to validation accuracy {shown}, sgd: cpu")


def test_overtakings_are_a_matrix_of_tuned_rows_and_simpler_columns():
    scan, fused = row(case("scan", style="tuned")), row(case("fused", style="tuned"))
    plain, other = row(case("plain")), row(case("other"))
    (table,) = starts.overtaken(
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
        ["fused", "never, not told", "at once, until 7, not told"],
    ]
    assert table.numeric == {1, 2}
    assert (
        table.title
        == f"{starts.OVERTAKEN_TITLE}, sgd, softmax: cpu, batch size 32, 2 threads, 48,000 samples"
    )


def test_a_pair_that_was_left_out_is_a_dash_and_moves_no_other():
    scan, fused = row(case("scan", style="tuned")), row(case("fused", style="tuned"))
    plain, other = row(case("plain")), row(case("other"))
    (table,) = starts.overtaken([BreakEven(scan, plain, 2, None, certain=True),
                                 BreakEven(fused, other, 3, None, certain=True)])  # fmt: skip
    assert table.lines == [["scan", "2", numbers.ABSENT], ["fused", numbers.ABSENT, "3"]]


def test_rows_of_one_name_and_different_problems_do_not_share_a_matrix():
    pairs = [
        BreakEven(row(case("t", style="tuned", **of)), row(case("p", **of)), n, None, certain=True)
        for n, of in enumerate(({}, {"workload": "textbook"}, {"objective": "one-vs-rest"}), 2)
    ]
    tables = starts.overtaken(pairs)
    assert [table.lines for table in tables] == [[["t", "2"]], [["t", "3"]], [["t", "4"]]]


def test_epochs_are_counted_one_by_one_up_to_a_thousand():
    assert [numbers.whole(n) for n in (1, 12, 999, 1000, 1049, 123_456)] == [
        "1", "12", "999", "1,000", "1,050", "123,000",
    ]  # fmt: skip


def test_nothing_gives_no_tables():
    assert starts.costs([]) == starts.reached([]) == starts.overtaken([]) == []
