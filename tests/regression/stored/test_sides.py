"""Runs and calibrations as ``bench compare`` reads them."""

import pytest
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
