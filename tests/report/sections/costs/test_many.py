"""What a report says of several models at once."""

import pytest
from support.records import read_cells
from support.sweeps import models

from bench.report.opening import make_opening
from bench.report.sections.costs import many

TOGETHER = "models train faster together than one by one in one-processes"
ALONE = models("one-processes", {n: [n, n, n] for n in (1, 10, 100)}, style="tuned")


@pytest.fixture
def load(load):
    def load_models(*records):
        return load(*records, rounds=dict.fromkeys((of.case.workload for of in records), 3))

    return load_models


def test_tables_have_rates_memory_and_crossing(load):
    records = models("jax-vmap", {1: [4.0] * 3, 10: [10.0] * 3, 100: [25.0] * 3})
    never = models("slow", {n: [3 * n] * 3 for n in (1, 10, 100)}, peak_rss_bytes=2**30)
    section = many.describe_many(load(*ALONE, *records, *never))
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
def test_finding_is_no_stronger_than_the_times(load, times, words):
    records = models("jax-vmap", {n: [n * time for time in times] for n in (1, 10)})
    assert many.describe_many(load(*ALONE, *records)).finding.endswith(words)


def test_finding_names_the_gpu(load):
    cpu, gpu = ({n: [n * factor] * 3 for n in (1, 10)} for factor in (2.0, 1.0))
    records = [*models("a", cpu), *models("a", gpu, device="gpu")]
    faster = "It is certain that the GPU is faster than the CPU: with a always."
    assert many.describe_many(load(*records)).finding == faster
    records += models("one-processes", {n: [n * 1.5] * 3 for n in (1, 10)})
    finding = many.describe_many(load(*records)).finding
    assert finding == f"It is certain that {TOGETHER}: with a (gpu) always. {faster}"


def test_reader_chooses_models_beside_epochs(load):
    records = models("jax-vmap", {1: [4.0] * 3, 10: [5.0] * 3, 100: [25.0] * 3})
    others = models("b", {10: [0.1] * 3})  # not with the number of models that the page begins with
    opening = make_opening(load(*ALONE, *records, *others))
    assert opening.models == [1, 10, 100]
    first = {standing.key: standing.lines[0][0] for standing in opening.standings}
    keys = ("1000", "1000 m10", "1000 m100")
    assert [first[key] for key in keys] == ["one-processes", "jax-vmap", "jax-vmap"]
    for opened in (opening, make_opening(load(*records))):
        assert opened.answers[-1].startswith("100 models at once: jax-vmap,")
    single = make_opening(load(*models("a", {1: [1.0] * 3})))
    assert (single.models, single.standings) == ([], [])
