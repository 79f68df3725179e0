"""What a classifier learns from the data, and charts of the images and of the weights."""

import base64
import math
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params
from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import DataError, UserError
from bench.records.schema import Case, TrialRecord
from bench.report.base.labels import select_ranked
from bench.report.base.load import LoadedRun
from bench.report.base.numbers import format_number
from bench.report.base.parts import Picture, Section
from bench.report.charts.style import COLOURS, alt, set_title
from bench.runner.parity.evidence import split_params
from bench.runner.parity.stored import read_params
from bench.worker import data as prepared

TITLE = "What it learned"
NOT_PREPARED = (
    "The data are not prepared here: run `softmax-bench data{}`, then write the report again."
)
NO_SOFTMAX = "No softmax implementation is ranked."
NO_PARAMS = "The run was published without the params of its softmax programs."
WEIGHTS_REMARK = (
    "The weights are those of {} after {} epochs of workload {} at batch size {}, in the first "
    "process whose params the run keeps. After as many epochs in the same orders every ranked "
    "softmax program has these weights within the tolerance. One-vs-rest solves another problem, "
    "and its weights are only similar."
)
# Pixels of the charts: a picture's side, and the distance between two pictures.
_SIDE, _STEP = 58, 64
_COLUMNS = 5
# Red, green and blue of square pictures: uint8 (pictures, side, side, 3).
Squares = NDArray[np.uint8]


def describe_learned(run: LoadedRun) -> Section:
    """Return the weights, if the data are prepared on this machine."""
    data = _find_data(run)
    if isinstance(data, str):
        return Section(TITLE, empty=data)
    ranked = [row.case for row in select_ranked(run.rows, run.workload)]
    softmax = [case for case in ranked if case.objective == "softmax"]
    kept = ((case, params) for case in softmax if (params := read_weights(run, case, data)))
    if shown := next(kept, None):
        return _describe_weights(*shown, data)
    return Section(TITLE, empty=NO_PARAMS if softmax else NO_SOFTMAX)


def _find_data(run: LoadedRun) -> Dataset | str:
    """Return the data that a run was measured on, or why they are not available."""
    data = [environment.data for environment in run.environments.values()]
    by_hashes = {str(facts["sha256"]): facts for facts in data if facts.get("sha256")}
    if len(by_hashes) != 1:
        return "The records do not name one data set."
    (facts,) = by_hashes.values()
    options = {"fashion-mnist": "", "digits": " --data digits"}
    absent = NOT_PREPARED.format(options.get(str(facts.get("name")), " --data DIR"))
    try:
        return dataset.find_prepared(facts["sha256"]) or absent
    except DataError:
        return absent


def read_weights(run: LoadedRun, case: Case, data: Dataset) -> Params | None:
    """Return the params of a case after its epochs, which the run was judged by; None without any.

    Every ranked implementation agrees with the oracle within the parity tolerance, so one set of
    weights shows what all of them learn.
    """
    for record in run.records:
        if not isinstance(record, TrialRecord) or record.case.slug != case.slug:
            continue
        with suppress(UserError):
            params = read_params(run.folder, record, data)
            if record.status == "ok" and case.epochs <= min(record.case.epochs, len(params)):
                return split_params(params[case.epochs - 1])
    return None


def _describe_weights(case: Case, params: Params, data: Dataset) -> Section:
    """Show the weights after the epochs of a case, and say which classes they confuse."""
    counts, names = count_confusion(params, data), data.class_names
    pictures = []
    if find_side(data.features):
        title = "The weights of each class"
        draw = partial(chart_weights, params.weight.astype(np.float64), names, title)
        pictures.append(Picture("weights", title, draw))
    remark = WEIGHTS_REMARK.format(case.implementation, case.epochs, case.workload, case.batch_size)
    finding = describe_confusion(counts, names)
    return Section(TITLE, pictures=pictures, remarks=[remark], finding=finding)


def describe_confusion(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """Say how many test images are labelled correctly, and which class is mistaken most often.

    counts: by true class (rows) and predicted class (columns).
    """
    wrong = counts - np.diag(np.diag(counts))
    true, predicted = divmod(int(wrong.argmax()), len(names))
    text = f"These weights label {np.trace(counts):,} of {counts.sum():,} test images correctly"
    if not wrong.any():
        return f"{text}."
    return (
        f"{text}; the most frequent mistake is {names[predicted]} instead of {names[true]}, "
        f"{wrong.max():,} times."
    )


def count_confusion(params: Params, data: Dataset) -> NDArray[np.int64]:
    """Count the test images by true class (rows) and predicted class (columns).

    Raises DataError if the data cannot be read.
    """
    images, labels = prepared.read(data.folder, "test")
    predicted = (images @ params.weight + params.bias).argmax(axis=1)
    counts: NDArray[np.int64] = np.zeros((data.classes, data.classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def find_side(features: int) -> int | None:
    """Return the pixels of a side, or None if images are not square."""
    root = math.isqrt(features)
    return root if root * root == features else None


def chart_images(images: NDArray[np.float32], names: Sequence[str], title: str) -> Any:
    """Draw images (n, features) from 0, white, to 1, black, each above the name of its class."""
    shades = np.round(255 * (1 - np.clip(images, 0, 1))).astype(np.uint8)
    return _draw_row(_fold(np.repeat(shades[..., None], 3, axis=-1)), names, title)


def chart_weights(weight: NDArray[np.float64], class_names: Sequence[str], title: str) -> Any:
    """Draw the weights (features, classes) of each class as a picture, all on one scale.

    The scale is symmetric, and one weight in a hundred lies beyond its ends.
    """
    limit = float(np.quantile(np.abs(weight), 0.99)) or 1.0
    shares = np.clip(weight.T / limit, -1, 1)[..., None]
    negative, positive = (
        np.array(list(bytes.fromhex(COLOURS[style].removeprefix("#"))))
        for style in ("idiomatic", "tuned")
    )
    ends = np.where(shares < 0, negative, positive)
    pictures = np.round(255 + np.abs(shares) * (ends - 255)).astype(np.uint8)
    subtitle = (
        f"blue: {format_number(-limit, 2)}, against the class; white: 0; "
        f"orange: {format_number(limit, 2)}, for the class; "
        "on one scale for all"
    )
    return _draw_row(_fold(pictures), class_names, title, subtitle)


def _draw_row(pictures: Squares, names: Sequence[str], title: str, subtitle: str = "") -> Any:
    """Draw pictures in rows, each above its name.

    A row fits on a phone, so that the page needs only one drawing of all the pixels.
    """
    points = [
        {"place": number, "image": _encode_png(picture), "name": name}
        for number, (picture, name) in enumerate(zip(pictures, names, strict=True))
    ]
    base = alt.Chart()
    # Without smoothing: a pixel is a square.
    image = base.mark_image(width=_SIDE, height=_SIDE, smooth=False, aria=True)
    middle = alt.value(_SIDE / 2)
    # By default the description of an image would include its whole URL.
    described = image.encode(url="image:N", x=middle, y=middle, description="name:N")
    text = base.mark_text(fontSize=11, limit=_STEP)
    named = text.encode(x=middle, y=alt.value(_SIDE + 12), text="name:N")
    facet = alt.Facet(
        "place:O", title=None, header=alt.Header(labelExpr="''", labelFontSize=1, labelPadding=0)
    )
    panel = alt.layer(described, named).properties(width=_SIDE, height=_SIDE + 20)
    panels = panel.facet(
        facet=facet, columns=_COLUMNS, spacing=_STEP - _SIDE, data=alt.Data(values=points)
    )
    width = _STEP * min(len(names), _COLUMNS)
    return set_title(panels, title, subtitle, width).configure_view(stroke=None)


def _fold(pixels: NDArray[np.uint8]) -> Squares:
    """Reshape the pixels (n, features, 3) to square pictures."""
    side = math.isqrt(pixels.shape[1])
    return pixels.reshape(-1, side, side, 3)


def _encode_png(picture: NDArray[np.uint8]) -> str:
    """Return a picture (height, width, 3) as the data URI of a PNG."""
    import vl_convert

    height, width, _ = picture.shape
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="#{picture[y, x].tobytes().hex()}"/>'
        for y, x in np.ndindex(height, width)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'shape-rendering="crispEdges">{squares}</svg>'
    )
    png = vl_convert.svg_to_png(svg, scale=1, ppi=72)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
