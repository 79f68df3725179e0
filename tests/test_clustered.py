"""``bench run --cluster`` before anybody is connected to: what is refused, and what is shown."""

import pytest
from support.records import case, run, write

CLUSTER = "--cluster=tcp://127.0.0.1:1"


@pytest.fixture
def stored(tmp_path):
    """Write runs of these names, machines and data below ``lab``; the folder."""

    def store(*runs):
        for name, machine, data in runs:
            write(tmp_path / "lab" / name, run(case(), run=name, machine=machine, data=data))
        return tmp_path / "lab"

    return store


@pytest.mark.parametrize(
    "runs",
    [[("one", "m", None), ("two", "m", None)], [("one", "m", None), ("two", "n", "digits")]],
    ids=["one machine", "other data"],
)
def test_runs_of_one_machine_or_of_other_data_are_not_gone_on_with_together(refused, stored, runs):
    stored(*runs)
    err = refused("run", "--resume", "--output=lab", CLUSTER)
    assert "lab/one and lab/two have one machine or other data; go on with each by itself" in err


def test_a_run_goes_on_where_it_was_begun(refused, stored):
    stored(("here", None, None), ("there", "m", None))
    err = refused("run", "--resume", "--output=lab/here", CLUSTER)
    assert err == "bench: lab/here was begun without --cluster; leave that out\n"
    err = refused("run", "--resume", "--output=lab/there")
    assert err == "bench: lab/there is measured by hosts of a cluster; name its --cluster\n"


@pytest.mark.parametrize("flag", ["--each-host", "--wait=1m"])
def test_what_is_of_a_cluster_needs_one(refused, flag):
    err = refused("run", flag)
    assert "--each-host and --wait are of --cluster; name its scheduler, or omit them" in err


def test_a_folder_that_holds_runs_is_not_begun_into(refused, stored):
    stored(("one", "m", None))
    err = refused("run", "--each-host", "--output=lab", CLUSTER)
    assert err == "bench: lab holds runs; choose another --output, or add --resume\n"


def test_what_would_be_gone_on_with_is_shown_without_a_cluster(called, stored):
    stored(("one", "m", None), ("two", "n", None))
    code, out, err = called("run", "--resume", "--dry-run", "--output=lab", CLUSTER)
    assert (code, err) == (0, "")
    assert "lab/one, machine m:" in out
    assert "lab/two, machine n:" in out
    assert out.count("pytorch") == 2
