"""``bench list`` names every implementation and what is installed of its framework."""

import importlib.metadata

import pytest

from bench.cli.verbs.list import installed_versions
from implementations import IMPLEMENTATIONS, MANY

ENTRIES = {entry.name: entry for entry in (*IMPLEMENTATIONS, *MANY)}


def test_list_names_every_implementation(called):
    code, out, err = called("list")
    assert (code, err) == (0, "")
    *lines, _, install = out.splitlines()
    names = [line.split()[0] for line in lines]
    assert names == ["name", *ENTRIES]
    assert max(map(len, lines)) <= 80
    assert install == "Missing: pip install -e '.[EXTRA]' in the suite's folder"


@pytest.mark.parametrize(
    ("name", "versions"),
    [("keras-jax", "keras 3.12, jax 0.8"), ("pytorch", "torch 2.9.1"), ("numpy", "numpy 2.4")],
)
def test_installed_versions_include_the_backend(monkeypatch, name, versions):
    releases = {"keras": "3.12", "jax": "0.8", "torch": "2.9.1", "numpy": "2.4"}
    monkeypatch.setattr(importlib.metadata, "version", releases.__getitem__)
    assert installed_versions(ENTRIES[name]) == versions


def test_absent_framework_is_named_with_its_extra(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert installed_versions(ENTRIES["keras-jax"]) == "missing: keras,jax"
