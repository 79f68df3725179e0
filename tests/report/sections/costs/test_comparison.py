"""The tables of faults, of the textbook's figures and of noise."""

import re

import pytest
from support.records import HERE, bare, case, ok, trials

from bench.analysis import ranking
from bench.analysis.intervals import Interval
from bench.analysis.noise import Noise
from bench.analysis.speed import Adjustment
from bench.analysis.summary import summarize
from bench.analysis.textbook import TextbookRow
from bench.report.base.labels import list_faults, tabulate_programs
from bench.report.base.tables import list_counts
from bench.report.render.csv import render_csv
from bench.report.sections.costs.workload import list_common, tabulate_comparison
from bench.report.sections.setting.runs import describe_adjustment, list_noise, tabulate_textbook


def test_unavailable_at_several_sizes_is_one_line():
    absent = {"status": "unavailable", "reason": "no GPU"}
    sizes = [case("a", device="gpu", batch_size=size) for size in (8, 32)]
    records = [
        *(bare(of, number, **absent) for of in sizes for number in (1, 2)),
        bare(case("a", device="gpu", batch_size=128), status="unavailable", reason="another"),
        bare(case("a", batch_size=8), **absent),
        *(bare(case("b", batch_size=size), reason="wrong") for size in (8, 32)),
    ]
    rest = "2 threads, 48,000 samples"
    rows = summarize(records, HERE)
    assert sorted([*line.values()][1:] for line in list_faults(rows)) == [
        ["a", f"cpu, batch size 8, {rest}", "unavailable", "1 of 1", "no GPU"],
        ["a", "gpu, 2 sizes", "unavailable", "4 of 4", "no GPU"],
        ["a", f"gpu, batch size 128, {rest}", "unavailable", "1 of 1", "another"],
        ["b", f"cpu, batch size 32, {rest}", "failed", "1 of 1", "wrong"],
        ["b", f"cpu, batch size 8, {rest}", "failed", "1 of 1", "wrong"],
    ]


@pytest.mark.parametrize(
    ("kernels", "known", "follows", "cells"),
    [
        ((0.002, 0.003), True, 1, ["1.50", "1.00"]),
        ((0.002, 0.00204), True, 1, None),
        ((0.002, 0.003), True, 0, None),
        ((0.002, 0.003), False, 1, None),
    ],
    ids=["varied", "steady", "unrelated", "unknown"],
)
def test_speed_of_the_machine_is_shown_where_it_varied(kernels, known, follows, cells):
    # Epochs follow the kernel; another process of each row is delayed.
    records = [
        ok(
            case(name),
            number,
            epoch_seconds=[kernel * delay**follows] * 5,
            kernel_seconds=[kernel * delay] * 6 * known,
        )
        for name, kernel, delayed in (("a", kernels[0], 1), ("b", kernels[1], 3))
        for number in (1, 2, 3)
        for delay in [1.5 if number == delayed else 1.0]
    ]
    rows = summarize(records, HERE)
    table = tabulate_comparison(rows, rows)
    assert ("machine's speed, × run's" in table.headings) == (cells is not None)
    assert "machine's speed, × run's" not in tabulate_comparison(rows, rows, 9).headings
    if cells:
        speed = table.headings.index("machine's speed, × run's")
        assert [line[speed] for line in table.lines] == cells


@pytest.mark.parametrize(
    ("adjustment", "words"),
    [
        (Adjustment(), None),
        (
            Adjustment({"a": {1: 0.5}}, before=0.2, after=0.04),
            r"from 20 % to 4(\.0)? %: ratios .* mean speed",
        ),
        (
            Adjustment(before=0.02, after=0.03),
            r"not explain .*2(\.0)? %, and 3(\.0)? %.*as measured",
        ),
    ],
)
def test_adjustment_is_described_with_both_spreads(adjustment, words):
    sentence = describe_adjustment(adjustment)
    assert re.search(words, sentence) if words else sentence == ""


def test_textbook_figures_are_beside_ours():
    row = TextbookRow("fig", "validation_accuracy", "keras 3", 0.8463, 0.01, 0.8495, 12.0, None)
    verdict = "differs by 0.0032: within 0.01"
    table = tabulate_textbook([row])
    assert table.headings == (
        "program",
        "quantity",
        "textbook",
        "here",
        "run time, s",
        "verdict",
        "framework",
    )
    line = ["fig", "validation accuracy", "0.8463", "0.8495", "12.0", verdict, "keras 3"]
    assert table.lines == [line]
    assert table.numeric == {2, 3, 4}
    assert tabulate_textbook([row], ["here"]).lines == [["here", *line]]


def test_noise_has_every_measure():
    noise = Noise(0.25, 0.125, Interval(1.5, 1.25, 2.0), 0.0625, 0.5, 0.75, throttled=3)
    values = [*list_noise(noise).values()]
    assert values == ["25 %", "12 %", "1.50 [1.25, 2.00]", "6.2 %", "50 %", "75 %", "3.00"]
    unknown = Noise(None, None, None, None, None, None, None)
    values = [*list_noise(unknown).values()]
    assert values == ["—", "—", "unknown", "—", "—", "—", "—"]


def test_rows_name_their_threads_where_these_differ():
    records = [
        ok(case("a", threads=1), epoch=0.1),
        ok(case("b", threads=2), epoch=0.2),
        bare(case("c", threads=2), reason="wrong"),
    ]
    rows = summarize(records, HERE)
    table = tabulate_comparison(rows, rows[:2])
    threads = table.headings.index("threads")
    assert [line[threads] for line in table.lines] == ["1", "2"]
    (fault,) = list_faults(rows)
    assert fault["problem"] == "cpu, batch size 32, 2 threads, 48,000 samples"
    table = tabulate_programs("t", [list_counts("n", [5, 6])], "", rows[:2])
    assert table.headings == ("program", "n", "style", "threads")
    assert table.title.endswith("batch size 32, 1 or 2 threads, 48,000 samples")
    alike = rows[:1]
    assert "threads" not in tabulate_comparison(alike, alike).headings
    fixed = tabulate_programs("t", [list_counts("n", [5])], "", alike)
    assert fixed.headings == ("program", "n", "style")


def test_what_all_rows_have_in_common_is_no_column():
    def lost(name):
        return [ok(case(name), 1), ok(case(name), 2), bare(case(name), 3, status="timeout")]

    rows = summarize([*lost("a"), *lost("b")], HERE)
    assert list_common(rows) == ["2 of 3"]
    assert "processes" not in tabulate_comparison(rows, rows).headings
    mixed = summarize([*lost("a"), *trials(case("b"), 0.5, 0.5)], HERE)
    assert "processes" in tabulate_comparison(mixed, mixed).headings


def test_rows_of_a_table_are_compared_once(monkeypatch):
    groups, compare = [], ranking.compare_all
    monkeypatch.setattr(ranking, "compare_all", lambda *of: groups.append(of) or compare(*of))
    rows = summarize([one for name in "abcd" for one in trials(case(name), 0.5, 0.5)], HERE)
    tabulate_comparison(rows, rows)
    render_csv(rows)
    assert [len(group) for group, _ in groups] == [4, 4]  # once in each
