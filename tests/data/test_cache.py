"""A folder of the cache is complete or not there, whatever happens to it."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.data import cache
from bench.errors import DataError, UserError
from bench.worker.machine import ROOT


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(folder):
    (folder / "a").write_text("one")
    (folder / "b").write_text("two")


def fill_again(_folder):
    pytest.fail("an intact folder was built again")


def test_folder_is_built_once_and_may_be_copied(root, monkeypatch):
    assert cache.find_folder("key") is None
    assert cache.build("key", fill) == root / "key"
    assert cache.build("key", fill_again) == cache.find_folder("key") == root / "key"
    shutil.copytree(root, root.with_name("copy"), copy_function=shutil.copy)
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(root.with_name("copy")))
    assert cache.build("key", fill_again).parent.name == "copy"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "a").unlink(),
        lambda folder: (folder / "a").write_text("ont"),
        lambda folder: (folder / "a").rename(folder / "c"),
        lambda folder: (folder / "SHA256SUMS").unlink(),
        lambda folder: (folder / "SHA256SUMS").write_bytes(b"\xff"),
    ],
    ids=["missing", "altered", "renamed", "no sums", "binary sums"],
)
def test_damaged_folder_is_built_again(root, damage):
    damage(cache.build("key", fill))
    assert cache.find_folder("key") is None
    assert (cache.build("key", fill) / "a").read_text() == "one"
    assert {path.name for path in root.iterdir()} <= {"key", "key.lock"}


def test_failed_build_leaves_nothing(root):
    def fail(folder) -> None:
        fill(folder)
        raise DataError("no data today")

    with pytest.raises(DataError, match="no data today"):
        cache.build("key", fail)
    assert {path.name for path in root.iterdir()} <= {"key.lock"}


def test_unusable_cache_is_an_error_that_says_what_to_set(root, monkeypatch):
    root.write_text("a file where a folder should be")
    with pytest.raises(UserError, match="Set SOFTMAX_BENCH_CACHE"):
        cache.build("key", fill)
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", "~no-such-user/own")
    with pytest.raises(DataError, match="Set SOFTMAX_BENCH_CACHE"):
        cache.root()


def test_cache_is_in_the_users_cache_folder(monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", "~/own")
    assert cache.root() == Path.home() / "own"
    monkeypatch.delenv("SOFTMAX_BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    if sys.platform == "linux":
        assert cache.root() == Path("/xdg/softmax-bench")


BUILDS = """
import os, signal, sys
from bench.data import cache

def fill(folder):
    with open(sys.argv[1], "a") as log:
        log.write("built\\n")
    (folder / "a").write_text("one")
    if sys.argv[2:]:
        os.kill(os.getpid(), signal.SIGKILL)

print("ready", flush=True)
sys.stdin.readline()
print((cache.build("key", fill) / "a").read_text())
"""


def start(*arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", BUILDS, *map(str, arguments)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def test_four_processes_build_a_folder_once(tmp_path):
    processes = [start(tmp_path / "log") for _ in range(4)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["one\n"] * 4
    assert (tmp_path / "log").read_text() == "built\n"


def test_remains_of_a_killed_process_are_deleted(root, tmp_path):
    process = start(tmp_path / "log", "kill")
    process.communicate("go\n")
    assert process.returncode == -signal.SIGKILL
    assert [path.name for path in (root / "key").iterdir()] == ["a"]
    assert cache.find_folder("key") is None
    assert (cache.build("key", fill) / "b").exists()
