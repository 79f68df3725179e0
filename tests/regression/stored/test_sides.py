"""Runs and calibrations as ``bench compare`` reads them."""

import pytest
from msgspec.structs import replace
from support.records import case, environment, ok, run, write

from bench.errors import UserError
from bench.records import store
from bench.regression.stored.sides import load_side

PYTORCH = case("pytorch")


def test_damaged_or_mixed_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        load_side(tmp_path / "nowhere")
    folder = write(tmp_path / "mixed", run(PYTORCH), ok(PYTORCH))
    store.add_environment(folder, environment(id="there", machine={"id": "another"}))
    with pytest.raises(UserError, match="was measured on 2 machines"):
        load_side(folder)
    with pytest.raises(UserError, match="its environment 'gone' is missing or damaged"):
        load_side(write(tmp_path / "lost", run(PYTORCH), ok(PYTORCH, environment="gone")))


def test_processes_from_another_state_of_the_machine_are_left_out(tmp_path):
    later = replace(ok(PYTORCH, 2, 0.2), started="2036-11-30T14:00:00+00:00")
    side = load_side(write(tmp_path / "run", run(PYTORCH), ok(PYTORCH, 1, 0.1), later))
    assert [len(stored.processes) for stored in side.cases.values()] == [1]
    assert side.name.endswith("(left out, from another state of the machine: 1)")
