"""A sweep is read along each axis, with the other two held."""

import pytest
from support.records import case, environment, trials
from support.sweep import swept

from bench.summary import summarize
from bench.sweep import find_sweep, max_threads, usual_batch_size, usual_samples

HERE = {"here": environment()}
SIZES = [
    (32, 48000, 2),
    (128, 48000, 2),
    (1920, 48000, 2),
    (384, 9600, 2),
    (384, 48000, 2),
    (384, 96000, 2),
]


def found(*records):
    return find_sweep(summarize(records, HERE), "sgd")


def measured(name, *sizes, **changes):
    return [
        record
        for batch_size, samples, threads in sizes
        for record in trials(
            case(name, batch_size=batch_size, samples=samples, threads=threads, **changes), 0.1
        )
    ]


def named(swept_rows):
    return {(row.case.implementation, row.case.device) for row in swept_rows}


def test_each_axis_has_the_rows_at_the_usual_size_of_the_others():
    sweep = found(*measured("a", *SIZES, (32, 48000, 1)))
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
def test_an_axis_that_was_not_varied_is_empty(sizes, axes):
    sweep = found(*measured("a", *sizes))
    assert tuple(map(len, (sweep.by_batch_size, sweep.by_samples, sweep.by_threads))) == axes


def test_threads_are_paired_at_the_same_batch_size_and_samples():
    sizes = [(32, 48000, 1), (32, 48000, 2), (8, 48000, 1), (32, 9600, 2)]
    (pair,) = found(*swept("a", sizes=sizes)).by_threads
    assert (pair.single.case.threads, pair.multiple.case.threads) == (1, 2)
    assert pair.single.case.batch_size == pair.multiple.case.batch_size == 32
    assert pair.speedup.mean == pytest.approx(1.5)


def test_every_number_of_threads_is_compared_with_one():
    records = [
        record
        for threads, seconds in ((1, 4.0), (2, 2.0), (4, 0.5))
        for record in trials(case("a", threads=threads), seconds)
    ]
    pairs = found(*records).by_threads
    speedups = {pair.multiple.case.threads: pair.speedup.mean for pair in pairs}
    assert speedups == pytest.approx({2: 2, 4: 8})


def test_speedup_is_taken_round_by_round():
    # The machine is ten times slower in the second round, and two threads take half the time.
    records = trials(case("a", threads=1), 1.0, 10.0) + trials(case("a", threads=2), 0.5, 5.0)
    (pair,) = found(*records).by_threads
    assert (pair.speedup.low, pair.speedup.high) == pytest.approx((2, 2))


def test_one_size_and_unranked_rows_are_left_out():
    alone = measured("alone", (32, 48000, 2))
    wrong = [
        record
        for size in (32, 128)
        for record in trials(case("wrong", batch_size=size), 0.1, status="failed")
    ]
    records = [*alone, *wrong, *measured("a", *SIZES)]
    assert named(found(*records).by_batch_size) == {("a", "cpu")}
    assert find_sweep(summarize(records, HERE), "textbook") is None
    assert found(*alone, *wrong) is None
    assert found() is None


def test_both_devices_are_part_of_one_sweep():
    sweep = found(*measured("a", *SIZES), *measured("a", *SIZES[:3], device="gpu"))
    assert named(sweep.by_batch_size) == {("a", "cpu"), ("a", "gpu")}
    assert named(sweep.by_samples) == {("a", "cpu")}


def test_usual_are_the_samples_and_batch_size_with_most_partners_and_the_least_of_several():
    made = summarize(measured("a", *SIZES), HERE)
    assert (usual_samples(made), usual_batch_size(made)) == (48000, 384)
    square = [(batch_size, samples, 2) for batch_size in (128, 32) for samples in (96000, 9600)]
    made = summarize(measured("a", *square), HERE)
    assert (usual_samples(made), usual_batch_size(made)) == (9600, 32)
    # What one thread was measured at does not choose what stands in tables of two.
    alone = [(batch_size, 19200, 1) for batch_size in (8, 16, 32, 64, 128, 384, 960)]
    alone += [(8, samples, 1) for samples in (960, 9600, 48000, 96000, 192_000)]
    made = summarize(measured("a", *SIZES, *alone), HERE)
    assert (max_threads(made), usual_samples(made), usual_batch_size(made)) == (2, 48000, 384)
