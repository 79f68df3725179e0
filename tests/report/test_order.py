"""The sections of one run: what fills them, and what an empty one says."""

import pytest
from support.records import bare, case, numbers_in, ok, probe
from support.sweeps import swept

from bench.records.schema import Skipped
from bench.report import order
from bench.report.sections.costs import gpu, many, resources, scaling, startup
from bench.report.sections.setting import runs

PEAKS = {"import": 2**21, "start": 2**20, "epochs": 2**30}


@pytest.fixture
def list_sections(load):
    """Return the sections of a run of these records by their titles."""

    def list_sections(*records, **changes):
        loaded = load(*records, **changes)
        return {of.title: of for of in order.list_sections([loaded], loaded.folder)}

    return list_sections


def test_empty_run_has_every_section_and_says_how_to_fill_it(list_sections):
    sections = list_sections(cases=(case(),))
    assert len(sections) == 14
    for section in sections.values():
        if section.group != order.METHOD:
            assert not section.tables
            assert not section.pictures
            assert section.empty.endswith(".")
    for title, option in (
        (resources.ROOFLINE_TITLE, "--no-roofline"),
        (scaling.BATCH_SIZE_TITLE, "--sweep"),
        (gpu.TITLE, "--device cpu,gpu"),
    ):
        assert option in sections[title].empty


@pytest.mark.parametrize(
    ("seed", "words"), [(42, "seed 42: an implementation could know"), (None, "drawn anew")]
)
def test_report_says_whether_orders_could_be_known(list_sections, seed, words):
    assert words in list_sections(ok(case()), seed=seed)[runs.MACHINE_TITLE].remarks[0]


def test_sweep_fills_every_section(list_sections):
    values = {"phase_rss_bytes": PEAKS, "predict_seconds": [0.02], "predict_one_seconds": [0.001]}
    records = [*swept(**values), probe(), probe(number=2, of={"threads": 1})]
    sections = list_sections(*records, cases=(case("a"), case("b")))
    rooflines = sections[resources.ROOFLINE_TITLE].tables[0].lines
    assert [line[:2] for line in rooflines] == [["cpu", "1"], ["cpu", "2"]]
    (picture,) = sections[scaling.BATCH_SIZE_TITLE].pictures
    assert picture.name == "growth-batch-size"
    memory = sections[resources.MEMORY_TITLE]
    assert [line[0] for line in memory.tables[0].lines] == ["a", "b"]
    absent = {runs.TEXTBOOK_TITLE, runs.FAULTS_TITLE, gpu.TITLE, many.TITLE}
    assert {title for title, of in sections.items() if of.empty and not of.tables} == absent
    # Most have a finding, and all but those of the first workload and of many models are folded.
    without = {*absent, "Epoch time, workload sgd"}
    for title, section in sections.items():
        if title not in without and section.group not in {order.METHOD, "Growth"}:
            assert section.finding.endswith("."), title
    start = [of.title for of in sections.values() if of.group == "Start-up and memory"]
    assert start == [startup.TITLE, resources.MEMORY_TITLE]
    opened = [title for title, section in sections.items() if not section.folded]
    assert opened == ["Epoch time, workload sgd", many.TITLE]


def test_failures_and_skipped_sizes_are_named(list_sections):
    failed = probe("jax", status="failed", reason="it returned 7", product_seconds=[])
    skipped = Skipped(7, 48000, "7 does not divide 48000")
    records = [ok(case()), bare(case("b")), failed]
    sections = list_sections(*records, rooflines=(failed.case,), skipped=(skipped,))
    roofline = sections[resources.ROOFLINE_TITLE]
    assert roofline.empty == "No probe succeeded."
    assert roofline.remarks == ["roofline-jax, cpu, 2 threads: failed, it returned 7"]
    assert numbers_in(*sections[scaling.BATCH_SIZE_TITLE].remarks) == [7, 48000]
    assert sections[runs.FAULTS_TITLE].finding == "Of 2 cases: 1 failed."
