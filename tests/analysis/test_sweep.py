"""A sweep varies the batch size at one number of samples and threads."""

import pytest
from support.records import HERE, case, trials

from bench.analysis.summary import summarize
from bench.analysis.sweep import find_sweep, find_thread_speedups

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


def speedups_of(*records):
    return find_thread_speedups(summarize(records, HERE), "sgd")


def measured(name, *sizes, **changes):
    return [
        record
        for batch_size, samples, threads in sizes
        for record in trials(
            case(name, batch_size=batch_size, samples=samples, threads=threads, **changes), 0.1
        )
    ]


def test_sweep_fixes_samples_and_threads_at_the_usual_ones():
    # Older runs varied the samples, too.
    sweep = sweep_of(*measured("a", *SIZES, (32, 48000, 1)))
    assert [row.case.batch_size for row in sweep] == [32, 128, 384, 1920]
    assert {(row.case.samples, row.case.threads) for row in sweep} == {(48000, 2)}


def test_sweep_has_fixed_threads_beside_those_that_pilots_chose():
    fixed = measured("a", (32, 48000, 1), (128, 48000, 1))
    chosen = measured("a", (384, 48000, 2), (384, 9600, 2))
    sweep = sweep_of(*fixed, *chosen)
    sizes = [(row.case.batch_size, row.case.threads) for row in sweep]
    assert sorted(sizes) == [(32, 1), (128, 1), (384, 2)]


@pytest.mark.parametrize("other", [(32, 9600, 2), (32, 48000, 1)], ids=["samples", "threads"])
def test_one_batch_size_is_no_sweep(other):
    assert sweep_of(*measured("a", (32, 48000, 2), other)) == []


def test_speedup_is_that_of_the_two_times_or_absent():
    """One thread was measured once, two threads five times, as in a published run."""
    once = trials(case("a", threads=1), 29.8)
    # The ratio of the first rounds is 0.56, that of the means 29.8 / 37.2 = 0.80.
    five = trials(case("a", threads=2), 53.2, 34.0, 34.0, 34.0, 34.0)
    assert speedups_of(*once, *five) == []
    (pair,) = speedups_of(*once, *five[:1])
    assert pair.speedup.mean == pytest.approx(29.8 / 53.2)
    assert pair.single.epoch.mean / pair.multiple.epoch.mean == pytest.approx(pair.speedup.mean)
    alone = trials(case("a", threads=1), 29.8, 31.0, 30.0, 29.0, 30.0)
    (pair,) = speedups_of(*alone, *five)
    assert pair.single.epoch.mean / pair.multiple.epoch.mean == pytest.approx(pair.speedup.mean)
