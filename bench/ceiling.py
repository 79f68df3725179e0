"""What a machine can do at all, from the probes of a run; the least time that an epoch could take.

A ceiling is the best that any probe reached, in its fastest repetition: what is measured against it
was measured in the same run, on the same cores.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.contract import Device
from bench.result import Case, Record

Place = tuple[Device, int]  # a device, and the threads that may be used on the host


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The best of all probes on one device with so many threads.

    rate: float32 operations a second of a matrix product; rate_by: who reached it.
    bandwidth: bytes a second, by the bytes that were read; bandwidth_by: who reached each.
    step: seconds of the shortest update that depends on the one before; a GPU's only.
    """

    rate: float
    rate_by: str
    bandwidth: Mapping[int, float]
    bandwidth_by: Mapping[int, str]
    step: float | None = None

    def least_seconds(self, case: Case, features: int, classes: int) -> float:
        """Return the least time that an epoch of a case could take here.

        Its operations at the best rate, its images read once at the best bandwidth, or its steps
        one after the other, whichever takes longest.
        """
        image_bytes = 4 * case.samples * features
        bandwidth = self.bandwidth.get(image_bytes)
        return max(
            operations(case.samples, features, classes) / self.rate,
            image_bytes / bandwidth if bandwidth else 0.0,
            self.step * (case.samples // case.batch_size) if self.step else 0.0,
        )


def operations(samples: int, features: int, classes: int) -> int:
    """Floating-point operations of an epoch: the logits and the gradient of the weights.

    Each is a product of 2 * samples * features * classes operations; what else there is (softmax,
    bias, update) is left out, so that the least time is not too long.
    """
    return 4 * samples * features * classes


def ceilings(records: Iterable[Record]) -> dict[Place, Ceiling]:
    """Return the ceiling of every device and number of threads that was probed."""
    probes: dict[Place, list[Record]] = defaultdict(list)
    for record in records:
        if record.kind == "ceiling" and record.status == "ok" and record.product_seconds:
            probes[record.case.device, record.case.threads].append(record)
    return {place: _best(found) for place, found in probes.items()}


def _best(probes: Iterable[Record]) -> Ceiling:
    rates, steps = [], []
    reads: dict[int, tuple[float, str]] = {}
    for probe in probes:
        rates.append((_rate(probe), probe.case.framework))
        for size, seconds in zip(probe.read_bytes, probe.read_seconds, strict=True):
            speed = (size / seconds, probe.case.framework)
            reads[size] = max(speed, reads.get(size, speed))
        steps += [seconds / (probe.chain_steps or 1) for seconds in probe.chain_seconds]
    bandwidth = {size: speed for size, (speed, _) in reads.items()}
    bandwidth_by = {size: name for size, (_, name) in reads.items()}
    return Ceiling(*max(rates), bandwidth, bandwidth_by, min(steps, default=None))


def _rate(probe: Record) -> float:
    return (probe.product_operations or 0) / min(probe.product_seconds)
