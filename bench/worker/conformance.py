"""The child's part of ``bench check``: a script of calls that a wrong implementation stumbles over.

Needs the standard library, NumPy and the implementation, nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Trainer
from bench.worker import guard
from bench.worker.measure import Measurement, require_idle, time_epoch
from bench.worker.workloads import EXAMINATION, Segment, draw_order

FEW = 7


@dataclass(frozen=True, slots=True)
class ConformanceRequest:
    """What an examination is asked to do, beside its problem and device.

    starts: the weights that each stretch of the script begins with. watch: whether to sleep at
    the end and see that the implementation does too. untouched: the suite before it was loaded.
    """

    starts: Mapping[Segment, Params]
    seed: int
    test_images: NDArray[np.float32]
    watch: bool
    untouched: guard.HarnessSnapshot


def examine(
    implementation: Callable[[Problem, Device], Trainer],
    problem: Problem,
    device: Device,
    asked: ConformanceRequest,
) -> tuple[Measurement, NDArray[np.float32], NDArray[np.int64]]:
    """Train every stretch of the script, and predict in between.

    Returns the times of the epochs (the rest is left at nought), the params after every epoch,
    float32 (epochs, features + 1, classes) with the bias as the last row, and all predicted
    labels, int64, one prediction after the other (``predictions``).
    Raises Unavailable as the implementation does, FaultError where it breaks the contract.
    """
    found = Measurement()
    trainer = implementation(problem, device)
    handed = guard.ReturnedParams(problem)
    shown = np.array(asked.test_images)
    predicted = []
    for stretch in EXAMINATION:
        start = asked.starts[stretch]
        given = Params(start.weight.copy(), start.bias.copy())
        trainer.reset(given)
        if stretch.start == "other":
            predicted.append(guard.copy_labels(trainer.predict(shown), shown))
        for epoch in stretch.epochs:
            samples = draw_order(asked.seed, epoch, problem.samples)
            handed.take(time_epoch(trainer, samples, found))
            asked.untouched.check()
        if len(stretch.epochs) > 1:
            predicted.append(guard.copy_labels(trainer.predict(shown), shown))
        guard.require_unchanged("the initial params it was given", start, given)
    if asked.watch:
        require_idle()
    shown[:] = shown[::-1].copy()
    predicted.append(guard.copy_labels(trainer.predict(shown), shown))
    predicted.append(guard.copy_labels(trainer.predict(shown[:FEW]), shown[:FEW]))
    return found, handed.stack(), np.concatenate(predicted)


def list_predictions(
    epochs: list[Params], other: Params, images: NDArray[Any]
) -> list[tuple[str, Params, NDArray[Any]]]:
    """Say of each prediction when it was asked for, by which params, and of which images."""
    turned = images[::-1]
    return [
        ("after five epochs", epochs[-2], images),
        ("after a reset to other weights", other, images),
        ("of other images in the same array", epochs[-1], turned),
        (f"of {FEW} images", epochs[-1], turned[:FEW]),
    ]
