"""Rounds on a cluster, without Dask: what is refused, and what a host does when it is called."""

import pickle
from types import SimpleNamespace

import msgspec
import pytest
from support.records import case, environment, ok, run, write

from bench.errors import UserError
from bench.planning.plan import plan_trials
from bench.records import store
from bench.records.files import hash_file
from bench.runner import cluster
from bench.runner.cluster import HostQuery, MachineRun, RoundResult
from bench.runner.host import machine

CLUSTER = "--cluster=tcp://127.0.0.1:1"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--resume", CLUSTER),
        ("--resume", "--output=lab", CLUSTER),
        ("--resume", "--output=lab/here", CLUSTER),
        ("--resume", "--output=lab/there"),
        ("--output=lab", CLUSTER),
        ("--each-host", "--output=lab", CLUSTER),
        ("--each-host",),
        ("--budget=1m", CLUSTER),
    ],
    ids=" ".join,
)
def test_contradictory_arguments_are_refused(refused, tmp_path, arguments):
    for name, host in (("here", None), ("there", "m")):
        write(tmp_path / "lab" / name, run(case(), run=name, machine=host))
    refused("run", *arguments)


@pytest.fixture
def planned(digits, make_case, tmp_path, monkeypatch, short_trials):
    """What a host is asked for: one trial of a user's own file on this machine."""
    pytest.importorskip("distributed")
    worker = SimpleNamespace(periodic_callbacks={})
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    file = tmp_path / "mine.py"
    file.write_text("from implementations.idiomatic.softmax_numpy import *\n")
    own = {"implementation": "mine", "module": "mine", "framework": "", "style": "own"}
    mine = make_case(**own, file=str(file), sha256=hash_file(file), epochs=1, batch_size=288)
    query = HostQuery(cluster.suite_version(), "digits", digits.sha256)
    return query, run(
        mine, rounds={"sgd": 1}, data_source="digits", machine=machine.describe()["id"]
    )


def test_round_is_measured_on_a_host_and_kept_by_the_caller(planned, tmp_path):
    query, plan = planned
    result = cluster.measure_round(query, plan, plan_trials(plan))
    store.create_run(tmp_path / "run", plan)
    caller = MachineRun(tmp_path / "run", plan, query, ["tcp://a"])
    (event,) = caller.keep(list(caller.missing_trials), pickle.loads(pickle.dumps(result)))
    (record,) = store.read_records(tmp_path / "run")
    assert (event.record, event.number, event.total) == (record, 1, 1)
    assert (record.status, record.reason, record.parity.passed) == ("ok", None, True)
    assert (tmp_path / "run" / "params" / f"{record.trial}.npy").exists()
    assert store.read_entropy(tmp_path / "run").keys() == {record.entropy}
    assert caller.missing_trials == []


def test_later_rounds_wait_for_the_first_and_probes_do_not(planned, tmp_path):
    """The caller sends each round once, when its threads are known."""
    open_case = case("a", threads=0, tried_threads=(1, 2))
    probe = case("roofline-numpy", workload="roofline")
    plan = run(open_case, rooflines=(probe,), rounds={"sgd": 2})
    store.create_run(tmp_path / "run", plan)
    store.add_environment(tmp_path / "run", environment())
    caller = MachineRun(tmp_path / "run", plan, planned[0], ["tcp://a"])
    client = SimpleNamespace(submit=lambda *args, key, **_: key)

    def submit():
        return [[trial.id for trial in trials] for trials in caller.submit(client).values()]

    first, probes = caller.submit(client).values()
    assert [one.case.threads for one in first] == [1, 2]
    assert [one.kind for one in probes] == ["roofline"]
    assert submit() == []
    records = [ok(trial.case, 1, 0.5) for trial in first]
    list(caller.keep(first, RoundResult("a", records, [], {}, {})))
    assert submit() == [["r2-sgd-a-cpu-b32-t1-n48000"]]
    assert submit() == []
    assert len(caller.missing_trials) == 2


@pytest.mark.parametrize("change", ["suite", "data", "machine", "file", "variables"])
def test_host_that_differs_from_the_plan_is_refused(planned, tmp_path, change):
    query, plan = planned
    if change == "suite":
        query = HostQuery("0.0.1 (code 0123456789ab)", query.data, query.sha256)
    elif change == "data":
        query = HostQuery(query.suite, query.data, {"digits": "0" * 64})
    elif change == "machine":
        plan = msgspec.structs.replace(plan, machine="another")
    elif change == "variables":
        (mine,) = plan.cases
        mine = msgspec.structs.replace(mine, variables={"PYTHONWARNINGS": "error"})
        plan = msgspec.structs.replace(plan, cases=(mine,))
    else:
        (tmp_path / "mine.py").write_text("raise SystemExit\n")
    with pytest.raises(UserError):
        cluster.measure_round(query, plan, plan_trials(plan))


def test_host_describes_itself_unless_it_has_no_resource(planned):
    query, _ = planned
    fit, idle = (
        SimpleNamespace(state=SimpleNamespace(total_resources=resources))
        for resources in ({"bench": 1}, {})
    )
    host = cluster.describe_host(query, dask_worker=fit)
    assert host == machine.describe()
    with pytest.raises(UserError):
        cluster.describe_host(query, dask_worker=idle)


def test_cluster_without_hosts_is_refused(planned):
    def wait_for_workers(count, timeout):
        raise TimeoutError

    with pytest.raises(UserError):
        cluster.find_hosts(SimpleNamespace(wait_for_workers=wait_for_workers), planned[0])
