"""A curve is the accuracy after each epoch, and the time of a cold start up to it."""

import pytest
from support.records import case, ok, trials

from bench.startup import find_curves

# Import, set-up, reset and first epoch of the records of support.records.py.
START = 2.0 + 0.25 + 0.01 + 3.0


def test_time_is_a_cold_start_and_the_epochs_after_the_first():
    times, accuracies = [0.9, 0.5, 0.25, 0.125, 0.1], [0.5, 0.6, 0.7, 0.8, 0.75]
    (curve,) = find_curves([ok(case(), epoch_seconds=times, validation_accuracy=accuracies)])
    assert curve.case == case()
    assert [point.epoch for point in curve.points] == [1, 2, 3, 4, 5]
    assert [point.seconds.mean for point in curve.points] == pytest.approx(
        [START, START + 0.5, START + 0.75, START + 0.875, START + 0.975]
    )
    assert [point.accuracy for point in curve.points] == accuracies


def test_only_the_workloads_own_epochs_are_stages_however_many_were_timed():
    more = ok(case(epochs=3), epoch_seconds=[1.0] * 9, validation_accuracy=[0.5] * 9)
    assert len(find_curves([more])[0].points) == 3
    # A record of which nobody knows how it came to be has as many as were timed and judged.
    fewer = ok(case(), epoch_seconds=[1.0] * 4)
    assert len(find_curves([fewer])[0].points) == 4
    assert len(find_curves([fewer, ok(case(), 2, epoch_seconds=[1.0] * 2)])[0].points) == 2


def test_processes_give_a_geometric_mean_with_an_interval_and_a_mean_accuracy():
    records = [
        ok(case(), number, import_seconds=seconds, setup_seconds=0.0, reset_seconds=0.0,
           first_epoch_seconds=0.0, validation_accuracy=[accuracy] * 5)
        for number, seconds, accuracy in ((1, 1.0, 0.5), (2, 4.0, 0.75))
    ]  # fmt: skip
    point = find_curves(records)[0].points[0]
    assert point.seconds.mean == pytest.approx(2.0)
    # t of one degree of freedom, 12.706, times the deviation of two logarithms over root two.
    assert point.seconds.high == pytest.approx(2 * 2**12.7062, rel=1e-3)
    assert point.accuracy == pytest.approx(0.625)


def test_what_is_not_ranked_and_what_has_no_whole_start_has_no_curve():
    wrong = trials(case("wrong"), 0.5, status="failed")
    half = trials(case("half"), 0.5, setup_seconds=None)
    mixed = [ok(case("mixed"), 1, reset_seconds=None), ok(case("mixed"), 2)]
    found = find_curves([*wrong, *half, *mixed])
    assert [curve.case.implementation for curve in found] == ["mixed"]
    assert found[0].points[0].seconds.low is None


def test_curves_stand_in_the_order_of_the_table():
    records = [*trials(case("slow"), 0.5), *trials(case("fast"), 0.1)]
    assert [curve.case.implementation for curve in find_curves(records)] == ["fast", "slow"]
    assert find_curves([]) == []
