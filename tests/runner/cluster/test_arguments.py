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
    ],
    ids=" ".join,
)
def test_arguments_that_contradict_the_folder_or_each_other_are_refused(refused, stored, arguments):
    refused("run", *arguments)


def test_two_runs_of_one_machine_are_not_resumed_together(refused, tmp_path):
    for name in ("one", "two"):
        write(tmp_path / "lab" / name, run(case(), run=name, machine="m"))
    assert "several runs of one machine" in refused("run", "--resume", "--output=lab", CLUSTER)
