"""The data, and what a classifier learns from them."""

import re
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import DataError
from bench.records.schema import Case, TrialRecord
from bench.records.store import read_entropy
from bench.report.charts.images import chart_confusion, chart_images, chart_weights, find_side
from bench.report.labels import select_ranked
from bench.report.load import LoadedRun
from bench.report.parts import Picture, Section
from bench.runner.parity import oracle
from bench.runner.parity.draws import FIRST_EPOCH, Draws
from bench.runner.parity.judge import Judge
from bench.runner.parity.oracle import Solution
from bench.worker import data as prepared
from bench.worker.data import Part
from bench.worker.workloads import WORKLOADS

DATA_TITLE = "The data"
LEARNED_TITLE = "What it learned"
NOT_PREPARED = (
    "The data are not prepared here: run `softmax-bench data{}`, then write the report again."
)
NOT_SQUARE = "The images are not square and cannot be drawn."
NO_SOFTMAX = "No softmax implementation is ranked."
LEARNED = (
    "The weights are those of the float64 oracle after {} epochs of workload {} at batch size {}, "
    "in {}. In the epochs that were judged, every ranked softmax program has the oracle's weights "
    "within the tolerance. One-vs-rest solves another problem, and its weights are only similar."
)
MEASURED = "the orders of a round of the run, one of those whose mean accuracy the tables show"
DRAWN = (
    "orders drawn for this picture, because the run has none of its own: the accuracy differs from "
    "that of the tables by chance"
)
PARTS: tuple[Part, ...] = ("train", "validation", "test")
FIRST_IMAGES = 10
HEXADECIMAL = re.compile("[0-9a-f]{1,64}")  # somebody else may have written the entropy


def describe_data(run: LoadedRun) -> Iterator[Section]:
    """Yield the sections about the data, if they are prepared on this machine."""
    data = _find_data(run)
    if isinstance(data, str):
        yield Section(LEARNED_TITLE, empty=data)
        yield Section(DATA_TITLE, empty=data)
        return
    train, validation, test = (len(prepared.read_labels(data.folder, part)) for part in PARTS)
    remark = (
        f"{train:,} training, {validation:,} validation and {test:,} test images of "
        f"{data.classes} classes."
    )
    ranked = [row.case for row in select_ranked(run.rows, run.workload)]
    case = next((case for case in ranked if case.objective == "softmax"), None)
    if case is None:
        yield Section(LEARNED_TITLE, empty=NO_SOFTMAX)
    else:
        yield _describe_weights(case, find_draws(run, case), data)
    if find_side(data.features):
        textbook = prepared.read_textbook(data.folder)
        images, labels = textbook.images[:FIRST_IMAGES], textbook.labels[:FIRST_IMAGES]
        title = f"The first {len(images)} images"
        names = [data.class_names[label] for label in labels]
        picture = Picture("data", title, partial(chart_images, images, names, title))
        yield Section(DATA_TITLE, pictures=[picture], finding=remark)
    else:
        yield Section(DATA_TITLE, remarks=[NOT_SQUARE], finding=remark)


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


def find_draws(run: LoadedRun, case: Case) -> Draws | None:
    """Return the draws of a round in which a case was trained to its end; None if unknown."""
    known = read_entropy(run.folder)
    trials = (one for one in run.records if isinstance(one, TrialRecord) and one.status == "ok")
    whole = (
        known.get(one.entropy or "", "")
        for one in trials
        if one.case.slug == case.slug and len(one.test_accuracy) >= case.epochs
    )
    return next((Draws(entropy) for entropy in whole if HEXADECIMAL.fullmatch(entropy)), None)


def _describe_weights(case: Case, draws: Draws | None, data: Dataset) -> Section:
    """Show the oracle's weights after the epochs of a case, and which classes they confuse.

    Every ranked implementation agrees with the oracle within the parity tolerance, so one set of
    weights shows what all of them learn. Training takes about two seconds at the default sizes.
    """
    where = MEASURED if draws else DRAWN
    draws = draws or Draws.make(0, 1)
    workload, last = WORKLOADS[case.workload], FIRST_EPOCH._replace(number=case.epochs)
    start = draws.draw_initial_params(workload, data.features, data.classes, FIRST_EPOCH)
    judge = Judge(data.folder, data.classes)
    solution = judge.get_state(case, draws, start, last).solution
    counts, names = count_confusion(solution, data), data.class_names
    pictures = []
    if find_side(data.features):
        title = "The weights of each class"
        draw = partial(chart_weights, solution.weight, names, title)
        pictures.append(Picture("weights", title, draw))
    title = "Test images by class and prediction"
    pictures.append(Picture("confusion", title, partial(chart_confusion, counts, names, title)))
    remark = LEARNED.format(case.epochs, case.workload, case.batch_size, where)
    finding = describe_confusion(counts, names)
    return Section(LEARNED_TITLE, pictures=pictures, remarks=[remark], finding=finding)


def describe_confusion(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """Say how many test images are labelled correctly, and which class is mistaken most often.

    counts: by true class (rows) and predicted class (columns).
    """
    wrong = counts - np.diag(np.diag(counts))
    true, predicted = divmod(int(wrong.argmax()), len(names))
    text = f"The oracle labels {np.trace(counts):,} of {counts.sum():,} test images correctly"
    if not wrong.any():
        return f"{text}."
    return (
        f"{text}; the most frequent mistake is {names[predicted]} instead of {names[true]}, "
        f"{wrong.max():,} times."
    )


def count_confusion(solution: Solution, data: Dataset) -> NDArray[np.int64]:
    """Count the test images by true class (rows) and predicted class (columns).

    Raises DataError if the data cannot be read.
    """
    images, labels = prepared.read(data.folder, "test")
    predicted = oracle.forward(solution, images).argmax(axis=1)
    counts: NDArray[np.int64] = np.zeros((data.classes, data.classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts
