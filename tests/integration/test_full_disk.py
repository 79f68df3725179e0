"""A disk that is full or read-only: one line, no trial is blamed, and the run can be resumed."""

import shutil
import subprocess

import pytest
from support.processes import (
    RUN,
    WAITS,
    assert_nothing_left,
    assert_readable,
    assert_whole,
    read_lines,
    resume_command,
)

NUMPY = (*RUN, "--implementation=numpy", "--output=out")


def can_mount():
    """Return whether this user may mount a file system that nobody else sees."""
    command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return bool(shutil.which("unshare")) and not subprocess.run(command, check=False).returncode


needs_mount = pytest.mark.skipif(not can_mount(), reason="mounting needs user namespaces")


def after(script):
    """Return a program that starts another one after a script that may mount."""
    return ("unshare", "--map-root-user", "--mount", "sh", "-ec", f'{script}\nexec "$@"', "sh")


def assert_refused(process, reason):
    """Check that a run ended with one line that begins with a reason, and return that line."""
    _, err = process.communicate()
    assert process.returncode == 2
    assert err.startswith(f"softmax-bench: {reason}")
    assert err.count("\n") == 1
    return err


# Run on a file system that is too small, then resume with room; keep both folders for the test.
FILLS = """
mkdir out stopped whole
mount -t tmpfs -o size=840k none out
"$@" && exit 99 || status=$?
cp -r out/. stopped
mount -o remount,size=100m none out
"$1" -m bench run --resume --output out >again 2>&1 || exit 98
cp -r out/. whole
exit $status
"""


@needs_mount
def test_full_disk_is_one_line_and_the_run_resumes(started, alone, tmp_path):
    # The params of a trial take 0.3 MB: there is room for those of two rounds.
    within = ("unshare", "--map-root-user", "--mount", "sh", "-uc", FILLS, "sh")
    err = assert_refused(
        started(*NUMPY, "--rounds=3", "--epochs=60", within=within, **alone), "cannot write to out"
    )
    assert "No space left on device" in err
    assert "--resume --output out" in err
    assert_readable(tmp_path / "stopped")
    before = read_lines(tmp_path / "stopped")
    assert len(before) == 3
    assert_whole(tmp_path / "whole", [line for line in before if line.endswith(b"\n")])
    assert_nothing_left(tmp_path / "tmp")


@needs_mount
def test_full_temporary_folder_is_named_and_no_trial_is_blamed(started, alone, tmp_path):
    # Room for the request only, for one folder only.
    for number, room in enumerate(("size=4k", "nr_inodes=2")):
        within = after(f'mount -t tmpfs -o {room} none "$TMPDIR"')
        output = tmp_path / f"out-{number}"
        process = started(*NUMPY, f"--output={output.name}", "--rounds=2", within=within, **alone)
        err = assert_refused(process, f"cannot write to {alone['TMPDIR']}")
        assert "No space left on device" in err
        assert "TMPDIR" in err.replace(alone["TMPDIR"], "")
        assert not read_lines(output)


READ_ONLY = after("mount --bind out out\nmount -o remount,bind,ro out")


@needs_mount
def test_run_on_a_read_only_file_system_is_refused(hanging, started, alone, tmp_path):
    process = hanging(f"{WAITS}\n(HERE / 'imported').touch()\n")
    process.kill()
    process.communicate()
    (tmp_path / "imported").unlink()
    (tmp_path / "hang").unlink()
    before = read_lines(tmp_path / "out")
    new = (*NUMPY, "--output=out/new")
    resume = resume_command(tmp_path / "out")
    for command in (new, resume):
        assert_refused(started(*command, within=READ_ONLY, **alone), "cannot write to out")
    assert read_lines(tmp_path / "out") == before
    assert not (tmp_path / "out" / "new").exists()
    (tmp_path / "out" / "trials.jsonl").unlink()  # as if it had been killed before its first trial
    assert_refused(started(*resume, within=READ_ONLY, **alone), "cannot write to out")
    assert not (tmp_path / "imported").exists()
