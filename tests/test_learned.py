"""What was learned is read from the params that a run kept, and from no other file."""

import numpy as np
import pytest
from fixtures_data import idx_files, write_idx
from fixtures_records import case, ok

from bench import dataset, idx
from bench.learned import confusion, differing, learned

SIDE, CLASSES, EPOCHS = 4, 10, 2
FEATURES = SIDE * SIDE


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Ten test images of one white pixel each, at the place of their label."""
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    images = np.zeros((10, FEATURES), np.uint8)
    np.fill_diagonal(images, 255)
    tests = {idx.TEST_IMAGES: images.reshape(10, SIDE, SIDE),
             idx.TEST_LABELS: np.arange(10, dtype=np.uint8)}  # fmt: skip
    write_idx(tmp_path / "pixels", {**idx_files(samples=50, side=SIDE), **tests})
    return dataset.find(str(tmp_path / "pixels"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run" / "params").mkdir(parents=True)
    return tmp_path / "run"


def params(shift=0):
    """Weights after the first epoch and two more; the last says that pixel p is class p + shift."""
    stack = np.zeros((1 + EPOCHS, FEATURES + 1, CLASSES), np.float32)
    for pixel in range(10):
        stack[EPOCHS, pixel, (pixel + shift) % CLASSES] = 1
    return stack


def keep(folder, record, stack):
    np.save(folder / "params" / f"{record.trial}.npy", stack)
    return record


def of(name, number=1, **changes):
    return ok(case(name, epochs=EPOCHS), number, **changes)


def test_a_classifier_is_what_the_last_epoch_of_the_workload_left(folder, data):
    right = keep(folder, of("right"), np.concatenate([params(), params(5)]))
    moved = keep(folder, of("moved"), params(1))
    found = learned(folder, [moved.case, right.case], [right, moved], data)
    assert [each.case.implementation for each in found] == ["moved", "right"]
    assert found[0].weight.shape == (FEATURES, CLASSES)
    assert found[1].predicted.tolist() == list(range(10))
    assert found[0].predicted.tolist() == [*range(1, 10), 0]
    assert (differing(*found), differing(found[0], found[0])) == (10, 0)


def test_the_bias_is_the_last_row(folder, data):
    stack = params()
    stack[EPOCHS, -1, 7] = 2
    (found,) = learned(folder, [case("a", epochs=EPOCHS)], [keep(folder, of("a"), stack)], data)
    assert set(found.predicted.tolist()) == {7}
    assert not found.weight[-1].any()


def test_the_first_round_counts_whose_trial_went_well_and_whose_params_are_there(folder, data):
    records = [
        keep(folder, of("a", 4), params(4)),
        keep(folder, of("a", 3), params(3)),
        of("a", 2),
        keep(folder, of("a", 1, status="failed"), params(1)),
    ]
    (found,) = learned(folder, [records[0].case], records, data)
    assert found.predicted[0] == 3


@pytest.mark.parametrize(
    "stack",
    [
        params()[:EPOCHS],
        params()[:, 1:],
        params()[..., 1:],
        params()[0],
        params().astype(np.float64),
        np.full_like(params(), np.nan),
        np.array([{}], object),
    ],
)
def test_params_of_another_problem_or_none_at_all_are_left_out(folder, data, stack):
    record = keep(folder, of("a"), stack)
    assert learned(folder, [record.case], [record], data) == []


def test_no_file_but_a_trials_own_is_read(folder, data):
    np.save(folder / "elsewhere.npy", params())
    hostile = of("a", trial="../elsewhere")
    other = of("a", kind="figure", status="ok")
    damaged = of("a", 2)
    (folder / "params" / f"{damaged.trial}.npy").write_bytes(b"PK\x03\x04 no array")
    keep(folder, other, params())
    assert learned(folder, [hostile.case], [hostile, damaged, other], data) == []


def test_a_confusion_counts_each_class_by_what_it_was_taken_for():
    labels, predicted = np.array([0, 0, 1, 2, 2, 2], np.int32), np.array([0, 1, 1, 0, 0, 2])
    assert confusion(labels, predicted, 3).tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 1]]
