"""Profiles of both sides: how a command gets its profiler, and which functions differ most."""

import os
import sys

import pytest
from support.commands import command_plan

from bench.regression.commands.profile import rank_functions, read_cachegrind, use_cprofile
from bench.regression.commands.sides import CommandSide


def test_functions_are_joined_by_file_and_name_and_the_largest_difference_is_first():
    before = [("a.py", 3, "f", 2, 5.0), ("a.py", 9, "g", 1, 8.0), ("a.py", 20, "g", 1, 1.0)]
    after = [("a.py", 4, "f", 2, 7.0), ("b.py", 1, "g", 6, 1.0)]
    more = [("c.py", line, f"h{line}", 1, 0.5) for line in range(10)]
    costs = rank_functions([before, [*after, *more]], "ms")
    assert len(costs) == 10
    assert [(cost.name, cost.calls, cost.own) for cost in costs[:3]] == [
        ("a.py:9 g", [2, 0], [9.0, 0.0]),
        ("a.py:4 f", [2, 2], [5.0, 7.0]),
        ("b.py:1 g", [0, 6], [0.0, 1.0]),
    ]


def test_files_of_cachegrind_are_added_up(tmp_path):
    for name in ("1", "2"):
        text = "events: Ir\nfl=a.c\nfn=f\n3 10\n4 20\nfn=g(int)\n7 5\nsummary: 35\n"
        (tmp_path / name).write_text(text)
    rows = [*read_cachegrind(sorted(tmp_path.iterdir()))]
    assert rows[:3] == [("a.c", 3, "f", 0, 10), ("a.c", 4, "f", 0, 20), ("a.c", 7, "g(int)", 0, 5)]
    f, _ = rank_functions([[], rows], "instructions")
    assert (f.name, f.own) == ("a.c:3 f", [0.0, 60.0])


@pytest.mark.parametrize(
    ("arguments", "profiled"),
    [
        ("python -W error -u job.py -c", "python -W error -u -m cProfile -o 1-python job.py -c"),
        ("pypy3 -m job", "pypy3 -m cProfile -o 1-python -m job"),
        ("./tool x", "{0}/python3 -m cProfile -o 1-python {0}/tool x"),
        ("python -c 1", None),
        ("sh job.py", None),
    ],
)
def test_what_python_runs_gets_cprofile(tmp_path, program, arguments, profiled):
    (tmp_path / "python3").symlink_to(sys.executable)  # whose path may have a space
    program("tool", "").write_text(f"#!{tmp_path}/python3\n")
    side = CommandSide(tmp_path, os.environ, False, {})
    command = use_cprofile(command_plan(arguments=arguments), side, "1-")
    assert command == (profiled and profiled.format(tmp_path).split())
