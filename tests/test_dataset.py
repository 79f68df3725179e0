"""What is found is prepared, and reads as it should."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data import idx_files, write_idx

from bench import cache, dataset, idx, prepared, sources
from bench.dataset import DataError


@pytest.fixture
def fashion(small_folder, small_files, monkeypatch, tmp_path):
    """The small data set plays Fashion-MNIST, and is installed as the system's package."""
    monkeypatch.setattr(sources, "FASHION_MNIST", write_idx(small_folder, small_files))
    monkeypatch.setattr(sources, "SYSTEM", small_folder)
    return small_folder


def unreachable(_scratch):
    pytest.fail("prepared data need no source")


def test_a_folder_is_split_scaled_and_recorded(small_folder, own_cache, small_files):
    found = dataset.find(str(small_folder))
    assert (found.name, found.source, found.classes) == ("clothes", "the folder given", 10)
    assert found.class_names == tuple("0123456789")
    assert found.sha256 == write_idx(small_folder, small_files)
    assert found.folder.parent == own_cache
    images, labels = prepared.read(found.folder, "test")
    assert np.array_equal(images, small_files[idx.TEST_IMAGES].reshape(10, 16) / np.float32(255))
    assert np.array_equal(labels, small_files[idx.TEST_LABELS])
    assert (images.dtype, labels.dtype) == (np.float32, np.int32)


def test_the_split_is_that_of_scikit_learn(small_folder, small_files):
    from sklearn.model_selection import train_test_split

    images = small_files[idx.TRAIN_IMAGES].reshape(50, 16).astype(np.float32) / np.float32(255)
    labels = small_files[idx.TRAIN_LABELS].astype(np.int32)
    expected = train_test_split(images, labels, test_size=0.2, random_state=42)
    found = dataset.find(str(small_folder)).folder
    (train_images, train_labels), (validation_images, validation_labels) = (
        prepared.read(found, "train"),
        prepared.read(found, "validation"),
    )
    actual = (train_images, validation_images, train_labels, validation_labels)
    assert all(np.array_equal(mine, its) for mine, its in zip(actual, expected, strict=True))


@given(samples=st.integers(2, 5000))
def test_every_number_of_samples_is_split_as_scikit_learn_does(samples):
    from sklearn.model_selection import train_test_split

    nothing = np.zeros((samples, 1), np.uint8)
    raw = idx.Raw(nothing, nothing[:, 0], nothing, nothing[:, 0], {})
    recipe = dataset._recipe(raw, "a test")
    training, validation = train_test_split(np.arange(samples), test_size=0.2, random_state=42)
    assert np.array_equal(recipe.split[: recipe.held_out], validation)
    assert np.array_equal(recipe.split[recipe.held_out :], training)


def test_the_second_find_needs_no_source_and_remembers_the_first(fashion, monkeypatch):
    found = dataset.find()
    assert (found.name, found.source) == ("fashion-mnist", "system package")
    assert found.class_names[:2] == ("T-shirt/top", "Trouser")
    monkeypatch.setattr(sources, "fashion_mnist", unreachable)
    assert dataset.find() == found
    assert dataset.find("fashion-mnist") == found


def test_damaged_prepared_data_are_made_again(fashion):
    found = dataset.find()
    before = prepared.read(found.folder, "train")[0].copy()
    os.truncate(found.folder / "train_images.npy", 1000)
    assert dataset.find() == found
    assert np.array_equal(prepared.read(found.folder, "train")[0], before)


def test_fashion_mnist_in_any_folder_is_known_by_its_hashes(fashion, monkeypatch):
    assert dataset.find().source == "system package"
    given = dataset.find(str(fashion))
    assert (given.name, given.source) == ("fashion-mnist", "the folder given")
    assert given.class_names[-1] == "Ankle boot"
    monkeypatch.setenv("FASHION_MNIST_DIR", str(fashion))
    assert dataset.find() == given


def test_what_only_is_called_like_a_known_data_set_gets_another_name(own_cache, tmp_path):
    for name in ("digits", "fashion-mnist"):
        write_idx(tmp_path / name, idx_files(seed=3))
        assert dataset.find(str(tmp_path / name)).name == f"{name}-folder"


def test_renamed_folders_share_prepared_data_under_their_own_names(small_folder, tmp_path):
    first = dataset.find(str(small_folder))
    shutil.copytree(small_folder, tmp_path / "copy")
    second = dataset.find(str(tmp_path / "copy"))
    assert (first.name, second.name) == ("clothes", "copy")
    assert first.folder == second.folder


def test_fashion_mnist_dir_is_verified_and_never_passed_over(fashion, monkeypatch, tmp_path):
    write_idx(tmp_path / "other", idx_files(seed=1))
    monkeypatch.setenv("FASHION_MNIST_DIR", str(tmp_path / "other"))
    with pytest.raises(
        DataError, match=r"FASHION_MNIST_DIR: .*train-images.*: expected SHA-256.*; correct it, or"
    ):
        dataset.find()


def test_a_bad_folder_is_an_error_of_one_line_that_says_what_to_do(own_cache, tmp_path):
    with pytest.raises(DataError, match=r"no such folder; give a folder of four whole IDX files"):
        dataset.find(str(tmp_path / "nowhere"))
    write_idx(tmp_path / "tiny", idx_files(samples=1))
    with pytest.raises(DataError, match="one training image cannot be split; give a larger"):
        dataset.find(str(tmp_path / "tiny"))
    assert not own_cache.exists()


def test_digits_are_split_as_the_fast_tests_expect(own_cache):
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    found = dataset.find("digits")
    assert (found.name, found.source, found.classes) == ("digits", "bundled with scikit-learn", 10)
    parts = {"train": slice(0, 1440), "validation": slice(1440, None), "test": slice(1440, None)}
    for part, where in parts.items():
        part_images, part_labels = prepared.read(found.folder, part)
        assert np.array_equal(part_images, images[where])
        assert np.array_equal(part_labels, labels[where])
    textbook = prepared.read_textbook(found.folder)
    assert np.array_equal(textbook.images, images)
    assert np.array_equal(textbook.validation, np.arange(1440, 1797))


QUIET = """
import sys
from bench import dataset
dataset.find("digits")
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"pooch", "requests", "urllib3", "sklearn", "scipy", "pandas", "msgspec"}))
"""


def test_neither_importing_nor_finding_prepared_data_loads_what_children_lack(own_cache):
    repository = Path(dataset.__file__).parents[1]
    command = [sys.executable, "-c", QUIET]
    done = subprocess.run(command, cwd=repository, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"[]\n"


def test_the_real_fashion_mnist_is_the_one_of_the_textbook():
    found = dataset.find()
    assert found.name == "fashion-mnist"
    assert found.sha256 == sources.FASHION_MNIST
    images, labels = prepared.read(found.folder, "train")
    assert (images.shape, images.min(), images.max()) == ((48000, 784), 0, 1)
    assert labels[:10].tolist() == [7, 3, 5, 8, 6, 9, 3, 3, 9, 9]
    assert prepared.read(found.folder, "validation")[0].shape == (12000, 784)
    assert np.bincount(prepared.read(found.folder, "test")[1]).tolist() == [1000] * 10
    textbook = prepared.read_textbook(found.folder)
    assert textbook.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert np.array_equal(textbook.images[textbook.training[:100]], images[:100])
    assert cache.keep(found.folder.name, unreachable)[0] == found.folder


def test_what_is_prepared_is_found_by_its_hashes_and_nothing_else_is(tmp_path, own_cache):
    sha256 = write_idx(tmp_path / "clothes", idx_files())
    assert dataset.prepared(sha256) is None
    found = dataset.find(str(tmp_path / "clothes"))
    kept = dataset.prepared(sha256)
    assert (kept.folder, kept.sha256, kept.classes) == (found.folder, sha256, 10)
    assert (kept.features, kept.class_names) == (found.features, found.class_names)
    assert dataset.prepared({**sha256, idx.TEST_LABELS: "0"}) is None
    (found.folder / "split.npy").unlink()
    assert dataset.prepared(sha256) is None


@pytest.mark.parametrize("told", [{"../../x": "../../y"}, {}, [], "../../x", None, [[[1]]]])
def test_no_hashes_that_a_record_tells_lead_out_of_the_cache(told, own_cache):
    assert re.fullmatch(r"[0-9a-f]{16}", dataset._key(told))
    assert dataset.prepared(told) is None
