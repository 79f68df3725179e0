"""What a classifier learns from the data."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params
from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import DataError, UserError
from bench.records.schema import Case, TrialRecord
from bench.report.charts.images import chart_weights, find_side
from bench.report.labels import select_ranked
from bench.report.load import LoadedRun
from bench.report.parts import Picture, Section
from bench.runner.parity.evidence import split_params
from bench.runner.parity.stored import read_params
from bench.worker import data as prepared

TITLE = "What it learned"
NOT_PREPARED = (
    "The data are not prepared here: run `softmax-bench data{}`, then write the report again."
)
NO_SOFTMAX = "No softmax implementation is ranked."
NO_PARAMS = "The run was published without the params of its softmax programs."
LEARNED = (
    "The weights are those of {} after {} epochs of workload {} at batch size {}, in the first "
    "process whose params the run keeps. After as many epochs in the same orders every ranked "
    "softmax program has these weights within the tolerance. One-vs-rest solves another problem, "
    "and its weights are only similar."
)


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
    remark = LEARNED.format(case.implementation, case.epochs, case.workload, case.batch_size)
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
