"""Sizes are a cross product or a sweep, each once, and those that do not divide say why."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.runner import sizes
from bench.runner.sizes import Size

BASE = Size(32, 2, 48000)


def test_a_product_has_every_combination_once_whether_it_divides_or_not():
    found = sizes.combine_sizes([8, 7], [1, 2], [56, 64])
    assert found == [
        Size(8, 1, 56), Size(7, 1, 56), Size(8, 2, 56), Size(7, 2, 56),
        Size(8, 1, 64), Size(7, 1, 64), Size(8, 2, 64), Size(7, 2, 64),
    ]  # fmt: skip
    assert sizes.combine_sizes([8, 8], [1, 1], [56]) == [Size(8, 1, 56)]


@pytest.mark.parametrize(
    ("batch_size", "samples", "near"),
    [
        (7, 100, "5 or 10"),
        (101, 100, "100"),
        (49, 97, "1 or 97"),
        (6, 36 * 36 + 1, "1 or 1297"),
        (37, 1296, "36 or 48"),
        (65537, 2**31 - 2, "65534 or 65538"),
    ],
)
def test_a_size_that_does_not_divide_names_the_nearest_that_do(batch_size, samples, near):
    assert Size(batch_size, 1, samples).fault == (
        f"--batch-size {batch_size} does not divide {samples} samples; {near} would"
    )


@given(samples=st.integers(1, 2000), batch_size=st.integers(1, 2100))
def test_what_is_named_instead_divides_and_nothing_nearer_does(samples, batch_size):
    assume(samples % batch_size)
    named = [int(size) for size in sizes.nearest_divisors(samples, batch_size).split(" or ")]
    divisors = [size for size in range(1, samples + 1) if samples % size == 0]
    below = [size for size in divisors if size < batch_size]
    assert named == below[-1:] + [size for size in divisors if size > batch_size][:1]


def test_a_size_that_divides_has_no_fault():
    assert Size(32, 2, 48000).fault is None
    assert Size(48000, 1, 48000).fault is None


def test_a_sweep_varies_one_thing_at_a_time_and_leaves_out_its_base():
    found = sizes.sweep_sizes(BASE)
    assert BASE not in found
    assert len(found) == len(set(found))
    assert {size.batch_size for size in found if (size.threads, size.samples) == (2, 48000)} == {
        8, 128, 384, 1920, 9600,
    }  # fmt: skip
    assert {size.samples for size in found if size.threads == 2 and size.batch_size == 384} == {
        9600, 19200, 48000, 96000, 480000,
    }  # fmt: skip
    assert [size for size in found if size.threads == 1] == [
        Size(32, 1, 48000), Size(1920, 1, 48000),
    ]  # fmt: skip
    assert all(size.fault is None for size in found)


def test_on_one_core_a_sweep_has_no_other_number_of_threads():
    found = sizes.sweep_sizes(Size(32, 1, 48000))
    assert {size.threads for size in found} == {1}
    assert Size(32, 1, 48000) not in found


def test_one_vs_rest_is_left_out_where_only_the_batch_varies_and_where_its_oracle_takes_minutes():
    chosen = [
        size
        for size in sizes.sweep_sizes(BASE)
        if sizes.belongs_to_sweep("one-vs-rest", size, BASE)
    ]
    assert {size.batch_size for size in chosen} == {32, 384}
    assert {size.samples for size in chosen} == {9600, 19200, 48000, 96000}
    assert all(sizes.belongs_to_sweep("softmax", size, BASE) for size in sizes.sweep_sizes(BASE))


def test_so_many_samples_fit_as_leave_two_fifths_of_the_memory(monkeypatch):
    monkeypatch.setattr(sizes, "usable_memory", lambda: 4_096_000)
    # 0.6 * 4,096,000 bytes over 64 features of 4 bytes, five times: 1,920.
    assert sizes.max_samples(64) == 1920
