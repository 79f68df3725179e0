"""A CPU and a GPU are compared round by round, at the first size: worked out by hand."""

import pytest
from msgspec import structs
from support.devices import on, swept_on, unavailable
from support.records import case, environment, ok, run, trials

from bench.crossover import find_device_crossovers
from bench.devices import compare_devices
from bench.summary import summarize

HERE = {"here": environment()}


def compared(*records, workload="sgd"):
    found = summarize(records, HERE, run(case()))
    return compare_devices(found, workload, find_device_crossovers(found, workload))


def names(found):
    return [next(iter(each.rows.values())).case.implementation for each in found]


def test_speedups_of_epochs_and_predictions_are_taken_round_by_round():
    # The machine gets ten times slower from round to round, and the CPU takes twice the GPU's time.
    def timed(device, *times):
        return [ok(case("a", device=device), number, time, predict_seconds=[time**2])
                for number, time in enumerate(times, 1)]  # fmt: skip

    (found,) = compared(*timed("cpu", 0.2, 2.0), *timed("gpu", 0.1, 1.0))
    assert (found.training.mean, found.training.high) == pytest.approx((2, 2))
    assert (found.predicting.mean, found.predicting.high) == pytest.approx((4, 4))
    assert [found.rows[each].case.device for each in ("cpu", "gpu")] == ["cpu", "gpu"]
    assert found.crossover is None


def test_without_a_gpu_nothing_is_compared():
    assert compared(*on("cpu"), *on("cpu", "b")) == []
    assert compared() == []
    assert compared(*on("cpu"), *on("gpu"), workload="textbook") == []


def test_the_fastest_on_a_gpu_comes_first_and_those_without_one_last():
    found = compared(*on("cpu", "a"), *on("gpu", "a"), *on("gpu", "b", times=0.5),
                     *on("cpu", "c", times=0.1), unavailable("c"))  # fmt: skip
    assert names(found) == ["b", "a", "c"]


def test_what_cannot_be_compared_is_there_and_has_no_speedup():
    good, second = on("gpu", "wrong")
    wrong = [good, structs.replace(second, status="failed", reason="other mathematics")]
    found = compared(*on("cpu", "absent"), unavailable("absent"), *on("cpu", "wrong"), *wrong,
                     *on("gpu", "alone"), unavailable("neither"))  # fmt: skip
    assert names(found) == ["alone", "absent", "wrong"]
    assert {(each.training, each.predicting) for each in found} == {(None, None)}
    assert [each.ranked("gpu") is None for each in found] == [False, True, True]
    assert found[0].ranked("cpu") is None
    assert found[1].rows["gpu"].faults == (("unavailable", "no GPU can be used"),)


def test_only_the_first_size_of_the_workload_is_compared():
    other = [
        *trials(case("a", batch_size=8), 9.0),
        *trials(case("a", batch_size=8, device="gpu"), 1.0),
    ]
    textbook = [*on("cpu", workload="textbook"), *on("gpu", workload="textbook", times=9.0)]
    (found,) = compared(*on("cpu"), *on("gpu"), *other, *textbook)
    # (0.01 + 1,500 * 20e-6 + 48,000 * 0.5e-6) / (0.002 + 1,500 * 40e-6 + 48,000 * 10e-9) s
    assert found.training.mean == pytest.approx(0.064 / 0.06248)


def test_a_sweep_tells_the_crossover():
    (found,) = compared(*swept_on("cpu"), *swept_on("gpu"))
    assert list(found.crossover.speedups) == [8, 32, 128, 384, 1920, 9600]
    # Between 8, where it is 154 / 242.48... and 32, where it is 64 / 62.48.
    assert 8 < found.crossover.batch_size.mean < 32


def test_one_size_has_no_crossover():
    one_size = [*on("cpu", "b"), *on("gpu", "b")]
    (_, other) = compared(*swept_on("cpu"), *swept_on("gpu"), *one_size)
    assert other.crossover is None
