"""Whether a command opened what differs between its two sides."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.regression.commands.opened import (
    find_changed,
    find_unopened_fault,
    keep_access_times,
    set_back,
)


@pytest.fixture
def sides(tmp_path):
    """Two folders with an equal file, one that differs, and one that a side lacks."""
    folders = [tmp_path / "before", tmp_path / "after"]
    for number, folder in enumerate(folders):
        (folder / "pkg").mkdir(parents=True)
        (folder / "same.py").write_text("import pkg.lib\n")
        (folder / "pkg" / "lib.py").write_text(f"NUMBER = {number}\n")
    (folders[1] / "new.txt").write_text("new")
    return folders


def find(folders, path=os.defpath):
    return find_changed(folders, [{"PATH": path}, {"PATH": path}])


def run(folder, *arguments):
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)


def test_files_that_differ_or_that_a_side_lacks_are_changed(sides):
    before, after = sides
    assert find(sides) == (
        [before / "pkg" / "lib.py"],
        [after / "new.txt", after / "pkg" / "lib.py"],
    )
    assert find([before, before]) == ([], [])


def test_two_folders_of_one_checkout_are_compared(sides, tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    assert [path.name for paths in find(sides) for path in paths] == ["lib.py", "new.txt", "lib.py"]
    (tmp_path / ".gitignore").write_text("new.txt\n")
    assert [path.name for paths in find(sides) for path in paths] == ["lib.py", "lib.py"]


def test_command_must_open_one_of_them(sides):
    changed = [path for paths in find(sides) for path in paths]
    assert keep_access_times(changed)
    set_back(changed)
    run(sides[0], "-c", "print()")
    assert "lib.py, new.txt" in find_unopened_fault(changed)
    run(sides[0], "same.py")
    assert find_unopened_fault(changed) is None
    # Now Python has compiled the module, and opens the compiled file.
    set_back(changed)
    assert find_unopened_fault(changed) is not None
    run(sides[0], "same.py")
    assert find_unopened_fault(changed) is None
    assert find_unopened_fault([]) is None


def test_installed_files_of_two_environments_are_compared_by_their_hashes(tmp_path):
    paths = []
    for number in (1, 2):
        site = tmp_path / f"env{number}" / "lib" / "python3.11" / "site-packages"
        (site / "tool-1.dist-info").mkdir(parents=True)
        (site / "tool-1.dist-info" / "RECORD").write_text(
            f"tool.py,sha256={number},1\nother.py,sha256=0,1\ntool-1.dist-info/RECORD,,\n"
        )
        for name in ("tool.py", "other.py"):
            (site / name).touch()
        programs = tmp_path / f"env{number}" / "bin"
        programs.mkdir()
        (programs.parent / "pyvenv.cfg").touch()
        (programs / "python").symlink_to(sys.executable)
        paths.append(str(programs))
    changed = find_changed([tmp_path, tmp_path], [{"PATH": path} for path in paths])
    assert [[path.name for path in one] for one in changed] == [["tool.py"], ["tool.py"]]
    assert Path(paths[0]).parent in changed[0][0].parents
