"""Speeds, slopes and adjusted epochs: worked out by hand."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from support.records import case, ok

from bench.analysis.speed import adjust_epochs, estimate_slopes, tabulate_epochs

A, B = case("a"), case("b")


def process(of, number, epochs, kernels, **changes):
    """Return a trial whose kernel was the same before and after each epoch."""
    return ok(of, number, epoch_seconds=epochs, kernel_seconds=[*kernels, kernels[-1]], **changes)


def follow(of, number, slope, *kernels, epoch=1.0):
    """Return a trial whose epochs follow the kernel with this slope, from 1 s on."""
    seconds = [math.exp(kernel) for kernel in kernels]
    around = [(one + other) / 2 for one, other in pairwise((*kernels, kernels[-1]))]
    return process(of, number, [epoch * math.exp(slope * x) for x in around], seconds)


def test_epoch_has_the_mean_of_the_kernels_around_it():
    table = tabulate_epochs([ok(A, 1, epoch_seconds=[1.0, 2.0], kernel_seconds=[1.0, 4.0, 16.0])])
    assert np.exp(table["kernel"]).tolist() == pytest.approx([2, 8])
    assert table["log"].tolist() == pytest.approx([0, math.log(2)])


@pytest.mark.parametrize(
    "record",
    [
        process(case("g", device="gpu"), 1, [1.0, 2.0], [1.0, 2.0]),
        process(A, 1, [1.0, 2.0], [1.0]),
        process(A, 1, [1.0, 2.0], [1.0, 2.0], status="timeout"),
    ],
    ids=["a GPU's", "too few kernels", "failed"],
)
def test_epochs_without_a_kernel_of_their_own_are_left_out(record):
    assert tabulate_epochs([record]).empty


def test_slope_is_that_within_the_processes_of_a_row():
    records = [
        follow(of, number, slope, 0.0, 0.4, 0.1 * number, 0.2)
        for of, slope in ((A, 0.7), (B, 1.0))
        for number in (1, 2)
    ]
    slopes = estimate_slopes(tabulate_epochs(records))
    assert slopes.to_dict() == pytest.approx({A.slug: 0.7, B.slug: 1.0})


def test_slope_of_steady_processes_is_that_between_those_of_other_rows():
    steady = [follow(A, number, 0.3, *[0.1 * number] * 4) for number in (1, 2, 3)]
    others = [follow(B, number, 0.9, *[0.1 * number] * 4, epoch=2.0) for number in (1, 2, 3)]
    slopes = estimate_slopes(tabulate_epochs([*steady, *others]))
    assert slopes.to_dict() == pytest.approx({A.slug: 0.9, B.slug: 0.3})


def test_slope_is_the_mean_of_both_weighted_by_their_precisions():
    # Within A's processes nothing follows: xx is 0.02 and yy 0.004 with 5 degrees of freedom, so
    # the precision is 5 * 0.02 / 0.004, that of the other row's slope 1 / 0.2 ** 2: the same.
    steps, noise = np.repeat([-0.05, 0.05], 2), math.sqrt(0.0005) * np.array([-1, 1, -1, 1])
    frames = [
        pd.DataFrame({"case": case, "round": number, "kernel": kernels, "log": logs})
        for case, number, kernels, logs in (
            *(("a", number, steps, noise) for number in (1, 2)),
            *(("b", number, [0.1 * number], [0.08 * number]) for number in (1, 2)),
        )
    ]
    assert estimate_slopes(pd.concat(frames))["a"] == pytest.approx(0.4)


def test_epochs_at_the_mean_speed_agree():
    records = [
        follow(of, number, slope, *np.add(shift, [0.0, 0.3, 0.1, 0.2]), epoch=epoch)
        for of, slope, epoch in ((A, 0.7, 1.0), (B, 1.0, 2.0))
        for number, shift in enumerate((0.0, 0.4, -0.4) if of is A else (0.4, -0.4, 0.0), 1)
    ]
    adjustment = adjust_epochs(records)
    mean = tabulate_epochs(records)["kernel"].mean()
    for of, slope, epoch in ((A, 0.7, 1.0), (B, 1.0, 2.0)):
        expected = epoch * math.exp(slope * mean)
        assert adjustment.seconds[of.slug] == pytest.approx(dict.fromkeys((1, 2, 3), expected))
    assert adjustment.before > 0.3
    assert adjustment.after == pytest.approx(0, abs=1e-9)


def test_epochs_stay_as_measured_where_the_kernel_does_not_help():
    shifts = (-0.4, 0.0, 0.4)
    unmoved = [follow(A, number, 0.0, *[shift] * 4) for number, shift in enumerate(shifts, 1)]
    moved = [follow(B, number, 1.0, *[shift / 9] * 4) for number, shift in enumerate(shifts, 1)]
    adjustment = adjust_epochs([*unmoved, *moved])
    assert adjustment.before < adjustment.after
    assert adjustment.seconds == {}
