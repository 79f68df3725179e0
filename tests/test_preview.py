"""The data are shown as they are."""

import io

import numpy as np
import pytest
from rich.console import Console
from support.data import idx_files, write_idx

from bench import dataset, idx
from bench.cli import preview


@pytest.fixture
def files():
    return idx_files(samples=50, tests=10, side=4)


@pytest.fixture
def find(tmp_path, monkeypatch):
    """Find what these files are."""
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))

    def find(files):
        write_idx(tmp_path / "clothes", files)
        return dataset.find(str(tmp_path / "clothes"))

    return find


def test_facts_have_the_name_the_source_and_every_shape(find, files):
    found = find(files)
    assert preview.facts(found).plain.splitlines() == [
        f"clothes, the folder given, prepared in {found.folder}",
        "train      images (40, 16) float32, labels (40,)",
        "validation images (10, 16) float32, labels (10,)",
        "test       images (10, 16) float32, labels (10,)",
    ]


def test_every_class_is_counted_in_every_part(find, files):
    found = find(files)
    console = Console(file=io.StringIO(), width=80)
    console.print(preview.counts(found))
    head, *lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert head == ["label", "class", "train", "validation", "test"]
    counts = np.array(lines, int)
    assert np.array_equal(counts[:, 0], range(10))
    assert np.array_equal(counts[:, 1], range(10))  # the folder's classes are called by number
    whole = np.bincount(files[idx.TRAIN_LABELS], minlength=10)
    assert np.array_equal(counts[:, 2] + counts[:, 3], whole)
    assert np.array_equal(counts[:, 4], np.bincount(files[idx.TEST_LABELS], minlength=10))
    assert counts[:, 2:].sum(axis=0).tolist() == [40, 10, 10]


def test_the_first_ten_images_are_drawn_in_the_data_sets_own_order(find, files):
    images = np.zeros((50, 4, 4), np.uint8)
    images[0] = 255
    images[1, 0] = images[1, 1] = [0, 51, 102, 255]  # two like rows: 0, .2, .4 and 1
    images[2, 2] = 255  # one white row of two: a half
    found = find({**files, idx.TRAIN_IMAGES: images})
    lines = preview.images(found, 80).plain.splitlines()
    assert len(lines) == 3
    labels = "    ".join(map(str, files[idx.TRAIN_LABELS][:10]))
    assert lines[0].rstrip() == labels
    assert lines[1].rstrip() == "@@@@  :=@"
    assert lines[2].rstrip() == "@@@@      ++++"
    assert {len(line) for line in lines} == {10 * 5 - 1}


@pytest.mark.parametrize(
    ("width", "abreast"), [(1, 1), (9, 1), (10, 2), (24, 4), (49, 9), (50, 10), (400, 10)]
)
def test_as_many_images_stand_beside_each_other_as_fit(find, files, width, abreast):
    lines = preview.images(find(files), width).plain.splitlines()
    blocks = -(-10 // abreast)
    assert len(lines) == 3 * blocks
    assert max(map(len, lines)) == 5 * abreast - 1


def test_a_brighter_pixel_never_gets_a_darker_character():
    shades = [preview._drawing(np.full((2, 1), value, np.float32))[0] for value in
              np.linspace(0, 1, 101)]  # fmt: skip
    levels = [preview.SHADES.index(shade) for shade in shades]
    assert levels == sorted(levels)
    assert set(shades) == set(preview.SHADES)
    assert (shades[0], shades[50], shades[100]) == (" ", "+", "@")


def test_the_last_row_of_an_odd_image_is_left_out():
    image = np.zeros((3, 3), np.float32)
    image[2] = 1
    assert preview._drawing(image) == ["   "]


def test_few_images_are_all_drawn(find):
    lines = preview.images(find(idx_files(samples=3)), 80).plain.splitlines()
    assert [len(line) for line in lines] == [14, 14, 14]


def test_images_that_are_not_square_are_said_to_be_so(find, files):
    random = np.random.default_rng(0)
    shapes = {
        idx.TRAIN_IMAGES: random.integers(0, 256, (50, 2, 3), np.uint8),
        idx.TEST_IMAGES: random.integers(0, 256, (10, 2, 3), np.uint8),
    }
    text = preview.images(find({**files, **shapes}), 80).plain
    assert text == "the images are not square and cannot be drawn"
