"""NVML's Python module is found, so that a child can be lent it."""

import importlib.util
import sys

from support.nvml import gpu as make

from bench.nvml import find_module


def test_the_module_is_the_file_that_a_child_is_lent(nvml, tmp_path):
    nvml([make()])
    assert find_module() == tmp_path / "nvml" / "pynvml.py"


def test_a_module_that_is_a_package_is_lent_whole(monkeypatch, tmp_path):
    (tmp_path / "pynvml").mkdir()
    (tmp_path / "pynvml" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert find_module() == tmp_path / "pynvml"


def test_without_the_module_there_is_nothing_to_lend(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert find_module() is None
