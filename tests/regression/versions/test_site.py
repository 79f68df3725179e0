"""Where a version runs, and which implementations differ between two sites."""

import sys
from dataclasses import replace

import pytest

from bench.errors import UserError
from bench.regression.versions import git, venv
from bench.regression.versions.names import Version, parse_version
from bench.regression.versions.site import Site, find_changes, prepare_site
from bench.regression.versions.venv import resolve_versions
from bench.runner.process.spec import Installation
from implementations import IMPLEMENTATIONS


def listed(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_missing_interpreter_is_refused(tmp_path):
    side = Version("python", "interpreter", path=str(tmp_path / "python"))
    with pytest.raises(UserError, match="is no executable"), prepare_site(side, (), print):
        pytest.fail("the interpreter does not exist")


def test_revision_brings_its_implementations_and_leaves_no_files(repository, temporary):
    side = parse_version("main")
    repository.commit(softmax_numpy="two = 2")
    repository_files = repository.folder / ".git"
    before = listed(repository_files)
    with prepare_site(side, (), pytest.fail) as prepared:
        assert prepared.installation.python == sys.executable
        assert [entry.name for entry in prepared.registry] == ["numpy", "old"]
        path = prepared.installation.implementations / "idiomatic" / "softmax_numpy.py"
        assert path.read_text() == "one = 1"
        assert path.is_relative_to(temporary)
        assert listed(repository_files) == before  # a killed process leaves nothing either
    assert listed(repository_files) == before
    assert listed(temporary) == {}


@pytest.fixture
def placed(tmp_path):
    """Write a site with a file for every module of a registry. texts: by module."""

    def lay(name, registry, **texts):
        folder = tmp_path / name
        folder.mkdir()
        for entry in registry:
            path = folder.joinpath(*entry.module.split(".")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(texts.get(path.stem, "one = 1"))
        return Site(Installation(implementations=folder), tuple(registry))

    return lay


FIRST, SECOND, *REST = IMPLEMENTATIONS
KERAS = ["keras-tensorflow", "keras-jax", "keras-torch"]


@pytest.mark.parametrize(
    ("registry", "texts", "changes"),
    [
        (IMPLEMENTATIONS, {"softmax_keras": "two = 2"}, KERAS),
        ([replace(FIRST, data="streamed"), SECOND, *REST], {}, ["numpy"]),
        (IMPLEMENTATIONS[::-1], {}, []),
        (REST, {}, ["numpy", "numba"]),
        ([replace(FIRST, name="new"), SECOND, *REST], {}, ["numpy", "new"]),
    ],
)
def test_changes_are_those_of_code_and_registry(placed, registry, texts, changes):
    base, candidate = placed("base", IMPLEMENTATIONS), placed("candidate", registry, **texts)
    assert find_changes(base, candidate) == changes


def test_changed_device_lookup_is_a_change_of_all_that_use_one(placed):
    texts = {
        "softmax_jax": "from implementations._devices.jax import find_device",
        "softmax_pytorch": "from implementations._devices.torch import find_device",
    }
    sites = [placed(name, IMPLEMENTATIONS, **texts) for name in ("base", "candidate")]
    for site in sites:
        (site.installation.implementations / "_devices").mkdir()
        (site.installation.implementations / "_devices" / "jax.py").write_text("one = 1")
    assert find_changes(*sites) == []
    (sites[1].installation.implementations / "_devices" / "jax.py").write_text("two = 2")
    assert find_changes(*sites) == ["pytorch", "jax"]


def test_install_requires_the_commit_with_its_extras(repository, monkeypatch):
    name = "tool @ {}".format  # as pip names what it finds there
    monkeypatch.setattr(venv, "resolve_requirements", lambda found, *_: tuple(map(name, found)))
    version = parse_version("main")
    monkeypatch.setattr(git, "read_groups", lambda commit, names: tuple(names))
    options, additions = (venv.PipOptions(), pytest.fail), ["extra:x", "Other_Tool>=1", "group:y"]
    (built,) = resolve_versions([version], *options, install=True, additions=additions)
    address = f"git+{repository.folder.as_uri()}@{version.commit}"
    assert built.requirements == (f"tool[x] @ {address}", "y", "Other_Tool>=1")
    (plain,) = resolve_versions([version], *options, install=False)
    assert plain == version
    (with_package,) = resolve_versions([version], *options, install=False, additions=["other"])
    assert with_package.requirements == ("other",)
