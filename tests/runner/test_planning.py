"""What is asked for becomes a plan, or an error before anything is measured."""

import os
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from support.data import idx_files, write_idx
from support.records import run, write

from bench.data import dataset
from bench.errors import UserError
from bench.records import store
from bench.runner import plan as planner
from bench.runner import planning
from bench.runner.planning import ALL_CORES, Placement, RunOptions, plan_run
from bench.worker.machine import list_usable_cores
from implementations import IMPLEMENTATIONS, PROBES


@pytest.fixture(autouse=True)
def current_folder(tmp_path, monkeypatch):
    """An empty folder to stand in, and an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def small(current_folder):
    """Fifty images of sixteen pixels, of which forty are for training."""
    write_idx(current_folder / "small", idx_files())
    return str(current_folder / "small")


@pytest.fixture
def make(small):
    """Plan a run of small data, altered by keyword."""

    def make(folder=None, **changes):
        options = RunOptions(**{"data": small, "batch_sizes": (8,), **changes})
        return plan_run(options, folder, "a command")

    return make


@pytest.fixture
def little_memory(monkeypatch):
    """A machine of 1,000 pages of 4,096 bytes."""
    monkeypatch.setattr(planner, "usable_memory", lambda: 1000 * 4096)


JAX = {"implementations": ("jax",), "workloads": ("sgd",)}


def test_new_run_has_name_folder_and_every_implementation(make, small, current_folder):
    folder, plan = make(timeout=30.0, seed=7, quick=True, budget=600.0)
    assert folder == Path("results") / plan.run
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", plan.run)
    assert plan.created.endswith("+00:00")
    assert (plan.command, plan.seed, plan.timeout, plan.data) == ("a command", 7, 30.0, small)
    assert (plan.rounds, plan.budget) == ({"sgd": 1}, 600.0)
    assert [case.implementation for case in plan.cases] == [e.name for e in IMPLEMENTATIONS]
    assert {(c.samples, c.batch_size, c.device) for c in plan.cases} == {(40, 8, "cpu")}
    assert not (current_folder / "results").exists()


def test_two_runs_of_one_second_have_different_folders(make):
    assert make()[0] != make()[0]


def test_options_reach_the_cases(make):
    _, plan = make(**JAX, devices=("gpu",), threads=(1,), samples=(24,), epochs=9, rounds=4)
    (case,) = plan.cases
    values = (case.implementation, case.device, case.threads, case.samples, case.epochs)
    assert values == ("jax", "gpu", 1, 24, 9)
    assert plan.rounds == {"sgd": 4}


def test_both_devices_are_measured_in_one_run(make):
    _, plan = make(**JAX, devices=("cpu", "gpu"))
    assert [case.device for case in plan.cases] == ["cpu", "gpu"]


def test_repeated_workload_is_measured_once(make):
    assert make(workloads=("textbook", "sgd", "textbook"), rounds=2)[1].rounds == {
        "textbook": 2,
        "sgd": 2,
    }


def test_sizes_that_do_not_divide_are_skipped_with_their_reason(make):
    _, plan = make(**JAX, batch_sizes=(8, 5, 16), samples=(40, 80), threads=(1,))
    assert [(case.batch_size, case.samples) for case in plan.cases] == [
        (8, 40),
        (5, 40),
        (8, 80),
        (5, 80),
        (16, 80),
    ]
    (skipped,) = plan.skipped
    assert (skipped.batch_size, skipped.samples) == (16, 40)
    assert "10 or 20" in skipped.reason


def test_all_threads_are_the_cores_of_the_machine(make):
    _, plan = make(**JAX, threads=(1, ALL_CORES))
    assert [case.threads for case in plan.cases] == sorted({1, len(list_usable_cores())})


def test_sweep_adds_sizes_of_the_first_workload():
    options = RunOptions(data="digits", sweep=True, implementations=("numpy",))
    _, plan = plan_run(options, None, "")
    assert {case.workload for case in plan.sweep} == {"sgd"}
    assert {case.workload for case in plan.cases} == {"sgd", "textbook"}
    assert all(case.samples % case.batch_size == 0 for case in plan.sweep)
    assert {case.slug for case in plan.sweep}.isdisjoint({case.slug for case in plan.cases})
    assert (1920, 1440) in {(size.batch_size, size.samples) for size in plan.skipped}
    assert plan.sweep_rounds == 1
    assert plan_run(replace(options, rounds=3), None, "")[1].sweep_rounds == 3


def test_roofline_is_probed_on_every_number_of_threads(make):
    _, plan = make(**JAX, threads=(1, ALL_CORES))
    probes = [(case.implementation, case.threads) for case in plan.rooflines]
    threads = sorted({1, len(list_usable_cores())})
    assert probes == [(probe.name, number) for number in threads for probe in PROBES]
    assert make(roofline=False)[1].rooflines == ()


def test_textbook_programs_run_with_the_whole_suite_only(make, small, monkeypatch):
    assert make()[1].textbook == ()
    found = dataset.find(small)
    monkeypatch.setattr(planning.dataset, "find", lambda _: found)
    figures = make(data=None)[1].textbook
    assert [case.implementation for case in figures] == ["figure-keras", "figure-sklearn"]
    assert make(data=None, quick=True)[1].textbook == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": (1, 1_000_000)},
        {"samples": (2**31 - 1,)},
        {"batch_sizes": (7, 9)},
        {"sweep": True},
        {"implementations": ("nothing",)},
    ],
)
def test_impossible_options_are_refused(make, little_memory, changes):
    with pytest.raises(UserError):
        make(**changes)


def test_gpu_that_no_host_has_is_refused(small):
    options = RunOptions(data=small, devices=("gpu",))
    with pytest.raises(UserError, match="no host has a GPU"):
        plan_run(options, None, "", Placement(2, "m", gpu=False))


def test_samples_are_limited_by_memory(little_memory):
    # 60 % of 4,096,000 bytes hold 38,400 images of 16 float32 pixels, five times 7,680.
    planning.check_memory(7680, 16)
    with pytest.raises(UserError, match="7680 at most"):
        planning.check_memory(7681, 16)


@pytest.mark.parametrize("folder", ["file", "file/run", "taken", "locked/run"])
def test_unwritable_folder_is_refused(make, current_folder, monkeypatch, folder):
    (current_folder / "file").touch()
    write(current_folder / "taken", run())
    (current_folder / "locked").mkdir()
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name != "locked" and access(path, mode)
    )
    with pytest.raises(UserError):
        make(current_folder / folder)


def test_plan_can_be_written_and_read_again(make, current_folder):
    folder, plan = make(current_folder / "run")
    store.create_run(folder, plan)
    assert store.read_run(folder) == msgspec.structs.replace(plan, data="./small")
