"""The sections of one run: what fills them, and what an empty one says."""

import re

import numpy as np
import pytest
from support.data import idx_files, write_idx
from support.devices import on, swept_on, unavailable
from support.records import bare, case, environment, ok, run, trials, write
from support.sweep import swept

from bench.data import dataset
from bench.records import store
from bench.records.schema import Skipped
from bench.report.load import load_run
from bench.report.sections import data as data_sections
from bench.report.sections import gpu
from bench.report.sections.order import list_sections
from bench.report.write import write_report

HOSTILE = "a | b\n## c `d` <script>x</script> [e](f) *g* ![j](k)"
DATA = {"features": 784, "classes": 10}
PEAKS = {"start": 2**20, "epochs": 2**30}
TITLES = [
    "The textbook's figures and ours",
    "Accuracy against time",
    "What it costs to start, and when it pays",
    "How far from what the machine can do?",
    "Batch size, samples and threads",
    "Do they compute the same?",
    "Memory",
    "The data",
    "What the classifiers learned",
    "What is included in the measurements?",
    "Failed and unavailable",
    "Noise",
    "Machine and software",
]
TEXTBOOK, CURVES, STARTS, ROOFLINE, SWEEP, PARITY, MEMORY, IMAGES, LEARNED = TITLES[:9]


def sections_of(folder):
    loaded = load_run(folder)
    return {section.title: section for section in list_sections([loaded], folder)}


def write_and_list(tmp_path, plan, *records, **changes):
    return sections_of(write(tmp_path / "run", plan, *records, **{"data": DATA, **changes}))


def probe(by="numpy", threads=2, **changes):
    values = {
        "kind": "roofline",
        "status": "ok",
        "product_operations": 10**9,
        "product_seconds": [0.01],
        "read_bytes": [4 * 48000 * 784],
        "read_seconds": [0.01],
    }
    of = case(f"ceiling-{by}", workload="ceiling", framework=by, threads=threads)
    return bare(of, **values | changes)


@pytest.mark.parametrize("plan", [run(), run(case())])
def test_empty_run_has_every_section_which_says_how_to_fill_it(tmp_path, plan):
    found = write_and_list(tmp_path, plan)
    assert list(found) == TITLES
    for title in TITLES[:9]:
        assert not found[title].tables
        assert not found[title].pictures
        assert found[title].empty.endswith(".")
    assert "--no-roofline" in found[ROOFLINE].empty
    assert "--sweep" in found[SWEEP].empty
    text = write_report([load_run(tmp_path / "run")]).read_text(encoding="utf-8")
    for title in TITLES[:9]:
        assert f"## {title}\n\n{found[title].empty}\n" in text


def test_sweep_fills_every_section(tmp_path):
    records = [*swept(phase_rss_bytes=PEAKS), probe(), probe(threads=1, product_seconds=[0.02])]
    found = write_and_list(tmp_path, run(*(case(name) for name in "ab")), *records)
    # 1,505,280,000 operations at 1e11 a second take 15.1 ms, at half of that twice as long.
    assert found[ROOFLINE].tables[0].lines == [
        ["cpu", "1", "50.0 GFLOP/s", "numpy", "15.1 GB/s", "numpy", "—", "30.1 ms"],
        ["cpu", "2", "100 GFLOP/s", "numpy", "15.1 GB/s", "numpy", "—", "15.1 ms"],
    ]
    pictures = {title: [one.name for one in section.pictures] for title, section in found.items()}
    assert pictures[SWEEP] == ["growth-batch-size", "growth-samples", "growth-threads"]
    assert pictures[PARITY] == ["parity-sgd"]
    assert pictures[CURVES] == ["accuracy-sgd"]
    assert pictures[MEMORY] == ["memory"]
    assert len(found[SWEEP].tables) == 3
    assert len(found[SWEEP].remarks) == 1  # no GPU was measured
    assert [len(table.lines) for table in found[CURVES].tables] == [2]
    assert [line[0] for line in found[MEMORY].tables[0].lines] == ["a", "b"]


def test_gpu_has_its_section_before_all_others(tmp_path):
    records = [*swept_on("cpu"), *swept_on("gpu"), *on("gpu", "b", workload="textbook")]
    found = write_and_list(tmp_path, run(case("a")), *records)
    assert list(found)[:2] == [TEXTBOOK, gpu.TITLE]
    assert [table.title.partition(",")[0] for table in found[gpu.TITLE].tables] == [
        "Training and predicting",
        "Use of the GPU",
        "GPU speedup by batch size",
        "Use of the GPU",
    ]
    assert (found[gpu.TITLE].remarks, found[SWEEP].remarks) == ([], [])


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
    assert found[ROOFLINE].remarks == ["ceiling-jax, cpu, 2 threads: failed, it returned 7"]
    assert found[SWEEP].remarks == ["not measured: 7 does not divide 48000"]
    text = write_report([load_run(tmp_path / "run")]).read_text(encoding="utf-8")
    assert "\n- not measured: 7 does not divide 48000\n" in text


def test_row_faster_than_the_roofline_is_in_no_section(tmp_path):
    fast = trials(case("too-fast"), 0.001, phase_rss_bytes=PEAKS)
    good = trials(case("good"), 0.5, phase_rss_bytes=PEAKS)
    plan = run(case("too-fast"), case("good"))
    found = write_and_list(tmp_path, plan, *fast, *good, probe())
    tables = [table for title in (STARTS, MEMORY) for table in found[title].tables]
    assert {line[0] for table in tables for line in table.lines} == {"good"}


def test_older_environment_without_the_shape_does_not_hide_it(tmp_path):
    folder = write(tmp_path / "run", run(case()), ok(case()), probe(), data=DATA)
    store.add_environment(folder, environment(id="before"))
    assert "15.1 GB/s" in sections_of(folder)[ROOFLINE].tables[0].lines[0]


def test_names_of_records_never_become_markup(tmp_path):
    names = (HOSTILE, HOSTILE + "2")
    cases = (case(names[0]), case(names[1], style="tuned"))
    plan = run(*cases, skipped=(Skipped(7, 100, HOSTILE),))
    records = [
        *swept(names[0], phase_rss_bytes=PEAKS),
        *trials(cases[1], 0.5, 0.5, phase_rss_bytes=PEAKS),
        probe(HOSTILE),
        probe("jax", status="failed", reason=HOSTILE, product_seconds=[]),
    ]
    folder = write(tmp_path / "run", plan, *records, data=DATA)
    text = write_report([load_run(folder)]).read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\[e\]|(?<!\\)`d|(?<!\\)\*g", text)
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[1:] == TITLES
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


# ----- the data, and what is learned from them


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Small data, prepared in a cache of their own."""
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    write_idx(tmp_path / "pixels", idx_files(samples=50, tests=20))
    return dataset.find(str(tmp_path / "pixels"))


@pytest.fixture
def folder(tmp_path, prepared):
    """A run of three cases on these data; the fastest is not a softmax classifier."""
    sizes = {"batch_size": 5, "samples": 40}
    cases = [case("a", **sizes), case("b", **sizes), case("c", objective="one-vs-rest", **sizes)]
    records = [ok(of, epoch=epoch) for of, epoch in zip(cases, (0.5, 0.7, 0.1), strict=True)]
    return write(tmp_path / "run", run(*cases), *records, data=prepared.describe())


def test_prepared_data_are_shown_and_counted(folder):
    section = sections_of(folder)[IMAGES]
    assert [picture.title for picture in section.pictures] == ["The first 10 images"]
    (remark,) = section.remarks
    assert remark.startswith("40 training, 10 validation and 20 test images of 10 classes")


def test_weights_and_confusion_are_the_oracles(folder):
    section = sections_of(folder)[LEARNED]
    assert [picture.name for picture in section.pictures] == ["weights", "confusion"]
    (remark,) = section.remarks
    assert "after 5 epochs of workload sgd at batch size 5" in remark
    text = write_report([load_run(folder)]).read_text(encoding="utf-8")
    for file in ("data.svg", "weights.svg", "confusion.svg"):
        assert f"]({file})" in text
        assert (folder / file).read_text(encoding="utf-8").startswith("<svg")


def test_report_written_twice_has_the_same_bytes(folder):
    write_report([load_run(folder)])
    first = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    write_report([load_run(folder)])
    assert {name: (folder / name).read_bytes() for name in first} == first


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("fashion-mnist", "`python -m bench data`"),
        ("digits", "`python -m bench data --data digits`"),
        ("<b>`x`", "`python -m bench data --data DIR`"),
    ],
)
def test_unprepared_data_are_asked_for_and_not_searched(tmp_path, monkeypatch, name, command):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dataset, "find", lambda *_: pytest.fail("looked for the data"))
    data = {"name": name, "sha256": {"train": "of nothing that is here"}}
    found = write_and_list(tmp_path, run(case()), ok(case()), data=data)
    for title in (IMAGES, LEARNED):
        assert command in found[title].empty
        assert "<b>" not in found[title].empty


def test_data_with_other_hashes_or_of_several_sets_are_not_shown(folder, prepared, tmp_path):
    other = {**prepared.describe(), "sha256": {**prepared.sha256, "t10k-labels-idx1-ubyte": "0"}}
    found = write_and_list(tmp_path / "other", run(case()), ok(case()), data=other)
    assert found[IMAGES].empty
    store.add_environment(folder, environment(id="there", data=other))
    assert sections_of(folder)[IMAGES].empty


def test_images_that_are_not_square_have_numbers_and_no_picture(tmp_path, prepared):
    random = np.random.default_rng(0)
    shapes = {"train-images-idx3-ubyte": (50, 2, 3), "t10k-images-idx3-ubyte": (10, 2, 3)}
    images = {name: random.integers(0, 256, shape, np.uint8) for name, shape in shapes.items()}
    write_idx(tmp_path / "flat", {**idx_files(), **images})
    data = dataset.find(str(tmp_path / "flat")).describe()
    found = write_and_list(tmp_path, run(case()), ok(case()), data=data)
    assert data_sections.NOT_SQUARE in found[IMAGES].remarks
    assert [picture.name for picture in found[LEARNED].pictures] == ["confusion"]
