"""A sweep is split along each axis, with the other two fixed."""

import pytest
from support.records import case, environment, trials
from support.sweeps import swept

from bench.analysis.summary import summarize
from bench.analysis.sweep import find_sweep, find_usual_size

HERE = {"here": environment()}
SIZES = [
    (32, 48000, 2),
    (128, 48000, 2),
    (1920, 48000, 2),
    (384, 9600, 2),
    (384, 48000, 2),
    (384, 96000, 2),
]


def sweep_of(*records):
    return find_sweep(summarize(records, HERE), "sgd")


def measured(name, *sizes, **changes):
    return [
        record
        for batch_size, samples, threads in sizes
        for record in trials(
            case(name, batch_size=batch_size, samples=samples, threads=threads, **changes), 0.1
        )
    ]


def names(rows):
    return {(row.case.implementation, row.case.device) for row in rows}


def test_each_axis_fixes_the_others_at_usual_size():
    sweep = sweep_of(*measured("a", *SIZES, (32, 48000, 1)))
    assert (sweep.threads, sweep.samples, sweep.batch_size) == (2, 48000, 384)
    assert {row.case.batch_size for row in sweep.by_batch_size} == {32, 128, 384, 1920}
    assert {row.case.samples for row in sweep.by_batch_size} == {48000}
    assert {row.case.samples for row in sweep.by_samples} == {9600, 48000, 96000}
    assert {row.case.batch_size for row in sweep.by_samples} == {384}
    assert {row.case.threads for row in (*sweep.by_batch_size, *sweep.by_samples)} == {2}


@pytest.mark.parametrize(
    ("sizes", "axes"),
    [
        ([(32, 48000, 2), (8, 48000, 2)], (2, 0, 0)),
        ([(32, 48000, 2), (32, 9600, 2)], (0, 2, 0)),
        ([(32, 48000, 2), (32, 48000, 1)], (0, 0, 1)),
    ],
    ids=["batch size", "samples", "threads"],
)
def test_axis_that_was_not_varied_is_empty(sizes, axes):
    sweep = sweep_of(*measured("a", *sizes))
    assert tuple(map(len, (sweep.by_batch_size, sweep.by_samples, sweep.by_threads))) == axes


def test_threads_are_paired_at_the_same_size():
    sizes = [(32, 48000, 1), (32, 48000, 2), (8, 48000, 1), (32, 9600, 2)]
    (pair,) = sweep_of(*swept("a", sizes=sizes)).by_threads
    assert (pair.single.case.threads, pair.multiple.case.threads) == (1, 2)
    assert pair.single.case.batch_size == pair.multiple.case.batch_size == 32
    assert pair.speedup.mean == pytest.approx(1.5)


def test_every_number_of_threads_compares_to_one():
    records = [
        record
        for threads, seconds in ((1, 4.0), (2, 2.0), (4, 0.5))
        for record in trials(case("a", threads=threads), seconds)
    ]
    pairs = sweep_of(*records).by_threads
    speedups = {pair.multiple.case.threads: pair.speedup.mean for pair in pairs}
    assert speedups == pytest.approx({2: 2, 4: 8})


def test_thread_speedup_is_paired_by_round():
    # The machine is ten times slower in the second round, and two threads take half the time.
    records = trials(case("a", threads=1), 1.0, 10.0) + trials(case("a", threads=2), 0.5, 5.0)
    (pair,) = sweep_of(*records).by_threads
    assert (pair.speedup.low, pair.speedup.high) == pytest.approx((2, 2))


def test_single_sizes_and_unranked_rows_are_left_out():
    alone = measured("alone", (32, 48000, 2))
    wrong = [
        record
        for size in (32, 128)
        for record in trials(case("wrong", batch_size=size), 0.1, status="failed")
    ]
    records = [*alone, *wrong, *measured("a", *SIZES)]
    assert names(sweep_of(*records).by_batch_size) == {("a", "cpu")}
    assert find_sweep(summarize(records, HERE), "textbook") is None
    assert sweep_of(*alone, *wrong) is None
    assert sweep_of() is None


def test_both_devices_share_one_sweep():
    sweep = sweep_of(*measured("a", *SIZES), *measured("a", *SIZES[:3], device="gpu"))
    assert names(sweep.by_batch_size) == {("a", "cpu"), ("a", "gpu")}
    assert names(sweep.by_samples) == {("a", "cpu")}


def test_usual_size_has_most_partners_and_is_smallest():
    def usual(*sizes):
        rows = summarize(measured("a", *sizes), HERE)
        return find_usual_size(rows, "samples"), find_usual_size(rows, "batch_size")

    assert usual(*SIZES) == (48000, 384)
    assert usual(*((size, n, 2) for size in (128, 32) for n in (96000, 9600))) == (9600, 32)
    # Sizes of fewer threads do not count.
    single = [(batch_size, 19200, 1) for batch_size in (8, 16, 32, 64, 128, 384, 960)]
    single += [(8, samples, 1) for samples in (960, 9600, 48000, 96000, 192_000)]
    assert usual(*SIZES, *single) == (48000, 384)
