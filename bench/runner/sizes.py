"""The sizes at which cases are measured: a cross product of what was asked for, or a sweep."""

from collections.abc import Iterable
from math import isqrt
from typing import NamedTuple

from bench.contract import Objective
from bench.runner.machine import usable_memory

# A sweep varies one thing at a time about the workload's own size. From 8 images a step to a fifth
# of the data; all of them in one step is asked for by hand, because from zero weights the rounding
# of some libraries is then above the tolerance (docs/methodology.md).
BATCH_SIZES = (8, 128, 384, 1920, 9600)
# Samples vary at a batch size at which half a million of them take seconds, not minutes.
SAMPLES = (9600, 19200, 96000, 480000)
SAMPLES_AT = 384
# Where threads help least and where they help most.
ONE_THREAD_AT = (32, 1920)
# One-vs-rest takes one sample at a time, whatever the batch size, and its oracle a minute for so
# many of them.
MOST_ONE_VS_REST = 100_000

# A process that takes more than this share of the memory would be measured swapping.
MEMORY_SHARE = 0.6
# The images and what is made of them. TensorFlow's loops need the most memory: 8,128 MiB with
# 480,000 images and 1,597 MiB with 48,000 (results/reference/amd-epyc-2-cores), five images each.
COPIES = 5


class Size(NamedTuple):
    """What an epoch goes over: images a step, cores, images in all."""

    batch_size: int
    threads: int
    samples: int

    @property
    def fault(self) -> str | None:
        """Say why nothing can be measured at this size: no batch may be ragged."""
        if self.samples % self.batch_size == 0:
            return None
        near = nearest_divisors(self.samples, self.batch_size)
        return (
            f"--batch-size {self.batch_size} does not divide {self.samples} samples; {near} would"
        )


def combine_sizes(
    batch_sizes: Iterable[int], threads: Iterable[int], samples: Iterable[int]
) -> list[Size]:
    """Return every combination once, whether it divides or not."""
    batch_sizes, threads = list(batch_sizes), list(threads)
    every = (Size(b, t, s) for s in samples for t in threads for b in batch_sizes)
    return list(dict.fromkeys(every))


def sweep_sizes(base: Size) -> list[Size]:
    """Return the sizes of a sweep about a base, without the base itself."""
    sizes = [base._replace(batch_size=size) for size in BATCH_SIZES]
    sizes += [base._replace(batch_size=SAMPLES_AT, samples=size) for size in SAMPLES]
    sizes += [base._replace(batch_size=size, threads=1) for size in ONE_THREAD_AT]
    return [size for size in dict.fromkeys(sizes) if size != base]


def belongs_to_sweep(objective: Objective, size: Size, base: Size) -> bool:
    """Tell whether an objective is measured at a size of the sweep."""
    if objective == "softmax":
        return True
    return size.samples <= MOST_ONE_VS_REST and size.batch_size in {base.batch_size, SAMPLES_AT}


def nearest_divisors(samples: int, batch_size: int) -> str:
    """Name the nearest divisor on either side."""
    small = [size for size in range(1, isqrt(samples) + 1) if samples % size == 0]
    divisors = sorted({*small, *(samples // size for size in small)})
    below = [str(size) for size in divisors if size < batch_size][-1:]
    return " or ".join(below + [str(size) for size in divisors if size > batch_size][:1])


def max_samples(features: int) -> int:
    """Return how many images a process of this machine may be given."""
    return int(MEMORY_SHARE * usable_memory() / (4 * features * COPIES))
