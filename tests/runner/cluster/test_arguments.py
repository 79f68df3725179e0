"""``bench run --cluster`` before it connects: what is refused, and what is shown."""

import pytest
from support.records import case, run, write

CLUSTER = "--cluster=tcp://127.0.0.1:1"


@pytest.fixture
def stored(tmp_path):
    """Write runs of these names and machines below ``lab``."""
    for name, machine in (("here", None), ("one", "m"), ("two", "m"), ("three", "n")):
        folder = tmp_path / ("lab" if name in {"one", "three"} else "other") / name
        write(folder, run(case(), run=name, machine=machine))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--resume", "--output=other", CLUSTER),
        ("--resume", "--output=other/here", CLUSTER),
        ("--resume", "--output=other/two"),
        ("--output=lab", CLUSTER),
        ("--each-host", "--output=lab", CLUSTER),
        ("--each-host",),
        ("--wait=1m",),
    ],
    ids=" ".join,
)
def test_arguments_that_contradict_the_folder_or_each_other_are_refused(refused, stored, arguments):
    refused("run", *arguments)


def test_two_runs_of_one_machine_are_not_resumed_together(refused, tmp_path):
    for name in ("one", "two"):
        write(tmp_path / "lab" / name, run(case(), run=name, machine="m"))
    assert "several runs of one machine" in refused("run", "--resume", "--output=lab", CLUSTER)


def test_a_dry_run_of_resume_shows_the_plans_without_a_cluster(called, stored):
    code, out, err = called("run", "--resume", "--dry-run", "--output=lab", CLUSTER)
    assert (code, err) == (0, "")
    assert "lab/one, machine m:" in out
    assert "lab/three, machine n:" in out
    assert out.count("pytorch") == 2
