"""Runs that are given to nodes: processes of this host, or what stands in for SLURM."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress

import psutil
import pytest
from support.processes import (
    NO_CHARTS,
    RUN,
    WAITS,
    assert_whole,
    find_processes,
    read_lines,
    run_first,
    wait_until,
)

from bench.records import store
from bench.runner import cluster

# Also on a machine with SLURM. Processes of submitit alone begin sooner without the rest.
LOCALLY = f"""
import shutil, sys
which = shutil.which
shutil.which = lambda name, *more, **others: None if name == "sbatch" else which(name)
if "bench" in sys.orig_argv:
    exec({NO_CHARTS!r})
if "submit" in sys.orig_argv:
    from bench.cli.verbs import submit
    submit.STATE_SECONDS = 0.5
"""
ARGUMENTS = (*RUN[1:], "--implementation=./waits.py")


@pytest.fixture
def submit(tmp_path, surroundings, alone):
    """Submit a user's own code, which waits while there is a file named "hang"."""
    (tmp_path / "waits.py").write_text(WAITS)
    (tmp_path / "hang").touch()
    variables = {**surroundings, **alone, **run_first(tmp_path, LOCALLY)}

    def start(*options, rounds=1):
        words = ("submit", *options, "--", *ARGUMENTS, f"--rounds={rounds}")
        with (tmp_path / "log").open("w") as log:  # jobs keep it open
            return subprocess.Popen(
                [sys.executable, "-m", "bench", *words],
                cwd=tmp_path,
                env=variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    yield start
    for number in find_processes(tmp_path / "tmp"):
        os.kill(number, signal.SIGKILL)


def read_log(folder):
    return (folder / "log").read_text()


def read_logs(folder):
    """Return what the command and all its jobs printed, for the message of a failure."""
    logs = [folder / "log", *folder.glob("**/jobs/*/*_log.*")]
    return "\n".join(path.read_text() for path in logs)


def list_jobs(folder):
    return [path.name.partition("_")[0] for path in folder.glob("jobs/*/*_submitted.pkl")]


def test_jobs_outlive_the_command_and_the_same_one_reports_them(submit, tmp_path):
    def measures():
        log = read_log(tmp_path)
        return "waits for another run" in log and "0 of 1" in log

    process = submit("--nodes=2")
    wait_until(lambda: measures() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait() == 130
    assert "the jobs go on" in read_log(tmp_path)
    process = submit("--nodes=2")
    wait_until(lambda: measures() or process.poll() is not None)
    (tmp_path / "hang").unlink()
    assert process.wait() == 0, read_logs(tmp_path)
    (study,) = (tmp_path / "results").iterdir()
    assert len(list_jobs(study)) == 2
    for name in ("1", "2"):
        assert_whole(study / name)
    facts = [one.machine for name in "12" for one in store.read_environments(study / name).values()]
    (node,) = {machine["node"] for machine in facts}
    report = (study / "report.md").read_text(encoding="utf-8")
    assert "2 runs side by side" in report
    assert node in report


def test_preempted_job_goes_on_with_its_run(submit, tmp_path):
    (tmp_path / "hang").unlink()
    process = submit("--output=study", rounds=2)
    folder = tmp_path / "study" / "1"
    wait_until(lambda: read_lines(folder) or process.poll() is not None)
    (tmp_path / "hang").touch()
    wait_until(lambda: (tmp_path / "hangs").exists() or process.poll() is not None)
    (job,) = list_jobs(tmp_path / "study")
    (task,) = psutil.Process(int(job)).children()
    for one in (task, *task.children(recursive=True)):  # as SLURM does
        with suppress(psutil.NoSuchProcess):  # a helper may have ended meanwhile
            one.send_signal(signal.SIGUSR2)
    wait_until(lambda: not task.is_running())
    (tmp_path / "hang").unlink()
    assert process.wait() == 0, read_logs(tmp_path)
    assert_whole(folder)
    statuses = Counter(json.loads(line)["status"] for line in read_lines(folder))
    assert statuses == {"ok": 2, "interrupted": 1}
    assert list_jobs(tmp_path / "study") == [job]


def test_options_reach_sbatch_and_a_job_that_left_no_run_is_an_error(
    called, program, tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster, "HAS_SLURM", True)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    program("srun", "")
    program("sbatch", 'cat "$1" >> scripts; echo "Submitted batch job $(grep -c bin/bash scripts)"')
    program("squeue", "")
    options = ("--constraint=a,b", "--gpus=2", "--time=90m", "--slurm=qos=low")
    words = ("--slurm=contiguous", "--output=study", "--", "--quick")
    status, out, _ = called("submit", *options, *words)
    assert (status, out.count("ended before its run began")) == (3, 2)
    lines = Counter((tmp_path / "scripts").read_text().splitlines())
    assert lines["#SBATCH --constraint=a"] == lines["#SBATCH --constraint=b"] == 1
    both = ("gpus-per-node=2", "time=90", "qos=low", "contiguous", "exclusive", "requeue")
    assert {lines[f"#SBATCH --{option}"] for option in both} == {2}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--quick", "--sweep"), "jobs of softmax-bench run --quick"),
        (("--quick", "--output=other"), "Give --output before --"),
        (("--rounds=many",), "--rounds"),
    ],
)
def test_arguments_of_other_runs_are_refused(refused, tmp_path, monkeypatch, arguments, reason):
    monkeypatch.setattr(cluster, "submit_job", None)
    (tmp_path / "study").mkdir()
    cluster.open_study(tmp_path / "study", ["--quick"])
    assert reason in refused("submit", "--output=study", "--", *arguments)


def test_without_submitit_the_extra_is_named(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    monkeypatch.delitem(sys.modules, "bench.cli.verbs.submit", raising=False)
    monkeypatch.delitem(sys.modules, "bench.runner.cluster")
    monkeypatch.delattr("bench.runner.cluster")
    assert "[cluster]" in refused("submit", "--", "--quick")
