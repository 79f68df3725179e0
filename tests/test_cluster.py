"""Runs on a cluster of processes that stand in for hosts: lost, late, refused and stopped."""

import contextlib
import datetime as dt
import json
import re
import signal
import threading
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter  # noqa: TID251 - of trials that a cluster gives back, not of a framework

import pytest
from fixtures_cluster import NO_PROCESS, Cluster
from fixtures_processes import NO_CHARTS, RUN, beginning_with, living, until

from bench import plan, store
from bench.cluster import there
from bench.cluster.client import START
from bench.intervals import interval
from bench.judge import TOLERANCE

# Trains as NumPy does. Where a file of the host's name lies beside it, it hangs; or it ends the
# worker that began it.
SLOW = """
import os, signal, time
from pathlib import Path
from implementations.idiomatic import softmax_numpy
HERE = Path(__file__).parent
NAME = next((part for part in Path.cwd().parts if part.startswith("host-")), "")
class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        while (HERE / f"hang-{NAME}").exists():
            (HERE / f"hangs-{NAME}").touch()
            signal.sigtimedwait([], 0.05)
        if (HERE / "poison").exists():
            os.kill(os.getppid(), signal.SIGKILL)
            signal.sigtimedwait([], 60)
        signal.sigtimedwait([], 0.02)
        return super().train_epoch(order)
"""
TRAINED = (*RUN, "--implementation=numpy", "--implementation=./slow.py")


@pytest.fixture
def cluster(tmp_path, surroundings):
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "site").mkdir()
    made = Cluster(tmp_path, surroundings)
    yield made
    made.end()


@pytest.fixture
def asking(started, tmp_path):
    """Start a run on a cluster; without charts, which take longer than all else."""
    variables = beginning_with(tmp_path, NO_CHARTS)
    return lambda *arguments: started(*arguments, **variables)


def lines(folder):
    path = folder / "trials.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def runs_of(folder):
    return [path.parent for path in folder.glob("**/run.json")]


def host_of(record, environments):
    return environments[record.environment].machine["host"]


def spans(folder):
    """Return when each trial began and ended there, seconds, by its host."""
    environments, found = store.read_environments(folder), defaultdict(list)
    for record in store.read_records(folder):
        if record.wall_seconds is not None:
            begun = dt.datetime.fromisoformat(record.started).timestamp()
            host = host_of(record, environments)
            found[host].append((begun, begun + record.wall_seconds))
    return found


def assert_complete(folder):
    """Every trial that was planned was measured once, on its machine, and is verified."""
    run, records = store.read_run(folder), store.read_records(folder)
    done = [record for record in records if record.status != "interrupted"]
    assert Counter(record.trial for record in done) == Counter(each.id for each in plan.trials(run))
    environments = store.read_environments(folder)
    assert {environments[each.environment].machine["id"] for each in records} == {run.machine}
    for record in done:
        assert (record.status, record.reason) == ("ok", None)
        assert record.parity.error <= TOLERANCE
        assert store.read_params(folder, record.trial) is not None
    for each in spans(folder).values():
        for (_, ended), (begun, _) in pairwise(sorted(each)):
            assert ended <= begun + 0.002  # a record's start is rounded to milliseconds
    return records, environments


def assert_one_host_a_round(records, environments, *, but=()):
    hosts = defaultdict(set)
    for record in records:
        hosts[record.round].add(host_of(record, environments))
    assert [number for number, found in hosts.items() if len(found) > 1] == list(but)


def test_hosts_are_lost_and_join_late_and_the_scheduler_stops_and_the_run_is_complete(
    cluster, asking, tmp_path
):
    """Three hosts of two machines; one is lost in a trial, one comes late, all stops once."""
    for name, kind in (("a", "one"), ("b", "one"), ("c", "two")):
        cluster.join(name, kind)
    (tmp_path / "hang-host-b").touch()
    lab = tmp_path / "lab"
    run = asking(*TRAINED, "--rounds=8", "--each-host", "--output=lab",
                 f"--cluster={cluster.address}", "--wait=40s")  # fmt: skip
    until(lambda: (tmp_path / "hangs-host-b").exists() or run.poll() is not None)
    child = living(tmp_path / "host-b")
    assert len(child) >= 2  # the worker, and the trial's process
    cluster.kill("b")
    until(lambda: not living(tmp_path / "host-b"))  # its trial's process dies with it
    cluster.join("d", "one")
    until(lambda: any(host_there(each, "d") for each in runs_of(lab)))
    cluster.stop()
    out, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (3, "")
    assert "host b left: its worker is gone" in out
    assert "host d joined" in out
    assert "were not made: the connection to the scheduler was lost" in out
    assert f"--resume --output lab --cluster {cluster.address} --implementation slow.py" in out
    before = {folder: (folder / "trials.jsonl").read_bytes() for folder in runs_of(lab)}
    assert len(before) == 2

    cluster.start()
    for name, kind in (("a", "one"), ("c", "two")):
        cluster.join(name, kind)
    run = asking("run", "--resume", "--output=lab", f"--cluster={cluster.address}",
                 "--implementation=slow.py")  # fmt: skip
    out, err = run.communicate(timeout=120)
    assert (run.returncode, err) == (0, "")
    assert out.count(" joined: ") == 2
    reasons = {}
    for folder, kept in before.items():
        assert (folder / "trials.jsonl").read_bytes().startswith(kept)
        records, environments = assert_complete(folder)
        reasons[folder.name] = {(host_of(each, environments), each.reason)
                                for each in records if each.status == "interrupted"}  # fmt: skip
    assert sum(("b", "its worker is gone") in each for each in reasons.values()) == 1
    hosts = {host_of(each, store.read_environments(folder))
             for folder in before for each in store.read_records(folder)}  # fmt: skip
    assert hosts == {"a", "b", "c", "d"}
    assert (lab / "report.md").exists()
    assert all((folder / "report.md").exists() for folder in before)


def host_there(folder, name):
    environments = store.read_environments(folder)
    return any(each.machine["host"] == name for each in environments.values())


SAME = "install the same on both"
NO_DATA = """
def none(data):
    raise there.UserError("no data here")
there.found = none
"""
ONE = (*RUN, "--implementation=numpy", "--output=out", "--wait=40s")


def test_blocks_go_to_one_host_each_and_two_runs_at_once_share_the_hosts(cluster, asking, tmp_path):
    """Two workers on one of two hosts, and two who ask: a host still measures one at a time."""
    for name, worker in (("a", None), ("a", "a2"), ("b", None)):
        cluster.join(name, worker=worker)
    asked = (*TRAINED, "--rounds=6", f"--cluster={cluster.address}", "--wait=40s")
    runs = [asking(*asked, f"--output={name}") for name in ("out", "other")]
    for run in runs:
        _out, err = run.communicate(timeout=120)
        assert (run.returncode, err) == (0, "")
    for name in ("out", "other"):
        assert_one_host_a_round(*assert_complete(tmp_path / name))
    both = [spans(tmp_path / name) for name in ("out", "other")]
    assert {host for each in both for host in each} == {"a", "b"}
    for host in ("a", "b"):
        together = sorted(span for each in both for span in each[host])
        for (_, ended), (begun, _) in pairwise(together):
            assert ended <= begun + 0.002


def test_workers_that_may_not_measure_are_refused_with_the_reason_and_the_others_measure(
    cluster, asking, tmp_path
):
    older = 'there.suite = lambda: there.Suite("0.0.1", "", "0123456789ab")\n'
    cluster.join("old", code=older)
    cluster.join("idle", resources=None)
    cluster.join("bare", code=NO_DATA)
    cluster.join("a")
    run = asking(*ONE, "--rounds=3", f"--cluster={cluster.address}")
    out, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (0, "")
    assert_complete(tmp_path / "out")
    refused = [line for line in out.splitlines() if " is not used: " in line]
    own = there.suite()
    assert sorted(line.partition(" is not used: ")[2] for line in refused) == [
        f"it declares no resource bench=1; start it so: {START}",
        f"it has softmax-bench 0.0.1 (code 0123456789ab), and here is {own}; {SAME}",
        "no data here",
    ]


def test_a_trial_over_which_three_workers_are_lost_is_a_failed_one_and_the_others_go_on(
    cluster, asking, tmp_path
):
    """The nanny, Dask's own, starts each worker anew."""
    (tmp_path / "poison").touch()
    cluster.join("a", "one", "--nanny")
    run = asking(
        *TRAINED, "--rounds=1", "--output=out", f"--cluster={cluster.address}", "--wait=40s"
    )
    _out, err = run.communicate(timeout=120)
    assert (run.returncode, err) == (3, "")
    records = store.read_records(tmp_path / "out")
    told = [(each.case.implementation, each.status) for each in records]
    assert sorted(told) == [
        ("numpy", "ok"),
        ("slow", "failed"),
        ("slow", "interrupted"),
        ("slow", "interrupted"),
    ]
    (failed,) = [each for each in records if each.status == "failed"]
    assert (
        failed.reason
        == "3 times a worker was lost while it ran, the last time so: its worker is gone"
    )


def test_cases_of_the_gpu_go_where_one_is_declared_and_nowhere_else(cluster, asking, tmp_path):
    cluster.join("a")
    asked = (*ONE, "--device=cpu,gpu", "--rounds=2", f"--cluster={cluster.address}")
    run = asking(*asked)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 2
    assert err.startswith("bench: no host declares a GPU; start its worker with --resources")
    cluster.join("g", "with a GPU", resources="bench=1 GPU=1")
    run = asking(*asked)
    _, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (0, "")
    out = tmp_path / "out"
    environments, records = store.read_environments(out), store.read_records(out)
    assert {host_of(each, environments) for each in records} == {"g"}
    told = Counter((each.case.device, each.status) for each in records)
    assert told == {("cpu", "ok"): 2, ("gpu", "unavailable"): 2}
    for shown, machines in (((), 1), (("--each-host",), 2)):
        run = asking(*asked, "--output=dry", "--dry-run", *shown)
        told, err = run.communicate(timeout=60)
        assert (run.returncode, err) == (0, "")
        assert (told.count("machine "), told.count(" gpu ")) == (machines, 1)
    assert not (tmp_path / "dry").exists()
    run = asking(*asked[:-1], asked[-1], "--each-host", "--output=lab")
    _, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (0, "")
    devices = {frozenset(case.device for case in store.read_run(each).cases)
               for each in runs_of(tmp_path / "lab")}  # fmt: skip
    assert devices == {frozenset({"cpu"}), frozenset({"cpu", "gpu"})}


def test_ctrl_c_keeps_what_came_back_and_what_ran_is_made_again(cluster, asking, tmp_path):
    cluster.join("a")
    (tmp_path / "hang-host-a").touch()
    run = asking(
        *TRAINED, "--rounds=2", "--output=out", f"--cluster={cluster.address}", "--wait=40s"
    )
    until(lambda: (tmp_path / "hangs-host-a").exists() or run.poll() is not None)
    run.send_signal(signal.SIGINT)
    _out, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (130, "")
    last = store.read_records(tmp_path / "out")[-1]
    assert (last.status, last.case.implementation) == ("interrupted", "slow")
    (tmp_path / "hang-host-a").unlink()
    run = asking("run", "--resume", "--output=out", f"--cluster={cluster.address}",
                 "--implementation=slow.py")  # fmt: skip
    _, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (0, "")
    assert_complete(tmp_path / "out")


def test_a_scheduler_that_is_silent_is_lost_and_whoever_asks_can_be_interrupted(
    cluster, asking, tmp_path
):
    cluster.join("a")
    (tmp_path / "hang-host-a").touch()
    asked = (*TRAINED, "--rounds=2", f"--cluster={cluster.address}", "--wait=40s")
    runs = [asking(*asked, f"--output={name}") for name in ("out", "other")]
    until(lambda: (tmp_path / "hangs-host-a").exists() or runs[0].poll() is not None)
    cluster.freeze()
    third = asking(*asked, "--output=third")
    runs[0].send_signal(signal.SIGINT)
    _, err = runs[0].communicate(timeout=60)
    assert (runs[0].returncode, err) == (130, "")
    _, err = runs[1].communicate(timeout=60)
    assert runs[1].returncode in {2, 3}  # before it had planned, or after
    assert err.count("\n") == (runs[1].returncode == 2)
    _, err = third.communicate(timeout=60)
    silent = "no scheduler answers there (it takes connections and is silent); start one"
    assert (third.returncode, silent in err, err.count("\n")) == (2, True, 1)


def test_without_hosts_without_a_scheduler_and_without_dask_one_line_says_what_to_do(
    cluster, asking, started, tmp_path
):
    run = asking(*ONE, "--wait=1s", f"--cluster={cluster.address}")
    _, err = run.communicate(timeout=60)
    assert run.returncode == 2
    assert (
        err == "bench: no host that can measure joined within 1 s; start workers, or raise --wait\n"
    )
    cluster.stop()
    run = asking(*ONE, f"--cluster={cluster.address}")
    _, err = run.communicate(timeout=60)
    assert run.returncode == 2
    assert err.startswith(f"bench: --cluster {cluster.address}: no scheduler answers there")
    assert err.count("\n") == 1
    none = beginning_with(tmp_path, f"{NO_CHARTS}\nsys.modules['distributed'] = None\n")
    run = started(*ONE, f"--cluster={cluster.address}", **none)
    _, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (2, f"bench: --cluster needs Dask: {NEEDS}\n")
    assert not (tmp_path / "out").exists()


NEEDS = "pip install 'softmax-bench[cluster]', here and on the hosts"


TEN = ("numpy", "numba", "pytorch", "pytorch-dataloader", "pytorch-compiled", "jax", "jax-scan",
           "keras-tensorflow", "keras-torch", "keras-jax")  # fmt: skip


@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.soak)])
@pytest.mark.timeout(1800)
def test_of_many_trials_that_take_no_time_none_is_lost_and_little_is_kept_in_memory(
    cluster, asking, tmp_path, launched, rounds
):
    """Ten trials a round on three hosts: all is real but the process, whose result is made once."""
    done = launched(SLOW.replace("0.02", "0.2"), batch_size=288, epochs=1)
    handed_over = {"HANDED_OVER": str(tmp_path / "child"), "DOCUMENT": json.dumps(done.document)}
    for name in ("a", "b", "c"):
        cluster.join(name, code=NO_PROCESS, **handed_over)
    named = [f"--implementation={name}" for name in TEN]
    run = asking(*RUN, *named, f"--rounds={rounds}", "--output=out",
                 f"--cluster={cluster.address}", "--wait=40s")  # fmt: skip
    peaks, starts, told = {0: 0}, {}, []
    reader = threading.Thread(target=lambda: told.append(run.communicate()))
    reader.start()  # or it would wait with a full pipe
    while reader.is_alive():
        count = lines(tmp_path / "out")
        starts.setdefault(count > 0, perf_counter())
        with contextlib.suppress(OSError, IndexError):
            status = Path(f"/proc/{run.pid}/status").read_text()
            peaks[count] = int(status.split("VmHWM:")[1].split()[0]) // 1024
        signal.sigtimedwait([], 0.1)
    assert (run.returncode, told[0][1]) == (0, "")
    records, _ = assert_complete(tmp_path / "out")
    assert len(records) == 10 * rounds
    few, many = peaks[min(count for count in peaks if count > 10)], peaks[max(peaks)]
    rate = len(records) / (perf_counter() - starts[True])
    print(f"{len(records)} trials, {rate:.0f} a second, {few} to {many} MiB")  # noqa: T201 - figures
    assert many - few < 100 + 10 * rounds * 0.02  # MiB: 20 kB of a trial, with the report


def test_while_a_trial_is_measured_its_worker_sleeps(cluster, asking, tmp_path):
    """Dask's own statistics would wake it a hundred times a second, on the cores measured."""
    cluster.join("a")
    (tmp_path / "hang-host-a").touch()
    run = asking(*TRAINED, "--output=out", f"--cluster={cluster.address}", "--wait=40s")
    until(lambda: (tmp_path / "hangs-host-a").exists() or run.poll() is not None)
    before = wakings(cluster.workers["a"].pid)
    signal.sigtimedwait([], 3)
    assert wakings(cluster.workers["a"].pid) - before < 60


def wakings(process):
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)$", status, re.MULTILINE)[1])


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_an_epoch_measured_through_a_cluster_takes_as_long_as_one_measured_here(
    cluster, asking, tmp_path
):
    """In pairs, here and through a scheduler, a worker and a caller on the same two cores."""
    cluster.join("a")
    command = ("run", "--workload=sgd", "--epochs=5", "--threads=1", "--no-ceiling", "--rounds=1",
               "--implementation=numpy", "--implementation=jax-scan")  # fmt: skip
    ratios = defaultdict(list)
    for number in range(20):
        sides = {"here": (), "there": (f"--cluster={cluster.address}", "--wait=40s")}
        took = {}
        for side in list(sides)[:: 1 if number % 2 else -1]:
            run = asking(*command, *sides[side], f"--output={side}-{number}")
            _, err = run.communicate(timeout=120)
            assert (run.returncode, err) == (0, "")
            for record in store.read_records(tmp_path / f"{side}-{number}"):
                took[side, record.case.implementation] = median(record.epoch_seconds)
        for name in ("numpy", "jax-scan"):
            ratios[name].append(took["there", name] / took["here", name])
    for name, values in ratios.items():
        found = interval(values)
        print(f"{name}: there over here {found}")  # noqa: T201 - figures
        assert found.low < 1.03
