"""The fixed cost of a step, worked out by hand."""

import msgspec
import pytest
from support.records import HERE, case, ok, run, trials

from bench.analysis.intervals import Interval
from bench.analysis.ladder import find_batch_sizes, measure_steps
from bench.analysis.summary import summarize

# Seconds that differ between rounds: 48,000 images are 1,500 steps of 32, and 375 of 128.
SMALL, LARGE = (0.30, 0.40, 0.35), (0.21, 0.2425, 0.20375)


def measure(records, *cases, **plan):
    planned = run(
        *(cases or {record.case.slug: record.case for record in records}.values()), **plan
    )
    rows = summarize(records, HERE, planned)
    return {slug.split("-")[1]: cost for slug, cost in measure_steps(rows, planned).items()}


def both(name="a", small=SMALL, large=LARGE, **changes):
    return [
        *trials(case(name, **changes), *small),
        *trials(case(name, batch_size=128, **changes), *large),
    ]


def test_difference_of_epochs_is_divided_by_that_of_steps_round_by_round():
    cost = measure(both())["a"]
    # 0.09, 0.1575 and 0.14625 s over 1,125 steps are 80, 140 and 130 us; a whole step takes 200,
    # 266.7 and 233.3 us. Three values are stretched by sqrt(5) - 1 of their range on each side.
    margin = (5**0.5 - 1) * 60e-6
    assert cost.fixed.mean == pytest.approx(130e-6)
    assert (cost.fixed.low, cost.fixed.high) == pytest.approx((80e-6 - margin, 140e-6 + margin))
    assert cost.images.mean == pytest.approx(120e-6)
    # Half of a step: 32 x 80 / 120, 32 x 140 / 126.7 and 32 x 130 / 103.3 images.
    assert cost.half_size.mean == pytest.approx(32 * 140 / (400 / 1.5 - 140))
    # 6,000 steps of 8 images
    predicted = cost.predict_epoch(case("a"), case("a", batch_size=8))
    assert predicted == pytest.approx(6000 * (130e-6 + 120e-6 / 4))


def test_step_that_costs_less_than_none_is_shown_as_measured():
    cost = measure(both(small=(0.2, 0.2), large=(0.2225, 0.21125)))["a"]
    assert cost.fixed.mean == pytest.approx(-15e-6)
    assert not cost.fixed.excludes(0)
    assert cost.half_size is None
    assert cost.images.mean == pytest.approx(0.2 / 1500 + 15e-6)


def test_row_that_waits_has_no_half_size():
    sleeps = {"epoch_cpu_seconds": [0.001] * 5, "epoch_delay_seconds": [0.0] * 5}
    assert measure(both())["a"].half_size
    records = [msgspec.structs.replace(record, **sleeps) for record in both()]
    assert measure(records)["a"].half_size is None


def test_only_rounds_that_have_both_sizes_count():
    of, other = case("a"), case("a", batch_size=128)
    records = [ok(of, 1, 0.3), ok(of, 2, 9.0), ok(other, 1, 0.21), ok(other, 3, 9.0)]
    assert measure(records)["a"].fixed == Interval(pytest.approx(80e-6))
    assert measure([ok(of, 1, 0.3), ok(other, 2, 0.21)]) == {}


def test_first_size_may_be_the_larger_one():
    small, large = both()[:3], both()[3:]
    cost = measure([*large, *small])["a"]
    assert cost.fixed.mean == pytest.approx(130e-6)
    # A step of 128 images takes 560, 646.7 and 543.3 us.
    assert cost.images.mean == pytest.approx((560 - 80) * 1e-6)


def test_rows_without_a_fair_second_size_are_left_out():
    other_threads = [
        *trials(case("b"), *SMALL),
        *trials(case("b", batch_size=128, threads=1), *LARGE),
    ]
    failed = [
        *trials(case("c"), *SMALL),
        *trials(case("c", batch_size=128), *LARGE, status="failed"),
    ]
    records = [*both(), *other_threads, *failed, *both("d", objective="one-vs-rest")]
    records += both("e", workload="textbook")
    assert list(measure(records)) == ["a"]


def test_sizes_of_a_sweep_are_no_second_size():
    records = both()
    sweep = {"sweep": (case("a", batch_size=128),)}
    assert measure(records, case("a"), **sweep) == {}
    assert find_batch_sizes(run(case("a"), **sweep)) == [32]
    assert find_batch_sizes(run(case("a", batch_size=8), case("a"), case("a", samples=64))) == [
        8,
        32,
    ]
    assert find_batch_sizes(run()) == []
