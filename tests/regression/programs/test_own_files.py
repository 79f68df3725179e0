"""Files of a project of one's own in two versions, and code that both sides would share."""

import subprocess

import pytest

from bench.errors import UserError
from bench.regression.pairs.plan import Terms
from bench.regression.programs.prepare import CaseOptions, prepare_comparison
from bench.worker import machine

MINE = "import helper\nfrom pathlib import Path\nclass Trainer:\n    size = helper.SIZE\n"


@pytest.fixture
def project(checkout, repository, tmp_path):
    """A project with a file of its own, its neighbour and a package; two commits."""
    for name in ("src/mypkg", "benchmarks"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "src/mypkg/__init__.py").write_text("SPEED = 1\n")
    (tmp_path / "benchmarks/mine.py").write_text(MINE)
    for number in (1, 2):
        (tmp_path / "benchmarks/helper.py").write_text(f"SIZE = {number}\n")
        repository.git("add", "benchmarks", "src")
        repository.commit()
    return tmp_path


def agree(baseline, candidate, **terms):
    terms = {"command": "softmax-bench ab", "progress": pytest.fail, **terms}
    return Terms(baseline=baseline, candidate=candidate, **terms)


def compare(*sides, files=("benchmarks/mine.py",), envs=({}, {}), **terms):
    """Return the only pairing of the comparison of a file."""
    cases = CaseOptions(files, data="digits", envs=envs)
    with prepare_comparison(agree(*sides, **terms), cases) as (plan, installations):
        (pairing,) = plan.pairings
        return pairing, plan, installations


def test_each_side_has_its_file_and_its_neighbours(project):
    pairing, plan, _ = compare("HEAD~1", "HEAD")
    assert pairing.name == "mine"
    assert pairing.baseline.sha256 == pairing.candidate.sha256
    assert pairing.baseline.siblings.keys() == pairing.candidate.siblings.keys() == {"helper.py"}
    assert pairing.baseline.siblings != pairing.candidate.siblings
    assert (plan.baseline.name, plan.candidate.name) == ("HEAD~1", "HEAD")
    # From a folder of the repository, and against the working tree.
    (project / "benchmarks/helper.py").write_text("SIZE = 3\n")
    pairing, *_ = compare("HEAD", ".")
    assert pairing.baseline.siblings != pairing.candidate.siblings


def test_file_that_one_revision_lacks_is_missing_there(project, repository):
    repository.git("mv", "benchmarks/mine.py", "benchmarks/new.py")
    repository.commit()
    cases = CaseOptions(("benchmarks/mine.py",), data="digits")
    with prepare_comparison(agree("HEAD~1", "HEAD"), cases) as (plan, _):
        (absent,) = plan.absent
        assert (absent.side, absent.reason) == ("candidate", "not in HEAD")
        assert plan.pairings == ()
    with pytest.raises(UserError, match=r"neither revision has the file benchmarks/mine\.py"):
        compare("HEAD", "HEAD")


def test_equal_commits_run_the_same_code(project):
    with pytest.raises(UserError, match="the same file and import the same modules") as error:
        compare("HEAD", "HEAD")
    assert "\n" not in str(error.value)
    compare("HEAD", "HEAD", allowed={"same-code"})
    compare(".", ".", envs=({"A": "1"}, {"A": "2"}))


@pytest.fixture
def importing(project):
    """Let the file import the project's package, with a change that shows in its neighbour."""
    (project / "benchmarks/mine.py").write_text(f"import mypkg\n{MINE}")
    subprocess.run(["git", "commit", "--quiet", "-am", "import it"], cwd=project, check=True)
    (project / "benchmarks/helper.py").write_text("SIZE = 4\n")
    subprocess.run(["git", "commit", "--quiet", "-am", "change it"], cwd=project, check=True)
    return project


def test_package_that_both_sides_import_from_one_place_is_refused(importing):
    place = importing / "src"  # as if it were installed
    sides = str(place), str(place)
    with pytest.raises(UserError) as error:
        compare(*sides)
    text = str(error.value)
    assert f"both sides import mypkg from {place / 'mypkg'}" in text
    assert "--install" in text
    assert "\n" not in text
    compare(*sides, allowed={"same-code"})


def test_folders_of_modules_tell_the_sides_apart(importing, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "mypkg").mkdir(parents=True)
        (tmp_path / name / "mypkg" / "__init__.py").touch()
    *_, installations = compare(str(tmp_path / "a"), str(tmp_path / "b"))
    assert [one.path for one in installations.values()] == [tmp_path / "a", tmp_path / "b"]


@pytest.mark.parametrize(
    ("sides", "files", "terms", "words"),
    [
        (("HEAD", "."), ("benchmarks/mine.py", "numpy"), {}, "not both"),
        (("HEAD", "."), ("benchmarks/mine.py",), {"install": True}, "two revisions"),
        (("HEAD~1", "HEAD"), ("numpy",), {"install": True}, "two revisions"),
        (("HEAD~1", "HEAD"), ("/elsewhere/mine.py",), {}, "outside of the repository"),
        (("src", "."), ("numpy",), {}, "add --implementation FILE"),
    ],
)
def test_impossible_comparison_of_files_is_refused(project, sides, files, terms, words):
    with pytest.raises(UserError, match=words) as error:
        compare(*sides, files=files, progress=print, **terms)
    assert "\n" not in str(error.value)


def test_tree_of_another_project_is_not_the_suite(repository, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "ROOT", tmp_path / "elsewhere")
    with pytest.raises(UserError, match="repository of another project"):
        compare("HEAD", ".", files=("numpy",))
