"""A data set is found, prepared once, and read as scikit-learn would split it."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data import idx_files, write_idx

from bench.data import dataset, idx, sources
from bench.errors import DataError
from bench.worker import data as prepared


@pytest.fixture
def fashion(small_folder, small_files, monkeypatch):
    """The small data set stands for Fashion-MNIST, installed as the system's package."""
    monkeypatch.setenv("KERAS_HOME", str(small_folder / "keras"))
    monkeypatch.setattr(sources, "FASHION_MNIST", write_idx(small_folder, small_files))
    monkeypatch.setattr(sources, "SYSTEM", small_folder)
    return small_folder


def test_folder_is_split_scaled_and_described(small_folder, own_cache, small_files):
    data = dataset.find(str(small_folder))
    assert (data.name, data.source, data.classes) == ("clothes", "the folder given", 10)
    assert data.class_names == tuple("0123456789")
    assert data.sha256 == write_idx(small_folder, small_files)
    assert data.folder.parent == own_cache
    images, labels = prepared.read(data.folder, "test")
    assert np.array_equal(images, small_files[idx.TEST_IMAGES].reshape(10, 16) / np.float32(255))
    assert np.array_equal(labels, small_files[idx.TEST_LABELS])
    assert (images.dtype, labels.dtype) == (np.float32, np.int32)


def test_parts_are_those_of_scikit_learn(small_folder, small_files):
    from sklearn.model_selection import train_test_split

    images = small_files[idx.TRAIN_IMAGES].reshape(50, 16).astype(np.float32) / np.float32(255)
    expected = train_test_split(
        images, small_files[idx.TRAIN_LABELS], test_size=0.2, random_state=42
    )
    folder = dataset.find(str(small_folder)).folder
    parts = [prepared.read(folder, part) for part in ("train", "validation")]
    actual = [parts[0][0], parts[1][0], parts[0][1], parts[1][1]]
    assert all(np.array_equal(*pair) for pair in zip(actual, expected, strict=True))


@given(samples=st.integers(2, 5000))
def test_any_number_of_samples_is_split_as_scikit_learn_does(samples):
    from sklearn.model_selection import train_test_split

    order, held_out = dataset.split_samples(samples)
    training, validation = train_test_split(np.arange(samples), test_size=0.2, random_state=42)
    assert np.array_equal(order[:held_out], validation)
    assert np.array_equal(order[held_out:], training)


def test_second_find_needs_no_source_unless_the_prepared_data_are_damaged(fashion, monkeypatch):
    data = dataset.find()
    assert (data.name, data.source) == ("fashion-mnist", "system package")
    assert data.class_names[:2] == ("T-shirt/top", "Trouser")
    path = data.folder / "train_images.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\1")
    assert dataset.find() == data
    assert path.read_bytes() == content
    monkeypatch.setattr(sources, "SYSTEM", None)
    assert dataset.find() == dataset.find("fashion-mnist") == data


def test_fashion_mnist_in_any_folder_is_recognised(fashion, monkeypatch, tmp_path):
    data = dataset.find(str(fashion))
    assert (data.name, data.source) == ("fashion-mnist", "the folder given")
    assert data.class_names[-1] == "Ankle boot"
    monkeypatch.setenv("FASHION_MNIST_DIR", str(fashion))
    assert dataset.find() == data
    write_idx(tmp_path / "other", idx_files(seed=1))
    monkeypatch.setenv("FASHION_MNIST_DIR", str(tmp_path / "other"))
    with pytest.raises(DataError, match=r"FASHION_MNIST_DIR: .*expected SHA-256"):
        dataset.find()


def test_copies_share_prepared_data_under_their_own_names(small_folder, tmp_path):
    first = dataset.find(str(small_folder))
    for name, expected in (("copy", "copy"), ("digits", "digits-folder")):
        shutil.copytree(small_folder, tmp_path / name)
        data = dataset.find(str(tmp_path / name))
        assert (data.name, data.folder) == (expected, first.folder)


def test_bad_folder_is_an_error_and_leaves_no_cache(own_cache, tmp_path):
    write_idx(tmp_path / "tiny", idx_files(samples=1))
    for folder in (tmp_path / "absent", tmp_path / "tiny"):
        with pytest.raises(DataError, match=rf"{folder.name}.*\. Give a"):
            dataset.find(str(folder))
    assert not own_cache.exists()


def test_digits_are_split_in_their_own_order(own_cache):
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    data = dataset.find("digits")
    assert (data.name, data.source, data.classes) == ("digits", "bundled with scikit-learn", 10)
    parts = {"train": slice(0, 1440), "validation": slice(1440, None), "test": slice(1440, None)}
    for part, where in parts.items():
        part_images, part_labels = prepared.read(data.folder, part)
        assert np.array_equal(part_images, images[where])
        assert np.array_equal(part_labels, labels[where])
    assert np.array_equal(prepared.read_textbook(data.folder).images, images)


def test_real_fashion_mnist_is_that_of_the_textbook():
    data = dataset.find()
    assert data.sha256 == sources.FASHION_MNIST
    images, labels = prepared.read(data.folder, "train")
    assert (images.shape, images.min(), images.max()) == ((48000, 784), 0, 1)
    assert labels[:10].tolist() == [7, 3, 5, 8, 6, 9, 3, 3, 9, 9]
    assert prepared.read(data.folder, "validation")[0].shape == (12000, 784)
    assert np.bincount(prepared.read(data.folder, "test")[1]).tolist() == [1000] * 10
    textbook = prepared.read_textbook(data.folder)
    assert textbook.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert np.array_equal(textbook.images[textbook.training[:100]], images[:100])
