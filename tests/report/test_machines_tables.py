"""The machines compared, as text: every cell is worked out by hand."""

import pytest
from support.devices import on, swept_on, unavailable
from support.machines import BOX, GPU, SERVER, read
from support.records import MACHINE, case, environment, ok, probe, trials

from bench.records import store
from bench.report import several
from bench.report.sections.hardware import alike, hardware
from bench.report.sections.hardware_tables import NO_SWEEP, compared, crossings, remarks, suites

SMALL, CPU, CARD = "2-core Box, 8 GiB, 2 threads", "2 threads", "gpu"


@pytest.fixture
def both(tmp_path):
    """A box, and a server with a GPU; an epoch of 64, 32 and 31.24 ms, and of three on the box."""
    server = [*on("cpu", times=0.5), *on("gpu", times=0.5), unavailable("b"), *on("cpu", "b")]
    return read(tmp_path, box=(BOX, *on("cpu", epochs=(1.0, 1.1, 0.9))), server=(SERVER, *server))


def tables(found, base=None):
    (each,) = alike(found)
    return {table.title.partition(", sgd")[0]: table
            for table in compared(each, base or each.hardware[0])}  # fmt: skip


def test_a_cpu_and_a_gpu_of_another_machine_are_both_held_against_the_first(both):
    found = tables(both)
    rates, times = found["Samples a second"], found[f"How many times as fast as {SMALL}"]
    assert times.headings == rates.headings[:-1] == (
        "implementation", SMALL, f"16-core Server, 64 GiB, {GPU}, 2 threads",
        f"16-core Server, 64 GiB, {GPU}, gpu",
    )  # fmt: skip
    line = times.lines[0]
    # A mean of 64 ms * (1 * 1.1 * 0.9) ** (1 / 3); logarithms 0, 0.09531, -0.10536, whose standard
    # deviation is 0.10038, over the root of 3 times t of two degrees, 4.3027: 0.24936.
    assert line[:2] == ["a", "1"]
    assert line[2] == "1.99 [1.55, 2.56]"
    assert line[3] == "2.04 [1.59, 2.62]"
    assert times.lines[1] == ["b", "not measured", "—", "unavailable"]


def test_devices_of_one_run_are_held_against_each_other_round_by_round(both):
    server = hardware(both)[1]
    found = tables(both, server)[f"How many times as fast as {server}"]
    assert found.lines[0][1:] == ["0.502 [0.391, 0.644]", "1", "1.02 [1.02, 1.02]"]
    assert found.lines[1][1:] == ["not measured", "1", "unavailable"]


def test_a_problem_that_the_chosen_one_was_not_given_has_no_speedups(both, tmp_path):
    found = [*both, *read(tmp_path, other=({**MACHINE, "id": "o"}, *on("cpu", batch_size=8)))]
    (each,) = alike(found)
    base = hardware(found)[-1]
    assert not any("times as fast" in table.title for table in compared(each, base))
    assert (
        remarks([each], base)[0] == f"no speedup, {each.problem}: {base} was not asked to solve it"
    )
    assert not any("no speedup" in line for line in remarks([each], each.hardware[0]))


def test_shares_and_joules_are_there_where_one_knows_them(both, tmp_path):
    assert "Share of each one's own ceiling" not in tables(both)
    joules = tables(both)["Joules an epoch"]
    assert joules.lines == [["a", "—", "—", "10.0"], ["b", "not measured", "—", "unavailable"]]
    (each,) = alike(both)
    box, cpu, gpu = each.hardware
    assert remarks([each], None) == [
        f"no share of the ceiling, which was not probed: {box}; {cpu}; {gpu}",
    ]
    known = [*on("gpu"), *on("gpu", "b", energy_joules=None, energy_absent="too old")]
    silent = on("gpu", energy_joules=None)
    found = read(tmp_path, x=({**BOX, "id": "x"}, *known), y=(BOX, *silent))
    (each,) = alike(found)
    assert f"no joules of b, {each.hardware[0]}: too old" in remarks([each], None)
    assert f"no joules, {each.hardware[1]}: no reason was given" in remarks([each], None)


def test_each_share_is_of_its_own_machine(tmp_path):
    # 1,505,280,000 operations an epoch, at 1e11 and at 2e11 a second: 15.0528 and 7.5264 ms.
    box = [probe(product_seconds=[0.02]), *trials(case("a"), 0.150528)]
    server = [probe(product_seconds=[0.01]), *trials(case("a"), 0.0150528)]
    known = {"name": "digits", "features": 784, "classes": 10}
    found = read(tmp_path, known, box=(BOX, *box), server=(SERVER, *server))
    assert tables(found)["Share of each one's own ceiling"].lines == [["a", "10 %", "50 %"]]
    assert not any("ceiling" in line for line in remarks(alike(found), None))


def test_versions_that_differ_are_named_with_their_machines(tmp_path):
    found = read(tmp_path, x=(BOX, *on("cpu"), *on("cpu", "b")), y=(SERVER, *on("cpu")))
    assert not any("versions" in line for line in [*remarks(alike(found), None), *suites(found)])
    newer = environment(id="there", machine={**MACHINE, "id": "z", "name": "Z"},
                        software={"distributions": {"torch": "2.10"}},
                        suite={"version": "0.2.0", "commit": "f" * 40})  # fmt: skip
    folder = tmp_path / "x"
    store.add_environment(folder, newer)
    plan = store.read_run(folder).run
    for one in trials(case("a"), 0.1, environment="there", run=plan):
        store.append(folder, ok(one.case, 3, 0.1, environment="there", run=plan))
    again = several.read([folder, tmp_path / "y"])
    server, box = SERVER["name"], BOX["name"]
    assert remarks(alike(again), None)[0] == (
        f"versions differ, a: torch 2.9.1 on {box} and {server}; torch 2.10 on Z"
    )
    (said,) = suites(again)
    assert said == (
        "versions of the suite differ, and so may its implementations: 0.1.0, commit abcdef on "
        f"{box} and {server}; 0.2.0, commit ffffffffffff on Z"
    )


def test_of_each_pair_the_one_that_is_the_faster_in_the_end_is_named_first(tmp_path):
    box = (BOX, *swept_on("cpu"), *swept_on("cpu", "b"))
    server = (SERVER, *swept_on("gpu"), *swept_on("gpu", "b", times=50))
    found = read(tmp_path, box=box, server=server)
    (table,), left = crossings(found)
    cpu, gpu = map(str, hardware(found))
    assert table.headings == ("implementation", "faster", "than", "from batch size")
    # The 30 is worked out in tests/test_devices_tables.py.
    assert table.lines == [["a", gpu, cpu, "30"], ["b", cpu, gpu, "every size measured"]]
    assert (table.words, left) == (3, [])
    (other_way,), _ = crossings(found[::-1])
    assert sorted(other_way.lines) == table.lines


def test_without_two_sweeps_nothing_crosses(both):
    assert crossings(both) == ([], [NO_SWEEP])


def test_who_has_no_sizes_in_common_is_left_out_and_named(tmp_path):
    other = {**MACHINE, "id": "o", "name": "Other"}
    third = {**MACHINE, "id": "t", "name": "Third"}
    small, large = ([one for size in sizes for one in on("cpu", batch_size=size)]
                    for sizes in ((32, 8, 128), (32, 384, 1920)))  # fmt: skip
    found = read(tmp_path, box=(BOX, *small), other=(other, *large), server=(SERVER, *small),
                 more=(third, *large))  # fmt: skip
    (table,), (left,) = crossings(found)
    assert [line[1:3] for line in table.lines] == [
        [f"{SERVER['name']}, 2 threads", SMALL], ["Third, 2 threads", "Other, 2 threads"],
    ]  # fmt: skip
    assert {line[3] for line in table.lines} == {"never within the sweep"}  # nobody is faster
    assert left.startswith("no crossover batch size for want of two sizes in common: ")
    assert left.count(" with ") == 4
    alone = read(tmp_path / "again", box=(BOX, *small), server=(SERVER, *small),
                 third=(third, *on("cpu")))  # fmt: skip
    assert crossings(alone)[1] == [
        "no crossover batch size for want of two sizes in common: Third, 2 threads"
    ]
