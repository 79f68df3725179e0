"""CPU and GPU compared round by round, worked out by hand."""

import pytest
from msgspec import structs
from support.devices import on, swept_on, unavailable
from support.records import case, environment, ok, run, trials

from bench.analysis.crossover import find_device_crossovers
from bench.analysis.gpu import compare_devices
from bench.analysis.summary import summarize

HERE = {"here": environment()}


def compare(*records, workload="sgd"):
    rows = summarize(records, HERE, run(case()))
    return compare_devices(rows, workload, find_device_crossovers(rows, workload))


def names(comparisons):
    return [next(iter(pair.rows.values())).case.implementation for pair in comparisons]


def test_speedups_are_taken_round_by_round():
    # The machine gets ten times slower from round to round, and the CPU takes twice the GPU's time.
    def timed(device, *seconds):
        return [
            ok(case("a", device=device), number, time, predict_seconds=[time**2])
            for number, time in enumerate(seconds, 1)
        ]

    (pair,) = compare(*timed("cpu", 0.2, 2.0), *timed("gpu", 0.1, 1.0))
    assert (pair.training.mean, pair.training.high) == pytest.approx((2, 2))
    assert (pair.predicting.mean, pair.predicting.high) == pytest.approx((4, 4))
    assert [pair.rows[device].case.device for device in ("cpu", "gpu")] == ["cpu", "gpu"]
    assert pair.crossover is None


def test_without_gpu_rows_nothing_is_compared():
    assert compare(*on("cpu"), *on("cpu", "b")) == []
    assert compare() == []
    assert compare(*on("cpu"), *on("gpu"), workload="textbook") == []


def test_fastest_on_gpu_comes_first_and_absent_last():
    comparisons = compare(
        *on("cpu", "a"),
        *on("gpu", "a"),
        *on("gpu", "b", times=0.5),
        *on("cpu", "c", times=0.1),
        unavailable("c"),
    )
    assert names(comparisons) == ["b", "a", "c"]


def test_unranked_device_has_a_row_but_no_speedup():
    good, second = on("gpu", "wrong")
    wrong = [good, structs.replace(second, status="failed", reason="other mathematics")]
    comparisons = compare(
        *on("cpu", "absent"),
        unavailable("absent"),
        *on("cpu", "wrong"),
        *wrong,
        *on("gpu", "alone"),
        unavailable("neither"),
    )
    assert names(comparisons) == ["alone", "absent", "wrong"]
    assert {(pair.training, pair.predicting) for pair in comparisons} == {(None, None)}
    assert [pair.ranked("gpu") is None for pair in comparisons] == [False, True, True]
    assert comparisons[0].ranked("cpu") is None
    assert comparisons[1].rows["gpu"].faults == (("unavailable", "no GPU can be used"),)


def test_only_the_first_size_is_compared():
    other = [
        *trials(case("a", batch_size=8), 9.0),
        *trials(case("a", batch_size=8, device="gpu"), 1.0),
    ]
    textbook = [*on("cpu", workload="textbook"), *on("gpu", workload="textbook", times=9.0)]
    (pair,) = compare(*on("cpu"), *on("gpu"), *other, *textbook)
    # (0.01 + 1,500 * 20e-6 + 48,000 * 0.5e-6) / (0.002 + 1,500 * 40e-6 + 48,000 * 10e-9) s
    assert pair.training.mean == pytest.approx(0.064 / 0.06248)


def test_crossover_needs_a_sweep():
    one_size = [*on("cpu", "b"), *on("gpu", "b")]
    swept, single = compare(*swept_on("cpu"), *swept_on("gpu"), *one_size)
    assert list(swept.crossover.speedups) == [8, 32, 128, 384, 1920, 9600]
    # Between 8, where it is 154 / 242.48... and 32, where it is 64 / 62.48.
    assert 8 < swept.crossover.batch_size.mean < 32
    assert single.crossover is None
