"""Devices of several machines side by side, and runs over time: cells are worked out by hand."""

from dataclasses import replace

import pytest
from support.records import MACHINE, bare, case, environment, ok, plan_of, trials, write
from support.sweeps import on, unavailable

from bench.records import store
from bench.report.base.load import load_runs
from bench.report.order import describe_notes
from bench.report.sections.setting.machines import (
    MAX_COLUMNS,
    compare_versions,
    describe_machines,
    group_by_problem,
    list_relative,
    refuse_column,
)
from bench.report.sections.setting.runs import describe_history

GPU = "NVIDIA H100 80GB HBM3"
SERVER = {**MACHINE, "id": "server", "name": f"16-core Server, 64 GiB, {GPU}", "gpus": [GPU]}
BOX = {**MACHINE, "id": "box", "name": "2-core Box, 8 GiB"}
SMALL = "2-core Box, 8 GiB, 2 threads"


def load(tmp_path, data=None, **machines):
    """Write and load a run of each machine; by the folder's name: the machine and its records."""
    facts = {"data": data} if data else {}
    folders = []
    for name, (machine, *records) in machines.items():
        plan = plan_of(*records, run=name)
        folders.append(write(tmp_path / name, plan, *records, machine=machine, **facts))
    return load_runs(folders)


@pytest.fixture
def both(tmp_path):
    """A box, and a server with a GPU; an epoch of 64, 32 and 31.24 ms, and of three on the box."""
    server = [*on("cpu", times=0.5), *on("gpu", times=0.5), unavailable("b"), *on("cpu", "b")]
    return load(tmp_path, box=(BOX, *on("cpu", epochs=(1.0, 1.1, 0.9))), server=(SERVER, *server))


# ----- the tables of a problem


def test_each_device_has_a_column_and_a_program_its_range(both):
    ratios, times = describe_machines(both).tables
    server = f"16-core Server, 64 GiB, {GPU}"
    devices = (SMALL, f"{server}, 2 threads", f"{server}, gpu")
    assert ratios.title.startswith("An epoch, × a, sgd: batch size 32")
    assert ratios.headings == ("program", *devices, "range, × a")
    assert ratios.lines == [["a", "1.0", "1.0", "1.0", "1.0"], ["b", "—", "2.0", "—", "2.0"]]
    assert times.headings == ("program", *devices, "range, ms")
    assert [line[0] for line in times.lines] == ["a", "b"]
    assert times.lines[1][1:4:2] == ["not measured", "unavailable"]
    # A median of 64 ms, from ln 0.9 - 1.23607 * ln(1.1 / 0.9) = -0.3534 below to 0.3433 above it.
    assert times.lines[0][1] == "64.0 [44.9, 90.2]"


def test_sentence_says_how_alike_the_orders_are_and_what_changes_places(tmp_path):
    def measure(**epochs):
        return [
            record
            for name, epoch in epochs.items()
            for record in trials(case(name), epoch, 1.005 * epoch, 0.995 * epoch)
        ]

    x, y = measure(a=0.1, b=0.2, c=0.6), measure(a=0.2, b=0.5, c=0.4)
    runs = load(tmp_path, x=(BOX, *x), y=(SERVER, *y))
    section = describe_machines(runs)
    assert section.finding == (
        "Programs have different orders on 2 machines, any two of which share 3 programs or more: "
        "rank correlation 0.50"
    )
    assert section.text.endswith(
        "Relative to a, 1 of 2 programs differ by less than 1.5 times between machines. These "
        "certainly change places: b with c."
    )
    ratios, _ = section.tables
    assert ratios.lines[1:] == [
        ["b", "2.0", "2.5", "2.0 to 2.5"],
        ["c", "6.0", "2.0", "2.0 to 6.0"],
    ]
    relative = list_relative(runs)
    assert relative.heading == ratios.headings[1]
    assert relative.cells["b"]["a"] == ["0.50", "0.40", "0.40 to 0.50"]
    same = load(tmp_path / "same", x=(BOX, *x), y=(SERVER, *x))
    assert describe_machines(same).finding.startswith("Programs have the same order on 2 machines")


def test_row_that_lost_trials_says_so_beside_its_time(tmp_path):
    lost = [*trials(case("a"), 0.1, 0.1), bare(case("a"), 3, status="timeout")]
    runs = load(tmp_path, box=(BOX, *lost), again=(BOX, *trials(case("a"), 0.2, 0.2)))
    (milliseconds,) = describe_machines(runs).tables[1].lines
    assert milliseconds[1:] == ["100 [100, 100], 2 of 3", "200 [200, 200]", "100 to 200"]
    (times,) = describe_history(runs).tables[0].lines
    assert times[1:] == ["100 ms [100, 100], 2 of 3", "200 ms [200, 200]"]


def test_rows_are_compared_whatever_their_threads(tmp_path):
    one, two = (case("a", threads=threads) for threads in (1, 2))
    runs = load(tmp_path, box=(BOX, *trials(one, 0.1)), again=(BOX, *trials(two, 0.2)))
    compared = describe_machines(runs).tables[0]
    assert compared.lines[0][1:] == ["1.0", "1.0", "1.0"]
    assert [name.rpartition(", ")[2] for name in compared.headings[1:3]] == [
        "1 thread",
        "2 threads",
    ]
    assert [line[0] for line in describe_history(runs).tables[0].lines] == [two.slug, one.slug]


def test_versions_that_differ_are_named_with_their_machines(tmp_path):
    runs = load(tmp_path, x=(BOX, *on("cpu"), *on("cpu", "b")), y=(SERVER, *on("cpu")))
    assert compare_versions(group_by_problem(runs)) == []
    newer = environment(
        id="there",
        machine={**MACHINE, "id": "z", "name": "Z"},
        software={"distributions": {"torch": "2.10"}},
    )
    folder = tmp_path / "x"
    store.add_environment(folder, newer)
    store.append_record(folder, ok(case("a"), 3, 0.1, environment="there", run=runs[0].run.run))
    runs = load_runs([folder, tmp_path / "y"])
    server, box = SERVER["name"], BOX["name"]
    assert compare_versions(group_by_problem(runs))[0].endswith(
        f"a: torch 2.9.1 on {box} and {server}; torch 2.10 on Z"
    )


def test_runs_with_other_variables_are_no_common_problem(tmp_path):
    rows = [trials(case("a", env=env), 0.1) for env in ({}, {"A": "1"}, {"A": "2"}, {"A": "1"})]
    runs = load(tmp_path, **{f"n{number}": (BOX, *row) for number, row in enumerate(rows)})
    (problem,) = group_by_problem(runs)
    assert problem.title.endswith(" with A=1")
    assert len(problem.devices) == 2


def test_busy_machine_has_no_column_but_a_remark(tmp_path):
    quiet, taken = trials(case("a"), 0.1, 0.1), {"seconds": 10.0, "others_seconds": 10.0}
    busy = {**BOX, "id": "busy", "name": "Busy"}, *trials(case("a"), 0.1, 0.1, conditions=taken)
    runs = load(tmp_path, box=(BOX, *quiet), server=(SERVER, *quiet), busy=busy)
    section = describe_machines(runs)
    assert {len(table.headings) for table in section.tables} == {4}
    (remark,) = section.remarks
    assert remark.startswith("Busy has no column: other processes took 50.0 % of the cores. Mea")
    *_, note = describe_notes(runs)[-1].split("\\\n")
    assert note == "Busy · 2 Jan 2025 · 2 rounds · busy, so without a column"
    assert (describe_machines(runs[1:]).tables, list_relative(runs[1:]).cells) == ([], {})


def test_run_that_is_shared_is_whole_of_one_state_and_judged(tmp_path):
    (whole,) = load(tmp_path / "whole", box=(BOX, *trials(case("a"), 0.5, 0.5)))
    (once,) = load(tmp_path / "once", box=(BOX, *trials(case("a"), 0.5)))
    (failed,) = load(tmp_path / "failed", box=(BOX, *trials(case("b"), 0.5, 0.5, parity=None)))
    runs = (whole, once, failed, replace(whole, apart=3), replace(whole, faults=["a line"]))
    assert not any(map(refuse_column, runs))
    faults = [[why.partition(". ")[0] for why in refuse_column(one, shared=True)] for one in runs]
    apart = ["trials in another state of the machine: 3"]
    one = ["trials missing: 1", "programs measured once: 1"]
    assert faults == [[], one, ["b failed"], apart, ["left out: a line"]]


# ----- many machines


def test_too_many_machines_are_not_side_by_side(tmp_path):
    records = trials(case("a"), 0.1)
    runs = load(tmp_path, **{f"n{number}": (BOX, *records) for number in range(MAX_COLUMNS + 1)})
    section = describe_machines(runs)
    assert [table.headings for table in section.tables] == [
        ("program", "range, × a"),
        ("program", "range, ms"),
    ]
    assert not section.pictures
    assert list_relative(runs).cells == {"a": {"a": ["1.0"]}}
    assert len(describe_machines(runs[1:]).tables[0].headings) == MAX_COLUMNS + 2


# ----- over time


def write_night(folder, day, *records, machine=BOX, torch="2.9.1", **changes):
    """Write a run that was started on this day of January."""
    created = f"2025-01-{day:02}T03:04:05+00:00"
    plan = plan_of(*records, run=folder.name, created=created)
    software = {"python": "3.11.7", "distributions": {"torch": torch, "numpy": "2.4"}}
    return write(folder, plan, *records, machine=machine, software=software, **changes)


def test_runs_of_one_machine_are_in_order_with_changed_versions(tmp_path):
    folders = [
        write_night(tmp_path / "third", 3, *trials(case("a"), 0.3, 0.3), torch="2.10.0"),
        write_night(tmp_path / "first", 1, *trials(case("a"), 0.1, 0.1), *trials(case("b"), 0.5)),
        write_night(tmp_path / "second", 2, *trials(case("a"), 0.2, 0.2), bare(case("b"))),
        write_night(tmp_path / "elsewhere", 2, *trials(case("a"), 0.2), machine=SERVER),
    ]
    (table,) = describe_history(load_runs(folders)).tables
    assert table.title == "2-core Box, 8 GiB (machine box), fashion-mnist"
    assert table.headings == (
        "case",
        "first, 2025-01-01 03:04",
        "second, 2025-01-02 03:04",
        "third, 2025-01-03 03:04",
    )
    assert table.lines == [
        [case("a").slug, "100 ms [100, 100]", "200 ms [200, 200]", "300 ms [300, 300]"],
        [case("b").slug, "500 ms", "failed", "not measured"],
        ["version of torch", "2.9.1", "2.9.1", "2.10.0"],
    ]


def test_case_with_other_variables_has_a_line_of_its_own(tmp_path):
    folders = [
        write_night(tmp_path / name, day, *trials(case("a", env=env), 0.1))
        for day, (name, env) in enumerate({"x": {}, "y": {"A": "1"}}.items(), 1)
    ]
    (table,) = describe_history(load_runs(folders)).tables
    assert table.headings == ("case", "x, 2025-01-01 03:04", "y, 2025-01-02 03:04, A=1")
    assert table.lines == [
        [case("a", env={"A": "1"}).slug, "not measured", "100 ms"],
        [case("a").slug, "100 ms", "not measured"],
    ]
