"""The least time of an epoch follows from the best probe: worked out by hand."""

import pytest
from support.records import bare, case, environment, ok, trials

from bench import roofline, summary
from bench.report.sections import comparison
from bench.roofline import Roofline

HERE = {"here": environment(data={"features": 784, "classes": 10})}


def probe(by="numpy", number=1, **changes):
    of = case(f"ceiling-{by}", framework=by, workload="ceiling", **changes.pop("of", {}))
    values = {
        "kind": "ceiling", "status": "ok", "trial": f"r{number}-{by}",
        "product_operations": 2 * 10**9, "product_seconds": [0.5, 0.02, 0.03],
        "read_bytes": [150, 150, 40], "read_seconds": [0.3, 0.1, 0.01],
    }  # fmt: skip
    return bare(of, number, **{**values, **changes})


def test_a_ceiling_is_the_fastest_repetition_of_the_best_probe():
    found = roofline.find_rooflines([
        probe(),
        probe("jax", product_seconds=[0.01], read_bytes=[150], read_seconds=[0.2]),
        probe("torch", product_seconds=[0.04], read_bytes=[40, 150], read_seconds=[0.008, 0.05]),
        probe("keras", read_bytes=[7], read_seconds=[0.001]),
    ])  # fmt: skip
    best = found["cpu", 2]
    assert (best.rate, best.rate_by) == (pytest.approx(2e11), "jax")
    assert best.bandwidth == pytest.approx({150: 3000, 40: 5000, 7: 7000})
    assert best.bandwidth_by == {150: "torch", 40: "torch", 7: "keras"}
    assert best.step is None


def test_threads_and_devices_have_ceilings_of_their_own():
    found = roofline.find_rooflines([
        probe(), probe(of={"threads": 1}, product_seconds=[0.1]),
        probe("jax", of={"device": "gpu"}, product_seconds=[0.001], chain_steps=1000,
              chain_seconds=[0.006, 0.005]),
    ])  # fmt: skip
    assert {place: each.rate for place, each in found.items()} == pytest.approx(
        {("cpu", 2): 1e11, ("cpu", 1): 2e10, ("gpu", 2): 2e12}
    )
    assert found["gpu", 2].step == pytest.approx(5e-6)


def test_what_failed_and_what_is_no_probe_gives_no_ceiling():
    absent = probe(status="unavailable", product_seconds=[], read_bytes=[], read_seconds=[])
    late = probe(status="failed", reason="its clock does not add up")
    trial = probe(kind="trial")
    assert roofline.find_rooflines([absent, late, trial, *trials(case(), 0.5)]) == {}


def test_an_epoch_takes_its_operations_or_its_bytes_or_its_steps_whichever_takes_longest():
    # 4 * 48,000 * 784 * 10 = 1,505,280,000 operations; 4 * 48,000 * 784 = 150,528,000 bytes.
    assert roofline.count_operations(48000, 784, 10) == 1_505_280_000
    by_rate = Roofline(1e11, "", {150_528_000: 2e10}, {})
    assert by_rate.epoch_seconds(case(), 784, 10) == pytest.approx(0.0150528)
    by_bytes = Roofline(1e12, "", {150_528_000: 1e10}, {})
    assert by_bytes.epoch_seconds(case(), 784, 10) == pytest.approx(0.0150528)
    by_steps = Roofline(1e12, "", {150_528_000: 1e12}, {}, step=4e-5)
    assert by_steps.epoch_seconds(case(), 784, 10) == pytest.approx(1500 * 4e-5)
    assert by_steps.epoch_seconds(case(batch_size=480), 784, 10) == pytest.approx(100 * 4e-5)


def test_a_bandwidth_at_another_size_says_nothing():
    found = Roofline(1e11, "", {40: 1.0}, {})
    assert found.epoch_seconds(case(), 784, 10) == pytest.approx(0.0150528)


def row(*records):
    return next(one for one in summary.summarize(records, HERE) if one.case.workload != "ceiling")


def test_a_row_has_its_share_of_the_ceiling():
    # 2e9 operations in 0.02 s are 1e11 a second, so the least epoch is 0.0150528 s.
    found = row(probe(), *trials(case(), 0.150528))
    assert found.roofline_seconds == pytest.approx(0.0150528)
    assert found.roofline_share == pytest.approx(0.1)
    assert found.ranked


def test_without_a_probe_or_the_shape_of_the_data_there_is_no_share():
    assert row(*trials(case(), 0.5)).roofline_share is None
    assert row(probe(of={"threads": 1}), *trials(case(), 0.5)).roofline_share is None
    (found,) = summary.summarize([probe(), *trials(case(), 0.5)], {"here": environment()})
    assert found.roofline_seconds is None
    assert row(probe(), bare(case())).roofline_share is None


def test_an_epoch_faster_than_the_machine_is_a_failed_row_and_no_triumph():
    found = row(probe(), *trials(case(), 0.0150527))
    assert not found.ranked
    ((status, reason),) = found.faults
    assert status == "failed"
    assert reason.startswith("an epoch took 99% of the least time: it or")
    assert row(probe(), ok(case(), epoch=0.0150529)).ranked


def test_a_gpu_is_held_to_its_own_ceiling_where_its_steps_take_the_longest():
    # 1,500 steps of 5 µs take 7.5 ms; 1,505,280,000 operations at 1e13 a second take 0.15 ms.
    of = {"device": "gpu"}
    fast = {"product_seconds": [0.0002], "chain_steps": 1000, "chain_seconds": [0.005, 0.006]}
    probes = [probe(), probe("jax", of=of, **fast)]
    found = row(*probes, *trials(case(device="gpu"), 0.015))
    assert found.roofline_seconds == pytest.approx(0.0075)
    assert found.roofline_share == pytest.approx(0.5)
    assert found.ranked
    late = row(*probes, *trials(case(device="gpu"), 0.0074))
    assert not late.ranked
    ((status, reason),) = late.faults
    assert (status, reason[:43]) == ("failed", "an epoch took 98% of the least time: it or ")
    assert row(*probes, *trials(case(), 0.0151)).ranked  # the CPU's least epoch is 15.05 ms


def test_it_is_the_fault_of_every_trial_that_went_well():
    late = bare(case(), 3, status="timeout", reason="late")
    found = row(probe(), *trials(case(), 0.01, 0.01), late)
    assert [status for status, _ in found.faults] == ["timeout", "failed", "failed"]
    assert [line[-2] for line in comparison.list_faults([found])] == ["1 of 3", "2 of 3"]
