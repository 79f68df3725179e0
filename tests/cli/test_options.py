"""What the command line asked for becomes a plan, or an error before anything is measured."""

import dataclasses
import inspect
import os
import re
from pathlib import Path

import msgspec
import pytest
from support.data import idx_files, write_idx
from support.records import case, run, write

from bench.cli import options
from bench.cli import run as verb
from bench.cli.options import Given
from bench.data import dataset
from bench.errors import UserError
from bench.records import store
from bench.worker.machine import usable_cores
from implementations import IMPLEMENTATIONS, PROBES


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder to stand in, and an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def small(here):
    """Fifty images of sixteen pixels, of which forty are there to train on."""
    write_idx(here / "small", idx_files())
    return str(here / "small")


def planned(small, output=None, **flags):
    return options.planned(
        output, Given(**{"data": small, "batch_size": "8", **flags}), "a command"
    )


def test_a_new_run_has_a_name_a_folder_and_everything_that_was_asked_for(small, here):
    folder, made = planned(small, timeout=30.0, seed=7, quick=True)
    assert folder == Path("results") / made.run
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", made.run)
    assert made.created.endswith("+00:00")
    assert (made.command, made.seed, made.timeout, made.data) == ("a command", 7, 30.0, small)
    assert made.rounds == {"sgd": 1}
    assert [one.implementation for one in made.cases] == [one.name for one in IMPLEMENTATIONS]
    assert {(one.samples, one.batch_size, one.device) for one in made.cases} == {(40, 8, "cpu")}
    assert not (here / "results").exists()


def test_two_runs_of_one_second_have_different_folders(small):
    assert planned(small)[0] != planned(small)[0]


def test_the_folder_can_be_chosen(small, here):
    assert planned(small, here / "new" / "run")[0] == here / "new" / "run"


def test_a_workload_that_is_named_twice_is_measured_once(small):
    _, made = planned(small, workloads=("textbook", "sgd", "textbook"), rounds=2)
    assert made.rounds == {"textbook": 2, "sgd": 2}


def test_every_flag_reaches_the_cases(small):
    _, made = planned(
        small, implementations=("jax",), workloads=("sgd",), device="gpu", threads="1",
        samples="24", epochs=9, rounds=4,
    )  # fmt: skip
    (one,) = made.cases
    found = (one.implementation, one.device, one.threads, one.samples, one.epochs)
    assert found == ("jax", "gpu", 1, 24, 9)
    assert made.rounds == {"sgd": 4}


def test_both_devices_are_measured_in_one_run(small):
    _, made = planned(small, implementations=("jax",), workloads=("sgd",), device="cpu, gpu")
    assert [(one.implementation, one.device) for one in made.cases] == [
        ("jax", "cpu"), ("jax", "gpu"),
    ]  # fmt: skip


def test_several_sizes_make_every_pair_that_divides_and_the_others_are_kept_with_their_reason(
    small,
):
    _, made = planned(
        small, implementations=("jax",), workloads=("sgd",), batch_size="8, 5,16", samples="40,80",
        threads="1",
    )  # fmt: skip
    assert [(one.batch_size, one.samples) for one in made.cases] == [
        (8, 40), (5, 40), (8, 80), (5, 80), (16, 80),
    ]  # fmt: skip
    (left,) = made.skipped
    assert (left.batch_size, left.samples) == (16, 40)
    assert left.reason == "--batch-size 16 does not divide 40 samples; 10 or 20 would"
    assert made.sweep == ()


def test_all_threads_are_as_many_as_the_cores(small):
    _, made = planned(small, implementations=("jax",), workloads=("sgd",), threads="1,all")
    assert [one.threads for one in made.cases] == sorted({1, len(usable_cores())})


def test_a_sweep_adds_other_sizes_of_the_first_workload():
    given = Given(data="digits", sweep=True, implementations=("numpy",))
    _, made = options.planned(None, given, "")
    assert {one.workload for one in made.sweep} == {"sgd"}
    assert {one.workload for one in made.cases} == {"sgd", "textbook"}
    assert all(one.samples % one.batch_size == 0 for one in made.sweep)
    assert {one.slug for one in made.sweep}.isdisjoint({one.slug for one in made.cases})
    assert (1920, 1440) in {(one.batch_size, one.samples) for one in made.skipped}
    assert made.sweep_rounds == 1
    assert options.planned(None, dataclasses.replace(given, rounds=3), "")[1].sweep_rounds == 3


def test_ceilings_are_probed_on_every_number_of_threads_unless_they_are_not_wanted(small):
    names = [probe.name for probe in PROBES]
    _, made = planned(small, implementations=("jax",), workloads=("sgd",), threads="1,all")
    threads = sorted({1, len(usable_cores())})
    found = [(one.implementation, one.threads) for one in made.rooflines]
    assert found == [(name, each) for each in threads for name in names]
    assert planned(small, ceiling=False)[1].rooflines == ()


def test_the_figures_are_programs_for_the_textbooks_data_only(small, monkeypatch):
    assert planned(small)[1].textbook == ()
    found = options.dataset.find(small)
    monkeypatch.setattr(options.dataset, "find", lambda _: found)
    whole = options.planned(None, Given(batch_size="8"), "")[1].textbook
    assert [one.implementation for one in whole] == ["figure-keras", "figure-sklearn"]
    assert options.planned(None, Given(batch_size="8", quick=True), "")[1].textbook == ()


def test_a_flag_that_is_given_several_times_or_with_commas_counts_as_a_whole():
    known = ("slower", "undecided")
    assert options.several("--fail-on", (), known) == ()
    assert options.several("--fail-on", ["slower", "undecided"], known) == known
    assert options.several("--fail-on", ["undecided", "slower"], known) == known[::-1]
    assert options.several("--fail-on", ["undecided , slower", "slower"], known) == known[::-1]


@pytest.mark.parametrize(
    "texts", [["slower", "undecide"], ["slower,undecide"], ["undecide,slower"]]
)
def test_what_a_flag_does_not_know_is_refused_wherever_it_stands(texts):
    with pytest.raises(UserError, match=r"unknown --fail-on 'undecide'; did you mean undecided\?"):
        options.several("--fail-on", texts, ("slower", "undecided"))
    for text in ("", "slower,", ","):
        with pytest.raises(UserError, match=r"unknown --fail-on ''; choose from slower, undecided"):
            options.several("--fail-on", [text], ("slower", "undecided"))


def test_a_precision_has_a_first_stage_of_five_rounds_in_every_workload(small):
    _, made = planned(small, precision="2%", budget="10m")
    assert made.rounds == {"sgd": 5, "textbook": 5}
    assert (made.precision, made.budget) == (0.02, 600.0)
    assert planned(small, precision="2%", rounds=3)[1].rounds == {"sgd": 3, "textbook": 3}


@pytest.mark.parametrize("flags", [{"quick": True}, {"rounds": 1}])
def test_a_precision_needs_a_spread(small, flags):
    with pytest.raises(UserError, match="--precision needs the spread of two rounds or more"):
        planned(small, precision="2%", **flags)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"workloads": ("sdg",)}, "unknown workload 'sdg'; did you mean sgd"),
        ({"device": "tpu"}, "unknown device 'tpu'; did you mean (cpu|gpu)"),
        ({"device": "quantum"}, "unknown device 'quantum'; choose from cpu, gpu"),
        (
            {"threads": "1000000"},
            f"--threads 1000000: this machine lets us use {len(usable_cores())}",
        ),
        (
            {"samples": "2147483647"},
            r"--samples 2147483647: \d+ are as many as this machine's memory",
        ),
        ({"threads": "1,1000000"}, "--threads 1,1000000: this machine lets us use"),
        ({"threads": "0"}, "--threads 0: give a whole number from 1"),
        ({"batch_size": "8,,5"}, "--batch-size 8,,5: give a whole number from 1"),
        ({"batch_size": "8 5"}, "--batch-size 8 5: give a whole number from 1"),
        ({"samples": "8,1e3"}, "--samples 8,1e3: give a whole number from 1"),
        ({"batch_size": "7,9"}, "--batch-size 7 does not divide 40 samples; 5 or 8 would"),
        ({"sweep": True}, "--sweep chooses --batch-size, --threads and --samples; leave those out"),
        ({"implementations": ("nothing",)}, "unknown implementation 'nothing'"),
        ({"batch_size": "7"}, "--batch-size 7 does not divide 40 samples; 5 or 8 would"),
    ],
)
def test_what_cannot_be_measured_is_refused(small, monkeypatch, flags, says):
    memory = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", memory.__getitem__)
    with pytest.raises(UserError, match=says):
        planned(small, **flags)


def test_as_many_samples_as_fit_into_memory_are_allowed(monkeypatch):
    # 60 % of 1,000 pages of 4,096 bytes hold 38,400 images of 16 float32 pixels, five times 7,680.
    memory = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", memory.__getitem__)
    options.fits(7680, 16)
    with pytest.raises(UserError, match="--samples 7681: 7680 are as many"):
        options.fits(7681, 16)


@pytest.mark.parametrize("folder", ["file", "file/run", "taken", "locked/run"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(
    small, here, monkeypatch, folder
):
    (here / "file").touch()
    write(here / "taken", run())
    (here / "locked").mkdir()
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name != "locked" and access(path, mode)
    )
    says = "holds another run" if folder == "taken" else "cannot write to .*; choose another --out"
    with pytest.raises(UserError, match=says):
        planned(small, here / folder)


def test_a_memory_limit_is_a_part_of_the_plan(small):
    assert planned(small, memory_limit="1GiB")[1].memory_limit == 2**30
    assert planned(small)[1].memory_limit is None


def test_a_run_is_resumed_as_it_was_planned(here):
    made = run(case(), seed=3)
    folder = write(here / "somewhere", made)
    assert options.resumed(folder, Given()) == (folder, made)
    with pytest.raises(UserError, match=r"nowhere holds no run: there is no run\.json"):
        options.resumed(here / "nowhere", Given())


@pytest.mark.parametrize("newest", ["a", "b", "c", "d"])
def test_the_newest_run_is_resumed_where_none_is_named(here, newest):
    for name in ("b", "a", "d", "c"):
        hour = 9 if name == newest else ord(name) - ord("a")
        write(here / "results" / name, run(run=name, created=f"2025-01-01T0{hour}:00:00+00:00"))
    write(here / "results" / "reference" / "z", run(created="2026-01-01T00:00:00+00:00"))
    folder, made = options.resumed(None, Given())
    assert (folder, made.run) == (Path("results") / newest, newest)


def test_the_newest_run_of_a_cluster_may_be_one_of_a_collection(here):
    for name, machine, year in (("a", None, 2026), ("b", "m", 2024), ("lab/m", "m", 2025)):
        made = run(
            run=name.replace("/", "-"), created=f"{year}-01-01T00:00:00+00:00", machine=machine
        )
        write(here / "results" / name, made)
    assert options.newest(clustered=True) == Path("results/lab")
    assert options.newest() == Path("results/a")


def test_nothing_to_resume_is_said():
    with pytest.raises(UserError, match="no run in results/ to resume; name its folder with --out"):
        options.resumed(None, Given())


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({"workloads": ("sgd",), "budget": "10m"}, "--workload and --budget"),
        (
            {"batch_size": "8", "threads": "1", "samples": "8"},
            "--batch-size and --threads and --samples",
        ),
        ({"sweep": True, "ceiling": False}, "--sweep and --no-ceiling"),
        ({"epochs": 5, "rounds": 5, "seed": 1}, "--epochs and --rounds and --seed"),
        ({"device": "gpu", "timeout": 5.0}, "--device and --timeout"),
        ({"quick": True}, "--quick"),
    ],
)
def test_a_run_that_is_resumed_cannot_be_changed(here, given, flags):
    folder = write(here / "somewhere", run())
    with pytest.raises(UserError, match=f"goes on with the plan of the run; leave out {flags}$"):
        options.resumed(folder, Given(**given))


def test_a_flag_that_is_not_given_is_the_same_to_the_command_line_and_to_a_run_that_is_resumed():
    flags = inspect.signature(verb.run).parameters
    singular = {
        "implementations": "implementation", "workloads": "workload", "pythons": "python",
    }  # fmt: skip
    for field in dataclasses.fields(Given):
        assert (flags[singular.get(field.name, field.name)].default or ()) == (field.default or ())


def test_a_plan_can_be_written_and_read_again(small, here):
    folder, made = planned(small, here / "run")
    store.create_run(folder, made)
    assert store.read_run(folder) == msgspec.structs.replace(made, data="./small")


def test_data_elsewhere_are_named_again_and_are_the_same(small, here):
    known = {"sha256": dataset.find(small).sha256}
    folder = write(here / "run", run(data="/srv/data"), data=known)
    for data in (None, "digits"):
        with pytest.raises(UserError, match="--data"):
            options.resumed(folder, Given(data=data))
    assert options.resumed(folder, Given(data=small))[1].data == small
