"""Tables of a sweep show the measured times: every cell here is worked out by hand."""

import pytest
from support.records import case, environment, run
from support.sweeps import SWEEP, swept

from bench.analysis.summary import summarize
from bench.analysis.sweep import find_sweep
from bench.report.sections.scaling import tabulate_sweep

HERE = {"here": environment()}
BY_BATCH_SIZE = "Epoch time by batch size: 48,000 samples, 2 threads"
BY_SAMPLES = "Epoch time by samples: batch size 384, 2 threads"
BY_THREADS = "Epoch time by threads"


def tables(records):
    sweep = find_sweep(summarize(records, HERE, run(case())), "sgd")
    return {table.title: table for table in tabulate_sweep(sweep)}


@pytest.fixture(scope="module")
def found():
    return tables(swept())


def test_batch_sizes_are_columns_with_intervals(found):
    table = found[BY_BATCH_SIZE]
    assert table.headings == ("implementation", "8", "32", "128", "384", "1,920", "9,600")
    # 10 ms, 6,000 to 5 steps of 20 µs, 48,000 samples of 0.5 µs; b twice that.
    assert table.lines == [
        ["a", "154 ms", "64.0 ms [64.0, 64.0]", "41.5 ms", "36.5 ms", "34.5 ms", "34.1 ms"],
        ["b", "308 ms", "128 ms [128, 128]", "83.0 ms", "73.0 ms", "69.0 ms", "68.2 ms"],
    ]
    assert table.numeric == set(range(1, 7))


def test_samples_are_columns(found):
    table = found[BY_SAMPLES]
    assert table.headings == ("implementation", "9,600", "19,200", "48,000", "96,000", "480,000")
    # 384 go 25 times into 9,600 and 1,250 times into 480,000.
    assert table.lines == [
        ["a", "15.3 ms", "20.6 ms", "36.5 ms", "63.0 ms", "275 ms"],
        ["b", "30.6 ms", "41.2 ms", "73.0 ms", "126 ms", "550 ms"],
    ]


def test_threads_have_a_line_for_each_size(found):
    table = found[BY_THREADS]
    assert table.headings[1:4] == ("batch size", "samples", "threads")
    # One thread takes one and a half times as long as two.
    assert table.lines[:2] == [
        ["a", "32", "48,000", "2", "96.0 ms", "64.0 ms [64.0, 64.0]", "1.50"],
        ["a", "1,920", "48,000", "2", "51.8 ms", "34.5 ms", "1.50"],
    ]
    assert [line[0] for line in table.lines] == ["a", "a", "b", "b"]


def test_unmeasured_size_is_a_dash():
    elsewhere = [(32, 9600, 2), (128, 9600, 2)]
    found = tables(swept("a") + swept("b", sizes=SWEEP[:3]) + swept("c", sizes=elsewhere))
    by_batch = found[BY_BATCH_SIZE]
    assert [line[0] for line in by_batch.lines] == ["a", "b"]
    assert by_batch.lines[1][1:] == ["308 ms", "128 ms [128, 128]", "83.0 ms", "—", "—", "—"]
    assert [line[0] for line in found[BY_SAMPLES].lines] == ["a"]


def test_size_that_varies_with_another_has_no_column():
    # Batch size 64 was measured at 9,600 samples only, and 4,800 samples at batch size 32 only.
    found = tables(swept("a", sizes=[*SWEEP, (64, 9600, 2), (32, 4800, 2)]))
    assert found[BY_BATCH_SIZE].headings[1:] == ("8", "32", "128", "384", "1,920", "9,600")
    assert found[BY_SAMPLES].headings[1:] == ("9,600", "19,200", "48,000", "96,000", "480,000")
