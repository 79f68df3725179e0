"""Versions by name, as the environments of a run state them."""

from support.records import MACHINE, environment

from bench.records.versions import list_changes, list_versions


def test_versions_have_the_names_of_distributions_and_of_what_is_below_them():
    machine = {**MACHINE, "system": "Linux 6.1", "distribution": "Debian 13"}
    found = list_versions([environment(machine=machine)])
    assert found == {
        "torch": "2.9.1",
        "keras": "3.12",
        "jax": "0.8",
        "scikit-learn": "1.7",
        "python": "3.11.9",
        "blas": "openblas 0.3",
        "system": "Linux 6.1",
        "distribution": "Debian 13",
        "suite": "0.1.0 abcdef changed",
    }


def test_a_suite_without_changes_is_its_version_and_the_first_digits_of_its_commit():
    suite = {"version": "0.1.0", "commit": "0123456789abcdef", "dirty": False}
    assert list_versions([environment(suite=suite)])["suite"] == "0.1.0 0123456"
    assert list_versions([environment(suite={"version": "0.1.0"})])["suite"] == "0.1.0"


def test_several_versions_are_all_named_and_what_is_not_stated_is_left_out():
    other = environment(software={"python": "3.11.8", "distributions": {"torch": "2.9.0"}})
    found = list_versions([environment(), other])
    assert found["python"] == "3.11.8 and 3.11.9"
    assert found["torch"] == "2.9.0 and 2.9.1"
    assert found["blas"] == "openblas 0.3"
    assert "system" not in found


def test_what_changed_came_or_went_is_named_and_what_stayed_is_not():
    before, after = {"jax": "0.7", "rich": "14", "torch": "2.9"}, {"jax": "0.8", "torch": "2.9"}
    assert list_changes(before, after) == ["jax 0.7 → 0.8", "rich 14 → absent"]
    assert list_changes(after, before) == ["jax 0.8 → 0.7", "rich absent → 14"]
    assert list_changes(after, dict(after)) == []
