"""What the machine's speed explains is removed, and the signs stay those of the coin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.regression.stats.control import remove_speed

LOGS = st.floats(-2.0, 2.0)


@given(st.lists(st.tuples(LOGS, LOGS, st.booleans()), min_size=1, max_size=20))
def test_flipped_sides_of_a_pair_flip_its_adjusted_ratio_only(pairs):
    logs, speeds, flips = zip(*pairs, strict=True)
    signs = [-1 if flip else 1 for flip in flips]
    adjusted = remove_speed(logs, speeds)
    flipped = remove_speed(
        [sign * log for sign, log in zip(signs, logs, strict=True)],
        [sign * speed for sign, speed in zip(signs, speeds, strict=True)],
    )
    assert flipped == [sign * log for sign, log in zip(signs, adjusted, strict=True)]


@pytest.mark.parametrize(
    ("logs", "adjusted"),
    [
        ([0.1, -0.2, 0.3], [0.0, 0.0, 0.0]),  # the processes follow the kernel
        ([0.05, -0.1, 0.15], [0.0, 0.0, 0.0]),  # by half
        ([0.2, -0.4, 0.6], [0.1, -0.2, 0.3]),  # no process follows it more than wholly
        ([-0.1, 0.2, -0.3], [-0.1, 0.2, -0.3]),  # nor is it slower on a faster machine
        ([0.2, 0.1, 0.0], [0.2, 0.1, 0.0]),  # it says nothing of these
    ],
)
def test_slope_is_between_0_and_1(logs, adjusted):
    assert remove_speed(logs, [0.1, -0.2, 0.3]) == pytest.approx(adjusted)


def test_ratios_stay_without_a_kernel():
    assert remove_speed([0.1, -0.2], [0.0, 0.0]) == [0.1, -0.2]
    assert remove_speed([], []) == []
