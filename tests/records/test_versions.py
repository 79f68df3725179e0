"""Versions of distributions, Python, BLAS, system and suite."""

from support.records import MACHINE, environment

from bench.records.versions import list_versions


def test_versions_are_listed_by_name():
    machine = {**MACHINE, "system": "Linux 6.1", "distribution": "Debian 13"}
    versions = list_versions([environment(machine=machine)])
    assert versions == {
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


def test_unchanged_suite_is_version_and_commit():
    suite = {"version": "0.1.0", "commit": "0123456789abcdef", "dirty": False}
    assert list_versions([environment(suite=suite)])["suite"] == "0.1.0 0123456"
    assert list_versions([environment(suite={"version": "0.1.0"})])["suite"] == "0.1.0"


def test_several_versions_are_joined_and_unknown_ones_omitted():
    other = environment(software={"python": "3.11.8", "distributions": {"torch": "2.9.0"}})
    versions = list_versions([environment(), other])
    assert versions["python"] == "3.11.8 and 3.11.9"
    assert versions["torch"] == "2.9.0 and 2.9.1"
    assert versions["blas"] == "openblas 0.3"
    assert "system" not in versions
