"""Each program is described by its own source."""

import pytest
from support.records import bare, case, ok, read_cells, run, trials, write

from bench.records import store
from bench.report.base.load import load_run
from bench.report.sections import programs
from implementations import IMPLEMENTATIONS

SOURCE = '''"""Softmax in one line.

More of it.
"""

import numpy as np  # counts


class Trainer:
    """Not counted."""

    # Nor is this.
    text = """counts
    twice"""
'''
TWINS = {
    "jax-scan": "jax-plain-scan",
    "pytorch-dataloader": "pytorch",
    "pytorch-compiled": "pytorch-ten-steps",
    "keras-tensorflow-loop": "keras-tensorflow",
    "optax": "jax",
}


def test_source_is_summarized_and_its_code_counted():
    assert programs.summarize_source(SOURCE) == "Softmax in one line"
    assert programs.count_lines(SOURCE) == 4


def test_twins_are_of_one_framework_and_differ():
    twins = {entry.name: programs.find_twin(entry) for entry in IMPLEMENTATIONS}
    assert {name: twins[name].name for name in TWINS} == TWINS
    assert twins["numpy"] is None


def test_difference_from_the_twin_has_no_common_line():
    entries = {entry.name: entry for entry in IMPLEMENTATIONS}
    lines = programs.compare_sources(entries["jax-scan"], entries["jax"]).splitlines()
    assert lines[0] == "--- implementations/idiomatic/softmax_jax.py"
    assert {line[0] for line in lines} == {"-", "+", "@"}
    assert any("jax.lax.scan" in line for line in lines if line[0] == "+")


@pytest.mark.parametrize("inside", [True, False])
def test_each_program_has_its_line_and_its_source(load, tmp_path, inside):
    numpy = case("numpy", framework="numpy", module="softmax_numpy")
    records = [*trials(numpy, 0.5), *trials(case("mine", file="mine.py", style="own"), 1.0)]
    output = programs.SUITE / "results" / "x" if inside else tmp_path
    section = programs.describe_programs(load(*records), output)
    ours, mine = read_cells(section.tables[0])
    assert ours["what it is"].startswith("Softmax regression in NumPy")
    assert int(ours["lines"]) > 20
    assert ours["parity error, × 10⁻⁶"] == "1.5"
    assert mine["what it is"] == programs.NOT_OURS
    (fold,) = section.folds
    assert "class Trainer" in fold.text
    path = "../../implementations/idiomatic/softmax_numpy.py"
    assert fold.link == (path if inside else "")


def test_traces_are_linked_and_others_have_their_reason(tmp_path):
    traced, gone, without = (case(name) for name in ("traced", "gone", "without"))
    records = [
        *(ok(of, kind=kind) for of in (traced, gone) for kind in ("trial", "trace")),
        ok(without),
        bare(without, kind="trace", status="unavailable", reason="no *profiler*"),
    ]
    folder = write(tmp_path / "a #1", run(traced, gone, without, trace=True), *records)
    store.save_trace(folder, traced.slug, b"a trace")
    section = programs.describe_programs(load_run(folder), tmp_path / "report")
    assert "profiler" in section.text
    (link,) = section.links
    assert link.title.startswith("traced: ")
    assert link.url == f"../a%20%231/traces/{traced.slug}.json.gz"
    assert section.remarks == [
        "gone: no trace: its file is not in the run's folder",
        "without: no trace: no *profiler*",
    ]
