"""``bench check`` tells right implementations from wrong ones."""

import pytest

from bench.runner.parity import conformance


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


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [("honest", 0, "passes: honest"), ("says_unavailable", 1, "no abacus in this machine")],
)
def test_check_of_one_file_ends_with_its_status(check, saboteur, name, status, text):
    ended, out, err = check(saboteur(name))
    assert (ended, err) == (status, "")
    assert text in out
