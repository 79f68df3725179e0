"""What a host does with a request, called as Dask calls it."""

from types import SimpleNamespace

import msgspec
import pytest
from support.records import run

from bench.errors import UserError
from bench.records import store
from bench.records.files import hash_file
from bench.runner import machine, plan
from bench.runner.cluster import task
from bench.runner.cluster.client import unpack
from bench.runner.cluster.task import HostQuery, RoundRequest, RoundResult
from bench.worker.machine import list_usable_cores

pytest.importorskip("distributed")

FILE = "from implementations.idiomatic.softmax_numpy import *\n"


@pytest.fixture
def request_of(digits, make_case, tmp_path, monkeypatch):
    """Request one trial of a user's file that only the caller has, altered by keyword."""
    worker = SimpleNamespace(address="tcp://a", periodic_callbacks={})
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    (tmp_path / "mine.py").write_text(FILE)
    sha256 = hash_file(tmp_path / "mine.py")
    case = make_case(
        implementation="mine",
        module="mine",
        framework="",
        style="own",
        data="own",
        file="elsewhere/mine.py",
        sha256=sha256,
        epochs=1,
        batch_size=288,
    )

    def make(**changes):
        planned = run(case, rounds={"sgd": 1}, data="digits", machine=machine.describe()["id"])
        values = {
            "query": HostQuery(task.suite_version(), "digits", digits.sha256),
            "run": planned,
            "trials": tuple(plan.plan_trials(planned)),
            "files": {case.file: FILE.encode()},
        }
        return RoundRequest(**{**values, **changes})

    return make


def answer_to(request):
    return msgspec.json.decode(task.measure_round(msgspec.json.encode(request)), type=RoundResult)


def test_round_is_measured_with_the_callers_own_file(request_of, tmp_path):
    request = request_of()
    answer = answer_to(request)
    store.create_run(tmp_path / "returned", request.run)
    (record,) = unpack(tmp_path / "returned", request.run, request.trials, answer)
    assert (record.status, record.reason) == ("ok", None)
    assert record.parity.passed
    assert record.case == request.trials[0].case
    assert answer.params.keys() == {record.trial}


def test_own_file_of_other_content_fails_its_trial(request_of, tmp_path):
    request = request_of(files={"elsewhere/mine.py": b"raise SystemExit\n"})
    store.create_run(tmp_path / "returned", request.run)
    (record,) = unpack(tmp_path / "returned", request.run, request.trials, answer_to(request))
    assert record.status == "failed"


@pytest.mark.parametrize("change", ["suite", "sha256", "machine"])
def test_request_for_another_host_is_refused(request_of, change):
    planned = msgspec.structs.replace(request_of().run, machine="another")
    query = request_of().query
    changes = {
        "suite": {"query": msgspec.structs.replace(query, suite="0.0.1 (code 0123456789ab)")},
        "sha256": {"query": msgspec.structs.replace(query, sha256={"digits": "0" * 64})},
        "machine": {"run": planned},
    }
    with pytest.raises(UserError):
        answer_to(request_of(**changes[change]))


def test_host_describes_itself_unless_it_has_no_resource(request_of):
    query = msgspec.json.encode(request_of().query)
    fit, idle = (
        SimpleNamespace(state=SimpleNamespace(total_resources=resources))
        for resources in ({"bench": 1}, {})
    )
    host = msgspec.json.decode(task.describe_host(query, dask_worker=fit), type=task.HostInfo)
    assert host.machine == machine.describe()["id"]
    assert host.cores == len(list_usable_cores())
    with pytest.raises(UserError):
        task.describe_host(query, dask_worker=idle)
