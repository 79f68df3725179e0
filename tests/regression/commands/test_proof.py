"""Whether a command ran what differs between its two sides."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.regression.commands.proof import (
    Ran,
    Unrelated,
    check_runs,
    find_changed,
    find_rewritten,
    keep_access_times,
    set_back,
    take_snapshot,
)
from bench.runner.process.command import Command, CommandSpec
from bench.runner.process.scratch import make_folder
from bench.worker.machine import list_usable_cores


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


def test_files_that_differ_or_that_a_side_lacks_are_changed(sides):
    before, after = sides
    assert find(sides) == (
        [before / "new.txt", before / "pkg" / "lib.py"],
        [after / "new.txt", after / "pkg" / "lib.py"],
    )
    assert find([before, before]) == ([], [])


def test_two_folders_of_one_checkout_are_compared(sides, tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    assert [path.name for path in find(sides)[0]] == ["new.txt", "lib.py"]
    (tmp_path / ".gitignore").write_text("new.txt\n")
    assert [path.name for path in find(sides)[0]] == ["lib.py"]


@pytest.fixture
def ran(sides, tmp_path):
    """Run a command on both sides as their first processes; return what check_runs says."""
    for folder in sides:
        subprocess.run(["git", "init", "--quiet", folder], check=True)

    def run(folder, changed, arguments, variables):
        bytecode = tmp_path / "bytecode" / folder.name
        shutil.rmtree(bytecode, ignore_errors=True)
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode), **variables}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        spec = CommandSpec(arguments, folder, environment, list_usable_cores(), 60.0)
        with make_folder() as scratch, Command(spec, scratch, is_watched=True) as command:
            outcome = command.finish()
        assert outcome.status == "ok", outcome.reason
        return Ran(folder, None, changed, outcome.seen, bytecode, outcome.is_hidden)

    def check(*arguments, **variables):
        for folder in sides:
            subprocess.run(["git", "-C", folder, "add", "."], check=True)
        changed = find(sides)
        assert keep_access_times([*changed[0], *changed[1]])
        set_back([*changed[0], *changed[1]])
        runs = [run(*side, arguments, variables) for side in zip(sides, changed, strict=True)]
        try:
            return check_runs(runs)
        except (UserError, Unrelated) as fault:
            return f"{type(fault).__name__}: {fault}"

    return check


def is_shown(text, name="lib.py"):
    """Return whether what check_runs says is that a file ran, or was read."""
    return "changed files ran or were read: " in text and name in text


READS = "import pathlib; pathlib.Path('pkg/lib.py').read_text()"
CHILD = "import subprocess, sys; subprocess.run([sys.executable, 'same.py'], check=True)"


@pytest.mark.parametrize(
    "arguments",
    [
        ["same.py"],
        ["-c", "import pkg.lib"],
        ["-m", "pkg.lib"],
        ["-c", CHILD],
        ["pkg/lib.py"],
        ["-W", "error", "pkg/lib.py"],
        ["-B", "same.py"],  # leaves no bytecode, so it is believed when it opens the source
        ["-I", "-c", "import sys; sys.path.append('.'); import pkg.lib"],
    ],
)
def test_module_was_run(ran, arguments):
    assert is_shown(ran(sys.executable, *arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        [sys.executable, "-c", "print()"],
        [sys.executable, "-c", READS],
        ["sh", "-c", f'"{sys.executable}" -c "{READS}" pkg/lib.py; cat pkg/lib.py'],
    ],
    ids=["not opened", "read as text", "read under a shell"],
)
def test_module_that_is_read_as_text_was_not_run(ran, arguments):
    fault = ran(*arguments)
    assert fault.startswith("UserError: ")
    assert "lib.py" in fault


def test_script_has_run_however_soon_it_ends(sides, ran, monkeypatch):
    monkeypatch.setattr("bench.runner.process.command.LOOK_SECONDS", 60.0)
    for folder in sides:
        job = (folder / "pkg" / "lib.py").rename(folder / "pkg" / "job")
        job.write_text(f"#!/bin/sh\n: {folder}")
        job.chmod(0o755)
    (sides[1] / "new.txt").unlink()
    (sides[1] / "other.py").write_text("")
    assert is_shown(ran("sh", "pkg/job"), "job")
    assert is_shown(ran("job", PATH=f"pkg:{os.environ['PATH']}"), "job")
    assert "other.py" in ran("true")


def test_link_to_a_folder_is_a_difference(sides, ran):
    for folder, name in zip(sides, ("old", "new"), strict=True):
        (folder / "pkg" / "lib.py").write_text("")
        for version in ("old", "new"):
            (folder / version).mkdir()
            (folder / version / "core.py").write_text("")
        (folder / "core").symlink_to(name)
    (sides[1] / "new.txt").unlink()
    assert [path.name for path in find(sides)[0]] == ["core"]
    assert "core" in ran(sys.executable, "-c", "print()")
    assert is_shown(ran(sys.executable, "-c", "import core.core"), "core")


def test_submodule_that_moves_is_a_difference(sides, ran):
    for number, folder in enumerate(sides, 1):
        (folder / "pkg" / "lib.py").write_text("")
        (folder / "module").mkdir()
        entry = f"160000,{40 * str(number)},module"
        command = ["git", "-C", folder, "update-index", "--add", "--cacheinfo", entry]
        subprocess.run(command, check=True)
    (sides[1] / "new.txt").unlink()
    assert [path.name for path in find(sides)[0]] == ["module"]
    assert "git submodule update" in ran(sys.executable, "-c", "print()")
    for folder in sides:
        (folder / "module" / "inner.py").write_text("")
        (folder / "same").mkdir()
        command = ["git", "-C", folder, "update-index", "--add", "--cacheinfo"]
        subprocess.run([*command, f"160000,{40 * '3'},same"], check=True)
    assert [path.name for path in find(sides)[0]] == ["module"]
    assert is_shown(ran(sys.executable, "-c", "import module.inner"), "module")


def test_compiled_module_must_be_in_memory(sides, ran):
    name = "_bisect" if "_bisect" not in sys.builtin_module_names else "_ctypes"
    library = Path(importlib.util.find_spec(name).origin)
    for folder in sides:
        (folder / "pkg" / "lib.py").write_text("")
        shutil.copy(library, folder / library.name)
    with (sides[1] / library.name).open("ab") as file:
        file.write(b"x")
    (sides[1] / "new.txt").unlink()
    assert library.name in ran("cat", library.name)
    wait = f"import sys, time; sys.path.insert(0, '.'); import {name}; time.sleep(0.2)"
    assert is_shown(ran(sys.executable, "-c", wait), library.name)


@pytest.mark.parametrize("name", ["NEWS.md", "job.toml", "tests.py", "Makefile", "core.c"])
def test_what_the_command_does_not_read_is_unrelated(sides, ran, name):
    (sides[1] / "new.txt").rename(sides[1] / name)
    for folder in sides:
        (folder / "pkg" / "lib.py").write_text("")
    (sides[0] / name).write_text("old")
    # A compiler may have to read it first.
    kind = "UserError: the command ran nothing" if name == "core.c" else "Unrelated: "
    assert ran(sys.executable, "same.py").startswith(kind)
    assert "UserError" in ran(sys.executable, "-B", "same.py") or not name.endswith(".py")
    assert "UserError" in ran("true")  # which runs nothing of either side
    if name != "core.c" and not name.endswith(".py"):
        assert is_shown(ran("cat", name), name)


@pytest.mark.parametrize("package", [True, False])
def test_changed_module_that_was_imported_from_elsewhere_is_refused(sides, ran, tmp_path, package):
    elsewhere = tmp_path / "site-packages" / "pkg"
    elsewhere.mkdir(parents=True)
    for folder in (*sides, elsewhere.parent):
        if package:
            (folder / "pkg" / "__init__.py").write_text("")
    (elsewhere / "lib.py").write_text("NUMBER = 2")
    (sides[1] / "new.txt").unlink()
    command = f"import sys; sys.path[:0] = ['{elsewhere.parent}']; import same"
    assert f"lib.py the command ran {elsewhere}/lib.py" in ran(sys.executable, "-c", command)
    assert is_shown(ran(sys.executable, "-c", "import same"))
    # Another process of the command may do that, beside one that runs the change.
    both = f"{command}; import subprocess; subprocess.run([sys.executable, 'same.py'], check=True)"
    assert f"the command ran {elsewhere}/lib.py" in ran(sys.executable, "-c", both)


def test_copy_that_each_side_has_of_its_own_is_the_change(sides, ran, tmp_path):
    for folder in sides:
        shutil.copytree(folder / "pkg", tmp_path / f"of-{folder.name}" / "pkg")
    (sides[1] / "new.txt").unlink()
    command = f"import os, sys; sys.path[:0] = ['{tmp_path}/of-' + os.path.basename(os.getcwd())]"
    assert is_shown(ran(sys.executable, "-c", f"{command}; import same"))
    shutil.copy(sides[0] / "pkg" / "lib.py", tmp_path / "of-after" / "pkg")
    assert f"ran {tmp_path}/of-after/pkg/lib.py" in ran(
        sys.executable, "-c", f"{command}; import same"
    )


def test_file_of_the_same_name_elsewhere_in_the_checkout_is_no_copy(sides, ran):
    for number, folder in enumerate(sides):
        for place in ("a", "b"):
            (folder / place / "tests").mkdir(parents=True)
            (folder / place / "tests" / "base.py").write_text(f"NUMBER = {number}, '{place}'")
    command = "import sys; sys.path[:0] = ['b']; import tests.base"
    assert ran(sys.executable, "-c", command) == (
        "1 of 4 changed files ran or were read: b/tests/base.py"
    )


@pytest.mark.parametrize(
    ("built", "shown"), [("newer", True), ("older", False), ("elsewhere", False)]
)
def test_source_must_be_older_than_what_was_compiled(sides, ran, tmp_path, built, shown):
    name = "_bisect" if "_bisect" not in sys.builtin_module_names else "_ctypes"
    library = Path(importlib.util.find_spec(name).origin)
    elsewhere = tmp_path / "site-packages"
    for number, folder in enumerate(sides):
        (folder / ".gitignore").write_text("*.so")
        (folder / "pkg" / "lib.py").write_text("")
        (folder / "pkg" / "core.c").write_text(f"int number = {number};")
        place = (elsewhere if built == "elsewhere" else folder) / "pkg"
        place.mkdir(parents=True, exist_ok=True)
        for file in (folder / "pkg" / "__init__.py", place / "__init__.py"):
            file.write_text("")
        os.utime(shutil.copy(library, place), (0, 0) if built == "older" else None)
    (sides[1] / "new.txt").unlink()
    path = elsewhere / "pkg" if built == "elsewhere" else "pkg"
    wait = f"import sys, time; sys.path.insert(0, '{path}'); import {name}; time.sleep(0.2)"
    text = ran(sys.executable, "-c", f"import same; {wait}")
    assert is_shown(text, "core.c") == shown
    assert shown or f"pkg/{library.name}. Build" in text


def test_python_that_hides_what_it_runs_is_no_proof(sides, ran):
    for folder in sides:
        (folder / "pkg" / "lib.py").write_text("")
    (sides[1] / "new.txt").rename(sides[1] / "new.py")
    hides = "import os, sys; os.environ.pop('PYTHONPYCACHEPREFIX'); import subprocess"
    wait = "subprocess.run([sys.executable, '-c', 'import time; time.sleep(0.1)'], check=True)"
    assert ran(sys.executable, "same.py").startswith("Unrelated: new.py")
    text = ran(sys.executable, "-c", f"import same; {hides}; {wait}")
    assert "without PYTHONPYCACHEPREFIX" in text


def test_file_that_gets_other_contents_is_rewritten(sides):
    subprocess.run(["git", "init", "--quiet", sides[0]], check=True)
    subprocess.run(["git", "-C", sides[0], "add", "."], check=True)
    snapshot = take_snapshot(sides[0])
    same, library = sides[0] / "same.py", sides[0] / "pkg" / "lib.py"
    same.write_bytes(same.read_bytes())
    (sides[0] / "new").write_text("of no interest to git")
    assert find_rewritten(snapshot) == []
    stat = library.stat()
    library.write_text("NUMBER = 7\n")
    os.utime(library, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert find_rewritten(snapshot) == [library]
    same.unlink()
    assert {*find_rewritten(snapshot)} == {same, library}


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
