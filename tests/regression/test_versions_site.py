"""Where a version runs, and what differs between two places."""

import sys
import tempfile
from dataclasses import replace

import pytest

from bench.errors import UserError
from bench.regression.versions import venv
from bench.regression.versions.site import Site, find_changes, prepare_site
from bench.regression.versions.spec import Version, parse_version
from bench.worker import machine
from implementations import IMPLEMENTATIONS

OURS = Site(sys.executable, machine.ROOT / "implementations", IMPLEMENTATIONS)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Return the folder of temporary files, which is the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


def listed(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize(
    "side", [Version(".", "tree"), Version("a.py", "file", path="a.py", sha256="0")]
)
def test_the_tree_and_a_file_run_where_we_do(side, temporary):
    with prepare_site(side, (), pytest.fail) as found:
        assert found == OURS
        assert listed(temporary) == {}


def test_another_python_runs_our_implementations(tmp_path, monkeypatch):
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    with prepare_site(parse_version("./python"), (), pytest.fail) as found:
        assert found == replace(OURS, python=str(tmp_path / "python"))


def test_a_python_that_has_gone_meanwhile_is_one_line(tmp_path):
    side = Version("there", "interpreter", path=str(tmp_path / "python"))
    with pytest.raises(UserError, match="no longer exists"), prepare_site(side, (), print):
        pytest.fail("it is not there")


def test_packages_run_our_implementations_in_an_environment_for_what_was_chosen(monkeypatch):
    monkeypatch.setattr(venv, "ensure_environment", lambda spec, _: " ".join(spec.requirements))
    chosen = [entry for entry in IMPLEMENTATIONS if entry.name == "keras-jax"]
    side = Version("x", "packages", requirements=("keras==3.9",))
    with prepare_site(side, chosen, pytest.fail) as found:
        assert (found.implementations, found.registry) == (OURS.implementations, OURS.registry)
        assert found.python.startswith("keras==3.9 jax")


def test_a_revision_brings_its_implementations_and_its_registry(repository, temporary):
    side = parse_version("main")
    repository.commit(softmax_numpy="two = 2")
    with prepare_site(side, (), pytest.fail) as found:
        assert found.python == sys.executable
        assert [entry.name for entry in found.registry] == ["numpy", "old"]
        assert (found.implementations / "idiomatic" / "softmax_numpy.py").read_text() == "one = 1"
        assert found.implementations.is_relative_to(temporary)


def test_a_revision_leaves_nothing_behind(repository, temporary):
    side = parse_version("main")
    before = listed(repository.folder)
    with prepare_site(side, (), print):
        assert listed(repository.folder) == before  # nor would anything be left, were we killed
        assert len(listed(temporary)) > 1
    assert listed(repository.folder) == before
    assert listed(temporary) == {}


def test_what_of_a_revision_is_left_out_is_said(repository):
    repository.commit(
        __init__="""
class Entry:
    name, module = "numpy", "softmax_numpy"
IMPLEMENTATIONS = [Entry, "no entry"]
"""
    )
    said = []
    with prepare_site(parse_version("HEAD"), (), said.append) as found:
        assert [entry.name for entry in found.registry] == ["numpy"]
    assert len(said) == 1
    assert said[0].startswith("HEAD: ")


@pytest.fixture
def placed(tmp_path):
    """Lay out a place with a file for every module of a registry; altered by module."""

    def lay(name, registry, **texts):
        folder = tmp_path / name
        folder.mkdir()
        for entry in registry:
            path = folder.joinpath(*entry.module.split(".")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(texts.get(path.stem, "one = 1"))
        return Site(sys.executable, folder, tuple(registry))

    return lay


def test_places_that_are_alike_differ_in_nothing(placed):
    base, candidate = placed("base", IMPLEMENTATIONS), placed("candidate", IMPLEMENTATIONS)
    assert find_changes(base, candidate) == ((), (), ())


def test_every_implementation_of_a_changed_file_has_changed(placed):
    base = placed("base", IMPLEMENTATIONS)
    candidate = placed("candidate", IMPLEMENTATIONS, softmax_keras="two = 2")
    found = find_changes(base, candidate)
    assert found == (("keras-tensorflow", "keras-jax", "keras-torch"), (), ())


def test_an_implementation_of_another_entry_has_changed(placed):
    first, *rest = IMPLEMENTATIONS
    other = [replace(first, data="streamed"), *rest]
    found = find_changes(placed("base", IMPLEMENTATIONS), placed("candidate", other))
    assert found == (("numpy",), (), ())


def test_an_implementation_is_the_same_in_another_place_of_the_registry(placed):
    found = find_changes(placed("base", IMPLEMENTATIONS), placed("other", IMPLEMENTATIONS[::-1]))
    assert found == ((), (), ())


def test_what_is_on_one_side_only_is_told_by_its_side(placed):
    first, second, *rest = IMPLEMENTATIONS
    found = find_changes(placed("base", [first, *rest]), placed("candidate", [second, *rest]))
    assert found.changed == ()
    assert (found.only_base, found.only_candidate) == (("numpy",), ("numba",))


def test_a_file_that_is_not_there_differs_from_one_that_is(placed):
    base, candidate = placed("base", IMPLEMENTATIONS), placed("candidate", IMPLEMENTATIONS)
    (candidate.implementations / "idiomatic" / "softmax_numpy.py").unlink()
    assert find_changes(base, candidate).changed == ("numpy",)
    (base.implementations / "idiomatic" / "softmax_numpy.py").unlink()
    assert find_changes(base, candidate).changed == ()


def test_code_that_an_implementation_imports_counts(placed):
    texts = {
        "softmax_jax": "from implementations._devices import jax",
        "softmax_pytorch": "from implementations._devices.torch import find",
        "softmax_keras": "from .._devices.keras import find",
    }
    sites = [placed(name, IMPLEMENTATIONS, **texts) for name in ("base", "candidate")]
    for location in sites:
        (location.implementations / "_devices").mkdir()
        for name in ("jax", "torch", "keras", "other"):
            (location.implementations / "_devices" / f"{name}.py").write_text("from . import other")
    assert find_changes(*sites).changed == ()
    devices = sites[1].implementations / "_devices"
    (devices / "jax.py").write_text("from . import other  # changed")
    assert find_changes(*sites).changed == ("jax",)
    (devices / "other.py").write_text("changed")
    keras = ("keras-tensorflow", "keras-jax", "keras-torch")
    assert find_changes(*sites).changed == ("pytorch", "jax", *keras)


def test_files_that_moved_are_unchanged(placed):
    flat = [replace(entry, module=entry.module.partition(".")[2]) for entry in IMPLEMENTATIONS]
    base, candidate = placed("base", flat), placed("candidate", IMPLEMENTATIONS)
    assert find_changes(base, candidate) == ((), (), ())
    (base.implementations / "softmax_jax.py").write_text("two = 2")
    assert find_changes(base, candidate).changed == ("jax",)


def test_our_own_head_is_read_and_its_registry_has_our_names():
    """The real thing, once: only read, and only where this is a checkout."""
    if not (machine.ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    with prepare_site(parse_version("HEAD"), (), pytest.fail) as found:
        assert (found.implementations / "idiomatic" / "softmax_numpy.py").exists()
        assert "numpy" in {entry.name for entry in found.registry}
