"""Tables of a sweep show the measured times: every cell here is worked out by hand."""

from support.records import bare, case, environment, ok, run, trials, write
from support.sweeps import SWEEP, swept

from bench.analysis.summary import summarize
from bench.analysis.sweep import find_sweep, find_thread_speedups
from bench.report.load import load_run
from bench.report.sections.scaling import describe_sweep, tabulate_sweep, tabulate_threads

HERE = {"here": environment()}


def tabulate(records):
    return tabulate_sweep(find_sweep(summarize(records, HERE, run(case())), "sgd"))


def test_each_axis_has_its_table():
    by_batch_size, by_samples = tabulate(swept())
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


def test_speedup_is_the_ratio_of_the_times_beside_it():
    # One thread takes one and a half times as long as two. At batch size 32 the numbers of rounds
    # differ.
    rows = summarize(swept(), HERE, run(case()))
    table = tabulate_threads(find_thread_speedups(rows, "sgd"), "a note")
    assert table.lines == [
        ["a", "1,920", "48,000", "2", "51.8 ms", "34.5 ms", "1.50"],
        ["b", "1,920", "48,000", "2", "104 ms", "69.0 ms", "1.50"],
    ]


def test_pilot_is_a_table_of_its_own(tmp_path):
    """Each size names its threads, and the pilot's times are beside each other."""
    open_case = {"threads": 0, "tried_threads": (1, 2)}
    planned = run(case("a", **open_case), sweep=(case("a", batch_size=8, **open_case),))
    records = []
    for size, times, threads in ((32, (0.02, 0.03), 1), (8, (0.08, 0.04), 2)):
        of = {"batch_size": size, "tried_threads": (1, 2)}
        records += [ok(case("a", threads=n, **of), 0, time) for n, time in enumerate(times, 1)]
        records += trials(case("a", threads=threads, **of), min(times) * 1.1)
    records += [bare(case("b", threads=1, tried_threads=(1, 2)), 0, status="timeout")]
    loaded = load_run(write(tmp_path / "run", planned, *records))
    section = describe_sweep(loaded, find_sweep(loaded.rows, "sgd"), [])
    by_batch_size, by_threads = section.tables
    assert by_batch_size.title == "Epoch time by batch size: 48,000 samples"
    assert by_batch_size.lines == [["a", "44.0 ms (2)", "22.0 ms (1)"]]
    assert sorted(by_threads.lines) == [
        ["a", "32", "48,000", "2", "20.0 ms", "30.0 ms", "0.667"],
        ["a", "8", "48,000", "2", "80.0 ms", "40.0 ms", "2.00"],
    ]
    assert any("b, 1 of 2 threads" in line and "timeout" in line for line in section.remarks)


def test_unmeasured_size_is_a_dash():
    elsewhere = [(64, 9600, 2), (32, 4800, 2)]  # vary with another axis
    records = swept("a", sizes=[*SWEEP, *elsewhere]) + swept("b", sizes=SWEEP[:3])
    by_batch_size, by_samples = tabulate(records)
    assert by_batch_size.headings[1:] == ("8", "32", "128", "384", "1,920", "9,600")
    assert by_batch_size.lines[1][3:] == ["83.0 ms", "—", "—", "—"]
    assert by_samples.headings[1:] == ("9,600", "19,200", "48,000", "96,000", "480,000")
    assert [line[0] for line in by_samples.lines] == ["a"]
