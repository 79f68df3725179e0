"""A plan has the chosen cases at their sizes, and their trials in blocks that the seed shuffles."""

import hashlib
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.records import case, run

from bench.errors import UserError
from bench.runner import plan
from bench.runner.plan import Selection, Size
from implementations import IMPLEMENTATIONS, PROBES, TEXTBOOK_PROGRAMS

NAMES = [implementation.name for implementation in IMPLEMENTATIONS]
SEEDS = st.integers(0, 2**31 - 1)
BASE = Size(32, 2, 48000)


def select(*names, **changes):
    return Selection(names, **{"available": 48000, "cores": 2, **changes})


def plan_cases(*names, **changes):
    def unprobed(path):
        pytest.fail("a registered implementation must not be imported")

    return plan.plan_cases(select(*names, **changes), unprobed)


# ----- sizes


def test_combined_sizes_are_all_combinations_once():
    assert plan.combine_sizes([8, 7, 8], [1, 2], [56]) == [
        Size(8, 1, 56),
        Size(7, 1, 56),
        Size(8, 2, 56),
        Size(7, 2, 56),
    ]


@pytest.mark.parametrize(
    ("batch_size", "samples", "near"),
    [(7, 100, "5 or 10"), (101, 100, "100"), (49, 97, "1 or 97"), (37, 1296, "36 or 48")],
)
def test_ragged_size_names_the_nearest_divisors(batch_size, samples, near):
    assert Size(batch_size, 1, samples).fault == (
        f"--batch-size {batch_size} does not divide {samples} samples; {near} would"
    )


@given(samples=st.integers(1, 2000), batch_size=st.integers(1, 2100))
def test_nearest_divisors_divide_and_none_is_nearer(samples, batch_size):
    assume(samples % batch_size)
    near = [int(size) for size in plan.nearest_divisors(samples, batch_size).split(" or ")]
    divisors = [size for size in range(1, samples + 1) if samples % size == 0]
    below = [size for size in divisors if size < batch_size]
    assert near == below[-1:] + [size for size in divisors if size > batch_size][:1]


def test_sweep_varies_one_thing_at_a_time():
    sizes = plan.sweep_sizes(BASE)
    assert BASE not in sizes
    assert len(sizes) == len(set(sizes))
    assert {size.batch_size for size in sizes if size[1:] == (2, 48000)} == {
        *(8, 128, 384, 1920, 9600)
    }
    assert {size.samples for size in sizes if size[:2] == (384, 2)} == {
        *(9600, 19200, 48000, 96000, 480000)
    }
    assert [size for size in sizes if size.threads == 1] == [
        Size(32, 1, 48000),
        Size(1920, 1, 48000),
    ]
    assert {size.fault for size in sizes} == {None}
    assert {size.threads for size in plan.sweep_sizes(Size(32, 1, 48000))} == {1}


# ----- cases


def test_default_selection_is_the_whole_registry_in_order():
    cases = plan_cases()
    expected = [(workload, name) for workload in ("sgd", "textbook") for name in NAMES]
    assert [(one.workload, one.implementation) for one in cases] == expected
    first = cases[0]
    assert (plan.case_size(first), first.epochs, first.device) == (BASE, 5, "cpu")


def test_case_has_the_fields_of_its_registry_entry():
    (one,) = plan_cases("keras-tensorflow-fused", workloads=("sgd",))
    entry = next(entry for entry in IMPLEMENTATIONS if entry.name == "keras-tensorflow-fused")
    for name in ("module", "framework", "extra", "objective", "style", "data", "devices"):
        assert getattr(one, name) == getattr(entry, name)
    assert one.variables == {"KERAS_BACKEND": "tensorflow"}
    assert plan.list_distributions(one) == ["keras", "tensorflow"]


def test_chosen_values_replace_the_defaults():
    (one,) = plan_cases(
        "jax",
        workloads=("textbook",),
        devices=("gpu",),
        batch_sizes=(50,),
        threads=(1,),
        samples=(100,),
        epochs=7,
    )
    assert (one.workload, one.device, one.epochs) == ("textbook", "gpu", 7)
    assert plan.case_size(one) == Size(50, 1, 100)


@pytest.mark.parametrize(
    ("changes", "rounds", "figures"),
    [
        ({}, {"sgd": 5, "textbook": 1}, True),
        ({"quick": True}, {"sgd": 1}, False),
        ({"quick": True, "workloads": ("textbook",)}, {"textbook": 1}, False),
        ({"quick": True, "rounds": 3}, {"sgd": 3}, False),
        ({"rounds": 2}, {"sgd": 2, "textbook": 2}, True),
        ({"workloads": ("textbook", "sgd")}, {"textbook": 1, "sgd": 5}, False),
    ],
)
def test_rounds_and_figures_follow_from_the_selection(changes, rounds, figures):
    assert select(**changes).rounds_of() == rounds
    assert select(**changes).with_figures() is figures


def test_ragged_sizes_are_skipped_once_or_refused_if_there_is_no_other():
    with pytest.raises(UserError, match="5 or 10 would"):
        plan_cases("numpy", batch_sizes=(7,), samples=(100,))
    (one,) = plan_cases("numpy", workloads=("sgd",), batch_sizes=(7, 50), samples=(100,))
    assert (one.batch_size, one.samples) == (50, 100)
    chosen = select(batch_sizes=(7, 50), threads=(1, 2), samples=(100, 140))
    skipped = plan.skipped_sizes(chosen, ())
    assert [(size.batch_size, size.samples) for size in skipped] == [(7, 100), (50, 140)]


def test_sweep_cases_are_of_the_first_workload_and_fewer_for_one_vs_rest():
    cases = plan_cases("numpy", "sklearn-sgd", threads=(2,))
    sweep = plan.sweep_cases(cases)
    softmax, one_vs_rest = (
        {plan.case_size(one) for one in sweep if one.implementation == name}
        for name in ("numpy", "sklearn-sgd")
    )
    assert {one.workload for one in sweep} == {"sgd"}
    assert softmax == set(plan.sweep_sizes(BASE))
    assert one_vs_rest < softmax
    assert {size.batch_size for size in one_vs_rest} == {32, 384}
    assert {size.samples for size in one_vs_rest} == {9600, 19200, 48000, 96000}
    assert plan.skipped_sizes(select(threads=(2,)), sweep) == ()


def test_sweep_varies_threads_on_the_cpu_only():
    sweep = plan.sweep_cases(plan_cases("pytorch", threads=(2,), devices=("cpu", "gpu")))
    assert {(one.device, one.threads) for one in sweep} == {("cpu", 1), ("cpu", 2), ("gpu", 2)}


def test_textbook_programs_are_cases_without_a_size():
    cases = plan.textbook_cases(2)
    assert [one.implementation for one in cases] == [figure.name for figure in TEXTBOOK_PROGRAMS]
    assert [one.module for one in cases] == [figure.module for figure in TEXTBOOK_PROGRAMS]
    assert {(one.workload, one.threads, one.batch_size) for one in cases} == {("figure", 2, 0)}


def test_roofline_probes_run_once_a_device_and_number_of_threads():
    cases = [case("a", threads=2), case("b", threads=2), case("a", threads=1)]
    names = [probe.name for probe in PROBES]
    probes = plan.roofline_cases(cases)
    assert [(one.implementation, one.threads) for one in probes] == [
        (name, threads) for threads in (2, 1) for name in names
    ]
    quick = plan.roofline_cases([case("a", threads=2), case("a", device="gpu")], quick=True)
    assert [(one.implementation, one.device) for one in quick] == [
        ("ceiling-numpy", "cpu"),
        ("ceiling-pytorch", "gpu"),
    ]
    assert len(plan.roofline_cases([case("a", device="gpu")])) == len(PROBES) - 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pytorhc", "did you mean pytorch"),
        ("loop", "did you mean tensorflow-loop"),
        ("zzz", f"choose from {', '.join(NAMES)}"),
    ],
)
def test_unknown_name_is_refused_with_similar_names(name, hint):
    with pytest.raises(UserError, match=hint):
        plan_cases(name)


def test_implementation_chosen_twice_is_refused():
    with pytest.raises(UserError, match="twice"):
        plan_cases("numpy", "jax", "numpy")


def test_own_file_becomes_a_case(tmp_path):
    path = tmp_path / "my_softmax.py"
    path.write_bytes(b"a class")
    probed = []

    def probe(path):
        probed.append(path)
        return "one-vs-rest"

    (one,) = plan.plan_cases(select(str(path), workloads=("sgd",)), probe)
    assert probed == [path]
    assert (one.implementation, one.module, one.file) == ("my_softmax", "my_softmax", str(path))
    assert (one.objective, one.style, one.framework) == ("one-vs-rest", "own", "")
    assert one.sha256 == hashlib.sha256(b"a class").hexdigest()


@pytest.mark.parametrize("name", ["nowhere.py", "my-softmax.py", "jax.py", "torch.py", "json.py"])
def test_file_that_cannot_be_imported_by_its_name_is_refused(tmp_path, name):
    if name != "nowhere.py":
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=name):
        plan_cases(str(tmp_path / name))


# ----- trials


@st.composite
def runs(draw):
    """Plans with some cases of each workload, and rounds of their own."""
    rounds = {name: draw(st.integers(1, 5)) for name in ("sgd", "textbook")}
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6))
    cases = [case(name, workload=workload) for workload in rounds for name in names]
    return run(*cases, rounds=rounds, seed=draw(SEEDS), textbook=(case("figure-keras"),))


@given(runs())
def test_every_round_measures_every_case_once(planned):
    *trials, figure = plan.plan_trials(planned)
    assert len({trial.id for trial in trials}) == len(trials)
    assert (figure.id, figure.kind) == ("r1-figure-keras", "textbook")
    assert [trial.round for trial in trials] == sorted(trial.round for trial in trials)
    for number in range(1, max(planned.rounds.values()) + 1):
        block = Counter(trial.case.slug for trial in trials if trial.round == number)
        cases = [one for one in planned.cases if number <= planned.rounds[one.workload]]
        assert block == Counter(one.slug for one in cases)


@given(seed=SEEDS, other=SEEDS)
def test_order_follows_from_the_seed_and_the_round(seed, other):
    cases = [case(f"number-{number}") for number in range(40)]

    def orders(seed):
        trials = plan.plan_trials(run(*cases, rounds={"sgd": 3}, seed=seed))
        names = [trial.case.implementation for trial in trials]
        return [tuple(names[start : start + 40]) for start in (0, 40, 80)]

    assert orders(seed) == orders(seed)
    assert len({*orders(seed), *orders(other)}) == (3 if seed == other else 6)


def test_probes_come_first_and_a_sweep_last():
    planned = run(
        case("a"),
        rounds={"sgd": 2},
        rooflines=(case("ceiling-numpy", workload="ceiling"),),
        sweep=(case("a", batch_size=8),),
        textbook=(case("figure-keras"),),
    )
    ids = {
        "r1-ceiling-numpy-cpu-t2": "roofline",
        "r1-sgd-a-cpu-b32-t2-n48000": "trial",
        "r2-sgd-a-cpu-b32-t2-n48000": "trial",
        "r1-figure-keras": "textbook",
        "r1-sgd-a-cpu-b8-t2-n48000": "trial",
    }
    assert [(trial.id, trial.kind) for trial in plan.plan_trials(planned)] == list(ids.items())
