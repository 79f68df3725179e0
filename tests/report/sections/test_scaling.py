"""Tables of a sweep show the measured times: every cell here is worked out by hand."""

from support.records import case, environment, run
from support.sweeps import SWEEP, swept

from bench.analysis.summary import summarize
from bench.analysis.sweep import find_sweep
from bench.report.sections.scaling import tabulate_sweep

HERE = {"here": environment()}


def tabulate(records):
    return tabulate_sweep(find_sweep(summarize(records, HERE, run(case())), "sgd"))


def test_each_axis_has_its_table():
    by_batch_size, by_samples, by_threads = tabulate(swept())
    assert by_batch_size.title == "Epoch time by batch size: 48,000 samples, 2 threads"
    assert by_batch_size.headings == ("implementation", "8", "32", "128", "384", "1,920", "9,600")
    # 10 ms, 6,000 to 5 steps of 20 µs, 48,000 samples of 0.5 µs; b twice that.
    assert by_batch_size.lines == [
        ["a", "154 ms", "64.0 ms [64.0, 64.0]", "41.5 ms", "36.5 ms", "34.5 ms", "34.1 ms"],
        ["b", "308 ms", "128 ms [128, 128]", "83.0 ms", "73.0 ms", "69.0 ms", "68.2 ms"],
    ]
    assert by_batch_size.numeric == set(range(1, 7))
    assert by_samples.title == "Epoch time by samples: batch size 384, 2 threads"
    assert by_samples.headings[1:] == ("9,600", "19,200", "48,000", "96,000", "480,000")
    # 384 go 25 times into 9,600 and 1,250 times into 480,000.
    assert by_samples.lines == [
        ["a", "15.3 ms", "20.6 ms", "36.5 ms", "63.0 ms", "275 ms"],
        ["b", "30.6 ms", "41.2 ms", "73.0 ms", "126 ms", "550 ms"],
    ]
    # One thread takes one and a half times as long as two.
    assert by_threads.lines[:2] == [
        ["a", "32", "48,000", "2", "96.0 ms", "64.0 ms [64.0, 64.0]", "1.50"],
        ["a", "1,920", "48,000", "2", "51.8 ms", "34.5 ms", "1.50"],
    ]
    assert [line[0] for line in by_threads.lines] == ["a", "a", "b", "b"]


def test_unmeasured_size_is_a_dash():
    elsewhere = [(64, 9600, 2), (32, 4800, 2)]  # vary with another axis
    records = swept("a", sizes=[*SWEEP, *elsewhere]) + swept("b", sizes=SWEEP[:3])
    by_batch_size, by_samples = tabulate(records)
    assert by_batch_size.headings[1:] == ("8", "32", "128", "384", "1,920", "9,600")
    assert by_batch_size.lines[1][3:] == ["83.0 ms", "—", "—", "—"]
    assert by_samples.headings[1:] == ("9,600", "19,200", "48,000", "96,000", "480,000")
    assert [line[0] for line in by_samples.lines] == ["a"]
