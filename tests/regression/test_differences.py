"""What differs between two versions: their software, in words."""

import msgspec
import pytest
from support.comparisons import comparison, two
from support.records import environment

from bench.errors import UserError
from bench.records import store
from bench.regression.differences import between, changes


def test_what_has_another_version_is_named_in_order():
    base = {"torch": "2.9.1", "keras": "3.12", "numpy": "2.4"}
    candidate = {"numpy": "2.4", "keras": "3.13", "torch": "2.10"}
    assert changes(base, candidate) == ["keras 3.12 → 3.13", "torch 2.9.1 → 2.10"]
    assert changes(base, base) == []


def test_what_is_on_one_side_only_is_named_while_it_is_little():
    few = dict.fromkeys("edcba", "1")
    assert changes(few, {}) == ["5 packages in the base only: a, b, c, d, e"]
    assert changes({}, few) == ["5 packages in the candidate only: a, b, c, d, e"]
    assert changes({"a": "1"}, {"b": "1"}) == [
        "1 package in the base only: a", "1 package in the candidate only: b",
    ]  # fmt: skip


def test_of_more_only_their_number_is_told():
    assert changes(dict.fromkeys("abcdef", "1"), {}) == ["6 packages in the base only"]


def test_changes_come_before_what_is_on_one_side_only():
    assert changes({"a": "1", "b": "1"}, {"b": "2"}) == ["b 1 → 2", "1 package in the base only: a"]


def software(python, **distributions):
    return {"python": python, "distributions": distributions}


def folder(tmp_path, *environments):
    """Write a pair: the base ran in the first environment, the candidate in the last."""
    store.create(tmp_path / "one", comparison(), "comparison.json")
    for one in environments:
        store.add_environment(tmp_path / "one", one)
    for record, where in zip(two(1, 0.5, 0.5), (environments[0], environments[-1]), strict=True):
        store.append(tmp_path / "one", msgspec.structs.replace(record, environment=where.id))
    return tmp_path / "one"


def test_the_software_of_either_side_is_that_of_its_own_environments(tmp_path):
    found = between(folder(
        tmp_path,
        environment(id="old", software=software("3.11.9", torch="2.9.1", jax="0.8")),
        environment(id="new", software=software("3.13.1", torch="2.10.0", numba="0.61")),
    ))  # fmt: skip
    assert found == [
        "Python 3.11.9 → 3.13.1", "torch 2.9.1 → 2.10.0", "1 package in the base only: jax",
        "1 package in the candidate only: numba",
    ]  # fmt: skip


def test_in_one_environment_nothing_differs(tmp_path):
    assert between(folder(tmp_path, environment())) == []


def test_where_nothing_was_measured_nothing_differs(tmp_path):
    assert between(tmp_path) == []


def test_an_environment_that_is_missing_is_a_line(tmp_path):
    where = folder(tmp_path, environment(id="old"), environment(id="new"))
    (where / "environments" / "new.json").unlink()
    with pytest.raises(UserError, match="environment 'new' is missing") as error:
        between(where)
    assert "\n" not in str(error.value)
