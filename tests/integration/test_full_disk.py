"""A disk that is full or not ours to write: one line, and the run goes on when there is room."""

import os
import resource
import shutil
import subprocess

import pytest
from support.processes import (
    RUN,
    WAITS,
    assert_nothing_left,
    assert_readable,
    assert_whole,
    going_on,
    lines_of,
    until,
)

# Trains as NumPy does, but so slowly that few epochs are timed and the params are small.
SLOW = """
import signal
from pathlib import Path
from implementations.idiomatic import softmax_numpy
HERE = Path(__file__).parent
class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        signal.sigtimedwait([], 0.3)
        while (HERE / "hang").exists():
            (HERE / "hangs").touch()
            signal.sigtimedwait([], 0.05)
        return super().train_epoch(order)
"""


def mounts():
    """Tell whether this user may mount a file system that nobody else sees."""
    tried = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return bool(shutil.which("unshare")) and not subprocess.run(tried, check=False).returncode


mounting = pytest.mark.skipif(not mounts(), reason="mounting needs user namespaces")


def mounted(script):
    """Return a program that starts another one after a script in which it can mount."""
    return ("unshare", "--map-root-user", "--mount", "sh", "-ec", f'{script}\nexec "$@"', "sh")


def one_line(err):
    assert err.startswith("bench: ")
    assert err.count("\n") == 1
    return err.removeprefix("bench: ").rstrip()


@pytest.mark.parametrize("file", [pytest.param("params", marks=pytest.mark.soak), "trials.jsonl"])
def test_a_write_that_fails_in_its_middle_is_one_line_and_the_run_goes_on(
    started, alone, tmp_path, file
):
    (tmp_path / "slow.py").write_text(SLOW)
    command = (*RUN, "--rounds=2", "--implementation=numpy", "--implementation=./slow.py")
    # Where its lines are counted, that would be written too, beyond the limit.
    process = started(*command, "--output=out", **alone, COVERAGE_PROCESS_CONFIG=None)
    trials = tmp_path / "out" / "trials.jsonl"
    until(lambda: len(lines_of(tmp_path / "out")) >= 2 or process.poll() is not None)
    (tmp_path / "hang").touch()
    until(lambda: (tmp_path / "hangs").exists() or process.poll() is not None)
    # The child has begun, and is not limited; its params are larger than half a kilobyte, and its
    # record is larger than a hundred bytes.
    before = lines_of(tmp_path / "out")
    limit = 500 if file == "params" else trials.stat().st_size + 100
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    (tmp_path / "hang").unlink()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert one_line(err).startswith("cannot write to out")
    assert "--resume --output out" in err
    assert_readable(tmp_path / "out")
    assert lines_of(tmp_path / "out")[: len(before)] == before
    assert_nothing_left(tmp_path / "tmp")
    again = started(*going_on(tmp_path / "out"), **alone)
    _, err = again.communicate(timeout=60)
    assert (again.returncode, err) == (0, "")
    assert_whole(tmp_path / "out", before)


# A run on a file system that is too small, and then again with room: both folders are left to see.
FILLS = """
mkdir out stopped whole
mount -t tmpfs -o size=1200k none out
"$@" && exit 99 || status=$?
cp -r out/. stopped
mount -o remount,size=100m none out
"$1" -m bench run --resume --output out >again 2>&1 || exit 98
cp -r out/. whole
exit $status
"""


@mounting
def test_a_full_disk_is_one_line_and_nothing_is_lost_or_doubled(started, alone, tmp_path):
    # Params take half a megabyte a trial: there is room for two of them.
    command = (*RUN, "--rounds=3", "--implementation=numpy", "--output=out")
    within = ("unshare", "--map-root-user", "--mount", "sh", "-uc", FILLS, "sh")
    process = started(*command, within=within, **alone)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert one_line(err).startswith("cannot write to out")
    assert "No space left on device" in err
    assert "--resume --output out" in err
    assert_readable(tmp_path / "stopped")
    before = lines_of(tmp_path / "stopped")
    assert 1 <= len(before) < 3
    assert_whole(tmp_path / "whole", [line for line in before if line.endswith(b"\n")])
    assert_nothing_left(tmp_path / "tmp")


@mounting
@pytest.mark.parametrize(
    "room", ["size=4k", "size=400k", "nr_inodes=2"],
    ids=["only the request", "half the params", "only a folder"],
)  # fmt: skip
def test_a_full_temporary_folder_is_named_and_no_trial_is_blamed(started, alone, tmp_path, room):
    script = f'mount -t tmpfs -o {room} none "$TMPDIR"'
    process = started(*RUN, "--rounds=2", "--implementation=numpy", "--output=out", **alone,
                      within=mounted(script))  # fmt: skip
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert one_line(err).startswith(f"cannot write to {alone['TMPDIR']}")
    assert "No space left on device" in err
    assert "TMPDIR" in err.replace(alone["TMPDIR"], "")
    assert not lines_of(tmp_path / "out")


# A folder's rights hold for root too, if it may not override them.
OBEDIENT = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()


def assert_refused(process):
    """It is refused in one line, and has not told of any trial."""
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert one_line(err).startswith("cannot write to out")


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write")
def test_a_run_into_a_folder_that_is_not_ours_is_refused(started, alone, tmp_path):
    (tmp_path / "out").mkdir(mode=0o555)
    process = started(*RUN, "--implementation=numpy", "--output=out", within=OBEDIENT, **alone)
    assert_refused(process)


READ_ONLY = "mount --bind out out\nmount -o remount,bind,ro out"


@mounting
def test_a_run_into_a_file_system_that_is_read_only_is_refused(started, alone, tmp_path):
    (tmp_path / "out").mkdir()
    command = (*RUN, "--implementation=numpy", "--output=out/new")
    assert_refused(started(*command, within=mounted(READ_ONLY), **alone))
    assert not list((tmp_path / "out").iterdir())


@mounting
def test_a_run_does_not_go_on_on_a_file_system_that_is_read_only(hanging, started, alone, tmp_path):
    process = hanging(f"{WAITS}\n(HERE / 'imported').touch()\n")
    process.kill()
    process.communicate()
    (tmp_path / "imported").unlink()
    (tmp_path / "hang").unlink()
    command = going_on(tmp_path / "out")
    before = lines_of(tmp_path / "out")
    assert_refused(started(*command, within=mounted(READ_ONLY), **alone))
    assert lines_of(tmp_path / "out") == before
    (tmp_path / "out" / "trials.jsonl").unlink()  # as if it had been killed before its first trial
    assert_refused(started(*command, within=mounted(READ_ONLY), **alone))
    assert not (tmp_path / "imported").exists()
