"""What ``bench ab`` measures by default, and requests that it refuses."""

import importlib.metadata
import re
import sys
from contextlib import contextmanager

import pytest

from bench.errors import UserError
from bench.records.schema import FORMAT
from bench.regression.paired import prepare
from bench.regression.paired.comparison_plan import Absent
from bench.regression.paired.prepare import CaseOptions, prepare_comparison, select_cases
from bench.regression.stats.decision import ALPHA
from bench.regression.versions import venv
from bench.regression.versions.names import Version
from bench.runner.process.spec import Installation
from bench.worker import machine
from implementations import IMPLEMENTATIONS

DIGITS = {"data": "digits"}


@pytest.fixture
def sides(tmp_path, monkeypatch):
    """Write two implementation files."""
    monkeypatch.chdir(tmp_path)
    for name in ("fast", "slow"):
        (tmp_path / f"{name}.py").write_text(f"NAME = {name!r}\nclass Trainer: ...\n")
    return "fast.py", "slow.py"


@pytest.fixture
def built(monkeypatch):
    """Build no environment; return the specifications, in order."""
    recipes = []

    def python(recipe, progress):
        recipes.append(recipe)
        return f"/environments/{len(recipes)}/bin/python"

    monkeypatch.setattr(venv, "ensure_environment", python)
    return recipes


@pytest.fixture
def installed(monkeypatch):
    """Pretend that packages are installed in these releases, or not (None)."""
    real = importlib.metadata.version

    def pretend(**releases):
        def version(name):
            result = releases.get(name.replace("-", "_"), real)
            if result is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return real(name) if result is real else result

        monkeypatch.setattr(importlib.metadata, "version", version)

    return pretend


@contextmanager
def comparison(*sides, progress=lambda line: None, terms=None, **options):
    """Prepare a comparison on digits."""
    with prepare_comparison(
        *sides,
        cases=CaseOptions(**{**DIGITS, **options}),
        command="bench ab",
        progress=progress,
        **(terms or {}),
    ) as prepared:
        yield prepared


def measured(*sides, **given):
    """Return the names of the pairings, and what only one version has."""
    with comparison(*sides, **given) as result:
        return [one.name for one in result.plan.pairings], result.plan.absent


def refused(*sides, **given):
    """Return the error message of an impossible comparison."""
    with pytest.raises(UserError) as error, comparison(*sides, **given):
        pass
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_two_files_are_one_case_on_one_core(sides, tmp_path):
    with comparison(*sides) as result:
        plan = result.plan
        (pairing,) = plan.pairings
        assert pairing.name == "fast → slow"
        for case, name in ((pairing.base, "fast"), (pairing.candidate, "slow")):
            assert (case.implementation, case.file, case.style) == (name, f"{name}.py", "own")
            assert (case.workload, case.device, case.threads) == ("sgd", "cpu", 1)
            assert (case.batch_size, case.samples, case.epochs) == (32, 1440, 5)
        assert (plan.base.path, plan.candidate.path) == sides
        assert result.installations == {"base": Installation(), "candidate": Installation()}
        assert result.data.name == "digits"
        assert plan.absent == ()


def test_plan_holds_the_options_and_a_unique_name(sides):
    terms = {"tolerance": 0.05, "budget": 90.0, "gates": ("memory",), "timeout": 7.0, "seed": 43}
    with comparison(*sides, terms=terms) as one, comparison(*sides, terms=terms) as other:
        assert (one.plan.tolerance, one.plan.budget, one.plan.timeout) == (0.05, 90.0, 7.0)
        assert (one.plan.seed, one.plan.alpha, one.plan.format) == (43, ALPHA, FORMAT)
        assert one.plan.gates == ("memory",)
        assert (one.plan.data_source, one.plan.command) == ("digits", "bench ab")
        assert one.plan.run != other.plan.run  # the coins of a pair hang on it
        assert re.fullmatch(r"[0-9]{8}-[0-9]{6}-ab-[0-9a-f]{4}", one.plan.run)


def test_files_of_one_name_are_one_case(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(f"FOLDER = {folder!r}\nclass Trainer: ...\n")
    with comparison("old/mine.py", "new/mine.py") as result:
        (pairing,) = result.plan.pairings
        assert pairing.name == "mine"
        assert pairing.base.sha256 != pairing.candidate.sha256


def test_changes_since_a_revision_are_measured(repository):
    repository.commit(softmax_numpy="two = 2")
    names, absent = measured("HEAD~1", ".")
    assert names == ["numpy"]
    here = [entry.name for entry in IMPLEMENTATIONS if entry.name != "numpy"]
    assert absent == (
        Absent("old", "not in ."),
        *(Absent(name, "not in HEAD~1") for name in here),
    )


def test_only_changes_between_revisions_are_measured(repository):
    repository.commit(softmax_old="two = 2")
    assert measured("HEAD~1", "HEAD") == (["old"], ())
    assert measured("HEAD", "HEAD") == ([], ())


def test_named_implementations_are_measured_unchanged(repository):
    assert measured("main", "main", implementations=("numpy",)) == (["numpy"], ())
    assert measured("main", ".", implementations=("old", "numpy", "old")) == (
        ["numpy"],
        (Absent("old", "not in ."),),
    )
    assert measured("main", ".", implementations=("jax",)) == (
        [],
        (Absent("jax", "not in main"),),
    )


def test_each_side_uses_its_own_registry_entry(repository):
    text = (repository.folder / "implementations" / "__init__.py").read_text()
    repository.commit(__init__=text.replace('"A": "1"', '"A": "2"'))
    with comparison("HEAD~1", "HEAD") as result:
        (pairing,) = result.plan.pairings
        assert (pairing.base.variables, pairing.candidate.variables) == ({"A": "1"}, {"A": "2"})


def test_users_of_the_packages_are_measured(built):
    assert measured("jax==0.6", "jax==0.7")[0] == ["jax", "jax-scan", "keras-jax"]
    assert measured("scikit-learn==1.7", "scikit-learn==1.8")[0] == [
        "sklearn-softmax",
        "sklearn-sgd",
    ]
    assert measured("numba==0.61", "tensorflow==2.18")[0] == [
        "numba",
        "keras-tensorflow",
        "keras-tensorflow-fused",
        "tensorflow-loop",
    ]


def test_each_set_of_packages_has_an_environment(built):
    with comparison("numba==0.61", "numba==0.62", implementations=("numba", "jax")) as result:
        assert [one.name for one in result.plan.pairings] == ["numba", "jax"]
        assert [recipe.named for recipe in built] == [("numba==0.61",), ("numba==0.62",)]
        for recipe in built:
            names = {re.match(r"[a-z-]+", one)[0] for one in recipe.requirements}
            assert names == {"jax", "numba", "numpy"}
        assert result.installations["base"].python == "/environments/1/bin/python"
        assert result.installations["candidate"].python == "/environments/2/bin/python"
        assert result.installations["base"].implementations == machine.ROOT / "implementations"


@pytest.mark.parametrize("order", [("numba==0.61", "."), (".", "numba==0.61")])
def test_tree_becomes_the_installed_packages(built, installed, order):
    installed(numba="0.62.1")
    with comparison(*order) as result:
        tree = result.plan.candidate if order[1] == "." else result.plan.base
        named = result.plan.base if order[1] == "." else result.plan.candidate
    assert tree == Version("numba==0.62.1", "packages", requirements=("numba==0.62.1",))
    assert named == Version("numba==0.61", "packages", requirements=("numba==0.61",))
    one, other = built
    assert {one.named, other.named} == {("numba==0.61",), ("numba==0.62.1",)}
    # The environments differ only in the named package.
    assert one.constraints == other.constraints
    assert set(one.requirements) ^ set(other.requirements) == {"numba==0.61", "numba==0.62.1"}


def test_tree_pins_all_packages_of_the_other_side(built, installed):
    installed(keras="3.11.0", torch="2.9.1+cpu")
    with comparison("torch==2.8 keras==3.9", ".", implementations=("keras-torch",)) as result:
        assert result.plan.candidate.name == "keras==3.11.0 torch==2.9.1+cpu"
        # pip may not find the local build.
        assert result.plan.candidate.requirements == ("keras==3.11.0", "torch>=2.9.1,<=2.9.1")


def test_missing_package_cannot_stand_for_the_tree(built, installed):
    installed(numba=None)
    assert "numba is not installed here" in refused("numba==0.61", ".")
    assert built == []


def test_unused_packages_need_a_named_implementation(built):
    assert "--implementation" in refused("polars==1.0", "polars==1.1")
    assert built == []
    names, _ = measured("polars==1.0", "polars==1.1", implementations=("numpy",))
    assert names == ["numpy"]


def test_interpreters_need_a_named_implementation():
    assert "--implementation" in refused(sys.executable, ".")
    assert "--implementation" in refused(".", ".")
    assert measured(".", ".", implementations=("numpy", "numpy")) == (["numpy"], ())


def test_interpreter_runs_its_side(tmp_path):
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with comparison(str(python), ".", implementations=("numpy",)) as result:
        assert result.installations["base"].python == str(python)
        assert result.installations["candidate"] == Installation()
        assert result.plan.base.kind == "interpreter"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"workload": "sdg"}, "unknown workload 'sdg'; did you mean sgd?"),
        ({"batch_size": 33}, "--batch-size 33 does not divide 1440 samples"),
        ({"data": "nowhere"}, "nowhere"),
        ({"implementations": ("numpy",)}, "two files say what is measured"),
    ],
)
def test_impossible_options_are_refused(sides, given, words):
    assert words in refused(*sides, **given)


def test_incompatible_kinds_are_refused_before_any_build(sides, built):
    assert "is a file and . is the working tree" in refused("fast.py", ".")
    assert "Compare a file with a file" in refused("numba==0.61", "fast.py")
    assert built == []


@pytest.mark.parametrize("order", [("numba==0.61", "numba==0.62"), (".", ".")])
def test_unknown_implementation_is_refused_before_any_build(built, order):
    assert refused(*order, implementations=("numba", "nmupy")) == (
        "unknown implementation 'nmupy'; did you mean numpy?"
    )
    assert built == []


def test_file_without_an_implementation_is_refused(sides, tmp_path):
    (tmp_path / "slow.py").write_text("")
    assert "slow.py has no class Trainer" in refused(*sides)
    (tmp_path / "numpy.py").write_text("class Trainer: ...\n")
    assert "numpy.py: name the file like a Python module" in refused("numpy.py", "fast.py")


def test_selected_cases_are_the_named_or_all():
    every = select_cases(CaseOptions(**DIGITS))
    assert [case.implementation for case in every] == [entry.name for entry in IMPLEMENTATIONS]
    assert {(case.samples, case.threads, case.batch_size) for case in every} == {(1440, 1, 32)}
    chosen = select_cases(
        CaseOptions(implementations=("jax", "numpy", "jax"), device="gpu", **DIGITS)
    )
    assert [case.implementation for case in chosen] == ["jax", "numpy"]
    assert {case.device for case in chosen} == {"gpu"}


def test_data_larger_than_memory_are_refused(sides, monkeypatch):
    monkeypatch.setattr(prepare, "compute_max_samples", lambda features: 1439)
    assert "memory" in refused(*sides)
