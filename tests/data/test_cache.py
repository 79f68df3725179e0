"""A folder of the cache is complete or not there, whatever happens to it."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.data import cache
from bench.errors import DataError


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(folder):
    (folder / "a").write_text("one")
    (folder / "b").write_text("two")


def fill_again(_folder):
    pytest.fail("an intact folder is not built again")


def test_folder_is_built_once(root):
    assert cache.find("key") is None
    assert cache.build("key", fill) == root / "key"
    assert cache.build("key", fill_again) == root / "key"
    assert cache.find("key") == root / "key"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "a").unlink(),
        lambda folder: (folder / "a").write_text("ont"),
        lambda folder: (folder / "a").rename(folder / "c"),
        lambda folder: (folder / "SHA256SUMS").unlink(),
        lambda folder: (folder / "SHA256SUMS").write_bytes(b"\xff"),
        lambda folder: (shutil.rmtree(folder), folder.touch()),
    ],
    ids=["missing", "altered", "renamed", "no sums", "binary sums", "a file"],
)
def test_damaged_folder_is_built_again(root, damage):
    damage(cache.build("key", fill))
    assert cache.find("key") is None
    assert (cache.build("key", fill) / "a").read_text() == "one"
    assert {path.name for path in root.iterdir()} <= {"key", "key.lock"}


def test_copied_cache_is_used(root, monkeypatch):
    cache.build("key", fill)
    shutil.copytree(root, root.with_name("copy"), copy_function=shutil.copy)
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(root.with_name("copy")))
    cache.build("key", fill_again)


def test_failed_build_leaves_nothing(root):
    def fail(folder) -> None:
        fill(folder)
        raise DataError("no data today")

    with pytest.raises(DataError, match="no data today"):
        cache.build("key", fail)
    assert {path.name for path in root.iterdir()} <= {"key.lock"}


def test_cache_that_cannot_be_written_says_what_to_set(root):
    root.write_text("a file where a folder should be")
    with pytest.raises(DataError, match="Set SOFTMAX_BENCH_CACHE"):
        cache.build("key", fill)


def test_cache_is_in_the_users_cache_folder(monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", "~/own")
    assert cache.root() == Path.home() / "own"
    monkeypatch.delenv("SOFTMAX_BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    if sys.platform == "linux":
        assert cache.root() == Path("/xdg/softmax-bench")
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", "~no-such-user/own")
    with pytest.raises(DataError, match="Set SOFTMAX_BENCH_CACHE"):
        cache.root()


CHILD = """
import os, signal, sys, time
from bench import cache

def fill(folder):
    with open(sys.argv[1], "a") as log:
        log.write("built\\n")
    (folder / "a").write_text("one")
    if sys.argv[2:]:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)  # the others arrive meanwhile

print("ready", flush=True)
sys.stdin.readline()
print((cache.build("key", fill) / "a").read_text())
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        cwd=Path(bench.__file__).parents[1],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout.readline() == "ready\n"
    return child


def test_four_processes_build_a_folder_once(tmp_path):
    children = [start(str(tmp_path / "log")) for _ in range(4)]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [child.communicate()[0] for child in children] == ["one\n"] * 4
    assert (tmp_path / "log").read_text() == "built\n"


def test_remains_of_a_killed_process_are_deleted(root, tmp_path):
    killed = start(str(tmp_path / "log"), "kill")
    killed.communicate("go\n")
    assert killed.returncode == -signal.SIGKILL
    assert len(list(root.glob("key.*.part"))) == 1
    assert cache.find("key") is None
    cache.build("key", fill)
    assert not list(root.glob("*.part"))
