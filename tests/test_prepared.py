"""What is prepared reads as it should, and nothing that reads it can alter it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from support.data import idx_files, write_idx

from bench import dataset, idx, prepared
from bench.dataset import DataError


def test_the_textbook_has_the_data_sets_own_order(small_folder, small_files):
    textbook = prepared.read_textbook(dataset.find(str(small_folder)).folder)
    expected = small_files[idx.TRAIN_IMAGES].reshape(50, 16) / np.float32(255)
    assert np.array_equal(textbook.images, expected)
    assert np.array_equal(textbook.labels, small_files[idx.TRAIN_LABELS])
    order = np.random.RandomState(42).permutation(50)
    assert np.array_equal(textbook.validation, order[:10])
    assert np.array_equal(textbook.training, order[10:])
    types = (textbook.images.dtype, textbook.labels.dtype, textbook.training.dtype)
    assert types == (np.float32, np.int32, np.int64)


def test_more_samples_than_there_are_begin_again(small_folder):
    found = dataset.find(str(small_folder)).folder
    images, labels = prepared.read(found, "train")
    few_images, few_labels = prepared.read_samples(found, 7)
    assert np.array_equal(few_images, images[:7])
    assert np.array_equal(few_labels, labels[:7])
    many_images, many_labels = prepared.read_samples(found, 90)
    assert np.array_equal(many_images, np.concatenate([images, images, images[:10]]))
    assert np.array_equal(many_labels, np.concatenate([labels, labels, labels[:10]]))


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': ',f4', 'fortran_order': False, 'shape': (4,), }",
        "{'descr': '<f4', 'fortran_order': False, #shape': (4,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1180591620717411303424,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9007199254740993,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (4,), }",
    ],
    ids=["no type", "no expression", "beyond a number", "beyond all memory", "pickled"],
)
def test_a_damaged_file_is_one_line(tmp_path, header):
    text = f"{header:<117}\n".encode()
    begun = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little")
    (tmp_path / "test_labels.npy").write_bytes(begun + text + bytes(16))
    with pytest.raises(DataError, match=r"test_labels\.npy: expected prepared data") as error:
        prepared.read_labels(tmp_path, "test")
    assert len(str(error.value).splitlines()) == 1


def test_writing_to_a_map_alters_no_file(small_folder):
    found = dataset.find(str(small_folder)).folder
    images, _ = prepared.read(found, "train")
    before = images.copy()
    images[:] = 7  # refused if the map were read-only
    assert np.array_equal(prepared.read(found, "train")[0], before)


@pytest.mark.skipif(sys.platform != "linux", reason="resident pages are read from Linux's /proc")
@pytest.mark.parametrize("samples", [2560, 2561])  # the last page is nearly full, or nearly empty
def test_every_page_is_resident_before_anything_is_timed(own_cache, tmp_path, samples):
    write_idx(tmp_path / "large", idx_files(samples=samples, side=32))
    found = dataset.find(str(tmp_path / "large")).folder
    images, _ = prepared.read(found, "train")
    maps = Path("/proc/self/smaps").read_text(encoding="utf-8")
    lines = maps.partition(f"{found}/train_images.npy\n")[2].splitlines()
    kilobytes = {line.split()[0]: line.split()[1] for line in lines[:6]}
    assert kilobytes["Rss:"] == kilobytes["Size:"]
    assert int(kilobytes["Size:"]) >= images.nbytes // 1024


@pytest.mark.parametrize("array", [np.zeros(0), np.zeros(1), np.zeros((3, 5000), np.int32)])
def test_an_array_of_any_size_can_be_touched(array):
    prepared.touch(array)


def test_a_folder_that_is_not_prepared_is_an_error_of_one_line(small_folder):
    with pytest.raises(DataError, match=r"train_images\.npy: expected prepared data \(no such"):
        prepared.read(small_folder, "train")
    (small_folder / "split.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match=r"split\.npy: expected prepared data \(") as error:
        prepared.read_textbook(small_folder)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("count", [1, 10, 50, 60])
def test_the_first_images_are_those_of_the_data_sets_own_order(small_folder, small_files, count):
    folder = dataset.find(str(small_folder)).folder
    images, labels = prepared.read_first(folder, count)
    assert images.dtype == np.float32
    assert np.array_equal(
        np.round(images * 255), small_files[idx.TRAIN_IMAGES][:count].reshape(-1, 16)
    )
    assert np.array_equal(labels, small_files[idx.TRAIN_LABELS][:count])


def test_labels_are_read_alone(digits):
    for part in ("train", "validation", "test"):
        expected = prepared.read(digits.folder, part)[1]
        assert np.array_equal(prepared.read_labels(digits.folder, part), expected)
