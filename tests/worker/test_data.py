"""Prepared data read as they should, and no reader can alter them."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bench.data import dataset, idx
from bench.errors import DataError
from bench.worker import data


def test_textbook_has_the_data_sets_own_order(small_folder, small_files):
    textbook = data.read_textbook(dataset.find(str(small_folder)).folder)
    expected = small_files[idx.TRAIN_IMAGES].reshape(50, 16) / np.float32(255)
    assert np.array_equal(textbook.images, expected)
    assert np.array_equal(textbook.labels, small_files[idx.TRAIN_LABELS])
    order = np.random.RandomState(42).permutation(50)
    assert np.array_equal(textbook.validation, order[:10])
    assert np.array_equal(textbook.training, order[10:])
    types = (textbook.images.dtype, textbook.labels.dtype, textbook.training.dtype)
    assert types == (np.float32, np.int32, np.int64)


def test_samples_beyond_the_last_start_again(small_folder):
    folder = dataset.find(str(small_folder)).folder
    images, labels = data.read(folder, "train")
    assert np.array_equal(data.read_labels(folder, "train"), labels)
    for samples in (7, 40, 90):
        indices = np.arange(samples) % 40
        more_images, more_labels = data.read_samples(folder, samples)
        assert np.array_equal(more_images, images[indices])
        assert np.array_equal(more_labels, labels[indices])


@pytest.mark.skipif(sys.platform != "linux", reason="maps are read from Linux's /proc")
def test_images_lie_in_memory_of_the_process(small_folder):
    folder = dataset.find(str(small_folder)).folder
    images, _ = data.read(folder, "train")
    before = images.copy()
    images[:] = 7
    assert np.array_equal(data.read(folder, "train")[0], before)
    assert str(folder) not in Path("/proc/self/maps").read_text(encoding="utf-8")


def test_folder_that_is_not_prepared_is_an_error_of_one_line(small_folder):
    (small_folder / "split.npy").write_bytes(b"no array")
    for read in (
        lambda: data.read(small_folder, "train"),
        lambda: data.read_textbook(small_folder),
    ):
        with pytest.raises(DataError, match="no prepared data") as error:
            read()
        assert len(str(error.value).splitlines()) == 1
