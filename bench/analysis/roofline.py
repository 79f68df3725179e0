"""How long the two dense products of an epoch take at best, by the roofline probes of a run.

A roofline is the best that any probe reached, in its fastest repetition. Rows are compared with the
roofline of the same run, device and number of threads: of the cores that they were allowed.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.contract import Device
from bench.records.schema import Case, Record, RooflineRecord
from bench.worker.workloads import count_models

Resources = tuple[Device, int]  # a device, and the number of threads on the host


@dataclass(frozen=True, slots=True)
class Roofline:
    """The best of all probes on one device with one number of threads."""

    rate: float  # float32 operations a second of a matrix product
    rate_by: str  # the framework that reached it
    # Bytes a second and the framework that reached it, by the number of bytes read.
    reads: Mapping[int, tuple[float, str]]
    # Seconds of the shortest update that depends on the one before; None on a CPU.
    step: float | None = None

    def epoch_seconds(self, case: Case, features: int, classes: int) -> float:
        """Return how long an epoch of a case takes at these rates, in seconds.

        A yardstick, not a bound: a program that does less may be faster. The longest of three: its
        operations at the best rate, one reading of its images, in the form that the implementation
        keeps them, at the best bandwidth, its steps one after the other.
        """
        # The logits and the gradient of the weights: two matrix products. Softmax, bias and update
        # are left out, so that the roofline is never too slow.
        models = max(1, count_models(case.workload))
        operations = 4 * case.samples * features * classes * models
        image_bytes = case.bytes_per_pixel * case.samples * features
        bandwidth, _ = self.reads.get(image_bytes, (math.inf, ""))
        return max(
            operations / self.rate,
            image_bytes / bandwidth,
            self.step * case.steps if self.step else 0.0,
        )


def find_rooflines(records: Iterable[Record]) -> dict[Resources, Roofline]:
    """Return the roofline of every device and number of threads that was probed."""
    probes: dict[Resources, list[RooflineRecord]] = defaultdict(list)
    for record in records:
        if isinstance(record, RooflineRecord) and record.status == "ok" and record.product_seconds:
            probes[record.case.device, record.case.threads].append(record)
    rooflines = {}
    for resources, group in probes.items():
        rates, steps = [], []
        reads: dict[int, tuple[float, str]] = {}
        for probe in group:
            framework = probe.case.framework
            rate = (probe.product_operations or 0) / min(probe.product_seconds)
            rates.append((rate, framework))
            for size, seconds in zip(probe.read_bytes, probe.read_seconds, strict=True):
                speed = (size * (probe.read_times or 1) / seconds, framework)
                reads[size] = max(speed, reads.get(size, speed))
            steps += [seconds / (probe.chain_steps or 1) for seconds in probe.chain_seconds]
        rooflines[resources] = Roofline(*max(rates), reads, min(steps, default=None))
    return rooflines
