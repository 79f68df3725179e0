"""What a classifier learns, shown by weights that the run keeps."""

import io

import numpy as np
import pytest
from support.data import idx_files, write_idx
from support.records import bare, case, environment, numbers_in, ok

from bench.contract import Params
from bench.data import dataset, idx
from bench.records import store
from bench.report.base.load import load_run
from bench.report.sections.setting.data import (
    count_confusion,
    describe_confusion,
    describe_learned,
    read_weights,
)

NEXT_CLASS = np.roll(np.eye(16, 10), 1, axis=1)
NEXT_CLASS[9] = np.eye(10)[4]


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


def keep_params(loaded, record, data, first=0.0):
    """Write params of nine epochs, all the same of an epoch, and larger by 1 in each further."""
    params = np.full((9, data.features + 1, data.classes), first, np.float32)
    params += np.arange(9, dtype=np.float32)[:, None, None]
    with io.BytesIO() as stream:
        np.save(stream, params)
        store.save_params(loaded.folder, record.trial, stream.getvalue())


def test_confusion_counts_labels_by_row_and_predictions_by_column(data):
    counts = count_confusion(Params(NEXT_CLASS, np.zeros(10)), data)
    assert [tuple(cell) for cell in np.argwhere(counts)] == [
        *((label, label + 1) for label in range(9)),
        (9, 4),
    ]
    assert counts.sum() == 10
    constant = count_confusion(Params(NEXT_CLASS, 9.0 * np.eye(10)[7]), data)
    assert constant[:, 7].tolist() == [1] * 10


def test_most_frequent_mistake_is_named_as_what_it_is_taken_for():
    counts = np.array([[90, 2], [7, 1]])
    finding = describe_confusion(counts, ("cat", "dog"))
    assert (numbers_in(finding), "cat instead of dog" in finding) == ([91, 100, 7], True)


def test_weights_are_those_of_a_process_that_was_trained_to_its_end(load, data):
    whole, short, failed = ok(case(), 3), ok(case(epochs=3), 1), bare(case(), 2)
    loaded = load(short, failed, whole, cases=(case(),))
    assert read_weights(loaded, case(), data) is None
    for number, record in enumerate((short, failed, whole)):
        keep_params(loaded, record, data, 10.0 * number)
    weight, bias = read_weights(load_run(loaded.folder), case(), data)
    assert (weight.shape, bias.shape) == ((16, 10), (10,))
    assert {*weight.flat, *bias} == {24.0}  # after the fifth epoch


# ----- the section


@pytest.fixture
def measured(load, data):
    """A run of three cases on these data; the fastest is not a softmax classifier."""
    sizes = {"batch_size": 5, "samples": 40}
    cases = [case("a", **sizes), case("b", **sizes), case("c", objective="one-vs-rest", **sizes)]
    records = [ok(of, epoch=epoch) for of, epoch in zip(cases, (0.5, 0.7, 0.1), strict=True)]
    loaded = load(*records, data=data.describe())
    keep_params(loaded, records[1], data)
    return loaded


def test_weights_and_confusion_are_of_params_that_the_run_keeps(measured):
    section = describe_learned(measured)
    assert [picture.name for picture in section.pictures] == ["weights"]
    (remark,) = section.remarks
    assert "those of b after 5 epochs of workload sgd at batch size 5" in remark
    assert numbers_in(section.finding)[1] == 10


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("fashion-mnist", "`softmax-bench data`"),
        ("digits", "`softmax-bench data --data digits`"),
        ("<b>`x`", "`softmax-bench data --data DIR`"),
    ],
)
def test_unprepared_data_are_asked_for_and_not_searched(
    load, own_cache, monkeypatch, name, command
):
    monkeypatch.setattr(dataset, "find", lambda *_: pytest.fail("looked for the data"))
    facts = {"name": name, "sha256": {"train": "of nothing that is here"}}
    empty = describe_learned(load(ok(case()), data=facts)).empty
    assert command in empty
    assert "<b>" not in empty


def test_data_with_other_hashes_or_of_several_sets_are_not_shown(load, measured, data):
    other = {**data.describe(), "sha256": {**data.sha256, idx.TEST_LABELS: "0"}}
    assert describe_learned(load(ok(case()), data=other)).empty
    store.add_environment(measured.folder, environment(id="there", data=other))
    assert describe_learned(load_run(measured.folder)).empty


def test_images_that_are_not_square_have_no_picture(load, tmp_path, own_cache):
    random = np.random.default_rng(0)
    shapes = {idx.TRAIN_IMAGES: (50, 2, 3), idx.TEST_IMAGES: (10, 2, 3)}
    images = {name: random.integers(0, 256, shape, np.uint8) for name, shape in shapes.items()}
    write_idx(tmp_path / "flat", {**idx_files(), **images})
    flat = dataset.find(str(tmp_path / "flat"))
    loaded = load(ok(case()), data=flat.describe())
    keep_params(loaded, ok(case()), flat)
    section = describe_learned(loaded)
    assert (section.pictures, bool(section.finding)) == ([], True)
