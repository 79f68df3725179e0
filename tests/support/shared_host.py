"""Simulate a run on a shared host, whose speed jumps; the true epochs of its cases are known."""

import math
from dataclasses import dataclass

import numpy as np
from support.records import case, ok

from bench.records.schema import TrialRecord

STEP = 0.005  # seconds in which the speed is constant
KERNEL = 0.0025


@dataclass(frozen=True, slots=True)
class Host:
    """What a host is like: it is slower by a factor for some seconds, and then for some not.

    fast, slow: means of these seconds, which are exponential. kernel_noise, process, epoch:
    standard deviations of the logarithms of kernels, and of processes and epochs at the same speed.
    One epoch in twenty is disturbed by a fifth. follows: whether epochs follow the kernel's speed.
    """

    factor: float = 1.6
    fast: float = 4.0
    slow: float = 2.0
    kernel_noise: float = 0.01
    process: float = 0.02
    epoch: float = 0.015
    follows: bool = True


def simulate_run(
    host: Host, random: np.random.Generator, cases: int = 8, rounds: int = 5
) -> tuple[list[TrialRecord], dict[str, float], dict[str, float]]:
    """Return the records of a run, and by case the epoch at full speed and its true slope."""
    epochs = random.permutation(np.geomspace(0.03, 0.5, cases))
    slopes = random.uniform(0.6, 1.1, cases) * host.follows
    names = [case(f"case{number}") for number in range(cases)]
    delay = math.log(host.factor) * _draw_states(host, random, 10 * cases * rounds)
    progress = {
        slope: np.concatenate([[0], np.cumsum(np.exp(-slope * delay) * STEP)])
        for slope in (1.0, *slopes)
    }
    times = np.arange(len(delay) + 1) * STEP

    def work(start: float, seconds: float, slope: float) -> float:
        """Return how long some work takes that needs these seconds at full speed."""
        done = np.interp(start, times, progress[slope])
        return float(np.interp(done + seconds, progress[slope], times)) - start

    now, records = 0.0, []
    for round_number in range(1, rounds + 1):
        for number in random.permutation(cases):
            now += random.uniform(1, 2.5)
            process = random.normal(0, host.process)
            measured: list[float] = []
            kernels: list[float] = []
            while True:
                kernel = work(now, KERNEL * math.exp(random.normal(0, host.kernel_noise)), 1.0)
                now, kernels = now + kernel, [*kernels, kernel]
                if len(measured) >= 5 and sum(measured) >= 0.5:
                    break
                noise = process + random.normal(0, host.epoch) + 0.2 * (random.random() < 0.05)
                epoch = work(now, epochs[number] * math.exp(noise), slopes[number])
                now, measured = now + epoch, [*measured, epoch]
            records.append(
                ok(names[number], round_number, epoch_seconds=measured, kernel_seconds=kernels)
            )
    slugs = [of.slug for of in names]
    return (
        records,
        dict(zip(slugs, epochs.tolist(), strict=True)),
        dict(zip(slugs, slopes.tolist(), strict=True)),
    )


def _draw_states(host: Host, random: np.random.Generator, seconds: float) -> np.ndarray:
    """Return 1 for every step in which the host is slow, and else 0."""
    states, now, slow = np.zeros(int(seconds / STEP)), 0.0, random.random() < 0.3
    while now < seconds:
        length = random.exponential(host.slow if slow else host.fast)
        states[int(now / STEP) : int((now + length) / STEP)] = slow
        now, slow = now + length, not slow
    return states
