"""The worker's part of ``bench check``: calls that a wrong implementation cannot answer rightly."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Trainer
from bench.worker import guard
from bench.worker.measure import Measurement, Request, require_idle, time_epoch
from bench.worker.workloads import CHECK_SEGMENTS, Segment, draw_order

FEW_IMAGES = 7


def check_trainer(
    implementation: Callable[[Problem, Device], Trainer],
    problem: Problem,
    device: Device,
    request: Request,
    starts: Mapping[Segment, Params],
    *,
    watch: bool,
) -> tuple[Measurement, NDArray[np.float32], NDArray[np.int64]]:
    """Train every segment, and predict in between.

    starts: the weights that each segment begins with.
    watch: sleep after the last epoch, and require that the implementation is idle, too.
    Returns the times of the epochs (other times are 0), the params after every epoch as float32
    (epochs, features + 1, classes) with the bias as the last row, and all predicted labels, int64,
    one prediction after the other (see ``list_predictions``).
    Raises Unavailable as the implementation does, ContractError where it breaks the contract.
    """
    measurement = Measurement()
    trainer = implementation(problem, device)
    returned = guard.ReturnedParams(problem)
    images = np.array(request.test_images)
    labels = []

    def predict(images: NDArray[np.float32]) -> None:
        labels.append(guard.copy_labels(trainer.predict(images), images))

    for segment in CHECK_SEGMENTS:
        start = starts[segment]
        copy = Params(start.weight.copy(), start.bias.copy())
        trainer.reset(copy)
        if segment.start == "other":
            predict(images)
        for epoch in segment.epochs:
            order = draw_order(request.seed, epoch, problem.samples)
            returned.take(time_epoch(trainer, order, measurement))
            request.snapshot.check()
        if len(segment.epochs) > 1:
            predict(images)
        guard.require_unchanged("the initial params that it received", start, copy)
    if watch:
        require_idle()
    images[:] = images[::-1].copy()
    predict(images)
    predict(images[:FEW_IMAGES])
    return measurement, returned.stack(), np.concatenate(labels)


def list_predictions(
    epochs: list[Params], other: Params, images: NDArray[Any]
) -> list[tuple[str, Params, NDArray[Any]]]:
    """Return when each prediction of ``check_trainer`` is made, with its params and its images.

    epochs: the params after every epoch. other: the weights of the last reset.
    """
    reversed_images = images[::-1]
    return [
        ("after five epochs", epochs[-2], images),
        ("after a reset to other weights", other, images),
        ("of other images in the same array", epochs[-1], reversed_images),
        (f"of {FEW_IMAGES} images", epochs[-1], reversed_images[:FEW_IMAGES]),
    ]
