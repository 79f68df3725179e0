"""Runs on a cluster of real Dask processes that stand in for hosts."""

import re
import signal
from collections import Counter
from pathlib import Path

import pytest
from support.cluster import Cluster
from support.processes import NO_CHARTS, RUN, find_processes, run_first, wait_until

from bench.planning import plan
from bench.planning.pilot import choose_threads
from bench.records import store

pytest.importorskip("distributed")
pytestmark = pytest.mark.timeout(3600)

# Trains as NumPy does. A file in FOLDER makes it wait on a host.
SLOW = """
import signal
from pathlib import Path
from implementations.idiomatic import softmax_numpy
FOLDER = Path({folder!r})
NAME = next((part for part in Path.cwd().parts if part.startswith("host-")), "")
class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        while (FOLDER / f"hang-{{NAME}}").exists():
            (FOLDER / f"hangs-{{NAME}}").touch()
            signal.sigtimedwait([], 0.05)
        return super().train_epoch(order)
"""
SMALL = (*RUN, "--rounds=2")
LIMIT = 1500


@pytest.fixture
def cluster(tmp_path, surroundings):
    (tmp_path / "slow.py").write_text(SLOW.format(folder=str(tmp_path)))
    cluster = Cluster(tmp_path, surroundings)
    yield cluster
    cluster.end()


@pytest.fixture
def begin(started, cluster, tmp_path):
    """Begin a command on the cluster; without charts, which take longer than all else."""
    variables = run_first(tmp_path, NO_CHARTS)
    options = (f"--implementation={tmp_path / 'slow.py'}", f"--cluster={cluster.address}")
    return lambda *arguments: started(*arguments, *options, **variables)


def resume(begin, folder):
    return begin("run", "--resume", f"--output={folder}")


def wait_for_end(process, status):
    out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, err) == (status, "")
    return out


def hang(tmp_path, name):
    (tmp_path / f"hang-host-{name}").touch()


def go_on(tmp_path, name):
    (tmp_path / f"hang-host-{name}").unlink()


def hangs(tmp_path, name):
    return (tmp_path / f"hangs-host-{name}").exists()


def hosts_by_round(out):
    return dict(re.findall(r"^round (\d+), measured on (\w+):$", out, re.MULTILINE))


def count_lines(folder):
    path = folder / "trials.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def assert_complete(folder):
    """Every planned trial was measured once, on the run's machine, is verified and has params."""
    run, records = store.read_run(folder), store.read_records(folder)
    planned = Counter(trial.id for trial in plan.plan_trials(choose_threads(run, records)))
    assert Counter(record.trial for record in records) == planned
    assert [record.reason for record in records if record.status != "ok"] == []
    assert {record.parity.passed for record in records} == {True}
    machines = {one.machine["id"] for one in store.read_environments(folder).values()}
    assert machines == {run.machine}
    assert all((folder / "params" / f"{record.trial}.npy").exists() for record in records)


def test_lost_hosts_and_scheduler_cost_rounds_and_resume_measures_them(cluster, begin, tmp_path):
    """Two hosts of one machine and one of another; one of each is lost, then the scheduler."""
    for name, kind in (("a", "one"), ("b", "one"), ("c", "two")):
        cluster.join(name, kind)
        hang(tmp_path, name)
    cluster.wait_for_workers(3)
    process = begin(*SMALL, "--each-host", "--output=lab")
    wait_until(lambda: all(hangs(tmp_path, name) for name in "abc"))
    for name in "bc":
        cluster.kill(name)
    lost = (tmp_path / "host-b", tmp_path / "host-c")  # their trials end with them
    wait_until(lambda: not any(map(find_processes, lost)))
    go_on(tmp_path, "a")  # which measures the round of host b too
    out = wait_for_end(process, 3)
    assert hosts_by_round(out) == {"1": "a", "2": "a"}
    assert out.count("its hosts were lost") == 2
    folders = [path.parent for path in (tmp_path / "lab").glob("*/run.json")]
    before = {folder: (folder / "trials.jsonl").read_bytes() for folder in folders}
    assert sorted(data.count(b"\n") for data in before.values()) == [0, 2]

    (tmp_path / "hangs-host-c").unlink()
    cluster.join("c", "two")
    process = resume(begin, "lab")
    wait_until(lambda: hangs(tmp_path, "c") or process.poll() is not None)
    cluster.stop()
    assert "scheduler was lost" in wait_for_end(process, 3)

    go_on(tmp_path, "c")
    cluster.start()
    cluster.join("c", "two")
    assert hosts_by_round(wait_for_end(resume(begin, "lab"), 0)) == {"1": "c", "2": "c"}
    for folder, data in before.items():
        assert (folder / "trials.jsonl").read_bytes().startswith(data)
        assert_complete(folder)
    assert (tmp_path / "lab" / "report.md").exists()


def test_unfit_hosts_are_refused_and_others_measure(cluster, begin, tmp_path):
    no_data = "def no_data(*_): raise task.UserError('no data')\ntask.find_data = no_data\n"
    cluster.join("old", code="task.suite_version = lambda: '0.0.1 (code 0123456789ab)'\n")
    cluster.join("idle", resources=None)
    cluster.join("bare", code=no_data)
    cluster.join("without", code="import sys; sys.modules['bench.runner.cluster'] = None\n")
    cluster.join("a")
    cluster.wait_for_workers(5)
    process = begin(*(word for word in SMALL if word != "--threads=1"), "--output=out")
    out = wait_for_end(process, 0)
    refusals = " ".join(line for line in out.splitlines() if " is not used: " in line)
    for part in ("0.0.1 (code", "no resource bench=1", "no data", "does not run softmax-bench"):
        assert part in refusals
    assert set(hosts_by_round(out).values()) == {"a"}
    assert_complete(tmp_path / "out")


def test_gpu_cases_are_planned_for_a_machine_that_has_one(cluster, begin, tmp_path):
    cluster.join("a")
    cluster.wait_for_workers(1)
    dry_run = (*SMALL, "--device=cpu,gpu", "--output=out", "--dry-run")
    _, err = begin(*dry_run).communicate(timeout=LIMIT)
    assert (err.startswith("bench: "), err.count("\n")) == (True, 1)
    cluster.join("g", "with a GPU")
    cluster.wait_for_workers(2)
    for arguments, machines in (((), 1), (("--each-host",), 2)):
        out = wait_for_end(begin(*dry_run, *arguments), 0)
        assert (out.count("machine "), out.count(" gpu ")) == (machines, 1)
    assert not (tmp_path / "out").exists()


def test_ctrl_c_keeps_rounds_that_came_back_while_the_worker_sleeps(cluster, begin, tmp_path):
    cluster.join("a")
    process = begin(*RUN, "--rounds=3", "--output=out")
    wait_until(lambda: count_lines(tmp_path / "out") >= 1)
    hang(tmp_path, "a")
    wait_until(lambda: hangs(tmp_path, "a") or process.poll() is not None)
    # Dask's own statistics would wake the worker a hundred times a second.
    status = Path(f"/proc/{cluster.workers['a'].pid}/status")
    before = count_wakeups(status)
    signal.sigtimedwait([], 3)
    assert count_wakeups(status) - before < 60
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT)
    kept = (tmp_path / "out" / "trials.jsonl").read_bytes()
    assert kept.count(b"\n") >= 1
    go_on(tmp_path, "a")
    wait_for_end(resume(begin, "out"), 0)
    assert (tmp_path / "out" / "trials.jsonl").read_bytes().startswith(kept)
    assert_complete(tmp_path / "out")


def count_wakeups(status):
    pattern = r"^voluntary_ctxt_switches:\s*(\d+)$"
    return int(re.search(pattern, status.read_text(), re.MULTILINE)[1])


def test_missing_scheduler_or_dask_is_one_line(cluster, started, tmp_path):
    without = run_first(tmp_path, f"{NO_CHARTS}\nsys.modules['distributed'] = None\n")
    once = (*RUN, "--implementation=numpy", "--output=out")
    for address, variables, part in (
        ("localhost", {}, "no scheduler answers"),
        (cluster.address, without, "needs Dask"),
    ):
        process = started(*once, f"--cluster={address}", **variables)
        _, err = process.communicate(timeout=LIMIT)
        assert part in err
        assert (process.returncode, err.count("\n")) == (2, 1)
    assert not (tmp_path / "out").exists()
