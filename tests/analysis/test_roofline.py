"""The least time of an epoch follows from the best probe, worked out by hand."""

import pytest
from support.records import bare, case, environment, ok, probe, trials

from bench.analysis import summary
from bench.analysis.roofline import Roofline, find_rooflines
from bench.analysis.speed import Adjustment
from bench.report.sections.costs import comparison

HERE = {"here": environment(data={"features": 784, "classes": 10})}
REMARK = "faster than the roofline"
# 1,500 steps of 5 µs take 7.5 ms; 1,505,280,000 operations at 1e13 a second take 0.15 ms.
FAST_GPU = {
    "of": {"device": "gpu"},
    "product_seconds": [0.0002],
    "chain_steps": 1000,
    "chain_seconds": [0.006, 0.005],
}


def row(*records):
    (summarized,) = summary.summarize(records, HERE)
    return summarized


def test_roofline_is_fastest_repetition_of_best_probe():
    best = find_rooflines(
        [
            probe(),
            probe("jax", product_seconds=[0.01], read_bytes=[150], read_seconds=[0.2]),
            probe("torch", read_bytes=[40, 150], read_seconds=[0.008, 0.05]),
            # Each repetition reads ten times.
            probe("keras", read_times=10, read_bytes=[7], read_seconds=[0.01]),
        ]
    )["cpu", 2]
    assert (best.rate, best.rate_by) == (pytest.approx(2e11), "jax")
    assert best.bandwidth == pytest.approx({150: 3000, 40: 5000, 7: 7000})
    assert best.bandwidth_by == {150: "torch", 40: "torch", 7: "keras"}
    assert best.step is None


@pytest.mark.parametrize(
    ("roofline", "batch_size", "seconds"),
    [
        # 4 * 48,000 * 784 * 10 = 1,505,280,000 operations; 4 * 48,000 * 784 = 150,528,000 bytes.
        (Roofline(1e11, "", {150_528_000: 2e10}, {}), 32, 0.0150528),
        (Roofline(1e12, "", {150_528_000: 1e10}, {}), 32, 0.0150528),
        (Roofline(1e12, "", {150_528_000: 1e12}, {}, step=4e-5), 32, 1500 * 4e-5),
        (Roofline(1e12, "", {150_528_000: 1e12}, {}, step=4e-5), 480, 100 * 4e-5),
        (Roofline(1e11, "", {40: 1.0}, {}), 32, 0.0150528),  # another size's bandwidth
    ],
    ids=["operations", "bytes", "steps", "fewer steps", "unknown bandwidth"],
)
def test_epoch_takes_the_longest_of_operations_bytes_steps(roofline, batch_size, seconds):
    assert roofline.epoch_seconds(case(batch_size=batch_size), 784, 10) == pytest.approx(seconds)


def test_epoch_reads_the_bytes_that_the_implementation_keeps():
    roofline = Roofline(1e15, "", {37_632_000: 1e10, 150_528_000: 1e10}, {})
    of = case(pixel_bytes={"cpu": 1})
    assert roofline.epoch_seconds(of, 784, 10) == pytest.approx(0.0037632)
    on_gpu = case(pixel_bytes={"cpu": 1}, device="gpu")
    assert roofline.epoch_seconds(on_gpu, 784, 10) == pytest.approx(0.0150528)


def jump(of, epoch, *delays):
    """Return trials whose epochs and kernels are delayed by these factors, from 2 ms on."""
    return [
        ok(of, n, epoch_seconds=[epoch * delay] * 5, kernel_seconds=[0.002 * delay] * 6)
        for n, delay in enumerate(delays, 1)
    ]


def test_rates_of_a_cpu_are_scaled_to_the_speed_of_the_run():
    adjustment = Adjustment({"a": {1: 1.0}}, kernel=0.004, slope=0.5)
    probes = [
        probe(kernel_seconds=[0.003, 0.001], read_bytes=[150], read_seconds=[0.1]),
        probe("jax", product_seconds=[0.04], kernel_seconds=[0.256, 0.064]),
        probe("torch", product_seconds=[0.05], read_bytes=[], read_seconds=[]),
        probe("jax", **FAST_GPU, kernel_seconds=[0.001]),
    ]
    rooflines = find_rooflines(probes, adjustment)
    # 1e11 / 2, 5e10 * 4 and 4e10 operations; 1500 / 2 and 1500 * 4 bytes.
    assert (rooflines["cpu", 2].rate, rooflines["cpu", 2].rate_by) == (pytest.approx(2e11), "jax")
    assert rooflines["cpu", 2].bandwidth[150] == pytest.approx(6000)
    assert rooflines["gpu", 2].rate == pytest.approx(1e13)
    assert find_rooflines(probes)["cpu", 2].rate == pytest.approx(1e11)


def test_least_epoch_of_a_row_is_that_at_its_speed():
    records = [
        *jump(case("a"), 1.0, 4, 4, 1),
        *jump(case("b"), 1.0, 1, 1, 4),
        probe(kernel_seconds=[0.004]),
    ]
    rows = {row.case.implementation: row for row in summary.summarize(records, HERE)}
    # The mean kernel is 4 ms, as in the probe; the least epoch there is 15.0528 ms.
    assert rows["a"].roofline_seconds == pytest.approx(2 * 0.0150528)
    assert rows["b"].roofline_seconds == pytest.approx(0.0150528 / 2)
    assert rows["a"].roofline_share == pytest.approx(rows["b"].roofline_share)


def test_share_is_unknown_without_probe_or_data_shape():
    assert row(*trials(case(), 0.5)).roofline_share is None
    assert row(probe(of={"threads": 1}), *trials(case(), 0.5)).roofline_share is None
    assert row(probe(), bare(case())).roofline_share is None
    (measured,) = summary.summarize([probe(), *trials(case(), 0.5)], {"here": environment()})
    assert measured.roofline_seconds is None


@pytest.mark.parametrize(("epoch", "remarks"), [(0.0150527, [REMARK]), (0.0150529, [])])
def test_row_faster_than_the_roofline_is_ranked_with_a_remark(epoch, remarks):
    measured = row(probe(), *trials(case(), epoch, epoch))
    assert (measured.ranked, measured.faults) == (True, ())
    assert comparison.list_remarks(measured) == remarks
