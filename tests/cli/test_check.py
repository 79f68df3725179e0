"""``bench check`` tells right implementations from wrong ones."""

import re

import pytest

from bench.runner import conformance
from bench.worker.machine import ROOT


@pytest.fixture
def check(called, monkeypatch):
    """Check some implementations with one batch size; tests of the checker cover all sizes."""
    monkeypatch.setattr(conformance, "BATCH_SIZES", {"digits": {"sgd": (8,)}})
    return lambda *arguments: called("check", "--data=digits", *arguments)


def test_check_tells_right_from_wrong(check, saboteur):
    status, out, err = check("numpy", saboteur("sums_the_loss"))
    assert (status, err) == (1, "")
    lines = out.splitlines()
    (right,) = [line for line in lines if line.startswith("numpy ")]
    assert " ok " in right
    assert "parity error" in right
    wrong = [line for line in lines if line.startswith("sums_the_loss ")]
    assert "it looks as if it adds up the loss of a batch" in wrong[0]
    assert {"passes: numpy", "FAILS: sums_the_loss"} <= set(lines)


def test_check_of_an_unavailable_file_ends_with_1(check, saboteur):
    status, out, err = check(saboteur("says_unavailable"))
    assert (status, err) == (1, "")
    assert "no abacus in this machine" in out


def test_example_of_the_documentation_passes(check, tmp_path):
    page = (ROOT / "docs" / "adding-an-implementation.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    (tmp_path / "my_softmax.py").write_text(example)
    ended, out, err = check("./my_softmax.py")
    assert (ended, err) == (0, "")
    assert "passes: my_softmax" in out
    assert not (tmp_path / "__pycache__").exists()
