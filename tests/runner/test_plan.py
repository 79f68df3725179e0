"""The cases are those that were chosen; their trials come in blocks that the seed shuffles."""

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import case, run

from bench.errors import UserError
from bench.runner import plan
from bench.runner.plan import Selection
from implementations import FIGURES, IMPLEMENTATIONS, PROBES

NAMES = [implementation.name for implementation in IMPLEMENTATIONS]
SEEDS = st.integers(0, 2**31 - 1)


def unprobed(path):
    pytest.fail("a registered implementation needs no look into its file")


def selection(*names, **changes):
    return Selection(names, **{"available": 48000, "cores": 2, **changes})


def chosen(*names, **changes):
    return plan.plan_cases(selection(*names, **changes), unprobed)


@st.composite
def runs(draw):
    """Plans with some cases of each workload, and rounds of their own."""
    rounds = {name: draw(st.integers(1, 5)) for name in ("sgd", "textbook")}
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6))
    cases = [case(name, workload=workload) for workload in rounds for name in names]
    return run(*cases, rounds=rounds, seed=draw(SEEDS), figures=(case("figure-keras"),))


@given(runs())
def test_every_round_measures_every_case_once_and_the_figures_come_last(planned):
    trials = plan.plan_trials(planned)
    assert len({trial.id for trial in trials}) == len(trials)
    *measured, figure = trials
    assert (figure.id, figure.kind, figure.case) == (
        "r1-figure-keras",
        "figure",
        planned.figures[0],
    )
    assert [trial.round for trial in measured] == sorted(trial.round for trial in measured)
    counts = Counter(trial.case.slug for trial in measured)
    assert counts == {one.slug: planned.rounds[one.workload] for one in planned.cases}
    for number in range(1, max(planned.rounds.values()) + 1):
        block = [trial.case.slug for trial in measured if trial.round == number]
        expected = [one.slug for one in planned.cases if number <= planned.rounds[one.workload]]
        assert sorted(block) == sorted(expected)
    assert {trial.kind for trial in measured} <= {"trial"}


@given(seed=SEEDS, other=SEEDS)
def test_the_order_follows_from_the_seed_and_differs_between_rounds_and_seeds(seed, other):
    cases = [case(f"number-{number}") for number in range(40)]

    def orders(seed):
        trials = plan.plan_trials(run(*cases, rounds={"sgd": 3}, seed=seed))
        names = [trial.case.implementation for trial in trials]
        return [tuple(names[start : start + 40]) for start in (0, 40, 80)]

    assert orders(seed) == orders(seed)
    assert len({*orders(seed), *orders(other)}) == (3 if seed == other else 6)


def test_a_trial_is_named_after_its_round_and_its_case():
    (trial,) = plan.plan_trials(run(case(), rounds={"sgd": 1}))
    assert trial.id == "r1-sgd-pytorch-cpu-b32-t2-n48000"
    assert (trial.kind, trial.round, trial.case) == ("trial", 1, case())


def test_a_plan_of_nothing_has_no_trials():
    assert plan.plan_trials(run(rounds={})) == []


def test_without_a_choice_everything_is_measured_in_the_order_of_the_registry():
    cases = chosen()
    expected = [(workload, name) for workload in ("sgd", "textbook") for name in NAMES]
    assert [(one.workload, one.implementation) for one in cases] == expected
    first = cases[0]
    assert (first.batch_size, first.epochs, first.samples) == (32, 5, 48000)
    assert (first.threads, first.device) == (2, "cpu")


def test_a_case_has_all_that_the_registry_says():
    (one,) = chosen("keras-tensorflow-fused", workloads=("sgd",))
    entry = next(entry for entry in IMPLEMENTATIONS if entry.name == "keras-tensorflow-fused")
    for name in ("module", "framework", "extra", "objective", "style", "data", "devices"):
        assert getattr(one, name) == getattr(entry, name)
    assert one.variables == {"KERAS_BACKEND": "tensorflow"}
    assert one.variables is not entry.variables


def test_flags_take_the_place_of_defaults():
    (one,) = chosen(
        "jax", workloads=("textbook",), devices=("gpu",), batch_sizes=(50,), threads=(1,),
        samples=(100,), epochs=7,
    )  # fmt: skip
    found = (one.workload, one.device, one.batch_size, one.threads, one.samples, one.epochs)
    assert found == ("textbook", "gpu", 50, 1, 100, 7)


@pytest.mark.parametrize(
    ("changes", "rounds"),
    [
        ({}, {"sgd": 5, "textbook": 1}),
        ({"quick": True}, {"sgd": 1}),
        ({"quick": True, "workloads": ("textbook",)}, {"textbook": 1}),
        ({"quick": True, "rounds": 3}, {"sgd": 3}),
        ({"rounds": 2}, {"sgd": 2, "textbook": 2}),
        ({"workloads": ("textbook", "sgd")}, {"textbook": 1, "sgd": 5}),
    ],
)
def test_rounds_are_as_many_as_were_asked_for(changes, rounds):
    assert selection(**changes).rounds_of() == rounds


@pytest.mark.parametrize(
    ("changes", "figures"),
    [
        ({}, True),
        ({"rounds": 1}, True),
        ({"quick": True}, False),
        ({"implementations": ("jax",)}, False),
        ({"workloads": ("sgd",)}, False),
    ],
)
def test_only_the_whole_suite_has_the_figures(changes, figures):
    assert Selection(**changes, available=1, cores=1).with_figures() is figures


def test_figures_are_cases_of_no_workload_of_ours():
    cases = plan.textbook_cases(2)
    assert [one.implementation for one in cases] == [figure.name for figure in FIGURES]
    assert {one.workload for one in cases} == {"figure"}
    assert [one.module for one in cases] == [figure.module for figure in FIGURES]
    assert [one.objective for one in cases] == ["softmax", "one-vs-rest"]
    assert cases[0].variables == {"KERAS_BACKEND": "tensorflow"}
    assert {(one.style, one.data, one.devices) for one in cases} == {
        ("idiomatic", "resident", ("cpu",))
    }
    assert cases[0].threads == 2


def test_a_size_that_does_not_divide_is_refused_where_it_is_the_only_one():
    with pytest.raises(UserError, match=r"7 does not divide 100 samples; 5 or 10 would$"):
        chosen("numpy", batch_sizes=(7,), samples=(100,))
    (one,) = chosen("numpy", workloads=("sgd",), batch_sizes=(7, 50), samples=(100,))
    assert (one.batch_size, one.samples) == (50, 100)


def test_sizes_that_do_not_divide_are_skipped_once_whatever_the_threads():
    one = selection(batch_sizes=(7, 50), threads=(1, 2), samples=(100, 140))
    left = [(each.batch_size, each.samples, each.reason) for each in plan.skipped_sizes(one, ())]
    assert left == [
        (7, 100, "--batch-size 7 does not divide 100 samples; 5 or 10 would"),
        (50, 140, "--batch-size 50 does not divide 140 samples; 35 or 70 would"),
    ]


def test_a_sweep_goes_out_from_the_first_workloads_size():
    cases = chosen("numpy", "sklearn-sgd", threads=(2,))
    swept = plan.sweep_cases(cases)
    sizes = {name: {plan.case_size(one) for one in swept if one.implementation == name}
             for name in ("numpy", "sklearn-sgd")}  # fmt: skip
    assert {one.workload for one in swept} == {"sgd"}
    assert sizes["numpy"] == set(plan.sizes.sweep(plan.case_size(cases[0])))
    assert sizes["sklearn-sgd"] < sizes["numpy"]
    assert plan.skipped_sizes(selection(threads=(2,)), swept) == ()


def test_a_sweep_asks_for_fewer_threads_on_the_cpu_only():
    swept = plan.sweep_cases(chosen("pytorch", threads=(2,), devices=("cpu", "gpu")))
    threads = {device: {one.threads for one in swept if one.device == device}
               for device in ("cpu", "gpu")}  # fmt: skip
    assert threads == {"cpu": {1, 2}, "gpu": {2}}
    sizes = {(one.batch_size, one.samples) for one in swept if one.device == "gpu"}
    assert len(sizes) == len(plan.sizes.BATCH_SIZES) + len(plan.sizes.SAMPLES)


def test_ceilings_come_before_the_first_round_and_a_sweep_at_the_end():
    probe = case("ceiling-numpy", workload="ceiling")
    planned = run(case("a"), rounds={"sgd": 2}, ceilings=(probe,), sweep_rounds=2,
                  sweep=(case("a", batch_size=8),), figures=(case("figure-keras"),))  # fmt: skip
    ids = [trial.id for trial in plan.plan_trials(planned)]
    assert ids == [
        "r1-ceiling-numpy-cpu-t2", "r1-sgd-a-cpu-b32-t2-n48000", "r2-sgd-a-cpu-b32-t2-n48000",
        "r1-figure-keras",
        "r1-sgd-a-cpu-b8-t2-n48000", "r2-sgd-a-cpu-b8-t2-n48000",
    ]  # fmt: skip
    kinds = [trial.kind for trial in plan.plan_trials(planned)]
    assert kinds == ["ceiling", "trial", "trial", "figure", "trial", "trial"]


def test_a_quick_run_probes_each_place_once_with_what_runs_there():
    found = plan.roofline_cases([case("a", threads=2), case("a", device="gpu")], quick=True)
    assert [(one.implementation, one.device) for one in found] == [
        ("ceiling-numpy", "cpu"), ("ceiling-pytorch", "gpu"),
    ]  # fmt: skip


def test_what_cannot_run_on_a_device_does_not_probe_it():
    found = plan.roofline_cases([case("a", device="gpu")])
    assert "ceiling-numpy" not in [one.implementation for one in found]
    assert len(found) == len(PROBES) - 1


def test_a_probe_knows_where_it_probes():
    cases = [case("a", threads=2), case("b", threads=2), case("a", threads=1)]
    found = plan.roofline_cases(cases)
    names = [probe.name for probe in PROBES]
    assert [(one.implementation, one.threads) for one in found] == [
        (name, threads) for threads in (2, 1) for name in names
    ]
    assert {(one.device, one.workload) for one in found} == {("cpu", "ceiling")}
    assert [one.module for one in found[: len(names)]] == [probe.module for probe in PROBES]


def test_a_sweep_waits_until_nothing_else_is_left():
    planned = run(case("a"), rounds={"sgd": 1}, sweep=(case("a", batch_size=8),))
    first, last = plan.plan_trials(planned)
    assert plan.postpone_sweep(planned, [last, first]) == [first]
    assert plan.postpone_sweep(planned, [last]) == [last]
    assert plan.postpone_sweep(planned, []) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pytorhc", "did you mean pytorch"),
        ("loop", "did you mean tensorflow-loop"),
        ("zzz", f"choose from {', '.join(NAMES)}"),
        ("", f"choose from {', '.join(NAMES)}"),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_near(name, hint):
    with pytest.raises(UserError, match=f"unknown implementation '{name}'; {hint}"):
        chosen(name)


def test_an_implementation_that_is_chosen_twice_is_refused():
    with pytest.raises(UserError, match="numpy is chosen twice; name it once"):
        chosen("numpy", "jax", "numpy")


def test_somebodys_own_file_becomes_a_case(tmp_path):
    path = tmp_path / "my_softmax.py"
    path.write_bytes(b"a class")
    asked = []

    def probe(path):
        asked.append(path)
        return "one-vs-rest"

    (one,) = plan.plan_cases(selection(str(path), workloads=("sgd",)), probe)
    assert asked == [path]
    assert (one.implementation, one.module) == ("my_softmax", "my_softmax")
    assert (one.objective, one.style, one.data) == ("one-vs-rest", "own", "own")
    assert (one.file, one.framework, one.devices) == (str(path), "", ("cpu", "gpu"))
    assert one.sha256 == hashlib.sha256(b"a class").hexdigest()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere.py", "there is no implementation file .*nowhere.py; give a name or a .py"),
        ("my-softmax.py", "my-softmax.py: name the file like a Python module"),
        ("jax.py", "jax.py: name the file like a Python module, and not like a built-in"),
        ("torch.py", "torch.py: name the file"),
        ("json.py", "json.py: name the file"),
    ],
)
def test_a_file_that_cannot_be_imported_by_its_name_is_refused(tmp_path, name, says):
    if name != "nowhere.py":
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=says):
        chosen(str(tmp_path / name))
