"""What stands side by side: the devices of each machine, and the rows of one problem."""

import pytest
from support.devices import on, unavailable
from support.machines import BOX, GPU, SERVER, read
from support.records import case, run, trials, write

from bench.errors import UserError
from bench.report import several
from bench.report.sections.hardware import Hardware, alike, chosen, hardware, sized


@pytest.fixture
def both(tmp_path):
    """A box without a GPU, and a server with one."""
    server = [*on("gpu"), *on("cpu"), unavailable("b"), *on("cpu", "b")]
    return read(tmp_path, box=(BOX, *on("cpu", times=3.0)), server=(SERVER, *server))


def test_each_device_of_each_machine_is_one_the_cpu_first(both):
    assert [tuple(each) for each in hardware(both)] == [
        ("2-core Box, 8 GiB", "box", "cpu", 2, ""),
        (f"16-core Server, 64 GiB, {GPU}", "server", "cpu", 2, ""),
        (f"16-core Server, 64 GiB, {GPU}", "server", "gpu", 2, GPU),
    ]
    assert [str(each) for each in hardware(both)] == [
        "2-core Box, 8 GiB, 2 threads", f"16-core Server, 64 GiB, {GPU}, 2 threads",
        f"16-core Server, 64 GiB, {GPU}, gpu",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("device", "threads", "model", "called"),
    [("cpu", 1, "", "A, 1 thread"), ("cpu", 8, "", "A, 8 threads"), ("gpu", 8, "", "A, gpu"),
     ("gpu", 8, "GeForce", "A, gpu GeForce"), ("gpu", 8, "A", "A, gpu")],
)  # fmt: skip
def test_it_is_named_by_machine_and_device_and_by_the_gpu_where_that_is_not_in_it(
    device, threads, model, called
):
    assert str(Hardware("A", "id", device, threads, model)) == called


def test_threads_are_those_of_the_size_that_is_compared(tmp_path):
    plan = run(case("a"), sweep=(case("a", threads=1),), run="x")
    swept = [*trials(case("a", threads=1), 0.3), *trials(case("a"), 0.1)]
    found = several.read([write(tmp_path / "x", plan, *swept)])
    assert [each.threads for each in hardware(found)] == [2]


@pytest.mark.parametrize(
    ("wanted", "which"),
    [("box", 0), ("2-CORE", 0), ("16-core Server, 64 GiB, nvidia h100 80gb hbm3, gpu", 2),
     ("server, gpu", 2), ("Server, CPU", 1), ("hbm3, 2", 1), (", gpu", 2)],
)  # fmt: skip
def test_it_is_chosen_by_the_id_or_a_part_of_the_name(both, wanted, which):
    there = hardware(both)
    assert chosen(there, wanted) == there[which]


def test_an_id_is_meant_whole_before_any_part_of_a_name(tmp_path):
    other = {**BOX, "id": "x", "name": "a Box called box"}
    records = on("cpu")
    found = hardware(read(tmp_path, box=(BOX, *records), x=(other, *records)))
    assert chosen(found, "BOX") == found[0]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("xeon", "nothing that was measured: name one of 2-core Box, 8 GiB, 2 threads (box); "),
        ("server", "several: name more of one of "),
    ],
)
def test_what_fits_none_or_several_is_refused_with_those_that_there_are(both, wanted, said):
    with pytest.raises(UserError) as refused:
        chosen(hardware(both), wanted)
    server = f"16-core Server, 64 GiB, {GPU}"
    listed = f"{server}, 2 threads (server); {server}, gpu (server)"
    assert str(refused.value) == f"--relative-to {wanted} fits {said}{listed}"


def test_a_box_stands_beside_a_gpu(both):
    (found,) = alike(both)
    assert str(found.problem) == "sgd: batch size 32, 48,000 samples of fashion-mnist"
    assert list(found.hardware) == hardware(both)
    assert {name: [one.device for one in its] for name, its in found.rows.items()} == {
        "a": ["cpu", "cpu", "gpu"], "b": ["cpu", "gpu"],
    }  # fmt: skip
    assert not found.rows["b"][found.hardware[2]].ranked


def test_what_one_device_alone_was_asked_is_not_beside_anything(tmp_path):
    found = read(tmp_path, box=(BOX, *on("cpu"), *on("cpu", workload="textbook")),
                 server=(SERVER, *on("gpu")))  # fmt: skip
    assert [each.problem.workload for each in alike(found)] == ["sgd"]


def test_ranked_rows_of_every_size_are_kept_by_workload_and_device(tmp_path):
    sizes = [*on("cpu"), *on("cpu", batch_size=8), *on("cpu", "b", status="failed", reason="no")]
    found = read(tmp_path, box=(BOX, *sizes), server=(SERVER, *on("gpu")))
    ((key, its),) = sized(found).items()
    assert key[:2] == ("sgd", "fashion-mnist")
    assert [(one.device, [row.case.batch_size for row in rows]) for one, rows in its.items()] == [
        ("cpu", [32, 8]), ("gpu", [32]),
    ]  # fmt: skip
