"""What the terminal says in lines of its own."""

import importlib.metadata

from bench.cli import terminal
from implementations import IMPLEMENTATIONS


def test_the_installed_version_is_named_with_its_backends(monkeypatch):
    entry = next(entry for entry in IMPLEMENTATIONS if entry.name == "keras-jax")
    other = next(entry for entry in IMPLEMENTATIONS if entry.name == "pytorch")
    versions = {"keras": "3.12", "jax": "0.8", "torch": "2.9.1"}
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)
    assert terminal.installed(entry) == "keras 3.12, jax 0.8"
    assert terminal.installed(other) == "torch 2.9.1"


def test_an_absent_framework_is_named_with_what_installs_it(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    entry = next(entry for entry in IMPLEMENTATIONS if entry.name == "keras-jax")
    expected = "not installed: pip install 'softmax-bench[keras,jax]'"
    assert terminal.installed(entry) == expected
