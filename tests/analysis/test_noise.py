"""A run shows how noisy it was: every number here is worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import HERE, MACHINE, case, environment, ok

from bench.analysis.intervals import Interval
from bench.analysis.noise import Noise, estimate_between, measure_noise

SPREAD = "spread_between_processes"
QUIET = Noise(
    spread_within_process=0.5,
    spread_between_processes=0.02,
    drift=Interval(1.0, 0.99, 1.01),
    others=0.01,
    steal=0.0,
    clock=0.01,
    throttled=0,
)


def timed(of, *logs, rounds=None):
    """Return trials of a case whose median epochs have these logarithms."""
    numbers = rounds or range(1, len(logs) + 1)
    return [
        ok(of, number, epoch_seconds=[math.exp(log)] * 3)
        for number, log in zip(numbers, logs, strict=True)
    ]


def watched(**conditions):
    return ok(case(), conditions=conditions)


# ----- spreads


def test_within_pools_variances_by_degrees_of_freedom():
    # Variances of the logarithms 1/2 with one degree of freedom, 1 with two: (1/2 + 2) / 3.
    first = ok(case(), 1, epoch_seconds=[1.0, math.e])
    second = ok(case(), 2, epoch_seconds=[5.0, 5 * math.e, 5 * math.e**2])
    alone = ok(case(), 3, epoch_seconds=[1000.0])
    assert measure_noise([first, second, alone], HERE).spread_within_process == pytest.approx(
        math.sqrt(2.5 / 3)
    )


def residual_deviation(trials):
    """Fit case and round with the whole design matrix, a row for each trial."""
    levels = {level for trial in trials for level in trial[:2]}  # letters and numbers
    design = np.array([[float(level in trial[:2]) for level in levels] for trial in trials])
    logs = np.array([log for *_, log in trials])
    freedom = len(trials) - np.linalg.matrix_rank(design)
    residuals = logs - design @ np.linalg.lstsq(design, logs, rcond=None)[0]
    return math.sqrt((residuals**2).sum() / freedom) if freedom else None


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(1, 5), st.floats(-1, 1)),
        min_size=1,
        max_size=20,
    )
)
def test_between_matches_whole_design_with_missing_trials(trials):
    between = estimate_between(pd.DataFrame(trials, columns=["case", "round", "log"]))
    expected = residual_deviation(trials)
    assert (between is None) == (expected is None)
    assert expected is None or between == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_spread_between_processes_is_that_of_most_programs():
    logs = {name: (0.0, step, 2 * step) for name, step in (("a", 0.02), ("b", 0.03), ("c", 0.04))}
    logs |= {"waits": (0.0, 2.0, 0.0), "once": (9.0,)}
    records = [trial for name, own in logs.items() for trial in timed(case(name), *own)]
    # Deviations of 0.02, 0.03 and 0.04. Below 2 ln 4, chi-square with two degrees of freedom has
    # three quarters of its values, whose mean is (1 - (1 + ln 4) / 4) / 0.75 of all.
    spread = measure_noise(records, HERE).spread_between_processes
    mean = (0.0004 + 0.0009 + 0.0016) / 3
    assert spread == pytest.approx(math.sqrt(mean * 0.75 / (1 - (1 + math.log(4)) / 4)))
    assert measure_noise(records[-1:], HERE).spread_between_processes is None


# ----- drift


def test_drift_has_t_interval_of_its_slope():
    # Residuals -0.02, 0.06, -0.06, 0.02: error sqrt(0.008 / 2 / 5) = 0.028284, times 4.3027.
    drift = measure_noise(timed(case(), 0.0, 0.1, 0.0, 0.1), HERE).drift
    assert drift.mean == pytest.approx(math.exp(3 * 0.02))
    assert drift.low == pytest.approx(math.exp(3 * (0.02 - 0.12170)), rel=1e-4)
    assert drift.high == pytest.approx(math.exp(3 * (0.02 + 0.12170)), rel=1e-4)


# ----- shares of time, clock, heat


def test_shares_are_of_the_time_of_all_processors():
    # 10 s and 30 s on four processors are 160 s; others took 2 + 6 of them, the hypervisor 1.6.
    here = {"here": environment(machine={**MACHINE, "processors": 4})}
    records = [
        watched(seconds=10.0, others_seconds=2.0, steal_seconds=0.4),
        watched(seconds=30.0, others_seconds=6.0, steal_seconds=1.2),
        watched(others_seconds=9.0, steal_seconds=9.0),  # an older record without its seconds
        watched(seconds=0.0, others_seconds=1.0, steal_seconds=1.0),
    ]
    noise = measure_noise(records, here)
    assert (noise.others, noise.steal) == pytest.approx((8 / 160, 1.6 / 160))
    assert measure_noise(records[2:], here).others is None
    assert measure_noise([watched(seconds=10.0, others_seconds=0.0)], here).others == 0


@pytest.mark.parametrize(
    ("environments", "processors"),
    [
        ({"here": environment(machine={"processors": 8, "cores": 2})}, 8),
        ({"here": environment(machine={"processors": None, "cores": 4})}, 4),
        ({"elsewhere": environment(machine={"processors": 8})}, 3),
    ],
)
def test_cores_or_threads_replace_unknown_processors(environments, processors):
    record = ok(case(threads=3), conditions={"seconds": 10.0, "others_seconds": 6.0})
    assert measure_noise([record], environments).others == pytest.approx(0.6 / processors)


# ----- causes


@pytest.mark.parametrize(
    ("name", "limit", "over", "cause"),
    [
        ("others", 0.05, 0.0625, "other processes took 6.2 % of the cores"),
        ("steal", 0.01, 0.0125, "the hypervisor took 1.2 % of the time"),
        ("clock", 0.05, 0.0625, "the clock varied by 6 %"),
        ("throttled", 0, 1.0, "cores were throttled 1 times"),
        (SPREAD, 0.10, 0.125, "processes of the typical program differ by 12 %"),
    ],
)
def test_cause_is_named_above_its_threshold(name, limit, over, cause):
    causes = [replace(QUIET, **{name: value}).causes for value in (None, limit, over)]
    assert causes == [[], [], [cause]]
    effect = "too long" if name in {"others", "steal"} else "not certain"
    assert replace(QUIET, **{name: over}).warning == (
        f"{cause[0].upper()}{cause[1:]}: these times are {effect}. Measure again when the machine "
        "is idle."
    )
    assert not QUIET.warning


@pytest.mark.parametrize(
    ("drift", "causes"),
    [
        (Interval(0.90, 0.85, 0.98), ["times drifted by 10 % over the rounds"]),
        (Interval(1.0499, 1.04, 1.06), []),
        (Interval(1.10, 0.80, 1.50), []),
        (Interval(1.10), []),
        (None, []),
    ],
)
def test_drift_is_a_cause_if_large_and_certain(drift, causes):
    assert replace(QUIET, drift=drift).causes == causes


def limited(seconds, by="power"):
    """Return the counters of a trial of five epochs of a second."""
    return {f"{by}_seconds_before": 100.0, f"{by}_seconds_after": 100.0 + seconds}


@pytest.mark.parametrize(
    ("conditions", "causes"),
    [
        # 0.5 and 0.1 s of 5 s; a GPU at its cap for 50 ms is not disturbed.
        (
            [limited(0.5), limited(0.1), limited(0.05), {}],
            ["its power cap slowed the GPU in 2 of 3 trials, up to 10 % of the time"],
        ),
        (
            [limited(5.0, "heat") | limited(0.5, "board")],
            [
                "heat slowed the GPU in 1 of 1 trials, up to 100 % of the time",
                "a limit of its board slowed the GPU in 1 of 1 trials, up to 10 % of the time",
            ],
        ),
        (
            [{"other_processes": number} for number in (0.0, 2.0, 1.0, None)],
            ["another process was on the GPU in 2 of 3 trials"],
        ),
        # The clock of an idle GPU says nothing.
        ([{"sm_mhz_after": 1980.0}, {"sm_mhz_after": 345.0}], []),
        ([dict.fromkeys(("power_seconds_before", "power_seconds_after", "other_processes"))], []),
        ([{"power_seconds_after": 100.0}], []),
    ],
)
def test_gpu_conditions_are_causes_of_gpu_trials_only(conditions, causes):
    gpu, cpu = (
        [
            ok(case(device=device), n, epoch_seconds=[1.0] * 5, device_conditions=read)
            for n, read in enumerate(conditions, 1)
        ]
        for device in ("gpu", "cpu")
    )
    assert measure_noise(gpu, HERE).causes == causes
    assert measure_noise(cpu, HERE).causes == []
