"""The cache: whole or not there, whatever happens to it."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import cache
from bench.idx import DataError

ARRAYS = {"a.npy": np.arange(1000.0), "b.npy": np.arange(5)}
FACTS = {"source": "a test"}


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make(_scratch):
    return FACTS, ARRAYS


def never(_scratch):
    pytest.fail("what is whole is not made again")


def is_whole(folder: Path) -> bool:
    return all(np.array_equal(np.load(folder / name), array) for name, array in ARRAYS.items())


def test_what_was_made_once_is_kept(root):
    folder, facts = cache.keep("key", make)
    assert (folder, facts) == (root / "key", FACTS)
    assert is_whole(folder)
    assert cache.keep("key", never) == (folder, FACTS)
    assert sorted(path.name for path in root.iterdir()) == ["key", "key.lock"]


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncate_unseen(path: Path) -> None:
    """Truncate a file and put back the time of its last change."""
    facts = path.stat()
    os.truncate(path, 500)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def alter_facts(path: Path) -> None:
    path.write_text(path.read_text().replace("a test", "a lie"))


def rewrite(folder: Path, change) -> None:
    """Give the manifest another body, and the hash that goes with it."""
    path = folder / "manifest.json"
    body = change(path.read_text().split("\n", 1)[1])
    path.write_text(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")


def point_elsewhere(folder: Path) -> None:
    shutil.copy2(folder / "a.npy", folder.parent / "outside.npy")
    rewrite(folder, lambda body: body.replace('"a.npy"', '"../outside.npy"'))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "a.npy").unlink(),
        lambda folder: os.truncate(folder / "a.npy", 500),
        lambda folder: alter(folder / "b.npy"),
        lambda folder: truncate_unseen(folder / "a.npy"),
        lambda folder: alter_facts(folder / "manifest.json"),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("one line"),
        lambda folder: (folder / "manifest.json").write_bytes(b"\xff\n{}"),
        lambda folder: (shutil.rmtree(folder), folder.touch()),
        lambda folder: rewrite(folder, lambda _: "[]"),
        lambda folder: rewrite(folder, lambda _: "{}"),
        lambda folder: rewrite(folder, lambda _: '{"facts": {}, "files": [1]}'),
        lambda folder: rewrite(folder, lambda _: '{"facts": {}, "files": {"a.npy": {}}}'),
        lambda folder: rewrite(folder, lambda _: "[" * 100_000),
        point_elsewhere,
    ],
    ids=["missing", "truncated", "altered", "unseen", "facts", "none", "short", "binary", "a file",
         "list", "empty", "no files", "no marks", "deep", "outside"],
)  # fmt: skip
def test_a_damaged_folder_is_made_again(root, damage):
    folder, _ = cache.keep("key", make)
    damage(folder)
    assert cache.keep("key", make) == (folder, FACTS)
    assert is_whole(folder)
    body = (folder / "manifest.json").read_text().split("\n", 1)[1]
    assert set(json.loads(body)["files"]) == set(ARRAYS)
    assert {path.name for path in root.iterdir()} - {"outside.npy"} == {"key", "key.lock"}


def test_a_copied_cache_is_hashed_once_and_used(root):
    folder, _ = cache.keep("key", make)
    marked = json.loads((folder / "manifest.json").read_text().split("\n", 1)[1])
    os.utime(folder / "a.npy", ns=(0, 0))
    assert cache.keep("key", never) == (folder, FACTS)
    changed_ns = (folder / "a.npy").stat().st_mtime_ns
    assert changed_ns == marked["files"]["a.npy"]["changed_ns"]


def test_a_whole_cache_is_used_where_nothing_can_be_written(root):
    cache.keep("key", make)
    (root / "key.lock").unlink()
    (root / "key.lock").mkdir()
    assert cache.keep("key", never) == (root / "key", FACTS)


def test_what_cannot_be_made_leaves_nothing(root):
    def fail(scratch) -> None:
        (scratch / "half").write_text("half")
        raise DataError("no data today")

    with pytest.raises(DataError, match="no data today"):
        cache.keep("key", fail)
    assert [path.name for path in root.iterdir()] == ["key.lock"]


def test_what_reads_back_otherwise_is_not_kept(root, monkeypatch):
    monkeypatch.setattr(np, "load", lambda *_, **__: np.zeros(3))
    with pytest.raises(DataError, match=r"a\.npy reads back otherwise"):
        cache.keep("key", make)
    assert [path.name for path in root.iterdir()] == ["key.lock"]


def test_a_cache_that_cannot_be_written_says_what_to_set(root, monkeypatch):
    root.write_text("a file where a folder should be")
    with pytest.raises(DataError, match=r"cannot be written .*; set SOFTMAX_BENCH_CACHE") as error:
        cache.keep("key", make)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SOFTMAX_BENCH_CACHE": "/own", "XDG_CACHE_HOME": "/xdg"}, "/own/key"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/softmax-bench/key"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/of/user/.cache/softmax-bench/key"),
        ({}, "/home/of/user/.cache/softmax-bench/key"),
    ],
)
def test_the_cache_lies_where_the_user_keeps_caches(monkeypatch, variables, expected):
    monkeypatch.delenv("SOFTMAX_BENCH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/of/user")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache, "_whole", lambda _: FACTS)
    assert cache.keep("key", never) == (Path(expected), FACTS)


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    def nowhere() -> None:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SOFTMAX_BENCH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(DataError, match="set SOFTMAX_BENCH_CACHE"):
        cache.keep("key", make)


CHILD = """
import os, signal, sys, time
import numpy as np
from bench import cache

def make(scratch):
    with open(sys.argv[1], "a") as log:
        log.write("made\\n")
    (scratch / "half").write_text("half")
    if sys.argv[2:]:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)  # all the others come meanwhile
    return {"source": "a test"}, {"a.npy": np.arange(1000.0), "b.npy": np.arange(5)}

print("ready", flush=True)
sys.stdin.readline()
folder, facts = cache.keep("key", make)
print(folder, np.load(folder / "a.npy").sum())
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, *arguments]
    repository = Path(cache.__file__).parents[1]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = subprocess.Popen(command, cwd=repository, text=True, **pipes)
    assert child.stdout.readline() == "ready\n"
    return child


def test_four_processes_at_once_make_it_once_and_all_use_it(root, tmp_path):
    children = [start(str(tmp_path / "log")) for _ in range(4)]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    said = {child.communicate()[0] for child in children}
    assert [child.returncode for child in children] == [0, 0, 0, 0]
    assert said == {f"{root / 'key'} 499500.0\n"}
    assert (tmp_path / "log").read_text() == "made\n"


def test_what_a_killed_process_left_is_never_used_and_swept_away(root, tmp_path):
    killed = start(str(tmp_path / "log"), "kill")
    assert killed.communicate("go\n")[0] == ""
    assert killed.returncode == -signal.SIGKILL
    assert len(list(root.glob("key.*.part"))) == 1
    folder, _ = cache.keep("key", make)
    assert is_whole(folder)
    assert sorted(path.name for path in root.iterdir()) == ["key", "key.lock"]
