"""Tables of growth say what a sweep measured: every cell here is worked out by hand."""

import pytest
from fixtures_records import case, environment, run, trials
from fixtures_sweep import SAMPLES, SWEEP, swept

from bench.report import growth
from bench.result import Skipped
from bench.scaling import scalings
from bench.summary import rows

HERE = {"here": environment()}


def tables(records):
    found = growth.tables(scalings(rows(records, HERE, run(case())), "sgd"))
    return {table.title: table for table in found}


@pytest.fixture(scope="module")
def found():
    return tables(swept())


def by_name(table):
    return {line[0]: dict(zip(table.headings, line, strict=True)) for line in table.lines}


def test_every_size_that_was_varied_has_its_table(found):
    assert list(found) == [
        "Epoch time by batch size: 48,000 samples, 2 threads",
        "What an epoch, a step and a sample cost, 2 threads",
        "Epoch time by samples: batch size 384, 2 threads",
        "Threading efficiency",
    ]


def test_epochs_stand_by_their_batch_sizes_at_the_usual_samples(found):
    table = found["Epoch time by batch size: 48,000 samples, 2 threads"]
    assert table.headings == ("implementation", "8", "32", "128", "384", "1,920", "9,600")
    # 10 ms, 6,000 to 5 steps of 20 µs, 48,000 samples of 0.5 µs; b twice that, at last 20 times.
    assert table.lines == [
        ["a", "154 ms", "64.0 ms", "41.5 ms", "36.5 ms", "34.5 ms", "34.1 ms"],
        ["b", "308 ms", "128 ms", "83.0 ms", "73.0 ms", "69.0 ms", "682 ms"],
        ["c", *["2.30 s"] * 6],
    ]
    assert table.numeric == set(range(1, 7))


def test_epochs_stand_by_their_samples_at_the_usual_batch_size_with_the_exponent(found):
    table = found["Epoch time by samples: batch size 384, 2 threads"]
    headings = ("implementation", "9,600", "19,200", "48,000", "96,000", "480,000", "exponent")
    assert table.headings == headings
    a, b, c = table.lines
    # 384 go 25 times into 9,600 and 1,250 times into 480,000.
    assert a[:-1] == ["a", "15.3 ms", "20.6 ms", "36.5 ms", "63.0 ms", "275 ms"]
    assert b[:-1] == ["b", "30.6 ms", "41.2 ms", "73.0 ms", "126 ms", "550 ms"]
    # c takes a nanosecond for every sample squared.
    assert c == ["c", "92.2 ms", "369 ms", "2.30 s", "9.22 s", "230 s", "2.00 [2.00, 2.00]"]
    assert a[-1] == b[-1]
    assert table.note == growth.SAMPLES_NOTE


def test_costs_cliffs_and_what_has_no_model_are_said(found):
    table = found["What an epoch, a step and a sample cost, 2 threads"]
    assert by_name(table) == {
        "a": {
            "implementation": "a", "cliffs": "none", "an epoch": "10.0 ms [10.0, 10.0]",
            "a step": "20.0 µs [20.0, 20.0]", "a sample": "0.500 µs [0.500, 0.500]", "sizes": "10",
        },
        "b": {
            "implementation": "b",
            "cliffs": "batch size 9,600 at 48,000 samples: 10.0 times the model",
            "an epoch": "20.0 ms [20.0, 20.0]", "a step": "40.0 µs [40.0, 40.0]",
            "a sample": "1.00 µs [1.00, 1.00]", "sizes": "9",
        },
        "c": {
            "implementation": "c", "cliffs": "no model fits", "an epoch": "—", "a step": "—",
            "a sample": "—", "sizes": "10",
        },
    }  # fmt: skip
    assert table.numeric == {2, 3, 4, 5}


def test_a_coefficient_that_cannot_be_told_is_a_dash():
    sizes = [size for size in SWEEP if size[1] == 48000]
    (table,) = (table for title, table in tables(swept("a", sizes=sizes)).items()
                if title.startswith("What an epoch"))  # fmt: skip
    assert table.lines == [["a", "none", "—", "20.0 µs [20.0, 20.0]", "—", "6"]]


def test_threads_are_compared_with_their_size_and_the_share_that_is_made_use_of(found):
    table = found["Threading efficiency"]
    # One thread takes one and a half times as long as two: 1.5 / 2.
    assert table.lines[:2] == [
        ["a", "32", "48,000", "2", "96.0 ms", "64.0 ms [64.0, 64.0]", "75 %"],
        ["a", "1,920", "48,000", "2", "51.8 ms", "34.5 ms", "75 %"],
    ]
    assert [line[0] for line in table.lines] == ["a", "a", "b", "b", "c", "c"]
    assert table.headings[1:4] == ("batch size", "samples", "threads")


def test_the_exponent_is_that_of_the_samples_it_stands_beside():
    # Where as many samples were measured at two batch sizes, both are the smaller one's.
    records = [
        record for batch_size, power in ((128, 1), (32, 2)) for samples in (9600, 96000)
        for record in trials(case("a", batch_size=batch_size, samples=samples),
                             1e-9 * samples**power)
    ]  # fmt: skip
    table = tables(records)["Epoch time by samples: batch size 32, 2 threads"]
    assert table.lines == [["a", "92.2 ms", "9.22 s", "2.00"]]


def test_what_was_not_measured_at_a_size_is_a_dash_and_at_none_no_line():
    elsewhere = [(32, 9600, 2), (128, 9600, 2)]
    records = swept("a") + swept("b", sizes=SWEEP[:3]) + swept("c", sizes=elsewhere)
    found = tables(records)
    by_batch = found["Epoch time by batch size: 48,000 samples, 2 threads"]
    assert [line[0] for line in by_batch.lines] == ["a", "b"]
    assert by_batch.lines[1][1:] == ["308 ms", "128 ms", "83.0 ms", "—", "—", "—"]
    by_samples = found["Epoch time by samples: batch size 384, 2 threads"]
    assert [line[0] for line in by_samples.lines] == ["a"]


def test_a_size_that_varies_with_another_has_no_column():
    # Batch size 64 was measured at 9,600 samples only, and 4,800 samples at batch size 32 only.
    found = tables(swept("a", sizes=[*SWEEP, (64, 9600, 2), (32, 4800, 2)]))
    by_batch = found["Epoch time by batch size: 48,000 samples, 2 threads"]
    assert by_batch.headings[1:] == ("8", "32", "128", "384", "1,920", "9,600")
    by_samples = found["Epoch time by samples: batch size 384, 2 threads"]
    assert by_samples.headings[1:-1] == ("9,600", "19,200", "48,000", "96,000", "480,000")


def test_threads_at_several_samples_are_told_apart():
    sizes = [(32, samples, threads) for samples in (9600, 48000) for threads in (1, 2)]
    table = tables(swept("a", sizes=sizes))["Threading efficiency"]
    assert sorted(line[2] for line in table.lines) == ["48,000", "9,600"]


def test_where_nothing_was_varied_there_is_no_table():
    assert tables([]) == {}
    assert tables(trials(case("a"), 0.5) + trials(case("b"), 0.6)) == {}


def test_what_was_varied_alone_has_the_only_tables():
    batches = tables(swept("a", sizes=SWEEP[:2]))
    assert [title.partition(":")[0] for title in batches] == [
        "Epoch time by batch size", "What an epoch, a step and a sample cost, 2 threads",
    ]  # fmt: skip
    samples = tables(swept("a", sizes=[(384, each, 2) for each in SAMPLES[:2]]))
    assert [title.partition(":")[0] for title in samples] == [
        "What an epoch, a step and a sample cost, 2 threads", "Epoch time by samples",
    ]  # fmt: skip
    threads = tables(swept("a", sizes=[(32, 48000, 1), (32, 48000, 2)]))
    assert list(threads) == ["Threading efficiency"]


def test_one_thread_is_in_the_singular():
    sizes = [(batch_size, samples, 1) for batch_size, samples, _ in SWEEP]
    found = tables(swept("a", sizes=sizes))
    assert [title.rpartition(", ")[2] for title in found] == ["1 thread"] * 3
    by_batch = found["Epoch time by batch size: 48,000 samples, 1 thread"]
    # One and a half times as long as with two.
    assert by_batch.lines[0][1:4] == ["231 ms", "96.0 ms", "62.2 ms"]


def test_a_name_is_kept_as_it_is_for_whoever_lays_it_out():
    hostile = "a | b\n<script>"
    for table in tables(swept(hostile)).values():
        assert {line[0] for line in table.lines} == {hostile}


def test_sizes_that_were_not_measured_are_said_once_each():
    left = [Skipped(7, 100, "7 does not divide 100"), Skipped(9, 100, "9 | <b>")]
    assert growth.skipped(left) == [
        "not measured: 7 does not divide 100", "not measured: 9 | <b>",
    ]  # fmt: skip
    assert growth.skipped([]) == []


def test_every_number_of_threads_has_a_line():
    records = [
        record for threads, seconds in ((1, 4.0), (2, 2.0), (4, 2.0))
        for record in trials(case("a", threads=threads), seconds)
    ]  # fmt: skip
    lines = tables(records)["Threading efficiency"].lines
    assert sorted((line[3], line[-1]) for line in lines) == [("2", "100 %"), ("4", "50 %")]


def test_two_devices_are_told_apart_by_name():
    sizes = {8: (1.0, 4.0), 32: (1.0, 0.5)}
    records = [
        record for batch_size, pair in sizes.items()
        for device, seconds in zip(("cpu", "gpu"), pair, strict=True)
        for record in trials(case("a", batch_size=batch_size, device=device), seconds)
    ]  # fmt: skip
    found = rows(records, HERE, run(case()))
    epochs, *_ = growth.tables(scalings(found, "sgd"))
    assert [line[0] for line in epochs.lines] == ["a (cpu)", "a (gpu)"]
