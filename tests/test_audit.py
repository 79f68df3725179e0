"""The audit of what would be installed: each fault is seen, and so is a database that is silent."""

import importlib.util
import json
import tomllib

import pytest
from packaging.requirements import Requirement

from bench.machine import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(url="https://index/numpy-2.0-cp311-cp311-any.whl", hashes=("sha256",), **changes):
    download = {"url": url, "archive_info": {"hashes": dict.fromkeys(hashes, "0")}}
    return {"download_info": download, "metadata": {"name": "numpy", "version": "2.0"}, **changes}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"url": "https://index/numpy-2.0.tar.gz"}, "no wheel"),
        ({"hashes": ()}, "no SHA-256"),
        ({"hashes": ("md5",)}, "no SHA-256"),
        ({"url": "http://index/numpy-2.0-any.whl"}, "it comes by http"),
        ({"is_yanked": True}, "withdrawn"),
    ],
)
def test_what_is_wrong_with_a_package_is_seen(audit, changes, fault):
    assert list(audit.faults(package())) == []
    (found,) = audit.faults(package(**changes))
    assert fault in found


def test_an_address_with_a_digest_behind_it_is_still_that_of_a_wheel(audit):
    assert list(audit.faults(package(url="https://index/a-1-py3-none-any.whl#sha256=0"))) == []


def answer(*dependencies):
    return json.dumps({"dependencies": dependencies}).encode()


CLEAN = {"name": "rich", "version": "14.0", "vulns": []}
SKIPPED = {"name": "numpy", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("output", "looked_up"),
    [(b"", 0), (b"ERROR: no route to host", 0), (answer(SKIPPED), 0), (answer(SKIPPED, CLEAN), 1)],
)
def test_what_was_skipped_counts_as_not_looked_up(audit, output, looked_up):
    assert len(audit.answered(output)) == looked_up


VULNERABLE = {"name": "numpy", "version": "2.0",
              "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}  # fmt: skip


@pytest.mark.parametrize(
    ("packages", "looked_up", "status", "said"),
    [
        ([package()], [], 0, ["NOT LOOKED FOR: known vulnerabilities of 1 of 1", "nothing was"]),
        ([package()], [{**VULNERABLE, "vulns": []}], 0, ["1 looked up", "nothing was found"]),
        ([package()], [VULNERABLE], 1, ["numpy==2.0: PYSEC-1, mended in 2.1"]),
        ([package(is_yanked=True)], [], 1, ["NOT LOOKED FOR", "numpy==2.0: withdrawn"]),
    ],
)
def test_what_was_found_decides_the_exit_status(
    audit, monkeypatch, capsys, packages, looked_up, status, said
):
    monkeypatch.setattr(audit, "chosen", lambda _: packages)
    monkeypatch.setattr(audit, "known", lambda _: looked_up)
    assert audit.main(["."]) == status
    out = capsys.readouterr().out
    assert all(each in out for each in said)
    assert ("NOT LOOKED FOR" in out) == (not looked_up)


def test_pip_says_what_it_would_install_and_installs_nothing(audit, wheels, tmp_path):
    wheels("abacus", "2.0", "beads>=1")
    wheels("beads", "1.5")
    found = audit.chosen(["abacus>=1"])
    assert sorted(map(audit.named, found)) == ["abacus==2.0", "beads==1.5"]
    assert importlib.util.find_spec("abacus") is None


def requirements():
    project = PROJECT["project"]
    lists = (
        project["dependencies"], PROJECT["build-system"]["requires"],
        *project["optional-dependencies"].values(), *PROJECT["dependency-groups"].values(),
    )  # fmt: skip
    every = [one for each in lists for one in each]
    return [Requirement(one) for one in every if not one.startswith(project["name"])]


def open_ended(found):
    """Tell whether a requirement has a least version, no only one, and no address."""
    operators = {each.operator for each in found.specifier}
    return not found.url and not operators & {"==", "==="} and ">=" in operators


@pytest.mark.parametrize(
    "wrong", ["numpy", "numpy==2.0", "numpy<3", "numpy>=2,==2.*", "numpy @ https://index/numpy.whl"]
)
def test_a_requirement_that_is_no_range_is_seen(wrong):
    assert open_ended(Requirement("numpy>=2.0,<3"))
    assert not open_ended(Requirement(wrong))


def test_every_requirement_is_a_range_from_a_least_version():
    found = requirements()
    assert len(found) > 30
    assert [str(one) for one in found if not open_ended(one)] == []
