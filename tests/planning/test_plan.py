"""What is asked for becomes a plan and its trials, or an error before anything is measured."""

import dataclasses
import os
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data import idx_files, write_idx
from support.records import bare, case, ok, run, write

from bench.data import dataset
from bench.errors import UserError
from bench.planning import cases, plan
from bench.planning.plan import (
    LEADERS,
    Host,
    Part,
    RunOptions,
    Schedule,
    list_needed,
    plan_run,
    plan_trials,
)
from bench.planning.presets import ALL_CORES
from bench.records.schema import StoppingRule
from implementations import IMPLEMENTATIONS, MANY

NAMES = [entry.name for entry in IMPLEMENTATIONS if entry.always]
SEEDS = st.integers(0, 2**31 - 1)
JAX = {"implementations": ("jax",), "workloads": ("sgd",)}


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


def plan_new(options, cores=2, folder=None):
    """Plan a run of registered programs; return its folder and its plan."""
    return plan_run(options, folder, "a command", Host(cores, 2**40), pytest.fail)


@pytest.fixture
def make(small):
    """Plan a run of small data, altered by keyword; return the plan."""

    def make(folder=None, **changes):
        options = RunOptions(**{"data": small, "batch_sizes": (8,), **changes})
        return plan_new(options, folder=folder)[1]

    return make


# ----- a new run


def test_new_run_has_name_folder_and_every_implementation(small, current_folder):
    options = RunOptions(data=small, batch_sizes=(8,), timeout=30.0, seed=7, budget=600.0)
    folder, planned = plan_new(options)
    assert folder == Path("results") / planned.run
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", planned.run)
    assert planned.run != plan_new(options)[1].run
    assert planned.created.endswith("+00:00")
    values = (planned.command, planned.seed, planned.timeout, planned.budget, planned.data_source)
    assert values == ("a command", 7, 30.0, 600.0, small)
    expected = [(workload, name) for workload in ("sgd", "textbook") for name in NAMES]
    assert [(one.workload, one.implementation) for one in planned.cases] == expected
    assert {(one.samples, one.batch_size, one.device) for one in planned.cases} == {(40, 8, "cpu")}
    assert not (current_folder / "results").exists()


@pytest.mark.parametrize("chosen", [(), ("optax", "numpy")])
def test_layers_are_measured_when_asked_for(make, chosen):
    planned = make(preset="layers", implementations=chosen, workloads=("sgd",))
    names = [case.implementation for case in planned.cases]
    assert sorted(names) == sorted(entry.name for entry in IMPLEMENTATIONS)
    assert names[: len(chosen)] == [*chosen]
    assert planned.budget == 1800.0
    (alone,) = make(implementations=("optax",), workloads=("sgd",)).cases
    assert alone.framework == "optax"


def test_several_models_have_their_programs_and_all_threads(make, monkeypatch):
    planned = make(workloads=("sgd", "many-1", "many-10"))
    for workload, programs in (("sgd", IMPLEMENTATIONS), ("many-1", MANY), ("many-10", MANY)):
        chosen = [one for one in planned.cases if one.workload == workload]
        expected = [entry.name for entry in programs if entry.always]
        assert [one.implementation for one in chosen] == expected
        assert {one.threads for one in chosen if one.many} <= {2}
    named = make(workloads=("sgd", "many-1"), implementations=("numpy", "jax-vmap")).cases
    assert len(named) == 4  # those that do not fit become rows with their reason
    monkeypatch.setattr(plan, "read_labels", lambda *_: range(48_000))
    cases = make(workloads=("sgd", "many-1"), batch_sizes=(32,)).cases
    assert {(one.many, one.samples) for one in cases} == {(False, 48_000), (True, 9_600)}


@pytest.fixture
def digits():
    """Plan a run of 1,280 of the digits, altered by keyword; return the plan."""

    def make(**changes):
        options = RunOptions(**{"data": "digits", "samples": (1280,), **changes})
        return plan_new(options)[1]

    return make


def list_batch_sizes(cases):
    return {(one.workload, one.objective, one.batch_size) for one in cases}


def test_layers_have_a_second_size_in_each_round_of_the_first_workload(digits):
    planned = digits(preset="layers")
    assert (planned.ladder, planned.cases[0].batch_size, planned.budget) == (128, 32, 1800.0)
    assert planned.stopping.least_rounds == planned.rounds["sgd"]
    assert list_batch_sizes(planned.cases) == {
        ("sgd", "softmax", 32),
        ("sgd", "softmax", 128),
        ("sgd", "one-vs-rest", 32),
        ("textbook", "softmax", 32),
        ("textbook", "one-vs-rest", 32),
    }
    for number in range(1, 6):
        block = {
            (one.case.implementation, one.case.batch_size)
            for one in plan_trials(planned)
            if (one.kind, one.case.workload, one.round) == ("trial", "sgd", number)
        }
        assert {(entry.name, 32) for entry in IMPLEMENTATIONS} <= block
        assert ("jax", 128) in block


@pytest.mark.parametrize(
    "changes",
    [{}, {"preset": "quick"}, {"preset": "layers", "batch_sizes": (32,)}],
    ids=str,
)
def test_other_runs_have_no_second_size(digits, changes):
    planned = digits(**changes)
    assert (planned.ladder, {one.batch_size for one in planned.cases}) == (0, {32})


def test_second_size_that_does_not_divide_is_skipped_with_its_reason(digits):
    planned = digits(preset="layers", samples=(1440,))
    assert {one.batch_size for one in planned.cases} == {32}
    assert [one.batch_size for one in planned.skipped] == [128]


def test_sweep_has_a_layer_only_by_its_name(monkeypatch):
    monkeypatch.setattr(plan, "read_labels", lambda *_: range(48000))
    options = RunOptions(data="digits", workloads=("sgd",), sweep=True, preset="layers")
    both = options, dataclasses.replace(options, implementations=("optax",))
    every, named = (plan_new(one)[1] for one in both)
    swept, with_optax = ({one.implementation for one in run.sweep} for run in (every, named))
    assert swept == set(NAMES)
    assert with_optax == {*NAMES, "optax"}
    assert {one.implementation for one in every.cases} > swept


def test_sweep_does_not_measure_the_second_size_again(monkeypatch):
    monkeypatch.setattr(plan, "read_labels", lambda *_: range(48000))
    both = {"data": "digits", "workloads": ("sgd",), "sweep": True}
    alone, with_layers = (
        plan_new(RunOptions(**both, preset=preset))[1] for preset in ("default", "layers")
    )
    assert ("sgd", "softmax", 128) in list_batch_sizes(alone.sweep)
    assert {one.batch_size for one in with_layers.sweep} == {8, 384, 1920, 9600}
    planned = [
        (one.implementation, one.batch_size) for one in (*with_layers.cases, *with_layers.sweep)
    ]
    assert len(planned) == len(set(planned))
    assert {one.batch_size for one in (*alone.cases, *alone.sweep)} == {32, 8, 128, 384, 1920, 9600}


def test_order_of_the_trials_is_recorded_and_new_in_each_run(make):
    first, second = make(seed=42), make(seed=42)
    assert first.order != second.order
    ids = [[trial.id for trial in plan_trials(one)] for one in (first, second, first)]
    assert ids[0] == ids[2] != ids[1]
    assert sorted(ids[0]) == sorted(ids[1])


@pytest.mark.parametrize(
    ("changes", "rounds"),
    [
        ({}, {"sgd": 5, "textbook": 3}),
        ({"preset": "quick"}, {"sgd": 1}),
        ({"preset": "quick", "workloads": ("textbook",)}, {"textbook": 1}),
        ({"workloads": ("textbook",)}, {"textbook": 5}),
        ({"preset": "quick", "rounds": 3}, {"sgd": 3}),
        ({"rounds": 2}, {"sgd": 2, "textbook": 2}),
        ({"workloads": ("textbook", "sgd")}, {"textbook": 5, "sgd": 3}),
        ({"preset": "publish"}, {"sgd": 5, "textbook": 5}),
        ({"preset": "share"}, {"sgd": 5}),
    ],
)
def test_rounds_follow_from_the_options(make, changes, rounds):
    planned = make(**changes, implementations=("jax",))
    assert planned.rounds == rounds
    assert list(dict.fromkeys(one.workload for one in planned.cases)) == list(rounds)


def test_sizes_that_do_not_divide_are_skipped_with_their_reason(make):
    planned = make(**JAX, batch_sizes=(8, 5, 16), samples=(40, 80), threads=(1,))
    sizes = [(8, 40), (5, 40), (8, 80), (5, 80), (16, 80)]
    assert [(one.batch_size, one.samples) for one in planned.cases] == sizes
    (skipped,) = planned.skipped
    assert (skipped.batch_size, skipped.samples) == (16, 40)
    assert "10 or 20" in skipped.reason


@pytest.mark.parametrize(
    ("changes", "cores", "threads", "tried"),
    [
        ({}, 4, {("cpu", 1), ("gpu", 4)}, {4}),
        ({}, 1, {("cpu", 1), ("gpu", 1)}, set()),
        ({"preset": "quick"}, 4, {("cpu", 1), ("gpu", 4)}, set()),
        ({"preset": "publish"}, 4, {("cpu", 1), ("cpu", 4), ("gpu", 4)}, set()),
        ({"threads": (ALL_CORES,)}, 4, {("cpu", 4), ("gpu", 4)}, set()),
    ],
)
def test_all_cores_of_the_cpu_are_variants_of_a_default_run(small, changes, cores, threads, tried):
    options = RunOptions(
        data=small, batch_sizes=(8,), implementations=("jax",), devices=("cpu", "gpu"), **changes
    )
    planned = plan_new(options, cores)[1]
    assert {(one.device, one.threads) for one in planned.cases} == threads
    assert {(one.workload, one.threads) for one in planned.variants} == {("sgd", n) for n in tried}
    probed = {(one.device, one.threads) for one in planned.rooflines}
    assert probed == threads | {("cpu", n) for n in tried}


def test_row_of_one_core_has_no_variant():
    planned = plan_new(RunOptions(data="digits"), 4)[1]
    one_core = {one.implementation for one in planned.cases if one.one_core}
    assert {one.implementation for one in planned.variants} == set(NAMES) - one_core


def test_published_run_has_ladder_and_sweep_with_one_thread(monkeypatch):
    monkeypatch.setattr(plan, "read_labels", lambda *_: range(48000))
    planned = plan_new(RunOptions(data="digits", preset="publish"), 4)[1]
    sizes = {(one.workload, one.batch_size, one.threads) for one in planned.cases}
    assert sizes == {("sgd", 32, 1), ("sgd", 32, 4), ("sgd", 128, 1), ("textbook", 32, 1)}
    assert {(one.batch_size, one.threads) for one in planned.sweep} == {
        (size, 1) for size in (8, 384, 1920, 9600)
    }
    assert {one.threads for one in planned.cases if one.one_core} == {1}
    asked = RunOptions(data="digits", preset="layers", threads=(2,))
    assert {one.threads for one in plan_new(asked, 4)[1].cases} == {2}


def test_textbook_programs_run_with_the_whole_textbook_workload(make, small, monkeypatch):
    assert make().textbook == ()
    data = dataset.find(small)
    monkeypatch.setattr(plan.dataset, "find", lambda _: data)
    for changes in (
        {},
        {"workloads": ("textbook",)},
        {"workloads": ("textbook",), "preset": "quick"},
    ):
        programs = [one.implementation for one in make(data=None, **changes).textbook]
        assert programs == ["textbook-keras", "textbook-sklearn"]
    for changes in ({"preset": "quick"}, {"workloads": ("sgd",)}, {"implementations": ("jax",)}):
        assert make(data=None, **changes).textbook == ()


@pytest.mark.parametrize(
    ("changes", "stopping", "budget"),
    [
        ({}, True, 600.0),
        ({"budget": 60.0}, True, 60.0),
        ({"devices": ("cpu", "gpu")}, True, 1200.0),
        ({"preset": "quick"}, False, None),
        ({"preset": "publish"}, False, None),
        ({"preset": "share"}, True, 720.0),
        ({"rounds": 5}, False, None),
        ({"rounds": 5, "budget": 60.0}, False, 60.0),
    ],
)
def test_rounds_end_by_a_rule_and_a_budget_unless_they_are_fixed(make, changes, stopping, budget):
    planned = make(**JAX, **changes)
    assert (planned.stopping is not None, planned.budget) == (stopping, budget)


def test_sweep_has_no_budget():
    swept = plan_new(RunOptions(data="digits", sweep=True, **JAX))[1]
    assert (swept.stopping.least_rounds, swept.budget) == (3, None)


def test_samples_are_limited_by_memory():
    # 60 % of 4,096,000 bytes hold 38,400 images of 16 float32 pixels, five times 7,680.
    cases.check_memory(7680, 16, 4_096_000)
    with pytest.raises(UserError, match="7680 at most"):
        cases.check_memory(7681, 16, 4_096_000)


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


# ----- trials


@given(seed=SEEDS, other=SEEDS)
def test_order_follows_from_the_seed_and_the_round(seed, other):
    cases = [case(f"number-{number}") for number in range(40)]

    def orders(seed):
        trials = plan_trials(run(*cases, rounds={"sgd": 3}, seed=seed))
        names = [trial.case.implementation for trial in trials]
        return [tuple(names[start : start + 40]) for start in (0, 40, 80)]

    assert orders(seed) == orders(seed)
    assert len({*orders(seed), *orders(other)}) == (3 if seed == other else 6)


STOPPING = StoppingRule(least_rounds=3, precision=0.05)


def test_parts_of_a_run_follow_one_another_by_what_they_are_worth():
    a, b, variant = case("a", threads=1), case("b", threads=1), case("b", threads=2)
    book = case("a", workload="textbook", threads=1)
    probes = tuple(case("roofline-numpy", workload="roofline", threads=n) for n in (1, 2))
    planned = run(
        *(a, b, book),
        rounds={"sgd": 5, "textbook": 3},
        rooflines=probes,
        sweep=(case("a", batch_size=8, threads=1),),
        textbook=(case("textbook-keras"),),
        variants=(variant,),
        stopping=STOPPING,
        lean_from=2,
    )

    def find_settled(run, records, rule):
        """Row b leads once there are two processes."""
        return {a.slug, book.slug} if rule == LEADERS and len(records) > 4 else set()

    def list_parts(records):
        missing = Schedule(planned, records, find_settled).missing
        return {part: [trial.id for trial in missing[part]] for part in missing}

    first = list_parts([])
    assert set(first[Part.FIRST][:2]) == {f"r1-{a.slug}", f"r1-{b.slug}"}
    assert first[Part.FIRST][2:] == [f"r1-{book.slug}"]
    assert list(first) == [part for part in Part if part not in {6, 7}]
    assert first[Part.PROBES] == ["r1-textbook-keras", "r1-roofline-numpy-cpu-t1"]
    records = [ok(of, number, 1.0) for number in (1, 2) for of in (a, b, book)]
    later = list_parts(records)
    assert later[Part.THREADS] == [f"r1-{variant.slug}"]
    assert later[Part.LEADERS] == [f"r3-{b.slug}"]
    assert later[Part.THIRD] == [f"r3-{a.slug}", f"r3-{book.slug}"]
    assert {name[:2] for name in later[Part.MORE]} == {"r4", "r5"}
    assert later[Part.SWEEP] == ["r1-sgd-a-cpu-b8-t1-n48000"]
    won = [*records, *(ok(variant, number, 0.5) for number in (1, 2))]
    assert "r1-roofline-numpy-cpu-t2" in list_parts(won)[Part.PROBES]
    lean = {trial.id: trial.lean for trial in plan_trials(planned) if trial.kind == "trial"}
    assert {name for name, short in lean.items() if not short} == {
        *first[Part.FIRST],
        *first[Part.SWEEP],
    }


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_schedule_goes_on_as_one_that_is_made_anew(gain):
    cases = [case(name, threads=1) for name in "abcdefgh"]
    variants = tuple(case(name, threads=2) for name in "bgh")
    probes = [case("roofline-numpy", workload="roofline", threads=n) for n in (1, 2)]
    planned = run(*cases, rounds={"sgd": 5}, variants=variants, rooflines=probes, stopping=STOPPING)
    asked = []

    def find_settled(run, records, rule):
        asked.append(rule)
        rows = run.cases[: len(records) // (7 if rule == STOPPING else 4)]
        return {row.slug for row in rows}

    schedule = Schedule(planned, [], find_settled)
    counts = []
    while schedule.remaining:
        trial = schedule.remaining[0]
        before = len(asked)
        assert trial == Schedule(planned, schedule.records, find_settled).remaining[0]
        del asked[before:]
        epoch = gain if trial.case.threads == 2 else 1.0
        schedule.add(ok(trial.case, trial.round, epoch, trial.kind, trial=trial.id))
        counts.append(len(asked) - before)
    assert not Schedule(planned, schedule.records, find_settled).remaining
    assert counts.count(0) > len(counts) / 2  # most trials change nothing that follows


def test_run_with_a_budget_is_complete_after_its_first_processes():
    planned = run(case("a"), case("b"), rounds={"sgd": 4}, stopping=STOPPING, budget=9.0)
    missing = Schedule(planned, []).missing
    assert {trial.round for trial in list_needed(planned, missing)} == {1}
    shared = msgspec.structs.replace(planned, preset="share")
    needed = list_needed(shared, Schedule(shared, []).missing)
    assert {trial.round for trial in needed} == {1, 2}
    fixed = msgspec.structs.replace(planned, stopping=None)
    assert len(list_needed(fixed, missing)) == 8


def test_older_run_with_traces_misses_none():
    planned = run(case(), rounds={"sgd": 2}, trace=True)
    missing = Schedule(planned, [ok(case())]).remaining
    assert [trial.id for trial in missing] == [f"r2-{case().slug}"]


def test_settled_rows_are_left_out_of_later_rounds():
    planned = run(case("a"), case("b"), rounds={"sgd": 4}, stopping=STOPPING)
    asked = []

    def find_settled(run, records, rule):
        if rule == STOPPING:
            asked.append(sorted(record.round for record in records))
        return {case("a").slug} if len(records) == 6 else set()

    def find(records):
        return [trial.id for trial in Schedule(planned, records, find_settled).remaining]

    records = [ok(case(name), number) for number in (1, 2, 3) for name in "ab"]
    assert find(records) == [f"r4-{case('b').slug}"]
    assert asked == [[1, 1, 2, 2, 3, 3]]
    # What belongs to a round does not change while it is measured.
    records.append(ok(case("b"), 4))
    assert find(records) == []
    assert asked[1:] == [[1, 1, 2, 2, 3, 3]]
    fixed = msgspec.structs.replace(planned, stopping=None)
    missing = Schedule(fixed, records, find_settled).remaining
    assert [trial.round for trial in missing] == [4]


def test_lean_trials_time_few_epochs():
    cases = [case("a"), case("b", epochs=1)]
    planned = run(*cases, rounds={"sgd": 3}, lean_from=2)
    epochs = {(one.case.implementation, one.round): one.case.epochs for one in plan_trials(planned)}
    assert [epochs["a", number] for number in (1, 2, 3)] == [5, 2, 2]
    assert [epochs["b", number] for number in (1, 2, 3)] == [1, 1, 1]
    assert len({trial.case.slug for trial in plan_trials(planned)}) == 2
    planned = msgspec.structs.replace(planned, lean_from=0)
    assert {one.case.epochs for one in plan_trials(planned) if one.round > 1} == {1, 5}


def test_chosen_epochs_are_trained_in_each_round(make):
    assert make(**JAX).lean_from == 2
    planned = make(**JAX, epochs=9)
    assert planned.stopping is not None
    trials = [trial for trial in plan_trials(planned) if trial.kind == "trial"]
    single = [trial for trial in trials if trial.case.threads == 1]
    assert {(trial.case.epochs, trial.lean) for trial in single} == {(9, False)}


def test_trial_without_a_complete_record_is_missing():
    planned = run(case("a"), case("b"), rounds={"sgd": 2})
    expected = plan_trials(planned)
    assert Schedule(planned, []).remaining == expected
    records = [
        bare(trial.case, trial.round, trial=trial.id, status=status)
        for trial, status in zip(
            expected, ("failed", "interrupted", "timeout", "unavailable"), strict=True
        )
    ]
    assert Schedule(planned, records).remaining == expected[1:2]
