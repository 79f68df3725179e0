"""Sections hold what a run has, say how to be filled where empty, and escape every name."""

import re

import pytest
from support.devices import on, swept_on, unavailable
from support.records import MACHINE, bare, case, environment, ok, run, trials, write
from support.sweep import swept

from bench.records import store
from bench.records.schema import Skipped
from bench.report import write as files
from bench.report.load import load
from bench.report.sections.gpu import NO_SWEEP, NONE_WELL
from bench.report.sections.order import NO_GPU, sections

# Raw newlines, cell separators, code, HTML, links and emphasis, as a hostile record may have them.
HOSTILE = "a | b\n## c `d` <script>x</script> [e](f) *g* ![j](k)"
DATA = {"features": 784, "classes": 10}
PEAKS = {"start": 2**20, "epochs": 2**30}


def of(tmp_path, plan, *records):
    found = load(write(tmp_path / "run", plan, *records, data=DATA))
    return {section.title: section for section in sections(found)}


def probe(by="numpy", **changes):
    values = {"kind": "ceiling", "status": "ok", "product_operations": 10**9,
              "product_seconds": [0.01], "read_bytes": [4 * 48000 * 784],
              "read_seconds": [0.01]}  # fmt: skip
    values |= changes
    limit = case(f"ceiling-{by}", workload="ceiling", framework=by, threads=values.pop("on", 2))
    return bare(limit, **values)


TITLES = [
    "Accuracy against time",
    "What it costs to start, and when it pays",
    "How far from what the machine can do?",
    "Batch size, samples and threads",
    "Do they compute the same?",
    "Memory",
    "The data",
    "What the classifiers learned",
]
CURVES, STARTS, LIMITS, SWEPT, PARITY, MEMORY, SHOWN, LEARNED = TITLES


@pytest.mark.parametrize("plan", [run(), run(case())])
def test_a_run_of_nothing_has_every_section_which_says_how_to_fill_it(tmp_path, plan):
    found = of(tmp_path, plan)
    assert list(found) == TITLES
    for section in found.values():
        assert (list(section.tables), list(section.pictures)) == ([], [])
        assert section.nothing.endswith(".")
    assert found[LIMITS].nothing == "The machine was not probed: leave out `--no-ceiling`."
    assert "`python -m bench run --sweep`" in found[SWEPT].nothing
    text = files.write(tmp_path / "run").read_text(encoding="utf-8")
    for section in found.values():
        assert f"## {section.title}\n\n{section.nothing}\n" in text


def test_a_whole_sweep_fills_every_section(tmp_path):
    records = [*swept(phase_rss_bytes=PEAKS), probe(), probe(on=1, product_seconds=[0.02])]
    found = of(tmp_path, run(*(case(name) for name in "ab")), *records)
    assert [table.title for table in found[LIMITS].tables] == ["The ceiling"]
    # 1,505,280,000 operations at 1e11 a second take 15.1 ms, at half of that twice as long.
    assert found[LIMITS].tables[0].lines == [
        ["cpu", "1", "50.0 GFLOP/s", "numpy", "15.1 GB/s", "numpy", "—", "30.1 ms"],
        ["cpu", "2", "100 GFLOP/s", "numpy", "15.1 GB/s", "numpy", "—", "15.1 ms"],
    ]
    assert len(found[SWEPT].tables) == 3
    assert [picture.name for picture in found[SWEPT].pictures] == [
        "growth-batch-size", "growth-samples", "growth-threads",
    ]  # fmt: skip
    assert found[SWEPT].remarks == [NO_GPU]
    assert [table.title for table in found[PARITY].tables] == ["Parity errors, sgd"]
    assert [picture.name for picture in found[PARITY].pictures] == ["parity-sgd"]
    assert [len(table.lines) for table in found[CURVES].tables] == [2]
    assert [picture.name for picture in found[CURVES].pictures] == ["accuracy-sgd"]
    (memory,) = found[MEMORY].tables
    assert [line[0] for line in memory.lines] == ["a", "b"]
    files.write(tmp_path / "run")
    assert (tmp_path / "run" / "growth-batch-size.svg").read_text().startswith("<svg")
    assert (tmp_path / "run" / "growth-samples.svg").exists()


DEVICES = "CPU against GPU"


def test_a_gpu_has_its_section_before_all_others(tmp_path):
    records = [*swept_on("cpu"), *swept_on("gpu"), *on("gpu", "b", workload="textbook")]
    found = of(tmp_path, run(case("a")), *records)
    assert list(found) == [DEVICES, *TITLES]
    assert [table.title.partition(",")[0] for table in found[DEVICES].tables] == [
        "Training and predicting", "How the GPU is used", "How many times as fast the GPU is",
        "How the GPU is used", "The GPU meanwhile",
    ]  # fmt: skip
    assert (found[DEVICES].remarks, found[SWEPT].remarks) == ([], [])
    text = files.write(tmp_path / "run").read_text(encoding="utf-8")
    assert text.count(f"## {DEVICES}\n") == 1
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert f'<a href="#cpu-against-gpu">{DEVICES}</a>' in page


def test_the_gpu_meanwhile_names_the_models_of_the_machine(tmp_path):
    machine = {**MACHINE, "gpus": ["Large GPU", "Large GPU"]}
    found = load(write(tmp_path / "run", run(case("a")), *on("gpu"), machine=machine))
    (*_, meanwhile) = sections(found)[0].tables
    assert meanwhile.lines[0] == ["GPU", "Large GPU"]


def test_a_gpu_without_a_sweep_says_what_one_would_tell_and_why_joules_are_absent(tmp_path):
    silent = on("gpu", energy_joules=None, energy_absent="too old | [x](y)")
    found = of(tmp_path, run(case("a")), *on("cpu"), *silent)
    assert found[DEVICES].remarks == [NO_SWEEP, "joules of a: too old | [x](y)"]
    text = files.write(tmp_path / "run").read_text(encoding="utf-8")
    assert "- joules of a: too old \\| \\[x\\](y)\n" in text


def test_a_gpu_on_which_nothing_went_well_says_where_the_reasons_are(tmp_path):
    found = of(tmp_path, run(case("a")), *on("cpu"), unavailable("a"))
    assert (found[DEVICES].tables, found[DEVICES].remarks) == ([], [])
    text = files.write(tmp_path / "run").read_text(encoding="utf-8")
    assert f"## {DEVICES}\n\n{NONE_WELL}\n" in text
    assert text.count("no GPU can be used") == 1


def test_only_what_was_varied_is_drawn(tmp_path):
    batches = swept("a", sizes=[(32, 48000, 2), (8, 48000, 2), (8, 48000, 1)])
    found = of(tmp_path / "batches", run(case("a")), *batches)
    assert [picture.name for picture in found[SWEPT].pictures] == [
        "growth-batch-size", "growth-threads",
    ]  # fmt: skip
    samples = swept("a", sizes=[(32, 48000, 2), (32, 9600, 2)])
    found = of(tmp_path / "samples", run(case("a")), *samples)
    assert [picture.name for picture in found[SWEPT].pictures] == ["growth-samples"]
    threads = swept("a", sizes=[(32, 48000, 2), (32, 48000, 1)])
    found = of(tmp_path / "threads", run(case("a")), *threads)
    assert [picture.name for picture in found[SWEPT].pictures] == ["growth-threads"]


def test_probes_that_told_nothing_are_named(tmp_path):
    wrong = probe("jax", status="failed", reason="it returned 7", product_seconds=[])
    planned = run(case(), ceilings=(wrong.case,))
    found = of(tmp_path, planned, ok(case()), wrong)
    assert found[LIMITS].nothing == "No probe went well."
    assert found[LIMITS].remarks == ["ceiling-jax, cpu, 2 threads: failed, it returned 7"]


def test_sizes_that_were_skipped_are_said_with_or_without_a_table(tmp_path):
    left = Skipped(7, 48000, "7 does not divide 48000")
    found = of(tmp_path, run(case(), skipped=(left,)), ok(case()))
    assert found[SWEPT].remarks == ["not measured: 7 does not divide 48000"]
    text = files.write(tmp_path / "run").read_text(encoding="utf-8")
    assert "\n- not measured: 7 does not divide 48000\n" in text


def test_a_row_that_is_faster_than_the_machine_is_in_no_section(tmp_path):
    fast = trials(case("too-fast"), 0.001, phase_rss_bytes=PEAKS)
    good = trials(case("good"), 0.5, phase_rss_bytes=PEAKS)
    found = of(tmp_path, run(case("too-fast"), case("good")), *fast, *good, probe())
    names = {line[0] for title in (STARTS, MEMORY) for table in found[title].tables
             for line in table.lines}  # fmt: skip
    assert names == {"good"}


def test_memory_is_of_the_first_workload_at_its_first_size_whatever_was_measured_first(tmp_path):
    cases = [case(), case(batch_size=9600), case(workload="textbook")]
    peaks = [300, 500, 700]
    records = [ok(each, phase_rss_bytes={"epochs": peak * 2**20})
               for each, peak in zip(cases, peaks, strict=True)]  # fmt: skip
    found = of(tmp_path, run(*cases), *records[::-1])
    (table,) = found[MEMORY].tables
    assert table.title.endswith("batch size 32, 2 threads, 48,000 samples")
    assert table.lines == [["pytorch", "300 MiB"]]


@pytest.mark.parametrize("features", [None, "many", 7.5])
def test_data_without_a_shape_have_a_rate_and_no_bandwidth(tmp_path, features):
    data = {"features": features, "classes": 10}
    found = load(write(tmp_path / "run", run(case()), ok(case()), probe(), data=data))
    (table,) = sections(found)[2].tables
    assert table.lines == [["cpu", "2", "100 GFLOP/s", "numpy", "—", "—", "—", "—"]]


def test_an_older_environment_without_the_shape_does_not_hide_it(tmp_path):
    folder = write(tmp_path / "run", run(case()), ok(case()), probe(), data=DATA)
    store.add_environment(folder, environment(id="before"))
    (table,) = sections(load(folder))[2].tables
    assert table.lines == [
        ["cpu", "2", "100 GFLOP/s", "numpy", "15.1 GB/s", "numpy", "—", "15.1 ms"]
    ]


def test_starts_are_those_of_the_first_size(tmp_path):
    cases = [case(), case(batch_size=8)]
    found = of(tmp_path, run(*cases), *(ok(each) for each in cases))
    titles = [table.title for table in found[STARTS].tables]
    assert len(titles) == 2
    assert all("batch size 32," in title for title in titles)


def test_no_name_of_a_record_becomes_markup_in_a_section(tmp_path):
    names = (HOSTILE, HOSTILE + "2")
    planned = run(case(names[0]), case(names[1], style="tuned"),
                  skipped=(Skipped(7, 100, HOSTILE),))  # fmt: skip
    tuned = trials(case(names[1], style="tuned"), 0.5, 0.5, phase_rss_bytes=PEAKS)
    records = [*swept(names[0], phase_rss_bytes=PEAKS), *tuned, probe(HOSTILE),
               probe("jax", status="failed", reason=HOSTILE, product_seconds=[])]  # fmt: skip
    of(tmp_path, planned, *records)
    text = files.write(tmp_path / "run").read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\[e\]|(?<!\\)`d|(?<!\\)\*g", text)
    assert not re.search(r"^## c", text, re.MULTILINE)
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert [title for title in headings if title in TITLES] == TITLES
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        columns = {len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(columns) == 1
