"""Tables of a sweep show the measured times: every cell here is worked out by hand."""

from dataclasses import replace

import msgspec
import pytest
from support.records import HERE, case, ok, run, write
from support.sweeps import SWEEP, swept

from bench.analysis.intervals import Interval
from bench.analysis.summary import summarize
from bench.analysis.sweep import find_thread_speedups
from bench.report.base.load import load_run
from bench.report.sections.costs.scaling import (
    describe_batch_sizes,
    describe_thread_speedups,
    describe_threads,
    list_impossible,
    tabulate_threads,
)


@pytest.fixture
def load(tmp_path):
    def load_records(*records, planned=None):
        return load_run(write(tmp_path / "run", planned or run(case("a"), case("b")), *records))

    return load_records


def test_batch_sizes_have_a_table_in_one_unit(load):
    section = describe_batch_sizes(load(*swept()))
    (by_batch_size,) = section.tables
    assert by_batch_size.title == "Epoch time by batch size: 48,000 samples, 2 threads, in ms"
    assert by_batch_size.headings == ("program", "8", "32", "128", "384", "1,920", "9,600")
    # 10 ms, 6,000 to 5 steps of 20 µs, 48,000 samples of 0.5 µs; b twice that.
    assert by_batch_size.lines == [
        ["a", "154", "64.0 [64.0, 64.0]", "41.5", "36.5", "34.5", "34.1"],
        ["b", "308", "128 [128, 128]", "83.0", "73.0", "69.0", "68.2"],
    ]
    assert by_batch_size.numeric == set(range(1, 7))
    assert section.finding == ""


def test_speedup_stands_beside_the_times_of_which_it_is_the_ratio():
    # One thread takes one and a half times as long as two. At batch size 32 the numbers of rounds
    # differ.
    speedups = find_thread_speedups(summarize(swept(), HERE, run(case())), "sgd")
    (table,) = tabulate_threads(speedups, "a note")
    assert table.title == "Speedup with 2 threads: 48,000 samples"
    assert table.headings == ("program", "batch size 1,920")
    assert table.lines == [["a", "1.50 (51.8, 34.5)"], ["b", "1.50 (104, 69.0)"]]
    assert "ms an epoch with one thread, and with 2 threads" in table.note
    assert describe_thread_speedups(speedups) == ""
    assert list_impossible(speedups) == []


def test_only_speedups_whose_interval_is_above_a_fifth_count():
    speedups = find_thread_speedups(summarize(swept(), HERE, run(case())), "sgd")
    intervals = (Interval(1.5, 1.3, 1.7), Interval(1.5, 1.1, 2.0))
    pairs = [replace(pair, speedup=one) for pair, one in zip(speedups, intervals, strict=True)]
    assert describe_thread_speedups(pairs) == (
        "With 2 threads at batch size 1,920, 1 of 2 programs are more than a fifth faster than "
        "with one, and 0 slower, each looked at by itself."
    )
    pairs[1] = replace(pairs[1], speedup=Interval(0.8, 0.7, 0.9))
    assert describe_thread_speedups(pairs).endswith("and 1 slower, each looked at by itself: b.")
    pairs[1] = replace(pairs[1], speedup=Interval(2.4))
    assert "1 of 1 programs are" in describe_thread_speedups(pairs)
    (line,) = list_impossible(pairs)
    assert line.startswith("b, batch size 1,920: 2.40, measured once, is more than 2 threads can")
    pairs[1] = replace(pairs[1], speedup=Interval(2.4, 1.9, 2.9))
    assert list_impossible(pairs) == []


def test_threads_that_were_tried_are_a_table_of_their_own(load):
    """A row has the chosen threads, and the times of the rounds in which both were measured."""
    a, b = (case(name, threads=1) for name in "ab")
    wide = [msgspec.structs.replace(one, threads=2) for one in (a, b)]
    planned = run(a, b, sweep=(case("a", batch_size=8, threads=1),), variants=tuple(wide))
    records = [ok(a, 1, 0.02), ok(a, 2, 0.02), ok(wide[0], 1, 0.03)]
    records += [ok(b, 1, 0.08), ok(b, 2, 0.08)]
    records += [ok(wide[1], number, 0.04) for number in (1, 2)]
    records += [ok(planned.sweep[0], 1, 0.1)]
    loaded = load(*records, planned=planned)
    assert [row.case.threads for row in loaded.rows if row.case.batch_size == 32] == [1, 2]
    (by_batch_size,), threads = describe_batch_sizes(loaded).tables, describe_threads(loaded)
    assert by_batch_size.title == "Epoch time by batch size: 48,000 samples, 1 thread, in ms"
    (by_threads,) = threads.tables
    assert by_threads.headings[1:] == ("batch size 32",)
    assert by_threads.lines == [
        ["a", "0.667 (20.0, 30.0)"],
        ["b", "2.00 [2.00, 2.00] (80.0, 40.0)"],
    ]


def test_unmeasured_size_is_a_dash(load):
    elsewhere = [(64, 9600, 2), (32, 4800, 2)]  # of other samples
    records = swept("a", sizes=[*SWEEP, *elsewhere]) + swept("b", sizes=SWEEP[:3])
    (by_batch_size,) = describe_batch_sizes(load(*records)).tables
    assert by_batch_size.headings[1:] == ("8", "32", "128", "384", "1,920", "9,600")
    assert by_batch_size.lines[1][3:] == ["83.0", "—", "—", "—"]
