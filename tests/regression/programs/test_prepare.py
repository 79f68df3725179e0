"""What ``bench ab`` measures by default, and requests that it refuses."""

import importlib.metadata
import re
import shlex
import sys
from contextlib import contextmanager

import pytest

from bench.errors import UserError
from bench.regression.pairs.plan import BASELINE, CANDIDATE, Terms
from bench.regression.programs import prepare
from bench.regression.programs.comparison_plan import Absent
from bench.regression.programs.prepare import CaseOptions, prepare_comparison
from bench.regression.versions import venv
from bench.regression.versions.names import Version
from bench.runner.process.spec import Installation
from bench.worker import machine
from implementations import IMPLEMENTATIONS

FILES, NUMBA = ("fast.py", "slow.py"), ("numba==0.61", "numba==0.62")


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("fast", "slow"):
        (tmp_path / f"{name}.py").write_text(f"NAME = {name!r}\nclass Trainer: ...\n")
    return FILES


@pytest.fixture
def built(monkeypatch):
    """Build no environment; return the specifications, in order."""
    specs = []

    def python(spec, progress):
        specs.append(spec)
        return f"/environments/{len(specs)}/bin/python"

    monkeypatch.setattr(venv, "ensure_environment", python)
    return specs


@pytest.fixture
def installed(monkeypatch):
    """Pretend that packages are installed in these releases, or not (None)."""
    real = importlib.metadata.version

    def pretend(**releases):
        def version(name):
            release = releases.get(name, real)
            if release is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return real(name) if release is real else release

        monkeypatch.setattr(importlib.metadata, "version", version)

    return pretend


@contextmanager
def comparison(*sides, **options):
    baseline, candidate = sides
    terms = Terms(
        baseline=baseline,
        candidate=candidate,
        command="softmax-bench ab",
        progress=lambda line: None,
    )
    with prepare_comparison(terms, CaseOptions(**{"data": "digits", **options})) as prepared:
        yield prepared


def measured(*sides, **options):
    """Return the names of the pairings, and what only one version has."""
    with comparison(*sides, **options) as (plan, _):
        return [one.name for one in plan.pairings], plan.absent


def test_changes_since_a_revision_are_measured(repository):
    repository.commit(softmax_numpy="two = 2")
    here = [entry.name for entry in IMPLEMENTATIONS if entry.name != "numpy"]
    absent = (
        Absent("old", "not in .", CANDIDATE),
        *(Absent(name, "not in HEAD~1", BASELINE) for name in here),
    )
    assert measured("HEAD~1", ".") == (["numpy"], absent)
    repository.commit(softmax_old="two = 2")
    assert measured("HEAD~1", "HEAD") == (["old"], ())
    assert measured("HEAD", "HEAD") == ([], ())


def test_each_set_of_packages_has_an_environment(built):
    with comparison(*NUMBA, implementations=("numba", "jax")) as (plan, installations):
        assert [one.name for one in plan.pairings] == ["numba", "jax"]
        assert [spec.named for spec in built] == [(release,) for release in NUMBA]
        for spec in built:
            names = {re.match(r"[a-z-]+", one)[0] for one in spec.requirements}
            assert names == {"jax", "numba", "numpy"}
        ours = machine.ROOT / "implementations"
        assert installations == {
            "base": Installation("/environments/1/bin/python", ours),
            "candidate": Installation("/environments/2/bin/python", ours),
        }


@pytest.mark.parametrize("sides", [(".", "."), (".", "numba==0.61"), ("numba==0.61",) * 2])
def test_each_side_has_its_variables(built, installed, sides):
    installed(numba="0.62.1")
    envs = ({"A": "1"}, {"A": "2", "B": ""})
    with comparison(*sides, implementations=("numba",), envs=envs) as (plan, _):
        (pairing,) = plan.pairings
    assert (pairing.baseline.env, pairing.candidate.env) == envs
    assert (plan.baseline.env, plan.candidate.env) == envs
    if sides[0] == sides[1]:
        assert plan.baseline.requirements == plan.candidate.requirements


@pytest.mark.parametrize("order", [("numba==0.61", "."), (".", "numba==0.61")])
def test_tree_becomes_the_installed_packages(built, installed, order):
    installed(numba="0.62.1")
    with comparison(*order) as (plan, _):
        sides = dict(zip(order, (plan.baseline, plan.candidate), strict=True))
    assert sides == {
        name: Version(release, "packages", requirements=(release,))
        for name, release in ((".", "numba==0.62.1"), ("numba==0.61", "numba==0.61"))
    }
    one, other = built
    # The environments differ only in the named package.
    assert one.constraints == other.constraints
    assert set(one.requirements) ^ set(other.requirements) == {"numba==0.61", "numba==0.62.1"}


def test_tree_pins_all_packages_of_the_other_side(built, installed):
    installed(keras="3.11.0", torch="2.9.1+cpu")
    with comparison("torch==2.8 keras==3.9", ".", implementations=("keras-torch",)) as (plan, _):
        assert plan.candidate.name == "keras==3.11.0 torch==2.9.1+cpu"
        # pip may not find the local build.
        assert plan.candidate.requirements == ("keras==3.11.0", "torch>=2.9.1,<=2.9.1")


def test_interpreter_runs_its_side(program):
    python = program("python", f'exec {shlex.quote(sys.executable)} "$@"')
    with comparison(str(python), ".", implementations=("numpy",)) as (plan, installations):
        assert installations["base"].python == str(python)
        assert installations["candidate"] == Installation()
        assert plan.baseline.kind == "interpreter"


@pytest.mark.parametrize(
    ("sides", "options", "words"),
    [
        (FILES, {"batch_size": 33}, "--batch-size 33 does not divide 1440 samples"),
        (FILES, {"data": "nowhere"}, "nowhere"),
        (FILES, {"threads": 4096}, "--threads 4096"),
        (FILES, {"implementations": ("numpy",)}, "two files say what is measured"),
        (("fast.py", "."), {}, "Compare a file with a file"),
        (NUMBA, {"implementations": ("numba", "nmupy")}, "'nmupy'. Did you mean numpy"),
        ((".", "."), {"implementations": ("nmupy",)}, "'nmupy'. Did you mean numpy"),
        ((".", "."), {}, "--implementation"),
        ((sys.executable, "."), {}, "--implementation"),
        (("polars==1.0", "polars==1.1"), {}, "--implementation"),
        (("numba==0.61", "."), {}, "numba is not installed here"),
    ],
)
def test_impossible_comparison_is_refused_before_any_build(
    files, built, installed, sides, options, words
):
    installed(numba=None)
    with pytest.raises(UserError) as error, comparison(*sides, **options):
        pass
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert built == []


def test_data_larger_than_memory_are_refused(files, monkeypatch):
    monkeypatch.setattr(prepare, "read_usable_memory", lambda: 2**20)
    with pytest.raises(UserError, match="memory"), comparison(*files):
        pass
