"""The data, and what a classifier learns from them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.analysis import weights
from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import DataError
from bench.records.schema import Case
from bench.report.charts.images import chart_confusion, chart_images, chart_weights, find_side
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.sections import Picture, Section, Table
from bench.report.sections.comparison import select_ranked
from bench.runner.parity.judge import list_segments
from bench.worker import data as prepared
from bench.worker.data import Part

DATA_TITLE = "The data"
LEARNED_TITLE = "What the classifiers learned"
NOT_PREPARED = (
    "The data are not prepared here: run `python -m bench data{}`, then write the report again."
)
NOT_SQUARE = "The images are not square and cannot be drawn."
NO_SOFTMAX = "No softmax implementation is ranked."
LEARNED = (
    "The weights are the oracle's, in float64, after {} epochs of workload {} at batch size {}. "
    "Every ranked softmax row of this workload has the same weights to within the parity tolerance."
)
PARTS: tuple[Part, ...] = ("train", "validation", "test")
FIRST_IMAGES = 10
MAX_CONFUSIONS = 5


def describe_data(run: LoadedRun) -> Iterator[Section]:
    """Yield the sections about the data, if they are prepared on this machine."""
    data = _find_data(run)
    if isinstance(data, str):
        yield Section(DATA_TITLE, empty=data)
        yield Section(LEARNED_TITLE, empty=data)
        return
    labels = {part: prepared.read_labels(data.folder, part) for part in PARTS}
    table = tabulate_classes(labels, data.class_names)
    if find_side(data.features):
        images, first = prepared.read_first(data.folder, FIRST_IMAGES)
        title = f"The first {len(images)} images"
        names = [data.class_names[label] for label in first]
        picture = Picture("data", title, partial(chart_images, images, names, title))
        yield Section(DATA_TITLE, [table], pictures=[picture])
    else:
        yield Section(DATA_TITLE, [table], remarks=[NOT_SQUARE])
    ranked = [row.case for row in select_ranked(run.rows, run.workload)]
    case = next((case for case in ranked if case.objective == "softmax"), None)
    if case is None:
        yield Section(LEARNED_TITLE, empty=NO_SOFTMAX)
    else:
        yield _describe_weights(case, run.run.seed, data)


def _find_data(run: LoadedRun) -> Dataset | str:
    """Return the data that a run was measured on, or why they are not available."""
    known = [one.data for one in run.environments.values() if one.data.get("sha256")]
    by_hashes = {str(data["sha256"]): data for data in known}
    if len(by_hashes) != 1:
        return "The records do not name one data set."
    (facts,) = by_hashes.values()
    options = {"fashion-mnist": "", "digits": " --data digits"}
    absent = NOT_PREPARED.format(options.get(str(facts.get("name")), " --data DIR"))
    try:
        return dataset.find_prepared(facts["sha256"]) or absent
    except DataError:
        return absent


def _describe_weights(case: Case, seed: int, data: Dataset) -> Section:
    """Show the weights that training this case gives, and which classes they confuse."""
    solution = weights.train_oracle(case, seed, data)
    counts, names = weights.count_confusion(solution, data), data.class_names
    pictures = []
    if find_side(data.features):
        title = "The weights of each class"
        draw = partial(chart_weights, solution.weight, names, title)
        pictures.append(Picture("weights", title, draw))
    title = "Test images by class and prediction"
    pictures.append(Picture("confusion", title, partial(chart_confusion, counts, names, title)))
    remark = LEARNED.format(len(list_segments(case)[-1].epochs), case.workload, case.batch_size)
    table = tabulate_confusions(counts, names)
    return Section(LEARNED_TITLE, [table], pictures=pictures, remarks=[remark])


def tabulate_classes(labels: Mapping[Part, NDArray[np.int32]], class_names: Sequence[str]) -> Table:
    """Return how many images of each class are in each part of the data."""
    counts = [np.bincount(part, minlength=len(class_names)) for part in labels.values()]
    lines = [
        [str(label), name, *(f"{count[label]:,}" for count in counts)]
        for label, name in enumerate(class_names)
    ]
    return Table("Images of each class", ("label", "class", *labels), lines, 2)


def tabulate_confusions(counts: NDArray[np.int64], class_names: Sequence[str]) -> Table:
    """Return the pairs of classes that are confused most often, the worst first.

    counts: images by class (rows) and prediction (columns).
    """
    off_diagonal = [cell for cell in np.ndindex(counts.shape) if cell[0] != cell[1]]
    worst = sorted(off_diagonal, key=lambda cell: (-counts[cell], cell))[:MAX_CONFUSIONS]
    totals = counts.sum(axis=1)
    lines = [
        [
            class_names[true],
            class_names[predicted],
            f"{counts[true, predicted]:,}",
            numbers.percent(float(counts[true, predicted] / totals[true])),
        ]
        for true, predicted in worst
        if counts[true, predicted]
    ]
    headings = ("class", "taken for", "images", "of the class")
    return Table("The classes that are confused most often", headings, lines, 2)
