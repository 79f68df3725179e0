"""CPU and GPU compared round by round, and the GPU's conditions, worked out by hand."""

import pytest
from msgspec import structs
from support.devices import CONDITIONS, on, swept_on, unavailable
from support.records import case, environment, ok, run, trials

from bench.analysis.crossover import find_device_crossovers
from bench.analysis.gpu import TrialCount, compare_devices, summarize_gpu
from bench.analysis.summary import summarize

HERE = {"here": environment()}


def compare(*records, workload="sgd"):
    rows = summarize(records, HERE, run(case()))
    return compare_devices(rows, workload, find_device_crossovers(rows, workload))


def names(comparisons):
    return [next(iter(pair.rows.values())).case.implementation for pair in comparisons]


# ----- CPU and GPU


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


# ----- the GPU's conditions


def watched(*conditions):
    """Return trials on a GPU, each with these conditions in place of quiet ones."""
    return [
        record
        for changes in conditions
        for record in on("gpu", epochs=(1.0,), device_conditions=CONDITIONS | changes)
    ]


def test_without_successful_gpu_trial_there_are_no_conditions():
    others = [*on("cpu"), *on("gpu", status="failed")]
    assert summarize_gpu([]) is summarize_gpu(others) is None


def test_quiet_gpu_has_spans_and_no_throttling():
    trials = watched({}, {"celsius_after": 61.0, "sm_mhz_after": 1800.0})
    gpu = summarize_gpu([*on("cpu"), *trials])
    assert gpu.spans == {
        "celsius_before": (41.0, 41.0),
        "celsius_after": (55.0, 61.0),
        "sm_mhz_before": (1980.0, 1980.0),
        "sm_mhz_after": (1800.0, 1980.0),
        "memory_mhz_before": (2619.0, 2619.0),
        "memory_mhz_after": (2619.0, 2619.0),
    }
    assert (gpu.throttle_reads, gpu.throttled, gpu.throttle_summary) == (2, {}, "")
    assert gpu.shared == TrialCount(0, 2)
    assert gpu.clock == pytest.approx(0.1)
    assert gpu.warm_up == (0.75, 0.75)


@pytest.mark.parametrize(
    ("bit", "reason"),
    [
        (0x04, "power cap"),
        (0x08, "hardware slowdown"),
        (0x20, "heat"),
        (0x40, "heat"),
        (0x80, "power brake"),
    ],
)
@pytest.mark.parametrize("when", ["throttle_before", "throttle_after"])
def test_every_slowdown_is_named_before_and_after(bit, reason, when):
    gpu = summarize_gpu(watched({when: float(bit)}, {}))
    assert gpu.throttled == {reason: 1}
    assert gpu.throttle_summary == f"{reason} in 1 of 2 trials"


def test_reasons_that_slow_nothing_are_ignored():
    # Idle, clocks set by an application or the display, synchronised boards.
    harmless = float(0x1 | 0x2 | 0x10 | 0x100)
    assert summarize_gpu(watched({"throttle_after": harmless})).throttled == {}


def test_trial_counts_once_for_each_of_its_reasons():
    both = {"throttle_before": float(0x20), "throttle_after": float(0x40 | 0x04)}
    gpu = summarize_gpu(watched(both, {"throttle_after": float(0x04)}, {}))
    assert gpu.throttle_summary == "power cap in 2 of 3 trials and heat in 1 of 3 trials"


def test_shared_trials_count_where_recorded():
    conditions = [{"other_processes": number} for number in (0.0, 2.0, 1.0, None)]
    assert summarize_gpu(watched(*conditions)).shared == TrialCount(2, 3)


def test_unread_conditions_are_missing():
    gpu = summarize_gpu([ok(case(device="gpu"))])
    assert (gpu.spans, gpu.throttle_reads, gpu.throttled) == ({}, 0, {})
    assert (gpu.shared, gpu.clock, gpu.warm_up) == (TrialCount(0, 0), None, None)
    nothing = dict.fromkeys(CONDITIONS)
    assert summarize_gpu(watched(nothing)).throttle_reads == 0
    assert summarize_gpu(watched(nothing | {"throttle_before": 0.0})).throttle_reads == 1
    assert summarize_gpu(watched({"sm_mhz_after": 0.0})).clock is None
