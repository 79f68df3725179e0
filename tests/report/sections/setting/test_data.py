"""What a classifier learns, shown by weights that the run keeps."""

import io

import numpy as np
import pytest
from support.data import idx_files, write_idx
from support.records import bare, case, ok, run, write

from bench.contract import Params
from bench.data import dataset, idx
from bench.records import store
from bench.report.base.load import load_run
from bench.report.sections.setting.data import count_confusion, read_weights


@pytest.fixture
def data(tmp_path, own_cache):
    """Ten test images of one white pixel each, whose position is their label."""
    images = np.zeros((10, 16), np.uint8)
    np.fill_diagonal(images, 255)
    tests = {
        idx.TEST_IMAGES: images.reshape(10, 4, 4),
        idx.TEST_LABELS: np.arange(10, dtype=np.uint8),
    }
    write_idx(tmp_path / "pixels", {**idx_files(samples=50, side=4), **tests})
    return dataset.find(str(tmp_path / "pixels"))


def test_confusion_counts_labels_by_row_and_predictions_by_column(data):
    next_class = np.roll(np.eye(16, 10), 1, axis=1)
    next_class[9] = np.eye(10)[4]
    counts = count_confusion(Params(next_class, np.zeros(10)), data)
    assert [tuple(cell) for cell in np.argwhere(counts)] == [
        *((label, label + 1) for label in range(9)),
        (9, 4),
    ]
    assert counts.sum() == 10
    constant = count_confusion(Params(next_class, 9.0 * np.eye(10)[7]), data)
    assert constant[:, 7].tolist() == [1] * 10


def test_weights_are_those_of_a_process_that_was_trained_to_its_end(tmp_path, data):
    whole, short, failed = ok(case(), 3), ok(case(epochs=3), 1), bare(case(), 2)
    run_folder = write(tmp_path / "run", run(case()), short, failed, whole)
    assert read_weights(load_run(run_folder), case(), data) is None
    for number, record in enumerate((short, failed, whole)):
        params = np.full((9, 17, 10), 10 * number, np.float32) + np.arange(9)[:, None, None]
        with io.BytesIO() as stream:
            np.save(stream, params.astype(np.float32))
            store.save_params(run_folder, record.trial, stream.getvalue())
    weight, bias = read_weights(load_run(run_folder), case(), data)
    assert (weight.shape, bias.shape) == ((16, 10), (10,))
    assert {*weight.flat, *bias} == {24.0}  # after the fifth epoch
