"""The section of a workload; its findings say what the intervals say, and no more."""

import json
from dataclasses import replace

from support.records import HERE, bare, case, read_cells, run, trials, write

from bench.analysis.summary import Accuracy, summarize
from bench.report.base import tables
from bench.report.base.load import load_run
from bench.report.base.parts import Section
from bench.report.sections.costs.workload import (
    GROUPS_NOTE,
    NOTHING_WELL,
    describe_ties,
    describe_workload,
    find_accuracy,
    write_note,
)
from bench.report.sections.verdict import list_remarks

# ----- what the noise hides

# a and b have processes that are level, and so do b and c, but not a and c.
A, B, C, D = (1.0, 1.0, 1.02), (1.01, 1.03, 1.05), (1.04, 1.06, 1.06), (10.0, 10.0, 10.0)


def rows_of(**epochs):
    records = [record for name, times in epochs.items() for record in trials(case(name), *times)]
    return summarize(records, HERE)


def test_uncertain_neighbours_are_named():
    (line,) = describe_ties(rows_of(a=A, b=B, c=C, d=D))
    assert line == "These neighbours cannot be told apart: a and b, b and c."
    (line,) = describe_ties(rows_of(**{"<a>": A, "b|c": B}))
    assert line == "These neighbours cannot be told apart: &lt;a&gt; and b\\|c."
    assert describe_ties(rows_of(a=A, c=C)) == []


def test_rows_in_two_groups_and_with_lost_trials_are_marked(tmp_path):
    slow = trials(case("<slow>"), 1.0, 1.0, 1.5)
    lost = [*trials(case("lost"), 0.5, 0.5), bare(case("lost"), 3, status="timeout")]
    plan = run(case("<slow>"), case("lost"))
    section = describe_workload(load_run(write(tmp_path / "run", plan, *slow, *lost)), "sgd")
    (table,) = section.tables
    processes = {line[0]: line[table.headings.index("processes")] for line in table.lines}
    assert processes == {"lost": "2 of 3", "<slow>": "two groups"}
    assert GROUPS_NOTE in table.note
    points = json.dumps(section.pictures[0].draw().to_dict())
    assert points.count('"ms": ') == 5  # a ring for each process
    assert '"text": "1,000, two groups"' in points


def test_rows_that_wait_in_their_epochs_are_named(tmp_path):
    epochs = {"epoch_seconds": [1.0, 1.0, 1.25, 1.0, 1.25], "epoch_cpu_seconds": [1.0] * 5}
    records = [*trials(case("<waits>"), 1.0, 1.0, **epochs), *trials(case("busy"), 1.0, 1.0)]
    loaded = load_run(write(tmp_path / "run", run(case("<waits>"), case("busy")), *records))
    section = describe_workload(loaded, "sgd")
    assert list_remarks(loaded)[-1] == (
        "<waits> waits in 40 % of its epochs, while no core computes for it: "
        "1.25 s [1.25, 1.25] in place of 1.00 s [1.00, 1.00]."
    )
    remarks = {cells["program"]: cells["processes"] for cells in read_cells(section.tables[0])}
    assert remarks == {"<waits>": "waits 40 %", "busy": ""}
    points = json.dumps(section.pictures[0].draw().to_dict())
    assert points.count('"ms": ') == 10 + 2  # a ring for each epoch of the one that waits


def test_accuracy_shows_its_spread_over_seeds_only_if_there_are_several():
    (row,) = rows_of(a=A)
    several = replace(row, accuracy=Accuracy(0.84, None, [[one] * 5 for one in (0.83, 0.85, 0.84)]))
    cells = tables.list_accuracies("a", [find_accuracy(one) for one in (row, several)]).cells
    assert cells == ["0.8396", "0.8400 [0.8300, 0.8500]"]
    assert "one seed" in write_note([row])
    assert "over 3 seeds" in write_note([row, several])


# ----- the section


def test_workload_has_table_and_charts_of_its_ranked_rows(tmp_path):
    cases = [case("slow", style="tuned"), case("wrong"), case("ovr", objective="one-vs-rest")]
    records = [
        *trials(case("fast"), 0.5, 0.5),
        *trials(cases[0], 1.0, 1.0),
        *trials(cases[1], 0.1, 0.1, status="failed"),
        *trials(cases[2], 0.25),
    ]
    loaded = load_run(write(tmp_path / "run", run(case("fast"), *cases), *records))
    section = describe_workload(loaded, "sgd")
    assert section.title == "Epoch time, workload sgd"
    assert section.finding.startswith("An epoch, once running: fast, ")
    assert section.text.startswith("The optimizer is SGD with learning rate 0.05.")
    assert section.text.endswith(
        "Measured: cpu, batch size 32, 2 threads, 48,000 samples; 1 or 2 processes of each program."
    )
    (table,) = section.tables
    ovr, fast, slow = read_cells(table)
    assert slow == {
        "program": "slow",
        "epoch, ms": "1,000 [1,000, 1,000]",
        "× fastest": "2.00 [2.00, 2.00]",
        "five epochs from a cold start, s": "9.26 [9.26, 9.26]",
        "peak memory, MiB": "512",
        "validation accuracy": "0.8396",
        "parity error, × 10⁻⁶": "1.5",
        "style": "tuned",
    }
    assert (fast["× fastest"], ovr["× fastest"]) == ("1", "—")
    assert ovr["program"] == "ovr (one-vs-rest)"
    assert table.programs[0] == "ovr (one-vs-rest)"
    assert table.keys[2][:2] == ["slow", 1.0]
    assert table.numeric == set(range(1, 7))
    assert [picture.name for picture in section.pictures] == ["epoch-sgd"]
    for picture in section.pictures:
        points = json.dumps(picture.draw().to_dict())
        assert [f'"{name}' in points for name in ("fast", "slow", "ovr", "wrong")] == [
            *[True] * 3,
            False,
        ]
    second = run(case("fast", workload="textbook"), case("fast"))
    loaded = load_run(write(tmp_path / "second", second, *records[:2]))
    assert describe_workload(loaded, "sgd").finding.startswith("An epoch of workload sgd, once")
    assert describe_workload(loaded, "own") == Section(
        "Epoch time, workload own", empty=NOTHING_WELL
    )
