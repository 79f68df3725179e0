"""What stored runs cannot tell is measured in pairs, by a command that says the same case."""

import shlex

import pytest
from fixtures_sides import origin, series, side

from bench.gate.command import OTHERS, ab_commands

SIZE = ["--workload", "sgd", "--batch-size", "32", "--threads", "2", "--samples", "48000"]


def commands(*pairs):
    """Return the commands for cases of which both origins are given."""
    names = [str(number) for number in range(len(pairs))]
    sides = (
        side(*(series(name, origin=one[of]) for name, one in zip(names, pairs, strict=True)))
        for of in (0, 1)
    )
    return ab_commands(*sides, names)


def words(line):
    """Take a command apart as a shell does, its comment left out."""
    return shlex.split(line, comments=True)


def sides(line):
    """Return what stands for base and candidate."""
    found = words(line)
    assert found[:5] == ["python", "-m", "bench", "ab", "--base"]
    assert found[6] == "--candidate"
    return found[5], found[7]


def test_packages_that_differ_are_named_with_both_versions():
    base = origin("pytorch", framework="torch", versions={"torch": "2.9.1+cpu"})
    candidate = origin("pytorch", framework="torch", versions={"torch": "2.10.0"})
    (line,) = commands((base, candidate))
    assert line == (
        "python -m bench ab --base torch==2.9.1 --candidate torch==2.10.0 "
        "--implementation pytorch --workload sgd --batch-size 32 --threads 2 --samples 48000"
    )


def test_several_packages_are_one_version():
    base = origin(framework="jax", versions={"jax": "0.8", "jaxlib": "0.8", "numpy": "2.3"})
    candidate = origin(framework="jax", versions={"jax": "0.9", "jaxlib": "0.9", "numpy": "2.4"})
    (line,) = commands((base, candidate))
    assert sides(line) == ("numpy==2.3 jax==0.8 jaxlib==0.8", "numpy==2.4 jax==0.9 jaxlib==0.9")


def test_what_keras_runs_on_is_a_package_too():
    keras = {"framework": "keras", "variables": {"KERAS_BACKEND": "jax"}}
    base = origin(**keras, versions={"keras": "3", "jax": "0.8", "torch": "2"})
    candidate = origin(**keras, versions={"keras": "3", "jax": "0.9", "torch": "3"})
    assert sides(commands((base, candidate))[0]) == ("jax==0.8", "jax==0.9")


def test_a_package_that_a_case_does_not_compute_with_is_not_named():
    (line,) = commands((origin(versions={"torch": "2.9"}), origin(versions={"torch": "2.10"})))
    assert "torch" not in line


def test_a_package_that_one_side_lacks_or_whose_local_version_differs_cannot_be_asked_for():
    base = origin(framework="torch", versions={"torch": "2.9.1+cpu"})
    for versions in ({"torch": "2.9.1+cu128"}, {}):
        (line,) = commands((base, origin(framework="torch", versions=versions)))
        assert "==" not in line


def test_commits_that_differ_are_named():
    (line,) = commands((origin(commit="a" * 40), origin(commit="b" * 40)))
    assert sides(line) == ("a" * 12, "b" * 12)
    assert "#" not in line


def test_changes_that_were_not_committed_are_in_the_tree():
    (line,) = commands((origin(commit="a" * 40), origin(commit="b" * 40, dirty=True)))
    assert sides(line) == ("a" * 12, ".")
    (line,) = commands((origin(commit="a" * 40), origin(commit="a" * 40, dirty=True)))
    assert sides(line) == ("a" * 12, ".")
    assert "#" not in line


@pytest.mark.parametrize("dirty", [False, True])
def test_a_baseline_that_no_commit_holds_is_said_to_be_lost(dirty):
    for commit in ("a" * 40, "b" * 40):
        pair = origin(commit="a" * 40, dirty=True), origin(commit=commit, dirty=dirty)
        (line,) = commands(pair)
        assert line.endswith("  # the baseline had changes that were not committed")


def test_both_packages_and_commits_are_told_apart_by_two_commands():
    base = origin(versions={"numpy": "2.3"}, commit="a" * 40)
    candidate = origin(versions={"numpy": "2.4"}, commit="b" * 40)
    found = [sides(line) for line in commands((base, candidate))]
    assert found == [("numpy==2.3", "numpy==2.4"), ("a" * 12, "b" * 12)]


def test_another_python_is_an_interpreter_and_a_later_release_of_one_is_not():
    (line,) = commands((origin(python="3.11.9"), origin(python="3.12.1")))
    assert sides(line) == ("python3.11", "python3.12")
    (line,) = commands((origin(python="3.11.9"), origin(python="3.11.10")))
    assert sides(line) == ("a" * 12, ".")


@pytest.mark.parametrize(("commit", "base"), [("a" * 40, "a" * 12), (None, "."), ("", ".")])
def test_where_nothing_differs_there_is_a_command_and_a_word_on_it(commit, base):
    (line,) = commands((origin(commit=commit), origin(commit=commit)))
    assert sides(line) == (base, ".")
    assert line.endswith("  # nothing that was recorded differs between the two")


def test_cases_of_one_size_and_the_same_versions_share_a_command():
    pair = lambda name, **changes: (  # noqa: E731 - three words
        origin(name, commit="a" * 40, **changes), origin(name, commit="b" * 40, **changes)
    )  # fmt: skip
    one, other = commands(pair("numpy"), pair("jax"), pair("jax", batch_size=64), pair("numpy"))
    assert words(one)[8:] == ["--implementation", "numpy", "--implementation", "jax", *SIZE]
    assert words(other)[8:10] == ["--implementation", "jax"]
    assert words(other)[12:14] == ["--batch-size", "64"]


def test_device_and_data_are_said_where_they_are_not_the_usual_ones():
    found = words(commands((origin(), origin(data="my data", device="gpu")))[0])
    assert found[-4:] == ["--device", "gpu", "--data", "my data"]
    assert "--device" not in commands((origin(), origin()))[0]


def test_two_files_are_named_and_say_themselves_what_they_are():
    base = origin("mine", framework="", file="old/mine.py", sha256="1")
    (line,) = commands((base, origin("mine", framework="", file="mine.py", sha256="2")))
    assert sides(line) == ("old/mine.py", "mine.py")
    assert words(line)[8:] == SIZE
    assert "#" not in line


def test_a_file_that_was_changed_has_to_be_brought_back():
    base = origin("mine", framework="", file="mine.py", sha256="1")
    (line,) = commands((base, origin("mine", framework="", file="mine.py", sha256="2")))
    assert sides(line) == ("earlier/mine.py", "mine.py")
    assert line.endswith("# earlier/mine.py: the file as it was in the baseline")
    (line,) = commands((base, base))
    assert sides(line) == ("mine.py", "mine.py")
    assert line.endswith("# the file was the same in both")


def test_what_another_tool_measured_is_measured_again_with_that_tool():
    theirs = side(series("a"), series("b"))
    assert ab_commands(theirs, theirs, ["a", "b"]) == [OTHERS]
    assert ab_commands(theirs, theirs, []) == []


def test_a_name_from_somebodys_record_is_one_word_and_a_comment_one_line():
    odd = "a; rm -rf $HOME `id`\n"
    base = origin(odd, framework="", file=odd, sha256="1")
    (line,) = commands((base, origin(odd, framework="", file=odd, sha256="2")))
    assert sides(line) == (f"earlier/{odd}", odd)
    assert "\n" not in line.partition("  # ")[2]
    (line,) = commands((origin(odd), origin(odd)))
    assert words(line)[9] == odd
