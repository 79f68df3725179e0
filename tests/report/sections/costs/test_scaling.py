"""Tables of a sweep show the measured times: every cell here is worked out by hand."""

from dataclasses import replace

import msgspec
import pytest
from support.records import HERE, case, numbers_in, ok, run
from support.sweeps import SWEEP, swept

from bench.analysis.intervals import Interval
from bench.analysis.summary import summarize
from bench.analysis.sweep import find_thread_speedups
from bench.report.sections.costs.scaling import (
    describe_batch_sizes,
    describe_thread_speedups,
    describe_threads,
    list_impossible,
    tabulate_threads,
)

CASES = (case("a"), case("b"))


@pytest.fixture(scope="module")
def speedups():
    return find_thread_speedups(summarize(swept(), HERE, run(case())), "sgd")


def test_batch_sizes_have_a_table_in_one_unit(load):
    elsewhere = [(64, 9600, 2), (32, 4800, 2)]  # of other samples
    short = swept("c", sizes=[*SWEEP[:3], *elsewhere])
    section = describe_batch_sizes(load(*swept(), *short, cases=(*CASES, case("c"))))
    (by_batch_size,) = section.tables
    assert by_batch_size.title == "Epoch time by batch size: 48,000 samples, 2 threads, in ms"
    assert by_batch_size.headings == ("program", "8", "32", "128", "384", "1,920", "9,600")
    # 10 ms, 6,000 to 5 steps of 20 µs, 48,000 samples of 0.5 µs; b twice that.
    assert by_batch_size.lines == [
        ["a", "154", "64.0 [64.0, 64.0]", "41.5", "36.5", "34.5", "34.1"],
        ["c", "154", "64.0 [64.0, 64.0]", "41.5", "—", "—", "—"],
        ["b", "308", "128 [128, 128]", "83.0", "73.0", "69.0", "68.2"],
    ]
    assert by_batch_size.numeric == set(range(1, 7))
    assert section.finding == ""


def test_speedup_stands_beside_the_times_of_which_it_is_the_ratio(speedups):
    # One thread takes one and a half times as long as two. At batch size 32 the numbers of rounds
    # differ.
    (table,) = tabulate_threads(speedups, "a note")
    assert table.title == "Speedup with 2 threads: 48,000 samples"
    assert table.headings == ("program", "batch size 1,920")
    assert table.lines == [["a", "1.50 (51.8, 34.5)"], ["b", "1.50 (104, 69.0)"]]
    assert "ms an epoch with one thread, and with 2 threads" in table.note
    assert describe_thread_speedups(speedups) == ""
    assert list_impossible(speedups) == []


@pytest.mark.parametrize(
    ("second", "numbers", "slower", "impossible"),
    [
        (Interval(1.5, 1.1, 2.0), [2, 1920, 1, 2, 0], "itself", []),
        (Interval(0.8, 0.7, 0.9), [2, 1920, 1, 2, 1], "itself: b", []),
        (Interval(0.8, 0.7, 1.1), [2, 1920, 1, 2, 0], "itself", []),
        (Interval(2.4), [2, 1920, 1, 1, 0], "itself", [1920, 2.4, 2]),
        (Interval(2.4, 1.9, 2.9), [2, 1920, 2, 2, 0], "itself", []),
    ],
    ids=str,
)
def test_only_speedups_whose_interval_is_above_a_fifth_count(
    speedups, second, numbers, slower, impossible
):
    intervals = (Interval(1.5, 1.3, 1.7), second)
    pairs = [
        replace(pair, speedup=speedup) for pair, speedup in zip(speedups, intervals, strict=True)
    ]
    finding = describe_thread_speedups(pairs)
    assert (numbers_in(finding), finding.rpartition(" by ")[2]) == (numbers, f"{slower}.")
    assert numbers_in("".join(list_impossible(pairs))) == impossible


def test_threads_that_were_tried_are_a_table_of_their_own(load):
    """A row has the chosen threads, and the times of the rounds in which both were measured."""
    a, b = cases = tuple(case(name, threads=1) for name in "ab")
    wide = tuple(msgspec.structs.replace(of, threads=2) for of in cases)
    smaller = case("a", batch_size=8, threads=1)
    records = [ok(a, 1, 0.02), ok(a, 2, 0.02), ok(wide[0], 1, 0.03), ok(smaller, 1, 0.1)]
    records += [ok(of, n, time) for of, time in ((b, 0.08), (wide[1], 0.04)) for n in (1, 2)]
    loaded = load(*records, cases=cases, sweep=(smaller,), variants=wide)
    assert [row.case.threads for row in loaded.rows if row.case.batch_size == 32] == [1, 2]
    (by_batch_size,) = describe_batch_sizes(loaded).tables
    assert by_batch_size.title == "Epoch time by batch size: 48,000 samples, 1 thread, in ms"
    (by_threads,) = describe_threads(loaded).tables
    assert by_threads.headings[1:] == ("batch size 32",)
    assert by_threads.lines == [
        ["a", "0.667 (20.0, 30.0)"],
        ["b", "2.00 [2.00, 2.00] (80.0, 40.0)"],
    ]
