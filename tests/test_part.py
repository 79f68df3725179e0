"""What may be merged: runs and folders of runs, whole, and nothing that leads out of them."""

import pytest
from fixtures_records import case, ok, run, write

from bench.error import UserError
from bench.part import read


@pytest.fixture
def folder(tmp_path):
    """A run with a record."""
    return write(tmp_path / "all" / "x", run(case()), ok(case()))


def test_a_folder_of_runs_is_its_runs(folder):
    write(folder.parent / "y", run(case()))
    assert [each.folder.name for each in read([folder.parent, folder])] == ["x", "y", "x"]


def test_what_is_no_run_is_refused(folder, tmp_path):
    for name in ("comparison", "calibration"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.json").touch()
        with pytest.raises(UserError, match=f"is a {name}, and only runs are merged"):
            read([folder, tmp_path / name])
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UserError, match=r"holds no run: there is no run\.json, nor a folder"):
            read([folder, path])


@pytest.mark.parametrize(
    "name", ["run.json", "trials.jsonl", "environments", "params", "environments/here.json"]
)
def test_a_file_that_may_lie_elsewhere_is_refused(folder, tmp_path, name):
    (folder / name).rename(tmp_path / "moved")
    (folder / name).symlink_to(tmp_path / "moved")
    with pytest.raises(UserError, match=f"{name} is a link, which may lead elsewhere; copy"):
        read([folder])
