"""The data and what is learned from them are shown where the data are prepared."""

import numpy as np
import pytest
from support.data import idx_files, write_idx
from support.records import case, ok, run, write

from bench.data import dataset
from bench.report import write as files
from bench.report.load import load
from bench.report.sections.order import sections

SHOWN, LEARNED = "The data", "What the classifiers learned"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)


@pytest.fixture
def data(tmp_path):
    write_idx(tmp_path / "pixels", idx_files(samples=50, tests=20))
    return dataset.find(str(tmp_path / "pixels"))


def of(folder):
    return {section.title: section for section in sections(load(folder))}


@pytest.fixture
def folder(tmp_path, data):
    """A run of three on the same data; the fastest solves the one-vs-rest problem."""
    sizes = {"batch_size": 5, "samples": 40}
    cases = [case("a", **sizes), case("b", **sizes), case("c", objective="one-vs-rest", **sizes)]
    records = [ok(each, epoch=epoch) for each, epoch in zip(cases, (0.5, 0.7, 0.1), strict=True)]
    return write(tmp_path / "run", run(*cases), *records, data=data.describe())


def test_the_data_have_a_picture_and_the_count_of_every_class(folder, data):
    found = of(folder)[SHOWN]
    assert [picture.title for picture in found.pictures] == ["The first 10 images"]
    (table,) = found.tables
    assert table.headings == ("label", "class", "train", "validation", "test")
    assert sum(int(line[4]) for line in table.lines) == 20


def test_learned_section_has_weights_and_confusion_without_any_params(folder):
    learned = of(folder)[LEARNED]
    assert [picture.name for picture in learned.pictures] == ["weights", "confusion"]
    (remark,) = learned.remarks
    assert "after 5 epochs of workload sgd at batch size 5" in remark
    text = files.write(folder).read_text(encoding="utf-8")
    for file in ("data.svg", "weights.svg", "confusion.svg"):
        assert f"]({file})" in text
        assert (folder / file).read_text(encoding="utf-8").startswith("<svg")


def test_learned_section_without_a_softmax_row_is_empty(tmp_path, data):
    only = case("c", objective="one-vs-rest")
    learned = of(write(tmp_path / "run", run(only), ok(only), data=data.describe()))[LEARNED]
    assert (learned.tables, learned.pictures) == ([], ())


def test_a_report_is_the_same_bytes_when_it_is_written_again(folder):
    first = {path.name: path.read_bytes() for path in files.write(folder).parent.iterdir()
             if path.is_file()}  # fmt: skip
    files.write(folder)
    assert {name: (folder / name).read_bytes() for name in first} == first


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("fashion-mnist", "`python -m bench data`"),
        ("digits", "`python -m bench data --data digits`"),
        ("<b>`x`", "`python -m bench data --data DIR`"),
    ],
)
def test_data_that_are_not_prepared_are_asked_for_and_not_looked_for(
    tmp_path, monkeypatch, name, command
):
    monkeypatch.setattr(dataset, "find", lambda *_: pytest.fail("looked for the data"))
    told = {"name": name, "sha256": {"train": "of nothing that is here"}}
    found = of(write(tmp_path / "run", run(case()), ok(case()), data=told))
    for section in (found[SHOWN], found[LEARNED]):
        assert (section.tables, section.pictures) == ([], ())
        assert command in section.nothing
        assert "<b>" not in section.nothing


def test_data_of_other_hashes_are_not_shown(folder, data, tmp_path):
    told = {**data.describe(), "sha256": {**data.sha256, "t10k-labels-idx1-ubyte": "0"}}
    found = of(write(tmp_path / "other", run(case()), ok(case()), data=told))
    assert "are not prepared here" in found[SHOWN].nothing


def test_without_a_place_to_look_the_data_are_asked_for(folder, monkeypatch):
    monkeypatch.delenv("SOFTMAX_BENCH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(dataset.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError))
    assert "are not prepared here" in of(folder)[SHOWN].nothing


def test_records_of_several_data_sets_show_none(folder, data):
    (path,) = (folder / "environments").glob("*.json")
    other = path.read_text(encoding="utf-8").replace("here", "there").replace(
        next(iter(data.sha256.values())), "0"
    )  # fmt: skip
    path.with_name("there.json").write_text(other, encoding="utf-8")
    assert of(folder)[SHOWN].nothing == "No record tells of one data set."


def test_images_that_are_not_square_have_numbers_and_no_picture(tmp_path):
    random = np.random.default_rng(0)
    shapes = {"train-images-idx3-ubyte": (50, 2, 3), "t10k-images-idx3-ubyte": (10, 2, 3)}
    images = {name: random.integers(0, 256, shape, np.uint8) for name, shape in shapes.items()}
    write_idx(tmp_path / "flat", {**idx_files(), **images})
    told = dataset.find(str(tmp_path / "flat")).describe()
    folder = write(tmp_path / "run", run(case()), ok(case()), data=told)
    found = of(folder)
    assert found[SHOWN].remarks == ["the images are not square and cannot be drawn"]
    assert found[SHOWN].tables
    assert [picture.name for picture in found[LEARNED].pictures] == ["confusion"]
