"""The least time of an epoch follows from the best probe, worked out by hand."""

import pytest
from support.records import bare, case, environment, probe, trials

from bench.analysis import summary
from bench.analysis.roofline import Roofline, find_rooflines
from bench.report.base import labels

HERE = {"here": environment(data={"features": 784, "classes": 10})}
REMARK = "faster than the roofline"


def row(*records):
    (summarized,) = summary.summarize(records, HERE)
    return summarized


def test_roofline_is_fastest_repetition_of_best_probe():
    best = find_rooflines(
        [
            probe(),
            probe("torch", read_bytes=[40, 150], read_seconds=[0.008, 0.05]),
            probe("jax", product_seconds=[0.01], read_bytes=[150], read_seconds=[0.2]),
            # Each repetition reads ten times.
            probe("keras", read_times=10, read_bytes=[7], read_seconds=[0.01]),
        ]
    )["cpu", 2]
    assert (best.rate, best.rate_by) == (pytest.approx(2e11), "jax")
    speeds = {150: (3000, "torch"), 40: (5000, "torch"), 7: (7000, "keras")}
    assert best.reads == {size: (pytest.approx(speed), by) for size, (speed, by) in speeds.items()}
    assert best.step is None


@pytest.mark.parametrize(
    ("roofline", "batch_size", "seconds"),
    [
        # 4 * 48,000 * 784 * 10 = 1,505,280,000 operations; 4 * 48,000 * 784 = 150,528,000 bytes.
        (Roofline(1e11, "", {150_528_000: (2e10, "")}), 32, 0.0150528),
        (Roofline(1e12, "", {150_528_000: (1e10, "")}), 32, 0.0150528),
        (Roofline(1e12, "", {150_528_000: (1e12, "")}, step=4e-5), 32, 1500 * 4e-5),
        (Roofline(1e12, "", {150_528_000: (1e12, "")}, step=4e-5), 480, 100 * 4e-5),
        (Roofline(1e11, "", {40: (1.0, "")}), 32, 0.0150528),  # another size's bandwidth
    ],
    ids=["operations", "bytes", "steps", "fewer steps", "unknown bandwidth"],
)
def test_epoch_takes_the_longest_of_operations_bytes_steps(roofline, batch_size, seconds):
    assert roofline.epoch_seconds(case(batch_size=batch_size), 784, 10) == pytest.approx(seconds)


def test_each_of_several_models_has_its_products():
    roofline = Roofline(1e11, "", {150_528_000: (1e12, "")})
    assert roofline.epoch_seconds(case(workload="many-30"), 784, 10) == pytest.approx(0.451584)


def test_epoch_reads_the_bytes_that_the_implementation_keeps():
    roofline = Roofline(1e15, "", dict.fromkeys((37_632_000, 150_528_000), (1e10, "")))
    of = case(pixel_bytes={"cpu": 1})
    assert roofline.epoch_seconds(of, 784, 10) == pytest.approx(0.0037632)
    on_gpu = case(pixel_bytes={"cpu": 1}, device="gpu")
    assert roofline.epoch_seconds(on_gpu, 784, 10) == pytest.approx(0.0150528)


def test_share_is_unknown_without_probe_or_data_shape():
    assert row(*trials(case(), 0.5)).roofline_share is None
    assert row(probe(of={"threads": 1}), *trials(case(), 0.5)).roofline_share is None
    assert row(probe(), bare(case())).roofline_seconds is None
    (measured,) = summary.summarize([probe(), *trials(case(), 0.5)], {"here": environment()})
    assert measured.roofline_seconds is None


@pytest.mark.parametrize(("epoch", "remarks"), [(0.0150527, [REMARK]), (0.0150529, [])])
def test_row_faster_than_the_roofline_is_ranked_with_a_remark(epoch, remarks):
    measured = row(probe(), *trials(case(), epoch, epoch))
    assert (measured.ranked, measured.faults) == (True, ())
    assert labels.remark_row(measured) == remarks
