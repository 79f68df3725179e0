"""Runs are read as they were written, and stay intact when writing fails."""

import errno
import os
import shutil

import pytest
from support.records import bare, case, environment, run, write

from bench.errors import UserError
from bench.records import files, jsonl, layout, store
from bench.runner.parity.draws import Draws


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "run", run(case()))


def test_second_of_two_concurrent_creations_is_refused(tmp_path, monkeypatch):
    looked, refuse = [], store.reject_used_folder

    def look(folder):
        """Let another process create its run when the first has looked for one."""
        looked.append(folder)
        if len(looked) == 1:
            store.create_run(folder, run(case("first")))
        else:
            refuse(folder)

    monkeypatch.setattr(store, "reject_used_folder", look)
    with pytest.raises(UserError, match="holds another run"):
        store.create_run(tmp_path / "run", run(case("second")))
    assert store.read_run(tmp_path / "run") == run(case("first"))


def test_locked_folder_refuses_other_processes(folder):
    refused = pytest.raises(UserError, match="another process is measuring")
    with store.lock_folder(folder), refused, store.lock_folder(folder):
        pytest.fail("both have the lock")
    with pytest.raises(BlockingIOError), store.lock_folder(folder):
        raise BlockingIOError  # of something else
    with store.lock_folder(folder):
        pass
    assert not (folder / layout.LOCK).exists()


def test_impossible_folder_is_user_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Choose another --output"):
        store.create_run(tmp_path / "file" / "run", run())


@pytest.mark.parametrize(
    "action", ["append_record", "save_params", "add_environment", "repair_run"]
)
def test_full_disk_is_user_error_and_changes_nothing(folder, tmp_path, monkeypatch, action):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    store.append_record(folder, bare(case()))
    with (folder / "trials.jsonl").open("ab") as stream:
        stream.write(b'{"format"')
    before = sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    monkeypatch.setattr(os, "fsync", full)
    arguments = {
        "append_record": (bare(case()),),
        "save_params": ("r1-x", b"params"),
        "add_environment": (environment(id="other"),),
        "repair_run": (),
    }
    with pytest.raises(UserError, match=f"--resume --output {folder}$"):
        getattr(store, action)(folder, *arguments[action])
    after = sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert after == before


def test_params_and_entropy_are_kept(folder):
    store.save_params(folder, "r1-a", b"params")
    assert (folder / "params" / "r1-a.npy").read_bytes() == b"params"
    assert store.read_entropy(folder) == {}
    store.save_entropy(folder, "0123")
    name = Draws("0123").id
    assert store.read_entropy(folder) == {name: "0123"}
    (folder / "entropy" / f"{name}.txt").write_text("a token of somebody's")
    with pytest.raises(UserError, match="holds other entropy than its name says"):
        store.read_entropy(folder)


def test_names_cannot_leave_the_folder(folder, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    for name in ("../x", "a/b", "", ".x", "x" * 201, "a\0b"):
        with pytest.raises(UserError, match="cannot be a file name"):
            store.append_record(folder, bare(case(), trial=name))
        with pytest.raises(UserError, match="cannot be a file name"):
            store.save_params(folder, name, b"params")
        with pytest.raises(UserError, match="cannot be a file name"):
            store.add_environment(folder, environment(id=name))
    assert sorted(tmp_path.rglob("*")) == before


def test_unpaired_surrogate_in_plan_is_user_error(tmp_path):
    with pytest.raises(UserError, match="is not valid Unicode"):
        store.create_run(tmp_path / "run", run(case(file="\udcff.py")))
    assert not (tmp_path / "run" / "run.json").exists()


def test_looks_are_read_as_written(folder):
    assert store.read_looks(folder) == {}
    store.save_looks(folder, {"numpy": (10, 20)})
    assert store.read_looks(folder) == {"numpy": (10, 20)}
    (folder / "looks.json").write_text('{"numpy": [10.5]}')
    with pytest.raises(UserError, match=r"looks.json: not a dict"):
        store.read_looks(folder)


@pytest.mark.parametrize("name", ["run.json", "trials.jsonl", "environments/here.json"])
def test_special_files_are_refused(folder, name):
    path = folder / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    read = store.read_run if name == "run.json" else store.read_contents
    with pytest.raises(UserError, match=rf"{path}: cannot be read: .*\. Fix its permissions"):
        read(folder)


@pytest.mark.parametrize("name", ["damaged.jsonl", "params", "entropy"])
def test_run_with_links_is_not_repaired(folder, tmp_path, name):
    (tmp_path / "other").touch()
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / name).symlink_to(tmp_path / "other")
    (folder / "trials.jsonl").write_bytes(b"{}\n")
    with pytest.raises(UserError, match=f"{name} is a link"):
        store.repair_run(folder)
    assert (tmp_path / "other").read_bytes() == b""


def test_append_stops_at_the_size_limit(folder, monkeypatch):
    store.append_record(folder, bare(case()))
    size = (folder / "trials.jsonl").stat().st_size
    monkeypatch.setattr(files, "MAX_BYTES", size + 10)
    with pytest.raises(UserError, match="would be larger than"):
        store.append_record(folder, bare(case(), 2))
    assert (folder / "trials.jsonl").stat().st_size == size


def test_more_rows_than_a_report_can_compare_are_refused(folder):
    lines = [jsonl.encode(bare(case(batch_size=size), size)) for size in range(1001)]
    (folder / "trials.jsonl").write_bytes(b"".join(lines[:1000]))
    assert len(store.read_records(folder)) == 1000
    (folder / "trials.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(UserError, match="1,000 cases"):
        store.read_records(folder)
