"""``bench check`` tells right implementations from wrong ones."""

import pytest


def test_check_tells_right_from_wrong(bench, saboteur):
    ended = bench("check", "--data=digits", "numpy", saboteur("sums_the_loss"))
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = ended.stdout.splitlines()
    right = [line for line in lines if line.startswith("numpy ")]
    assert len(right) == 5
    assert all(" ok " in line and "parity error" in line for line in right)
    wrong = [line for line in lines if line.startswith("sums_the_loss ")]
    assert "it looks as if it adds up the loss of a batch" in wrong[0]
    assert {"passes: numpy", "FAILS: sums_the_loss"} <= set(lines)


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [("honest", 0, "passes: honest"), ("says_unavailable", 1, "no abacus in this machine")],
)
def test_check_of_one_file_ends_with_its_status(bench, saboteur, name, status, text):
    ended = bench("check", "--data=digits", saboteur(name))
    assert (ended.returncode, ended.stderr) == (status, "")
    assert text in ended.stdout
