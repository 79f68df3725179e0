"""A GPU pays from the batch size on from which it is the faster at every larger one."""

import pytest
from fixtures_records import case, environment, trials

from bench.crossover import crossovers
from bench.summary import rows

HERE = {"here": environment()}


def both(name, times, **changes):
    """Records of an implementation by batch size: seconds on the CPU and on the GPU."""
    return [
        record
        for batch_size, pair in times.items()
        for device, seconds in zip(("cpu", "gpu"), pair, strict=True)
        for record in trials(
            case(name, device=device, batch_size=batch_size, **changes),
            *(seconds if isinstance(seconds, tuple) else (seconds,)),
        )
    ]


def found(*records, workload="sgd"):
    return crossovers(rows(records, HERE), workload)


def test_the_smallest_batch_size_from_which_on_it_is_faster():
    (one,) = found(*both("a", {8: (4.0, 8.0), 32: (2.0, 2.0), 128: (1.0, 0.5), 384: (1.0, 0.1)}))
    assert one.name == "a"
    assert {size: each.mean for size, each in one.speedups.items()} == pytest.approx(
        {8: 0.5, 32: 1.0, 128: 2.0, 384: 10.0}
    )
    assert one.batch_size == 128


def test_where_it_falls_behind_again_only_what_is_beyond_counts():
    (one,) = found(*both("a", {8: (4.0, 1.0), 32: (1.0, 2.0), 128: (1.0, 0.5)}))
    assert one.batch_size == 128
    (one,) = found(*both("a", {8: (4.0, 1.0), 32: (1.0, 0.5), 128: (1.0, 2.0)}))
    assert one.batch_size is None
    (one,) = found(*both("a", {8: (4.0, 1.0), 32: (1.0, 0.5)}))
    assert one.batch_size == 8


def test_it_is_told_where_the_intervals_on_both_sides_are():
    clear, below = (2.0, 2.0), {8: ((1.0, 1.0), (2.0, 2.0))}
    wide = (0.5, 8.0)
    one_round = both("a", {8: (1.0, 2.0), 32: (2.0, 1.0)})
    assert [each.told for each in found(*one_round)] == [False]
    assert found(*both("a", {**below, 32: (clear, (1.0, 1.0))}))[0].told
    assert not found(*both("a", {**below, 32: (wide, (1.0, 1.0))}))[0].told
    assert not found(*both("a", {8: ((1.0, 1.0), wide), 32: (clear, (1.0, 1.0))}))[0].told
    assert found(*both("a", {32: (clear, (1.0, 1.0))}))[0].told  # there is nothing before it
    never = found(*both("a", below))[0]
    assert (never.batch_size, never.told) == (None, True)


def test_only_what_both_devices_did_is_compared():
    alone = trials(case("a", batch_size=1920), 0.1)
    other = trials(case("b", batch_size=8, device="gpu"), 0.1)
    wrong = both("c", {8: (1.0, 0.5)})
    wrong += trials(case("c", batch_size=32), 1.0)
    wrong += trials(case("c", batch_size=32, device="gpu"), 0.1, status="failed")
    named = found(*both("a", {8: (1.0, 0.5)}), *alone, *other, *wrong)
    assert sorted((one.name, list(one.speedups)) for one in named) == [("a", [8]), ("c", [8])]
    assert found(*alone) == []
    assert found() == []
    assert found(*both("a", {8: (1.0, 0.5)}), workload="textbook") == []


def test_fewer_threads_and_other_samples_are_not_compared():
    sizes = both("a", {8: (1.0, 2.0), 32: (1.0, 0.5)})
    one_thread = trials(case("a", batch_size=8, threads=1), 9.0)
    more = both("a", {8: (1.0, 0.1)}, samples=96000)
    (one,) = found(*sizes, *one_thread, *more)
    assert {size: each.mean for size, each in one.speedups.items()} == pytest.approx(
        {8: 0.5, 32: 2.0}
    )
