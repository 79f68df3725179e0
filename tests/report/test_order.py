"""The sections of one run: what fills them, and what an empty one says."""

import io
import re

import numpy as np
import pytest
from support.data import idx_files, write_idx
from support.records import MACHINE, case, environment, ok, probe, run, write
from support.sweeps import on, swept, swept_on, unavailable

from bench.data import dataset
from bench.records import store
from bench.records.schema import Skipped
from bench.report import order
from bench.report.base.load import load_run
from bench.report.sections.costs import gpu, many

DATA = {"features": 784, "classes": 10}
PEAKS = {"start": 2**20, "epochs": 2**30}
TEXTBOOK = "The textbook's figures and those measured here"
PARITY, PROGRAMS, MEMORY = "Do they compute the same?", "What each row is", "Peak memory"
BATCHES, ROOFLINE = "Growth with the batch size", "How far from what the machine can do?"
LEARNED = "What it learned"


def sections_of(folder):
    loaded = load_run(folder)
    return {section.title: section for section in order.list_sections([loaded], folder)}


def write_and_list(tmp_path, plan, *records, **changes):
    return sections_of(write(tmp_path / "run", plan, *records, **{"data": DATA, **changes}))


def test_empty_run_has_every_section_and_says_how_to_fill_it(tmp_path):
    found = write_and_list(tmp_path, run(case()))
    assert len(found) == 16
    for section in found.values():
        if section.group != order.METHOD:
            assert not section.tables
            assert not section.pictures
            assert section.empty.endswith(".")
    assert "--no-roofline" in found[ROOFLINE].empty
    assert "--sweep" in found[BATCHES].empty
    assert "--device cpu,gpu" in found[gpu.TITLE].empty


@pytest.mark.parametrize(
    ("seed", "words"), [(42, "seed 42: an implementation could know"), (None, "drawn anew")]
)
def test_report_says_whether_orders_could_be_known(tmp_path, seed, words):
    found = write_and_list(tmp_path, run(case(), seed=seed), ok(case()))
    assert words in found["Machine and software"].remarks[0]


def test_sweep_fills_every_section(tmp_path):
    values = {"phase_rss_bytes": {**PEAKS, "import": 2**21}, "predict_seconds": [0.02]}
    values["predict_one_seconds"] = [0.001]
    records = [*swept(**values), probe(), probe(number=2, of={"threads": 1})]
    found = write_and_list(tmp_path, run(*(case(name) for name in "ab")), *records)
    assert [line[:2] for line in found[ROOFLINE].tables[0].lines] == [["cpu", "1"], ["cpu", "2"]]
    pictures = {title: [one.name for one in section.pictures] for title, section in found.items()}
    assert pictures[BATCHES] == ["growth-batch-size"]
    assert [line[0] for line in found[MEMORY].tables[0].lines] == ["a", "b"]
    absent = {TEXTBOOK, gpu.TITLE, many.TITLE, LEARNED}
    assert {title for title, section in found.items() if section.empty and not section.tables} == (
        absent | {"Failed and unavailable"}
    )
    without = {*absent, PROGRAMS, "Epoch time, workload sgd"}
    for title, section in found.items():
        if title not in without and section.group not in {order.METHOD, "Growth"}:
            assert section.finding.endswith("."), title


def test_gpu_has_its_tables_and_its_finding(tmp_path):
    records = [*swept_on("cpu"), *swept_on("gpu"), *on("gpu", "b", workload="textbook")]
    found = write_and_list(tmp_path, run(case("a")), *records)
    section = found[gpu.TITLE]
    assert [table.title.partition(",")[0] for table in section.tables] == [
        "Training and predicting",
        "Use of the GPU",
        "GPU speedup by batch size",
        "Use of the GPU",
    ]
    assert section.finding == (
        "At batch size 32 the GPU trains 1 of 1 programs certainly faster than the CPU at one "
        "number of threads, which need not be its best, and 0 certainly slower."
    )
    (remark,) = section.remarks
    assert remark.startswith("sgd: measured with one number of threads on the CPU: a.")


@pytest.mark.parametrize(("cores", "remarks"), [(1, 0), (2, 1), (None, 1)])
def test_one_core_has_no_other_number_of_threads(tmp_path, cores, remarks):
    records, machine = [*swept_on("cpu"), *swept_on("gpu")], MACHINE | {"cores": cores}
    section = write_and_list(tmp_path, run(case("a")), *records, machine=machine)[gpu.TITLE]
    assert (len(section.remarks), gpu.UNTUNED_BRIEF in section.finding) == (remarks, remarks == 1)


def test_failed_gpu_trials_leave_a_section_with_the_reason(tmp_path):
    found = write_and_list(tmp_path, run(case("a")), *on("cpu"), unavailable("a"))
    section = found[gpu.TITLE]
    assert (section.tables, section.remarks, section.empty) == ([], [], gpu.NOT_RANKED)


def test_failed_probes_and_skipped_sizes_are_remarks(tmp_path):
    failed = probe("jax", status="failed", reason="it returned 7", product_seconds=[])
    skipped = Skipped(7, 48000, "7 does not divide 48000")
    plan = run(case(), rooflines=(failed.case,), skipped=(skipped,))
    found = write_and_list(tmp_path, plan, ok(case()), failed)
    assert found[ROOFLINE].empty == "No probe succeeded."
    assert found[ROOFLINE].remarks == ["roofline-jax, cpu, 2 threads: failed, it returned 7"]
    assert found[BATCHES].remarks == ["not measured: 7 does not divide 48000"]


# ----- the data, and what is learned from them


@pytest.fixture
def prepared(tmp_path, own_cache):
    """Small data, prepared in a cache of their own."""
    write_idx(tmp_path / "pixels", idx_files(samples=50, tests=20))
    return dataset.find(str(tmp_path / "pixels"))


@pytest.fixture
def folder(tmp_path, prepared):
    """A run of three cases on these data; the fastest is not a softmax classifier."""
    sizes = {"batch_size": 5, "samples": 40}
    cases = [case("a", **sizes), case("b", **sizes), case("c", objective="one-vs-rest", **sizes)]
    records = [ok(of, epoch=epoch) for of, epoch in zip(cases, (0.5, 0.7, 0.1), strict=True)]
    made = write(tmp_path / "run", run(*cases), *records, data=prepared.describe())
    keep_params(made, records[1], prepared)
    return made


def keep_params(folder, record, data):
    """Write params of five epochs, all of them 1."""
    with io.BytesIO() as stream:
        np.save(stream, np.ones((5, data.features + 1, data.classes), np.float32))
        store.save_params(folder, record.trial, stream.getvalue())


def test_weights_and_confusion_are_of_params_that_the_run_keeps(folder):
    section = sections_of(folder)[LEARNED]
    assert [picture.name for picture in section.pictures] == ["weights"]
    (remark,) = section.remarks
    assert "those of b after 5 epochs of workload sgd at batch size 5" in remark
    assert re.match(r"These weights label \d+ of 20 test images correctly; ", section.finding)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("fashion-mnist", "`softmax-bench data`"),
        ("digits", "`softmax-bench data --data digits`"),
        ("<b>`x`", "`softmax-bench data --data DIR`"),
    ],
)
def test_unprepared_data_are_asked_for_and_not_searched(tmp_path, monkeypatch, name, command):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dataset, "find", lambda *_: pytest.fail("looked for the data"))
    data = {"name": name, "sha256": {"train": "of nothing that is here"}}
    found = write_and_list(tmp_path, run(case()), ok(case()), data=data)
    assert command in found[LEARNED].empty
    assert "<b>" not in found[LEARNED].empty


def test_data_with_other_hashes_or_of_several_sets_are_not_shown(folder, prepared, tmp_path):
    other = {**prepared.describe(), "sha256": {**prepared.sha256, "t10k-labels-idx1-ubyte": "0"}}
    found = write_and_list(tmp_path / "other", run(case()), ok(case()), data=other)
    assert found[LEARNED].empty
    store.add_environment(folder, environment(id="there", data=other))
    assert sections_of(folder)[LEARNED].empty


def test_images_that_are_not_square_have_no_picture(tmp_path, prepared):
    random = np.random.default_rng(0)
    shapes = {"train-images-idx3-ubyte": (50, 2, 3), "t10k-images-idx3-ubyte": (10, 2, 3)}
    images = {name: random.integers(0, 256, shape, np.uint8) for name, shape in shapes.items()}
    write_idx(tmp_path / "flat", {**idx_files(), **images})
    data = dataset.find(str(tmp_path / "flat")).describe()
    made = write(tmp_path / "run", run(case()), ok(case()), data=data)
    keep_params(made, ok(case()), dataset.find(str(tmp_path / "flat")))
    found = sections_of(made)
    assert not found[LEARNED].pictures
