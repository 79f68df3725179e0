"""How an implementation scales follows from its rows at several sizes."""

import pytest
from fixtures_records import case, environment, trials

from bench.scaling import most_threads, scalings, usual_batch_size, usual_samples
from bench.summary import rows

HERE = {"here": environment()}


def model(batch_size, samples, threads=2):
    """Seconds of an epoch of 10 ms, steps of 20 µs and samples of 0.5 µs; half as many threads."""
    return (0.01 + 2e-5 * samples / batch_size + 5e-7 * samples) * 2 / threads


def measured(name, *sizes, **changes):
    return [
        record
        for batch_size, samples, threads in sizes
        for record in trials(
            case(name, batch_size=batch_size, samples=samples, threads=threads, **changes),
            model(batch_size, samples, threads),
        )
    ]


SIZES = [(32, 48000, 2), (128, 48000, 2), (1920, 48000, 2), (384, 9600, 2), (384, 48000, 2),
         (384, 96000, 2)]  # fmt: skip


def test_the_cost_is_fitted_over_all_sizes_with_the_most_threads():
    found = rows(measured("a", *SIZES, (32, 48000, 1)), HERE)
    (one,) = scalings(found, "sgd")
    assert one.name == "a"
    assert len(one.rows) == 7
    assert one.cost.points == 6
    assert (one.cost.epoch.mean, one.cost.step.mean, one.cost.sample.mean) == pytest.approx(
        (0.01, 2e-5, 5e-7)
    )


def test_a_cliff_is_named():
    cliff = trials(case("a", batch_size=9600, samples=48000), 10 * model(9600, 48000))
    (one,) = scalings(rows([*measured("a", *SIZES), *cliff], HERE), "sgd")
    ((point, times),) = [(each.point, each.times) for each in one.cost.cliffs]
    assert (point.steps, point.samples) == (5, 48000)
    assert times == pytest.approx(10, rel=1e-3)


def test_the_exponent_is_of_the_batch_size_with_most_numbers_of_samples():
    sizes = [(384, 9600, 2), (384, 96000, 2), (384, 48000, 2), (32, 48000, 2), (32, 9600, 2)]
    records = [
        record for batch_size, samples, threads in sizes
        for record in trials(case("a", batch_size=batch_size, samples=samples, threads=threads),
                             samples**2 * 1e-9 if batch_size == 384 else 1.0)
    ]  # fmt: skip
    (one,) = scalings(rows(records, HERE), "sgd")
    assert one.exponent.mean == pytest.approx(2)


def test_threads_are_compared_at_the_same_batch_size_and_samples():
    found = rows(measured("a", *SIZES, (32, 48000, 1), (8, 48000, 1)), HERE)
    (pair,) = scalings(found, "sgd")[0].threading
    assert (pair.one.case.threads, pair.many.case.threads) == (1, 2)
    assert pair.one.case.batch_size == pair.many.case.batch_size == 32
    # Two threads take half the time of one, so that all of both is made use of.
    assert pair.efficiency.mean == pytest.approx(1)


def test_every_number_of_threads_is_compared_with_one():
    found = rows(measured("a", *((32, 48000, threads) for threads in (1, 2, 4))), HERE)
    pairs = scalings(found, "sgd")[0].threading
    assert sorted((pair.one.case.threads, pair.many.case.threads) for pair in pairs) == [
        (1, 2), (1, 4),
    ]  # fmt: skip
    assert [pair.efficiency.mean for pair in pairs] == pytest.approx([1, 1])


def test_what_has_one_size_and_what_is_not_ranked_does_not_scale():
    alone = measured("alone", (32, 48000, 2))
    wrong = [
        record for size in (32, 128)
        for record in trials(case("wrong", batch_size=size), 0.1, status="failed")
    ]  # fmt: skip
    found = rows([*alone, *wrong, *measured("a", *SIZES)], HERE)
    assert [one.name for one in scalings(found, "sgd")] == ["a"]
    assert scalings(found, "textbook") == []


def test_a_row_is_found_by_its_size():
    (one,) = scalings(rows(measured("a", *SIZES), HERE), "sgd")
    assert one.at(384, 2, 96000).case.samples == 96000
    assert one.at(384, 1, 96000) is None


def test_devices_scale_each_for_itself():
    records = measured("a", *SIZES) + measured("a", *SIZES[:3], device="gpu")
    found = scalings(rows(records, HERE), "sgd")
    assert [(one.device, len(one.rows)) for one in found] == [("cpu", 6), ("gpu", 3)]


def test_usual_are_the_samples_and_batch_size_with_most_partners_and_the_least_of_several():
    found = rows(measured("a", *SIZES), HERE)
    assert (usual_samples(found), usual_batch_size(found)) == (48000, 384)
    square = [(batch_size, samples, 2) for batch_size in (128, 32) for samples in (96000, 9600)]
    found = rows(measured("a", *square), HERE)
    assert (usual_samples(found), usual_batch_size(found)) == (9600, 32)
    # What one thread was measured at does not choose what stands in tables of two.
    alone = [(batch_size, 19200, 1) for batch_size in (8, 16, 32, 64, 128, 384, 960)]
    alone += [(8, samples, 1) for samples in (960, 9600, 48000, 96000, 192_000)]
    found = rows(measured("a", *SIZES, *alone), HERE)
    assert (most_threads(found), usual_samples(found), usual_batch_size(found)) == (2, 48000, 384)


def test_costs_and_exponents_are_all_of_the_most_threads():
    records = measured("a", *SIZES) + measured("b", *((b, n, 1) for b, n, _ in SIZES))
    one, other = scalings(rows(records, HERE), "sgd")
    assert one.cost.points == 6
    assert one.exponent is not None
    assert (other.cost, other.exponent, other.threading) == (None, None, ())
