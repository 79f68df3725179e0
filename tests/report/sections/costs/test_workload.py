"""The section of a workload; its findings say what the intervals say, and no more."""

import json
from dataclasses import replace

from support.records import HERE, bare, case, numbers_in, read_cells, run, trials

from bench.analysis import ranking
from bench.analysis.summary import Accuracy, summarize
from bench.report.base import tables
from bench.report.base.parts import Section
from bench.report.charts.chart import make_specification
from bench.report.render.csv import render_csv
from bench.report.sections.costs.workload import (
    GROUPS_NOTE,
    NOTHING_WELL,
    describe_ties,
    describe_workload,
    find_accuracy,
    list_common,
    tabulate_comparison,
    write_note,
)
from bench.report.sections.verdict import list_remarks

# a and b have processes that are level, and so do b and c, but not a and c.
A, B, C, D = (1.0, 1.0, 1.02), (1.01, 1.03, 1.05), (1.04, 1.06, 1.06), (10.0, 10.0, 10.0)


def rows_of(**epochs):
    records = [record for name, times in epochs.items() for record in trials(case(name), *times)]
    return summarize(records, HERE)


def draw(section):
    (picture,) = section.pictures
    return json.dumps(make_specification(picture.draw))


# ----- what the noise hides


def test_uncertain_neighbours_are_named():
    (line,) = describe_ties(rows_of(a=A, b=B, c=C, d=D))
    assert line == "These neighbours cannot be told apart: a and b, b and c."
    (line,) = describe_ties(rows_of(**{"<a>": A, "b|c": B}))
    assert line.endswith(": &lt;a&gt; and b\\|c.")
    assert describe_ties(rows_of(a=A, c=C)) == []


def test_rows_in_two_groups_are_marked_and_those_with_lost_trials_not_ranked(load):
    slow = trials(case("<slow>"), 1.0, 1.0, 1.5)
    lost = [*trials(case("lost"), 0.5, 0.5), bare(case("lost"), 3, status="timeout")]
    section = describe_workload(load(*slow, *lost), "sgd")
    (table,) = section.tables
    processes = {line["program"]: line["processes"] for line in read_cells(table)}
    assert processes == {"<slow>": "two groups"}
    assert GROUPS_NOTE in table.note
    points = draw(section)
    assert points.count('"ms": ') == 3  # a ring for each process
    assert '"text": "1,000, two groups"' in points


def test_rows_that_wait_in_their_epochs_are_named(load):
    epochs = {"epoch_seconds": [1.0, 1.0, 1.25, 1.0, 1.25], "epoch_cpu_seconds": [1.0] * 5}
    waits = trials(case("<waits>"), 1.0, 1.0, **epochs)
    loaded = load(*waits, *trials(case("busy"), 1.0, 1.0))
    *_, remark = list_remarks(loaded)
    assert remark.startswith("<waits> waits in 40 % of its epochs, while no core computes for it: ")
    assert numbers_in(remark) == [40, 1.25, 1.25, 1.25, 1, 1, 1]
    section = describe_workload(loaded, "sgd")
    remarks = {cells["program"]: cells["processes"] for cells in read_cells(section.tables[0])}
    assert remarks == {"<waits>": "waits 40 %", "busy": ""}
    assert draw(section).count('"ms": ') == 10 + 2  # a ring for each epoch of the one that waits


def test_accuracy_shows_its_spread_over_seeds_only_if_there_are_several():
    (row,) = rows_of(a=A)
    curves = [[accuracy] * 5 for accuracy in (0.83, 0.85, 0.84)]
    several = replace(row, accuracy=Accuracy(0.84, None, curves))
    cells = tables.list_accuracies("a", map(find_accuracy, (row, several))).cells
    assert cells == ["0.8396", "0.8400 [0.8300, 0.8500]"]
    assert "one seed" in write_note([row])
    assert "over 3 seeds" in write_note([row, several])


# ----- the table


def test_what_all_rows_have_in_common_is_no_column():
    a, b = (trials(case(name), 1.0, 1.0, 1.5) for name in "ab")
    rows = summarize([*a, *b], HERE)
    assert list_common(rows) == ["two groups"]
    assert list_common(rows[:1]) == []  # a single row has a column for its own
    assert "processes" not in tabulate_comparison(rows, rows).headings
    mixed = summarize([*a, *trials(case("b"), 0.5, 0.5)], HERE)
    assert "processes" in tabulate_comparison(mixed, mixed).headings


def test_rows_of_a_table_are_compared_once(monkeypatch):
    groups, compare = [], ranking.compare_all
    monkeypatch.setattr(ranking, "compare_all", lambda *of: groups.append(of) or compare(*of))
    rows = rows_of(a=A, b=A, c=A, d=A)
    tabulate_comparison(rows, rows)
    render_csv(rows)
    assert [len(group) for group, _ in groups] == [4, 4]  # once in each


# ----- the section


def test_workload_has_table_and_chart_of_its_ranked_rows(load):
    records = [
        *trials(case("fast"), 0.5, 0.5),
        *trials(case("slow", style="tuned"), 1.0, 1.0),
        *trials(case("wrong"), 0.1, 0.1, status="failed"),
        *trials(case("ovr", objective="one-vs-rest"), 0.25),
    ]
    section = describe_workload(load(*records), "sgd")
    assert section.finding.startswith("An epoch, once running: fast, ")
    optimizer, measured = section.text.split("\n\n")
    assert optimizer == "The optimizer is SGD with learning rate 0.05."
    assert numbers_in(measured) == [32, 2, 48000, 1, 2]
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
    assert ovr["program"] == table.programs[0] == "ovr (one-vs-rest)"
    assert table.keys[2][:2] == ["slow", 1.0]
    assert table.numeric == set(range(1, 7))
    assert section.pictures[0].name == "epoch-sgd"
    points = draw(section)
    names = [name for name in ("fast", "slow", "ovr", "wrong") if f'"{name}' in points]
    assert names == ["fast", "slow", "ovr"]
    # Where it is not the first workload, its finding names it.
    loaded = load(*records[:2], cases=run(case("fast", workload="textbook"), case("fast")).cases)
    assert describe_workload(loaded, "sgd").finding.startswith("An epoch of workload sgd, once")
    nothing = Section("Epoch time, workload own", empty=NOTHING_WELL)
    assert describe_workload(loaded, "own") == nothing
