"""The implementations of a git revision, and its registry."""

import re
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.regression.versions import git, site
from implementations import IMPLEMENTATIONS, Implementation

PLAIN = """
class Entry:
    def __init__(self, **fields):
        self.__dict__ |= fields
"""


@pytest.fixture
def registered(repository, tmp_path):
    """Commit a registry and read it; return its entries, and reports of skipped ones."""

    def read(text):
        reports = []
        commit = repository.commit(__init__=text)
        (tmp_path / "scratch").mkdir()
        folder = git.unpack(commit, "old", tmp_path / "scratch")
        return site.read_registry(folder, "old", reports.append), reports

    return read


def test_commit_is_checked_out_with_its_history_and_leaves_nothing(repository, tmp_path):
    first = repository.git("rev-parse", "HEAD")
    second = repository.commit(softmax_numpy="two = 2")
    before = {path: path.stat().st_mtime_ns for path in (repository.folder / ".git").rglob("*")}
    git.check_out(first, tmp_path / "one")
    assert (tmp_path / "one/implementations/idiomatic/softmax_numpy.py").read_text() == "one = 1"
    history = repository.git("-C", tmp_path / "one", "log", "--all", "--format=%H").split()
    assert {first, second} == {*history}
    after = {path: path.stat().st_mtime_ns for path in (repository.folder / ".git").rglob("*")}
    assert after == before
    with pytest.raises(UserError, match="git says"):
        git.check_out("0" * 40, tmp_path / "two")


def test_repository_of_another_user_is_checked_out_once_git_trusts_it(
    repository, tmp_path, monkeypatch
):
    folder, config = tmp_path / "one", tmp_path / "config"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(
        UserError,
        match=re.escape(f"says: git config --global --add safe.directory {repository.folder}. Fix"),
    ):
        git.check_out("HEAD", folder)
    config.write_text(f"[safe]\ndirectory = {repository.folder}\ndirectory = {folder}\n")
    git.check_out("HEAD", folder)
    assert (folder / "implementations").is_dir()


def test_commit_that_a_shallow_clone_has_fetched_is_checked_out(repository, tmp_path, monkeypatch):
    source, shallow = repository.folder.as_uri(), tmp_path / "shallow"
    first = repository.git("rev-parse", "HEAD")
    repository.commit(softmax_numpy="two = 2")
    repository.git("clone", "--quiet", "--depth=1", source, shallow)
    repository.git("-C", shallow, "fetch", "--quiet", "--depth=1", source, first)
    monkeypatch.chdir(shallow)
    git.check_out(first, tmp_path / "one")
    assert (tmp_path / "one/implementations/idiomatic/softmax_numpy.py").read_text() == "one = 1"


GROUPS = """
[dependency-groups]
Tests = ["pytest>=8", {include-group = "base"}]
base = ["numpy"]
loop = [{include-group = "loop"}]
"""


def test_group_has_the_requirements_of_those_that_it_includes(repository):
    (repository.folder / "pyproject.toml").write_text(GROUPS)
    repository.git("add", ".")
    commit = repository.commit()
    assert git.read_groups(commit, ["tests"]) == ("pytest>=8", "numpy")
    for name, words in (("loop", "loop"), ("docs", "docs")):
        with pytest.raises(UserError, match=words):
            git.read_groups(commit, [name])


def test_revision_without_implementations_is_refused(repository, tmp_path):
    repository.git("mv", "implementations", "elsewhere")
    with pytest.raises(UserError) as error:
        git.unpack(repository.commit(), "old", tmp_path)
    assert "implementations/" in str(error.value)


def test_required_fields_are_inherited_and_unknown_ones_ignored(registered):
    ours = next(entry for entry in IMPLEMENTATIONS if entry.name == "jax")
    entries, reports = registered(
        f"{PLAIN}IMPLEMENTATIONS = [Entry(name='jax', module='m', colour=print),"
        "Entry(name='jax', module='m', framework='own')]"
    )
    assert entries == (
        Implementation(name="jax", module="m", framework=ours.framework, extra=ours.extra),
        Implementation(name="jax", module="m", framework="own", extra=ours.extra),
    )
    assert reports == []


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("Entry(name='own', module='m')", "entry own"),
        ("Entry(name='jax')", "entry jax"),
        ("Entry(name='jax', module='m', data='fast')", "entry jax"),
        ("Entry(name='jax', module='m', data=print)", "entry jax"),
        ("Entry(name=['jax'], module='m')", "entry ['jax']"),
        ("'jax'", "entry 2"),
    ],
)
def test_invalid_entry_is_skipped_and_reported(registered, entry, reason):
    entries, reports = registered(
        f"{PLAIN}IMPLEMENTATIONS = [Entry(name='jax', module='m'), {entry}]"
    )
    assert [one.name for one in entries] == ["jax"]
    (line,) = reports
    assert line.startswith("old: ")
    assert f" {reason}," in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("IMPLEMENTATIONS = ()", "no valid entry"),
        ("IMPLEMENTATIONS = {'jax': 'softmax_jax'}", "no valid entry"),
        ("from bench.contract import Gone", "cannot import name 'Gone' from 'bench.contract'"),
        ("ALL = ()", "has no attribute 'IMPLEMENTATIONS'"),
        ("import os; os._exit(3)", "exit status 3"),
        ("import time; time.sleep(600)", "still running after 0.2 s"),
    ],
)
def test_unreadable_registry_is_refused(registered, text, reason, monkeypatch):
    if "sleep" in text:
        monkeypatch.setattr(site, "_REGISTRY_TIMEOUT", 0.2)
    with pytest.raises(UserError) as error:
        registered(text)
    assert reason in str(error.value)
    assert str(error.value).startswith("old: ")
    assert "\n" not in str(error.value)


def test_registry_imports_our_bench(registered, tmp_path, monkeypatch):
    other = tmp_path / "other"
    (other / "bench").mkdir(parents=True)
    (other / "bench" / "__init__.py").touch()
    (other / "json.py").write_text("raise ImportError('not this one')")
    monkeypatch.setenv("PYTHONPATH", str(other))
    monkeypatch.chdir(other)
    entries, _ = registered(
        f"{PLAIN}import os, bench\n"
        "where = os.path.realpath(bench.__file__)\n"
        "IMPLEMENTATIONS = [Entry(name='jax', module=where)]"
    )
    assert not Path(entries[0].module).is_relative_to(other)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("mypkg/__init__.py", True),
        ("src/mypkg/__init__.py", True),
        ("mypkg.py", True),
        ("deep/mypkg.py", False),
        ("mypkg/readme", False),
        ("src/json.py", False),
        ("tests/__init__.py", False),
    ],
)
def test_module_of_a_repository_is_listed_from_the_usual_places(tmp_path, place, found):
    for name in (".git/HEAD", "benchmarks/mine.py", place):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert git.list_modules(tmp_path / "benchmarks") == ["mypkg"] * found
