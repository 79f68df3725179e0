"""What a report says of several models at once."""

import pytest
from support.records import plan_of, read_cells, write
from support.sweeps import models

from bench.report.base.load import load_run
from bench.report.opening import make_opening
from bench.report.sections.costs import many

TOGETHER = "models train faster together than one by one in one-processes"
ALONE = models("one-processes", {n: [n, n, n] for n in (1, 10, 100)}, style="tuned")


def load(tmp_path, *records):
    names = dict.fromkeys(record.case.workload for record in records)
    plan = plan_of(*records, rounds=dict.fromkeys(names, 3))
    return load_run(write(tmp_path / "run", plan, *records))


def test_tables_have_rates_memory_and_crossing(tmp_path):
    records = models("jax-vmap", {1: [4.0] * 3, 10: [10.0] * 3, 100: [25.0] * 3})
    never = models("slow", {n: [3 * n] * 3 for n in (1, 10, 100)}, peak_rss_bytes=2**30)
    section = many.describe_many(load(tmp_path, *ALONE, *records, *never))
    rates, memory = map(read_cells, section.tables)
    assert [line["program"] for line in rates] == ["jax-vmap", "one-processes", "slow"]
    assert rates[0] == {
        "program": "jax-vmap",
        "1": "0.250 [0.250, 0.250]",
        "10": "1.00 [1.00, 1.00]",
        "100": "4.00 [4.00, 4.00]",
        "together faster from": "10",
        "style": "idiomatic",
    }
    assert [line["together faster from"] for line in rates[1:]] == ["—", "no size measured"]
    assert [line["100, MiB"] for line in memory] == ["512", "512", "1,020"]
    assert section.finding == f"It is certain that {TOGETHER}: with jax-vmap from 10 models on."


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([0.5], f"of no program that {TOGETHER}."),
        ([0.5] * 3, f"that {TOGETHER}: with jax-vmap always."),
        ([2.0] * 3, f"of no program that {TOGETHER}."),
    ],
)
def test_finding_is_no_stronger_than_the_times(tmp_path, times, words):
    records = models("jax-vmap", {n: [n * one for one in times] for n in (1, 10)})
    assert many.describe_many(load(tmp_path, *ALONE, *records)).finding.endswith(words)


def test_finding_names_the_gpu(tmp_path):
    cpu, gpu = ({n: [n * factor] * 3 for n in (1, 10)} for factor in (2.0, 1.0))
    records = [*models("a", cpu), *models("a", gpu, device="gpu")]
    faster = "It is certain that the GPU is faster than the CPU: with a always."
    assert many.describe_many(load(tmp_path / "2", *records)).finding == faster
    records += models("one-processes", {n: [n * 1.5] * 3 for n in (1, 10)})
    finding = many.describe_many(load(tmp_path / "3", *records)).finding
    assert finding == f"It is certain that {TOGETHER}: with a (gpu) always. {faster}"


def test_reader_chooses_models_beside_epochs(tmp_path):
    records = models("jax-vmap", {1: [4.0] * 3, 10: [5.0] * 3, 100: [25.0] * 3})
    only = models("b", {10: [0.1] * 3})  # not with the number of models that the page begins with
    opening = make_opening(load(tmp_path, *ALONE, *records, *only))
    assert opening.models == [1, 10, 100]
    first = {one.key: one.lines[0][0] for one in opening.standings}
    assert (first["1000"], first["1000 m10"], first["1000 m100"]) == (
        *("one-processes", "jax-vmap", "jax-vmap"),
    )
    assert opening.answers[-1].startswith("100 models at once: jax-vmap,")
    no_baseline = make_opening(load(tmp_path / "2", *records))
    assert no_baseline.answers[-1].startswith("100 models at once: jax-vmap,")
    single = make_opening(load(tmp_path / "other", *models("a", {1: [1.0] * 3})))
    assert (single.models, single.standings) == ([], [])
