"""What the caller does with results of hosts, without Dask."""

import msgspec
import pytest
from support.records import MACHINE, case, environment, ok, run, trials, write

from bench.errors import UserError
from bench.records import store
from bench.runner.cluster import loop
from bench.runner.cluster.loop import MachineRun, measure_runs, unpack
from bench.runner.cluster.task import HostInfo, RoundResult

HOST = HostInfo("0.1.0", MACHINE["id"], MACHINE["name"], "a", 2, gpu=False, software={})
CASES = (case("pytorch"), case("numpy"))
PLAN = run(*CASES, machine=MACHINE["id"], rounds={"sgd": 3})


def result_of(folder, records, **changes):
    """Return what a host sends that measured these records, altered by keyword."""
    write(folder, PLAN, *records)
    values = {
        "worker": "tcp://a",
        "trials": (folder / "trials.jsonl").read_bytes(),
        "environments": {"here": (folder / "environments" / "here.json").read_bytes()},
        "params": {record.trial: b"params" for record in records},
    }
    return RoundResult(**{**values, **changes})


class Future:
    """Dask's future of a round: done at once, unless the round waits."""

    def __init__(self, answer):
        self.answer = answer
        self.status = "error" if isinstance(answer, Exception) else "finished"
        self.cancelled = False

    def done(self):
        return self.answer is not None

    def cancel(self):
        self.cancelled = True

    def result(self, timeout):
        if isinstance(self.answer, Exception):
            raise self.answer
        return msgspec.json.encode(self.answer)


class Cluster:
    """Hosts that respond to requests; events: what happens at each update."""

    def __init__(self, respond, *events):
        self.hosts = {"tcp://a": HOST}
        self.respond = respond
        self.events = list(events)
        self.futures = []
        self.sent = []

    def update(self):
        if self.events:
            self.events.pop(0)(self)
        yield from ()

    def refuse(self, address, reason):
        self.hosts.pop(address, None)
        return reason

    def submit(self, request, workers):
        self.sent.append((request, sorted(workers)))
        self.futures.append(Future(self.respond(len(self.sent), request)))
        return self.futures[-1]

    def wait(self, seconds):
        pass


@pytest.fixture
def measured(tmp_path):
    """Respond to a request as a host that has measured it."""

    def respond(number, request):
        records = [ok(trial.case, trial.round, trial=trial.id) for trial in request.trials]
        return result_of(tmp_path / f"host-{number}", records)

    return respond


@pytest.fixture
def begun(tmp_path):
    """Begin the run of the plan, altered by keyword."""

    def begin(**changes):
        planned = msgspec.structs.replace(PLAN, **changes)
        store.create_run(tmp_path / "run", planned)
        return MachineRun(tmp_path / "run", planned, {})

    return begin


def events_of(cluster, machine_run, patience=0.05):
    return list(measure_runs(cluster, [machine_run], patience))


def test_rounds_are_sent_as_blocks_and_kept(begun, measured):
    cluster, machine_run = Cluster(measured), begun()
    events_of(cluster, machine_run)
    assert [{t.round for t in request.trials} for request, _ in cluster.sent] == [{1}, {2}, {3}]
    records = store.read_records(machine_run.folder)
    assert len({record.trial for record in records}) == len(records) == 6
    assert len(list((machine_run.folder / "params").iterdir())) == 6
    assert not machine_run.incomplete


def test_every_host_of_the_machine_has_one_round(begun):
    cluster, machine_run = Cluster(lambda *_: None), begun()
    cluster.hosts |= {"tcp://b": HOST, "tcp://c": msgspec.structs.replace(HOST, machine="other")}
    machine_run.send(cluster)
    machine_run.send(cluster)
    assert [workers for _, workers in cluster.sent] == [["tcp://a", "tcp://b"]] * 2


def test_refused_round_is_sent_to_another_host(begun, measured):
    def respond(number, request):
        return RoundResult("tcp://a", "no data") if number == 1 else measured(number, request)

    cluster, machine_run = Cluster(respond), begun()
    cluster.hosts = {"tcp://a": HOST, "tcp://b": HOST}
    assert "no data" in events_of(cluster, machine_run)
    assert {tuple(workers) for _, workers in cluster.sent[2:]} == {("tcp://b",)}
    assert not machine_run.incomplete


def test_round_whose_hosts_are_lost_is_left_to_resume(begun, measured):
    def replace_host(cluster):
        cluster.hosts = {"tcp://b": HOST}

    cluster = Cluster(lambda n, r: None if n == 1 else measured(n, r), lambda _: None, replace_host)
    machine_run = begun()
    events_of(cluster, machine_run)
    assert cluster.futures[0].cancelled
    assert [workers for _, workers in cluster.sent] == [["tcp://a"], ["tcp://b"], ["tcp://b"]]
    assert {record.round for record in store.read_records(machine_run.folder)} == {2, 3}
    assert machine_run.incomplete


def test_failed_round_is_given_up_and_others_go_on(begun, measured):
    failing = Cluster(lambda n, r: ValueError("a fault") if n == 2 else measured(n, r))
    machine_run = begun()
    lines = [event for event in events_of(failing, machine_run) if isinstance(event, str)]
    assert "round 2 was given up: ValueError: a fault" in lines
    assert {record.round for record in store.read_records(machine_run.folder)} == {1, 3}
    assert machine_run.incomplete


def test_loop_ends_without_scheduler_or_hosts(begun):
    def lose(_):
        raise ConnectionError

    machine_run = begun()
    assert events_of(Cluster(lambda *_: None, lose), machine_run) == [loop.LOST]
    without_hosts = Cluster(lambda *_: None)
    without_hosts.hosts = {}
    assert len(events_of(without_hosts, machine_run)) == 1
    assert machine_run.incomplete


def test_no_round_is_sent_beyond_the_budget(begun, measured):
    cluster, machine_run = Cluster(measured), begun(budget=1.0)
    events_of(cluster, machine_run)  # a trial takes 12 s, as its record says
    assert {record.round for record in store.read_records(machine_run.folder)} == {1}
    assert machine_run.spent
    assert not machine_run.incomplete


OTHER = environment(machine={**MACHINE, "id": "another"})
ROUND = trials(CASES[0], 0.5) + trials(CASES[1], 0.5)
DAMAGED = {
    "one record of two": {"trials": None},
    "refused": {"refusal": "it will not"},
    "damaged line": {"trials": b'{"format":5}\n'},
    "no record": {"trials": b""},
    "no environment": {"environments": {}},
    "damaged environment": {"environments": {"here": b"{}"}},
    "name of another environment": {"environments": {"there": msgspec.json.encode(environment())}},
    "another machine": {"environments": {"here": msgspec.json.encode(OTHER)}},
    "environment elsewhere": {"environments": {"../here": b"{}"}},
    "params elsewhere": {"params": {"../../r1": b""}},
}


@pytest.fixture
def returned(tmp_path):
    """A new folder of the run, for what a host returns."""
    store.create_run(tmp_path / "returned", PLAN)
    return tmp_path / "returned"


@pytest.mark.parametrize("changes", DAMAGED.values(), ids=DAMAGED)
def test_result_that_is_not_the_round_is_refused(tmp_path, returned, changes):
    planned = [loop.Trial(record.trial, "trial", 1, record.case) for record in ROUND]
    if changes == {"trials": None}:
        answer = result_of(tmp_path / "host", ROUND[:1])
    else:
        answer = result_of(tmp_path / "host", ROUND, **changes)
    with pytest.raises(UserError):
        unpack(returned, PLAN, planned, answer)
    assert not (tmp_path / "here.json").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"trial": "r1-other"},
        {"round": 2},
        {"case": case("pytorch", threads=1)},
    ],
)
def test_record_of_something_else_is_refused(tmp_path, returned, change):
    planned = [loop.Trial(record.trial, "trial", 1, record.case) for record in ROUND]
    records = [msgspec.structs.replace(ROUND[0], **change), ROUND[1]]
    with pytest.raises(UserError):
        unpack(returned, PLAN, planned, result_of(tmp_path / "host", records))


def test_record_of_an_own_file_has_the_callers_path(tmp_path, returned):
    planned = [
        loop.Trial(record.trial, "trial", 1, msgspec.structs.replace(record.case, file="mine.py"))
        for record in ROUND
    ]
    there = [
        msgspec.structs.replace(record, case=msgspec.structs.replace(record.case, file="/tmp/x.py"))
        for record in ROUND
    ]
    records = unpack(returned, PLAN, planned, result_of(tmp_path / "host", there))
    assert [record.case.file for record in records] == ["mine.py"] * 2
