"""Devices of several machines side by side: cells are worked out by hand."""

from dataclasses import replace

from support.records import (
    BOX,
    MACHINE,
    SERVER,
    case,
    environment,
    numbers_in,
    ok,
    trials,
    write_on,
)
from support.sweeps import on, unavailable

from bench.records import store
from bench.report.base.load import load_runs
from bench.report.sections.setting.machines import (
    MAX_COLUMNS,
    compare_versions,
    describe_machines,
    group_by_problem,
    list_relative,
    refuse_column,
)

NAME = SERVER["name"]


def load(tmp_path, **machines):
    """Write and load a run of each machine; by the folder's name: the machine and its records."""
    return load_runs(
        write_on(tmp_path / name, machine, *records)
        for name, (machine, *records) in machines.items()
    )


def measure(**epochs):
    """Return three trials of each program, whose epochs differ by half a percent."""
    return [
        record
        for name, epoch in epochs.items()
        for record in trials(case(name), epoch, 1.005 * epoch, 0.995 * epoch)
    ]


def test_each_device_has_a_column_and_a_program_its_range(tmp_path):
    """A box, and a server with a GPU; an epoch of 64, 32 and 31.24 ms, and of three on the box."""
    server = [*on("cpu", times=0.5), *on("gpu", times=0.5), unavailable("b"), *on("cpu", "b")]
    box = BOX, *on("cpu", epochs=(1.0, 1.1, 0.9))
    section = describe_machines(load(tmp_path, box=box, server=(SERVER, *server)))
    (ratios,) = section.tables
    devices = (f"{BOX['name']}, 2 threads", f"{NAME}, 2 threads", f"{NAME}, gpu")
    assert ratios.title.startswith("An epoch, × a, sgd: batch size 32")
    assert ratios.headings == ("program", *devices, "range, × a")
    assert ratios.lines == [["a", "1.0", "1.0", "1.0", "1.0"], ["b", "—", "2.0", "—", "2.0"]]


def test_sentence_says_what_holds_on_each_machine(tmp_path):
    x, y = measure(a=0.1, b=0.2, c=0.6), measure(a=0.2, b=0.5, c=0.4)
    runs = load(tmp_path, x=(BOX, *x), y=(SERVER, *y))
    section = describe_machines(runs)
    slower = "Relative to a, 0 of 2 programs are faster on each machine that has them, 2 slower"
    assert (section.finding, section.text) == (slower, "")
    (ratios,) = section.tables
    assert ratios.lines[1:] == [
        ["b", "2.0", "2.5", "2.0 to 2.5"],
        ["c", "6.0", "2.0", "2.0 to 6.0"],
    ]
    relative = list_relative(runs)
    assert relative.heading == ratios.headings[1]
    assert relative.cells["b"]["a"] == ["0.50", "0.40", "0.40 to 0.50"]
    x, y = measure(numpy=0.2, b=0.1, c=0.6, d=0.3), measure(numpy=0.2, b=0.1, c=0.4, d=0.1)
    mixed = describe_machines(load(tmp_path / "mixed", x=(BOX, *x), y=(SERVER, *y)))
    assert numbers_in(mixed.finding) == [1, 3, 1]


def test_rows_are_compared_whatever_their_threads(tmp_path):
    single, double = (case("a", threads=threads) for threads in (1, 2))
    runs = load(tmp_path, box=(BOX, *trials(single, 0.1)), again=(BOX, *trials(double, 0.2)))
    compared = describe_machines(runs).tables[0]
    assert compared.lines[0][1:] == ["1.0", "1.0", "1.0"]
    threads = [name.rpartition(", ")[2] for name in compared.headings[1:3]]
    assert threads == ["1 thread", "2 threads"]


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
    store.append_record(folder, ok(case("a"), 3, 0.1, environment="there", run=runs[0].plan.run))
    runs = load_runs([folder, tmp_path / "y"])
    (versions,) = compare_versions(group_by_problem(runs))
    assert versions.endswith(f"a: torch 2.9.1 on {BOX['name']} and {NAME}; torch 2.10 on Z")


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
    assert (describe_machines(runs[1:]).tables, list_relative(runs[1:]).cells) == ([], {})


def test_picture_has_several_machines_or_is_left_out(tmp_path):
    rows = [record for name in ("numpy", "jax") for record in trials(case(name, threads=1), 0.1)]
    runs = load(tmp_path, box=(BOX, *rows), server=(SERVER, *rows))
    assert [picture.name for picture in describe_machines(runs).pictures] == ["order"]
    busy = replace(runs[1], noise=replace(runs[1].noise, others=0.5))
    assert describe_machines([runs[0], busy]).pictures == []


def test_run_that_is_shared_is_whole_of_one_state_and_judged(tmp_path):
    (whole,) = load(tmp_path / "whole", box=(BOX, *trials(case("a"), 0.5, 0.5)))
    (once,) = load(tmp_path / "once", box=(BOX, *trials(case("a"), 0.5)))
    (failed,) = load(tmp_path / "failed", box=(BOX, *trials(case("b"), 0.5, 0.5, parity=None)))
    expected = [
        (whole, []),
        (once, ["trials missing: 1", "programs measured once: 1"]),
        (failed, ["b failed"]),
        (replace(whole, apart=3), ["trials in another state of the machine: 3"]),
        (replace(whole, faults=["a line"]), ["left out: a line"]),
    ]
    for run, faults in expected:
        assert refuse_column(run) == []
        assert [why.partition(". ")[0] for why in refuse_column(run, shared=True)] == faults


def test_too_many_machines_are_not_side_by_side(tmp_path):
    records = trials(case("a"), 0.1)
    runs = load(tmp_path, **{f"n{number}": (BOX, *records) for number in range(MAX_COLUMNS + 1)})
    headings = [table.headings for table in describe_machines(runs).tables]
    assert headings == [("program", "range, × a")]
    assert list_relative(runs).cells == {"a": {"a": ["1.0"]}}
    assert len(describe_machines(runs[1:]).tables[0].headings) == MAX_COLUMNS + 2
