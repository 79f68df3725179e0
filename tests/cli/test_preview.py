"""`bench data` shows the data as they are."""

import io

import numpy as np
import pytest
from rich.console import Console
from support.data import idx_files, write_idx

from bench.cli import preview
from bench.data import dataset, idx


@pytest.fixture
def find(tmp_path, own_cache):
    """Prepare the data set of these files."""

    def find(files):
        write_idx(tmp_path / "clothes", files)
        return dataset.find(str(tmp_path / "clothes"))

    return find


def test_facts_have_name_source_folder_and_shapes(find):
    data = find(idx_files())
    text = preview.facts(data).plain
    for part in ("clothes", "the folder given", str(data.folder), "(40, 16) float32", "(10,)"):
        assert part in text


def test_every_class_is_counted_in_every_part(find):
    files = idx_files()
    console = Console(file=io.StringIO(), width=80)
    console.print(preview.counts(find(files)))
    head, *lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert head == ["label", "class", "train", "validation", "test"]
    counts = np.array(lines, int)
    assert np.array_equal(counts[:, 0], range(10))
    whole = np.bincount(files[idx.TRAIN_LABELS], minlength=10)
    assert np.array_equal(counts[:, 2] + counts[:, 3], whole)
    assert np.array_equal(counts[:, 4], np.bincount(files[idx.TEST_LABELS], minlength=10))
    assert counts[:, 2:].sum(axis=0).tolist() == [40, 10, 10]


def test_first_images_are_drawn_in_the_data_sets_own_order(find):
    files = idx_files()
    images = np.zeros((50, 4, 4), np.uint8)
    images[0] = 255
    images[1, 0] = images[1, 1] = [0, 51, 102, 255]  # two equal rows: 0, .2, .4 and 1
    images[2, 2] = 255  # one white row of two: a half
    lines = preview.images(find({**files, idx.TRAIN_IMAGES: images}), 80).plain.splitlines()
    assert lines[0].rstrip() == "    ".join(map(str, files[idx.TRAIN_LABELS][:10]))
    assert [line.rstrip() for line in lines[1:]] == ["@@@@  :=@", "@@@@      ++++"]
    assert {len(line) for line in lines} == {10 * 5 - 1}


@pytest.mark.parametrize(("width", "columns"), [(1, 1), (10, 2), (24, 4), (49, 9), (400, 10)])
def test_as_many_images_stand_in_a_row_as_fit(find, width, columns):
    lines = preview.images(find(idx_files()), width).plain.splitlines()
    assert len(lines) == 3 * -(-10 // columns)
    assert max(map(len, lines)) == 5 * columns - 1


def test_few_images_of_an_odd_size_are_drawn_without_their_last_row(find):
    lines = preview.images(find(idx_files(samples=3, side=5)), 80).plain.splitlines()
    assert [len(line) for line in lines] == [17, 17, 17]


def test_images_that_are_not_square_are_not_drawn(find):
    files = idx_files()
    files[idx.TRAIN_IMAGES] = files[idx.TRAIN_IMAGES][:, :2, :3]
    files[idx.TEST_IMAGES] = files[idx.TEST_IMAGES][:, :2, :3]
    assert "cannot be drawn" in preview.images(find(files), 80).plain
