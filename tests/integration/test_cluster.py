"""Runs on a cluster of real Dask processes that stand in for hosts."""

import datetime as dt
import re
import signal
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from support.cluster import Cluster
from support.processes import NO_CHARTS, RUN, beginning_with, living, until

from bench.records import store
from bench.runner import plan

pytestmark = pytest.mark.timeout(3600)

# Trains as NumPy does. Files in FOLDER make it wait on a host, or end the worker that began it.
SLOW = """
import os, signal
from pathlib import Path
from implementations.idiomatic import softmax_numpy
FOLDER = Path({folder!r})
NAME = next((part for part in Path.cwd().parts if part.startswith("host-")), "")
class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        while (FOLDER / f"hang-{{NAME}}").exists():
            (FOLDER / f"hangs-{{NAME}}").touch()
            signal.sigtimedwait([], 0.05)
        if (FOLDER / "poison").exists():
            os.kill(os.getppid(), signal.SIGKILL)
            signal.sigtimedwait([], 600)
        return super().train_epoch(order)
"""
TRAINED = (*RUN, "--implementation=numpy", "--implementation=./slow.py", "--wait=10m")
LIMIT = 1500


@pytest.fixture
def cluster(tmp_path, surroundings):
    (tmp_path / "slow.py").write_text(SLOW.format(folder=str(tmp_path)))
    made = Cluster(tmp_path, surroundings)
    yield made
    made.end()


@pytest.fixture
def ask(started, cluster, tmp_path):
    """Start a run on the cluster; without charts, which take longer than all else."""
    variables = beginning_with(tmp_path, NO_CHARTS)
    return lambda *arguments: started(*arguments, f"--cluster={cluster.address}", **variables)


def resume(ask, folder):
    return ask("run", "--resume", f"--output={folder}", "--implementation=slow.py", "--wait=10m")


def assert_ends(run, status):
    out, err = run.communicate(timeout=LIMIT)
    assert (run.returncode, err) == (status, "")
    return out


def hosts_by_round(out):
    return dict(re.findall(r"^round (\d+), measured on (\w+):$", out, re.MULTILINE))


def runs_in(folder):
    return [path.parent for path in folder.glob("**/run.json")]


def spans(folder):
    """Return when each trial began and ended, seconds."""
    for record in store.read_records(folder):
        begun = dt.datetime.fromisoformat(record.started).timestamp()
        yield begun, begun + record.wall_seconds


def assert_complete(folder):
    """Every planned trial was measured once, on the run's machine, is verified and has params."""
    run, records = store.read_run(folder), store.read_records(folder)
    assert Counter(record.trial for record in records) == Counter(
        t.id for t in plan.plan_trials(run)
    )
    assert [record.reason for record in records if record.status != "ok"] == []
    assert {record.parity.passed for record in records} == {True}
    machines = {one.machine["id"] for one in store.read_environments(folder).values()}
    assert machines == {run.machine}
    assert all(record.case in run.cases for record in records)
    assert all((folder / "params" / f"{record.trial}.npy").exists() for record in records)


def test_rounds_of_lost_hosts_are_measured_elsewhere_and_resume_asks_for_the_missing(
    cluster, ask, tmp_path
):
    """Three hosts of two machines: one is lost in a round, one joins late, the scheduler ends."""
    for name, kind in (("a", "one"), ("b", "one"), ("c", "two")):
        cluster.join(name, kind)
    for name in "abc":
        (tmp_path / f"hang-host-{name}").touch()
    run = ask(*TRAINED, "--rounds=3", "--each-host", "--output=lab")
    until(lambda: all((tmp_path / f"hangs-host-{name}").exists() for name in "abc"))
    cluster.kill("b")
    until(lambda: not living(tmp_path / "host-b"))  # the process of its trial ends with it
    (tmp_path / "hang-host-d").touch()
    cluster.join("d", "one")
    (tmp_path / "hang-host-a").unlink()  # host a goes on, and measures the round of host b too
    until((tmp_path / "hangs-host-d").exists)
    until(lambda: sum(map(lines_in, runs_in(tmp_path / "lab"))) >= 2)
    cluster.stop()
    out = assert_ends(run, 3)
    assert "host b left" in out
    assert "host d joined" in out
    assert "a" in hosts_by_round(out).values()
    lab = tmp_path / "lab"
    before = {folder: (folder / "trials.jsonl").read_bytes() for folder in runs_in(lab)}
    assert len(before) == 2

    for name in "cd":
        (tmp_path / f"hang-host-{name}").unlink()
    cluster.start()
    for name, kind in (("c", "two"), ("d", "one")):
        cluster.join(name, kind)
    out = assert_ends(resume(ask, "lab"), 0)
    assert set(hosts_by_round(out).values()) <= {"c", "d"}
    for folder, kept in before.items():
        assert (folder / "trials.jsonl").read_bytes().startswith(kept)
        assert_complete(folder)
        assert (folder / "report.md").exists()
    assert (lab / "report.md").exists()


def lines_in(folder):
    path = folder / "trials.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_two_callers_share_the_hosts_and_each_measures_one_trial_at_a_time(cluster, ask, tmp_path):
    """One host has two workers."""
    cluster.join("a")
    cluster.join("a", worker="a2")
    runs = [ask(*TRAINED, "--rounds=2", f"--output={name}") for name in ("out", "other")]
    for run in runs:
        assert_ends(run, 0)
    for name in ("out", "other"):
        assert_complete(tmp_path / name)
    together = sorted([*spans(tmp_path / "out"), *spans(tmp_path / "other")])
    for (_, ended), (begun, _) in pairwise(together):
        assert ended <= begun + 0.002  # a record's start is rounded to milliseconds


def test_hosts_that_may_not_measure_are_refused_and_the_others_measure(cluster, ask, tmp_path):
    no_data = "def no_data(*_): raise task.UserError('no data')\ntask._find_data = no_data\n"
    cluster.join("old", code="task.suite = lambda: '0.0.1 (code 0123456789ab)'\n")
    cluster.join(
        "other",
        code="task.machine.software = lambda real=task.machine.software: "
        "{**real(), 'python': '3.0'}\n",
    )
    cluster.join("idle", resources=None)
    cluster.join("bare", code=no_data)
    cluster.join("without", code="import sys; sys.modules['bench.runner.cluster.task'] = None\n")
    cluster.join("a")
    cluster.wait_for_workers(6)
    out = assert_ends(ask(*TRAINED, "--rounds=3", "--output=out"), 0)
    refused = [line for line in out.splitlines() if " is not used: " in line]
    reasons = " ".join(refused)
    assert len(refused) == 5
    assert "0.0.1 (code 0123456789ab)" in reasons
    assert "no resource bench=1" in reasons
    assert "other software" in reasons
    assert "no data" in reasons
    assert "does not run softmax-bench" in reasons
    assert len(set(hosts_by_round(out).values())) == 1
    assert_complete(tmp_path / "out")


def test_a_round_that_ends_every_worker_is_given_up_and_measured_by_resume(cluster, ask, tmp_path):
    """A nanny, Dask's own, starts each worker again."""
    cluster.join("a", "one", "--nanny")
    (tmp_path / "poison").touch()
    out = assert_ends(ask(*TRAINED, "--rounds=1", "--output=out"), 3)
    assert "round 1 was given up: its workers were lost" in out
    assert store.read_records(tmp_path / "out") == []
    (tmp_path / "poison").unlink()
    assert_ends(resume(ask, "out"), 0)
    assert_complete(tmp_path / "out")


def test_cases_of_the_gpu_are_measured_by_a_machine_that_has_one(cluster, ask, tmp_path):
    cluster.join("a")
    cluster.join("b")
    cluster.wait_for_workers(2)
    both = (*RUN, "--implementation=numpy", "--device=cpu,gpu", "--rounds=1", "--wait=10m")
    run = ask(*both, "--output=out")
    _, err = run.communicate(timeout=LIMIT)
    assert run.returncode == 2
    assert err.startswith("bench: no host has a GPU")
    cluster.join("g", "with a GPU")
    cluster.wait_for_workers(3)
    for arguments, machines in (((), 1), (("--each-host",), 2)):
        out = assert_ends(ask(*both, "--output=dry", "--dry-run", *arguments), 0)
        assert (out.count("machine "), out.count(" gpu ")) == (machines, 1)
    assert not (tmp_path / "dry").exists()
    out = assert_ends(ask(*both, "--output=out"), 0)
    assert set(hosts_by_round(out).values()) == {"g"}
    records = store.read_records(tmp_path / "out")
    assert {record.case.device: record.status for record in records} == {
        "cpu": "ok",
        "gpu": "unavailable",
    }


def test_ctrl_c_keeps_the_rounds_that_came_back(cluster, ask, tmp_path):
    cluster.join("a")
    run = ask(*TRAINED, "--rounds=3", "--output=out")
    until(lambda: (tmp_path / "out").exists() and lines_in(tmp_path / "out") >= 2)
    (tmp_path / "hang-host-a").touch()
    until(lambda: (tmp_path / "hangs-host-a").exists() or run.poll() is not None)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=LIMIT)
    kept = (tmp_path / "out" / "trials.jsonl").read_bytes()
    assert kept.count(b"\n") in {2, 4, 6}  # whole rounds
    (tmp_path / "hang-host-a").unlink()
    assert_ends(resume(ask, "out"), 0)
    assert (tmp_path / "out" / "trials.jsonl").read_bytes().startswith(kept)
    assert_complete(tmp_path / "out")


def test_without_host_scheduler_or_dask_one_line_says_what_to_do(cluster, ask, started, tmp_path):
    once = (*RUN, "--implementation=numpy", "--output=out", "--wait=1s")
    refusals = [ask(*once).communicate(timeout=LIMIT)[1]]
    cluster.stop()
    refusals.append(ask(*once).communicate(timeout=LIMIT)[1])
    without = beginning_with(tmp_path, f"{NO_CHARTS}\nsys.modules['distributed'] = None\n")
    run = started(*once, f"--cluster={cluster.address}", **without)
    refusals.append(run.communicate(timeout=LIMIT)[1])
    assert run.returncode == 2
    for err, words in zip(refusals, ("no host joined", "no scheduler", "needs Dask"), strict=True):
        assert words in err
        assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_worker_sleeps_while_a_trial_is_measured(cluster, ask, tmp_path):
    """Dask's own statistics would wake it a hundred times a second, on the cores measured."""
    cluster.join("a")
    (tmp_path / "hang-host-a").touch()
    run = ask(*TRAINED, "--output=out")
    until(lambda: (tmp_path / "hangs-host-a").exists() or run.poll() is not None)
    status = Path(f"/proc/{cluster.workers['a'].pid}/status")
    before = wakings(status)
    signal.sigtimedwait([], 3)
    assert wakings(status) - before < 60


def wakings(status):
    pattern = r"^voluntary_ctxt_switches:\s*(\d+)$"
    return int(re.search(pattern, status.read_text(), re.MULTILINE)[1])
