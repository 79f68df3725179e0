"""What held a GPU back is read from the trials on it that went well, and counted once each."""

import pytest
from support.devices import CONDITIONS, on
from support.records import case, ok

from bench.devices import TrialCount, summarize_gpu


def watched(*conditions, **changes):
    """Trials on a GPU, each with these conditions in place of quiet ones."""
    return [record for each in conditions
            for record in on("gpu", epochs=(1.0,), device_conditions=CONDITIONS | each,
                             **changes)]  # fmt: skip


def test_without_a_good_trial_on_a_gpu_there_is_nothing():
    assert summarize_gpu([]) is None
    assert (
        summarize_gpu([*on("cpu"), *on("gpu", status="failed"), *on("gpu", kind="ceiling")]) is None
    )


def test_a_quiet_gpu_has_its_temperatures_and_clocks_and_was_not_held_back():
    found = summarize_gpu(
        [*on("cpu"), *watched({}, {"celsius_after": 61.0, "sm_mhz_after": 1800.0})]
    )
    assert found.spans == {
        "celsius_before": (41.0, 41.0), "celsius_after": (55.0, 61.0),
        "sm_mhz_before": (1980.0, 1980.0), "sm_mhz_after": (1800.0, 1980.0),
        "memory_mhz_before": (2619.0, 2619.0), "memory_mhz_after": (2619.0, 2619.0),
    }  # fmt: skip
    assert (found.throttle_reads, found.throttled, found.throttle_summary) == (2, {}, "")
    assert found.shared == TrialCount(0, 2)
    assert found.clock == pytest.approx(0.1)
    assert found.warm_up == (0.75, 0.75)


@pytest.mark.parametrize(
    ("bit", "why"),
    [(0x04, "power cap"), (0x08, "hardware slowdown"), (0x20, "heat"), (0x40, "heat"),
     (0x80, "power brake")],
)  # fmt: skip
@pytest.mark.parametrize("when", ["throttle_before", "throttle_after"])
def test_every_slowdown_is_named_whenever_it_was_seen(bit, why, when):
    found = summarize_gpu(watched({when: float(bit)}, {}))
    assert found.throttled == {why: 1}
    assert found.throttle_summary == f"{why} in 1 of 2 trials"


def test_what_slows_nothing_down_is_no_throttling():
    # Idle, clocks that an application or the display asked for, boards in step.
    assert (
        summarize_gpu(watched({"throttle_after": float(0x1 | 0x2 | 0x10 | 0x100)})).throttled == {}
    )


def test_a_trial_counts_once_for_each_reason_that_it_has():
    both = {"throttle_before": float(0x20), "throttle_after": float(0x40 | 0x04)}
    found = summarize_gpu(watched(both, {"throttle_after": float(0x04)}, {}))
    assert found.throttle_summary == "power cap in 2 of 3 trials and heat in 1 of 3 trials"


def test_another_process_is_counted_among_the_trials_that_can_tell():
    told = [{"other_processes": number} for number in (0.0, 2.0, 1.0, None)]
    assert summarize_gpu(watched(*told)).shared == TrialCount(2, 3)


def test_what_was_not_read_is_missing():
    found = summarize_gpu([ok(case(device="gpu"))])
    assert (found.spans, found.throttle_reads, found.throttled) == ({}, 0, {})
    assert (found.shared, found.clock, found.warm_up) == (TrialCount(0, 0), None, None)
    nothing = dict.fromkeys(CONDITIONS)
    assert summarize_gpu(watched(nothing)).throttle_reads == 0
    assert summarize_gpu(watched(nothing | {"throttle_before": 0.0})).throttle_reads == 1
    assert summarize_gpu(watched({"sm_mhz_after": 0.0})).clock is None
