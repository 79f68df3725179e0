"""Two runs agree where rows that the first told apart keep their order in the second."""

import io

import pytest
import typer
from fixtures_records import MACHINE, case, environment, ok, run, trials, write
from rich.console import Console

from bench import agreement, store
from bench.agreement import Agreement, agreements
from bench.report import terminal
from bench.summary import rows
from bench.verbs import show

HERE = {"here": environment()}


def rows_of(workload="sgd", **times):
    """Return the rows of implementations with these epochs, a round each."""
    records = [
        record
        for name, epochs in times.items()
        for record in trials(case(name, workload=workload), *epochs)
    ]
    return rows(records, HERE)


def printed(table):
    """Return the cells of a table's lines, which are two spaces apart at least."""
    stream = io.StringIO()
    Console(file=stream, width=240).print(table)
    _heading, *lines = stream.getvalue().splitlines()
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


# Two epochs that are the same leave no doubt: their interval is a point. For 1.0 and 1.2 half of it
# is 12.706 * ln(1.2) / 2 = 1.158, so that it reaches from 0.34 to 3.49.
def test_rows_whose_intervals_parted_keep_their_order():
    found = agreements(rows_of(a=[1, 1], b=[2, 2]), rows_of(a=[1.8, 1.8], b=[1.9, 1.9]))
    assert found == [Agreement("sgd", 1, 1, 1, (), 0)]


def test_rows_whose_intervals_parted_and_that_changed_places_break_the_agreement():
    found = agreements(rows_of(b=[1, 1], a=[2, 2]), rows_of(a=[1, 1], b=[2, 2]))
    assert found == [Agreement("sgd", 1, 1, 0, (("b", "a"),), 0)]


def test_rows_whose_intervals_overlap_may_change_places():
    found = agreements(rows_of(a=[1.0, 1.2], b=[1.1, 1.3]), rows_of(a=[2, 2], b=[1, 1]))
    assert found == [Agreement("sgd", 1, 0, 0, (), 1)]


def test_intervals_that_overlap_and_keep_their_order_are_no_news():
    found = agreements(rows_of(a=[1.0, 1.2], b=[1.1, 1.3]), rows_of(a=[1, 1], b=[2, 2]))
    assert found == [Agreement("sgd", 1, 0, 0, (), 0)]


def test_intervals_that_touch_have_not_parted():
    found = agreements(rows_of(a=[1, 1], b=[1, 1]), rows_of(a=[2, 2], b=[1, 1]))
    assert found == [Agreement("sgd", 1, 0, 0, (), 1)]


def test_rows_that_are_equal_in_the_second_run_have_not_changed_places():
    found = agreements(rows_of(a=[1, 1], b=[2, 2]), rows_of(a=[3, 3], b=[3, 3]))
    assert found == [Agreement("sgd", 1, 1, 1, (), 0)]


def test_every_pair_counts():
    # The intervals of b and d, from 3.20 and from 3.28 on, overlap; the five other pairs parted. In
    # the second run a and c have changed places, and so have b and d.
    first = rows_of(a=[1, 1], c=[3, 3], b=[7.0, 8.0], d=[7.1, 8.1])
    second = rows_of(a=[2, 2], c=[1, 1], b=[8, 8], d=[7, 7])
    assert agreements(first, second) == [Agreement("sgd", 6, 5, 4, (("a", "c"),), 1)]


def test_one_round_has_no_interval_and_parts_from_nothing():
    again = rows_of(a=[2, 2], b=[1, 1])
    for first in (rows_of(a=[1], b=[9]), rows_of(a=[1], b=[9, 9]), rows_of(a=[1, 1], b=[9])):
        assert agreements(first, again) == [Agreement("sgd", 1, 0, 0, (), 1)]


def test_the_second_run_needs_no_interval():
    found = agreements(rows_of(a=[1, 1], b=[2, 2]), rows_of(a=[2], b=[1]))
    assert found == [Agreement("sgd", 1, 1, 0, (("a", "b"),), 0)]


@pytest.mark.parametrize("missing", ["a", "b"])
def test_a_row_that_the_second_run_lacks_makes_no_pair(missing):
    first = rows_of(a=[1, 1], b=[2, 2])
    second = [row for row in first if row.case.implementation != missing]
    assert agreements(first, second) == [Agreement("sgd", 0, 0, 0, (), 0)]


@pytest.mark.parametrize("wrong", ["a", "b"])
def test_a_row_that_is_not_ranked_in_either_run_makes_no_pair(wrong):
    good = [*trials(case("a"), 1, 1), *trials(case("b"), 2, 2)]
    bad = [*good, ok(case(wrong), 3, status="failed")]
    none = [Agreement("sgd", 0, 0, 0, (), 0)]
    assert agreements(rows(good, HERE), rows(bad, HERE)) == none
    assert agreements(rows(bad, HERE), rows(good, HERE)) == none


def test_a_workload_of_which_nothing_is_ranked_has_no_line():
    failed = rows(trials(case("a", workload="textbook"), 1, 1, status="failed"), HERE)
    first = [*rows_of(a=[1, 1]), *failed]
    assert [found.workload for found in agreements(first, first)] == ["sgd"]
    assert agreements(failed, failed) == agreements([], []) == []


def test_one_vs_rest_and_softmax_are_not_compared():
    other = trials(case("o", objective="one-vs-rest"), 1, 1)
    found = rows([*other, *trials(case("a"), 2, 2), *trials(case("b"), 3, 3)], HERE)
    assert agreements(found, found) == [Agreement("sgd", 1, 1, 1, (), 0)]


def test_a_case_is_the_same_where_all_that_decides_its_number_is():
    first = rows_of(a=[1, 1], b=[2, 2])
    records = [*trials(case("a", threads=1), 9, 9), *trials(case("b", threads=1), 1, 1)]
    assert agreements(first, rows(records, HERE)) == [Agreement("sgd", 0, 0, 0, (), 0)]


def test_each_workload_has_a_line_in_the_order_of_the_first_run():
    first = [*rows_of("textbook", a=[1, 1], b=[2, 2]), *rows_of("sgd", a=[1, 1], b=[2, 2])]
    second = [*rows_of("sgd", a=[2, 2], b=[1, 1]), *rows_of("textbook", a=[1, 1], b=[2, 2])]
    assert agreements(first, second) == [
        Agreement("textbook", 1, 1, 1, (), 0),
        Agreement("sgd", 1, 1, 0, (("a", "b"),), 0),
    ]


# ----- tables


def test_two_runs_stand_side_by_side_with_the_ratio_of_their_means():
    first, second = rows_of(a=[2, 2], b=[4], c=[5, 5]), rows_of(b=[2], a=[3, 3])
    assert printed(terminal.twice(first, second)) == [
        ["sgd", "a", "2.00 s [2.00, 2.00]", "3.00 s [3.00, 3.00]", "1.500"],
        ["sgd", "b", "4.00 s", "2.00 s", "0.500"],
    ]


def test_a_row_without_a_time_in_either_run_does_not_stand_beside_another():
    good, bad = rows_of(a=[1, 1]), rows(trials(case("a"), 1, 1, status="timeout"), HERE)
    assert printed(terminal.twice(good, bad)) == []
    assert printed(terminal.twice(bad, good)) == []


def test_the_table_of_agreements_names_the_pairs_that_changed_order():
    lines = [
        Agreement("sgd", 28, 21, 19, (("a", "b"), ("c", "d")), 3),
        Agreement("textbook", 6, 5, 5, (), 0),
    ]
    assert printed(terminal.agreements(lines)) == [
        ["sgd", "28", "21", "19", "a and b, c and d", "3"],
        ["textbook", "6", "5", "5", "none", "0"],
    ]


# ----- the verb


@pytest.fixture
def saved(tmp_path):
    """Write a run of two cases with these epochs, as it would lie in results/."""

    def save(name, a, b, **changes):
        cases = case("a"), case("b")
        records = [*trials(cases[0], a, a), *trials(cases[1], b, b)]
        return write(tmp_path / name, run(*cases), *records, **changes)

    return save


def agreed(first, second):
    with pytest.raises(typer.Exit) as ended:
        show.agree(first, second)
    return ended.value.exit_code


def test_runs_in_which_every_order_was_kept_agree(saved, capsys):
    assert agreed(saved("first", 1.0, 2.0), saved("second", 1.5, 1.8)) == 0
    out = capsys.readouterr().out
    assert "1.500" in out
    assert "0.900" in out
    assert out.splitlines()[-1].split() == ["sgd", "1", "1", "1", "none", "0"]


def test_a_changed_order_is_an_error_and_named(saved, capsys):
    assert agreed(saved("first", 1.0, 2.0), saved("second", 2.0, 1.0)) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.split() == ["sgd", "1", "1", "0", "a", "and", "b", "0"]


def test_a_changed_order_in_one_workload_is_an_error_whatever_the_other_kept(tmp_path):
    def save(name, *epochs):
        cases = [case(of, workload=workload) for workload in ("sgd", "textbook") for of in "ab"]
        records = [
            record
            for each, epoch in zip(cases, epochs, strict=True)
            for record in trials(each, epoch, epoch)
        ]
        return write(tmp_path / name, run(*cases), *records)

    assert agreed(save("first", 1, 2, 1, 2), save("second", 1, 2, 2, 1)) == 1


def test_overlapping_rows_that_changed_places_are_no_error(saved, capsys):
    assert agreed(saved("first", 1.0, 1.0), saved("second", 2.0, 1.0)) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.split() == ["sgd", "1", "0", "0", "none", "1"]


def test_runs_of_different_machines_are_not_compared(saved, capsys):
    second = saved("second", 1.0, 2.0, machine={**MACHINE, "id": "another"})
    assert agreed(saved("first", 1.0, 2.0), second) == 4
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "different machines" in out


def test_a_run_of_two_machines_agrees_with_none(saved, capsys):
    folders = [saved(name, 1.0, 2.0) for name in ("first", "second")]
    for folder in folders:
        store.add_environment(folder, environment(id="there", machine={"id": "another"}))
    assert agreed(*folders) == 4
    assert "different machines" in capsys.readouterr().out


def test_the_name_of_a_machine_does_not_tell_it_from_another(saved):
    second = saved("second", 1.0, 2.0, machine={**MACHINE, "name": "a new name"})
    assert agreed(saved("first", 1.0, 2.0), second) == 0


def test_the_machines_of_a_run_are_those_of_all_its_environments(saved):
    folder = saved("first", 1.0, 2.0)
    assert agreement.machines(folder) == {MACHINE["id"]}
    store.add_environment(folder, environment(id="there", machine={"id": "another"}))
    assert agreement.machines(folder) == {MACHINE["id"], "another"}


def test_names_from_somebody_elses_records_are_text_and_no_markup():
    odd = rows(trials(case("x[/b]"), 1.0), HERE)
    console = Console(width=200)
    with console.capture() as shown:
        console.print(terminal.twice(odd, odd))
        console.print(terminal.agreements([Agreement("[red]", 1, 1, 0, (("x[/b]", "y"),), 0)]))
    for name in ("x[/b]", "[red]"):
        assert name in shown.get()
