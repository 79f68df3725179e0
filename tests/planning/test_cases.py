"""Sizes, and the cases of implementations, sweeps, programs and probes."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.records import case

from bench.errors import UserError
from bench.planning.cases import (
    Size,
    complete_case,
    find_implementation,
    get_size,
    list_rooflines,
    list_sweep,
    list_sweep_sizes,
    list_textbook_programs,
)
from implementations import PROBES, TEXTBOOK_PROGRAMS

BASE = Size(32, 2, 48000)


def make(name, device="cpu", workload="sgd"):
    """Return the case of a registered implementation, which must not be imported."""
    return complete_case(find_implementation(name, pytest.fail), workload, device, BASE)


@given(samples=st.integers(1, 2000), batch_size=st.integers(1, 2100))
def test_nearest_divisors_divide_and_none_is_nearer(samples, batch_size):
    assume(samples % batch_size)
    divisors = [size for size in range(1, samples + 1) if samples % size == 0]
    below = [size for size in divisors if size < batch_size]
    nearest = below[-1:] + [size for size in divisors if size > batch_size][:1]
    near = " or ".join(map(str, nearest))
    assert Size(batch_size, 1, samples).fault.endswith(f" samples; {near} would")
    assert "is all samples" in Size(samples, 1, samples).fault


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pytorhc", "Did you mean pytorch"),
        ("loop", "Did you mean keras-tensorflow-loop"),
        ("zzz", "Choose from numpy, "),
    ],
)
def test_unknown_name_is_refused_with_similar_names(name, hint):
    with pytest.raises(UserError, match=hint):
        make(name)


def test_sweep_is_of_the_first_workload_and_smaller_for_one_vs_rest():
    names = ("numpy", "sklearn-sgd")
    sweep = list_sweep([make(name, workload=w) for w in ("sgd", "textbook") for name in names])
    softmax, one_vs_rest = (
        {get_size(one) for one in sweep if one.implementation == name} for name in names
    )
    assert {one.workload for one in sweep} == {"sgd"}
    assert softmax == set(list_sweep_sizes(BASE))
    assert one_vs_rest == {BASE._replace(batch_size=384)}


def test_sweep_keeps_the_threads_of_each_case():
    sweep = list_sweep([replace(make("pytorch"), threads=7), make("pytorch", "gpu")])
    assert {(one.device, one.threads) for one in sweep} == {("cpu", 7), ("gpu", 2)}


def test_textbook_programs_are_cases_without_a_size():
    cases = list_textbook_programs(2)
    assert [one.module for one in cases] == [program.module for program in TEXTBOOK_PROGRAMS]
    assert {(one.threads, one.batch_size) for one in cases} == {(2, 0)}


def test_roofline_probes_run_once_a_device_and_number_of_threads():
    keras = case("b", threads=2, framework="keras", variables={"KERAS_BACKEND": "jax"})
    probes = list_rooflines([case("a", threads=2), keras, case("a", threads=1)])
    assert [(one.framework, one.threads) for one in probes] == [
        (framework, threads) for threads in (2, 1) for framework in ("numpy", "torch", "jax")
    ]
    # Any framework may be absent on a host with a GPU.
    assert len(list_rooflines([case("a", device="gpu")])) == len(PROBES) - 1
