"""Folders of runs: what is in one, and what is said where one run is wanted."""

import pytest

from bench import collection
from bench.error import UserError


@pytest.fixture
def several(tmp_path):
    """A folder of two runs, and of what is none."""
    for name in ("b", "a", ".a.17.part", "report"):
        (tmp_path / "all" / name).mkdir(parents=True)
    for name in ("b", "a", ".a.17.part"):
        (tmp_path / "all" / name / "run.json").touch()
    (tmp_path / "all" / "run.txt").touch()
    (tmp_path / "all" / "comparison").mkdir()
    (tmp_path / "all" / "comparison" / "comparison.json").touch()
    return tmp_path / "all"


def test_a_collection_has_the_runs_right_below_in_their_order(several):
    assert collection.runs(several) == [several / "a", several / "b"]
    assert collection.is_collection(several)
    assert not collection.is_collection(several / "a")


def test_a_run_is_its_own_only_one_whatever_lies_below(several):
    (several / "run.json").touch()
    assert collection.runs(several) == [several]
    assert not collection.is_collection(several)


def test_runs_are_neither_looked_for_deeper_nor_through_links(several, tmp_path):
    assert collection.runs(tmp_path) == []
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "a").symlink_to(several / "a")
    assert collection.runs(tmp_path / "linked") == []


def test_where_there_is_no_folder_there_is_no_run(several):
    assert collection.runs(several / "gone") == []
    assert collection.runs(several / "run.txt") == []


def test_what_takes_one_run_names_those_of_a_collection(several):
    with pytest.raises(UserError, match=r"all holds 2 runs, a, b; name one of them"):
        collection.refuse(several / "a", several)
    collection.refuse(several / "a", several / "gone")


def test_of_many_runs_it_is_said_how_many_there_are(several):
    for number in range(9):
        (several / f"{number}").mkdir()
        (several / f"{number}" / "run.json").touch()
    with pytest.raises(UserError, match=r"all holds 11 runs; name"):
        collection.refuse(several)
