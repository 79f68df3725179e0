"""The loop of who asks, on hosts that are made up: what is sent to whom, kept, and given up."""

from collections import Counter, defaultdict
from contextlib import suppress

import pytest
from support.hosts import QUESTION, STARTED, Client, answer, decode, introduction, placed
from support.records import MACHINE, case, ok
from support.records import run as a_run

from bench import progress, stop, store
from bench.cluster import hosts as hosts_module
from bench.cluster import run, there
from bench.cluster.campaign import Campaign, Sent
from bench.cluster.errand import Answer
from bench.cluster.hosts import Gone, Host, Hosts, Joined, Refused, meet
from bench.cluster.queue import MOST_LOSSES
from bench.cluster.run import Measured, Over, Spent, perform
from bench.error import UserError
from bench.progress import missing

A, B, C = "tcp://a:1", "tcp://b:1", "tcp://c:1"


def willing(errand, address):
    return answer()


def once(address, made, *, then=willing):
    """Have a host do something else the first time, as hosts do from then on."""
    first = iter([made])
    return lambda errand, to: next(first, then(errand, to)) if to == address else then(errand, to)


@pytest.fixture
def client(monkeypatch, tmp_path):
    made = Client({A: introduction("a")}, willing)
    for module in (run, progress, hosts_module):
        monkeypatch.setattr(module, "now", lambda: made.clock)
    return made


@pytest.fixture
def hosts(client):
    return Hosts(client, QUESTION)


@pytest.fixture
def planned(tmp_path):
    """Write a plan of two rounds of two cases for hosts of a machine; its folder and itself."""

    def plan(kind="one", **changes):
        cases = (case(samples=1440), case("jax", samples=1440))
        made = a_run(*changes.pop("cases", cases), machine=f"machine-{kind}", **changes)
        folder = tmp_path / f"out-{kind}"
        store.create(folder, made)
        return folder, made

    return plan


@pytest.fixture
def performed(hosts, digits):
    """Perform runs until they are over, or those that hosts begin once they are met; the events."""

    def perform_all(*begun, begin=lambda hosts: None, patience=30.0):
        met = [] if begun else list(meet(hosts, patience))
        return met + list(perform(hosts, begun, begin, digits, patience))

    return perform_all


def told(folder):
    """Return how the records of a run ended, in their order."""
    return [(each.trial[:2], each.status) for each in store.read_records(folder)]


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


# What is sent, and what is kept of it


def test_every_trial_is_sent_once_to_a_host_and_kept_with_the_environment_of_its_answer(
    performed, planned, client
):
    folder, plan = planned()
    seen = placed("one", variables={"OMP_NUM_THREADS": "2"})
    client.does = lambda errand, _: Answer(seen, answer().values, "its last words")
    joined, *measured = performed((folder, plan))
    assert isinstance(joined, Joined)
    assert [(each.number, each.total) for each in measured] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    records = store.read_records(folder)
    assert [each.record for each in measured] == records
    assert [(A, each.trial) for each in records] == client.errands()
    assert {each.environment for each in records} == {seen.id}
    assert store.read_environments(folder) == {seen.id: seen}
    assert {(each.run, each.started, each.reason, each.stderr_tail) for each in records} == {
        (plan.run, STARTED, "no abacus", "its last words")
    }


def test_a_host_is_sent_one_trial_at_a_time_and_a_round_is_of_one_host(performed, planned, client):
    client.hosts = {address: introduction(address) for address in (A, B, C)}
    busy, most, rounds = Counter(), Counter(), defaultdict(set)
    sending = client.send

    def send(function, data, to, resources):
        if function is there.measure:
            busy[to] += 1
            most[to] = max(most[to], busy[to])
        return sending(function, data, to, resources)

    def does(errand, address):
        busy[address] -= 1
        rounds[errand.trial.round].add(address)
        return answer()

    client.send, client.does = send, does
    folder, plan = planned(rounds={"sgd": 6})
    performed((folder, plan))
    assert most == {A: 1, B: 1, C: 1}
    assert len(store.read_records(folder)) == 12
    assert all(len(each) == 1 for each in rounds.values())


def test_the_next_trial_is_sent_before_what_came_back_is_judged(
    performed, planned, client, monkeypatch
):
    sent, keep = [], Campaign.keep
    monkeypatch.setattr(
        Campaign, "keep", lambda *args: sent.append(len(client.errands())) or keep(*args)
    )
    performed(planned())
    assert sent == [2, 3, 4, 4]


@pytest.fixture
def asking_on_a(monkeypatch, client):
    """Host A is the one that is asked from; a trial takes there until nothing else comes.

    What is being measured there, trial by trial.
    """
    monkeypatch.setattr(there, "host", lambda: "a")
    client.hosts = {A: introduction("a"), B: introduction("b")}
    measuring = []

    def does(errand, address):
        if address == B:
            return answer()
        if errand.trial.id in measuring:
            measuring.remove(errand.trial.id)
            return answer()
        measuring.append(errand.trial.id)
        key = [key for key, each in client.sent.items() if each.to == A][-1]
        client.happens.append(lambda: client.coming.append(key))
        return None

    client.does = does
    return measuring


@pytest.mark.parametrize(("names", "rounds"), [(("numpy", "jax"), 4), (("numpy",), 3)])
def test_who_asks_on_a_host_judges_when_nothing_of_ours_is_measured_there(
    performed, planned, client, asking_on_a, monkeypatch, names, rounds
):
    """What came back meanwhile is judged then, before anything more is sent there, and once."""
    judged, keep = [], Campaign.keep

    def kept(campaign, sent, left):
        sent_here = [to for to, _ in client.errands()].count(A)
        judged.append((sent.host.address, sent_here, list(asking_on_a)))
        return keep(campaign, sent, left)

    monkeypatch.setattr(Campaign, "keep", kept)
    cases = tuple(case(name, samples=1440) for name in names)
    folder, plan = planned(cases=cases, rounds={"sgd": rounds})
    performed((folder, plan))
    records = store.read_records(folder)
    total = len(names) * rounds
    assert len({each.trial for each in records}) == len(records) == len(judged) == total
    assert [busy for _, _, busy in judged if busy] == []
    assert [(host, here) for host, here, _ in judged][: total - 1].count((B, 1)) == total - len(
        names
    )


@pytest.mark.parametrize("by", ["the scheduler's end", "a signal"])
def test_what_came_back_and_has_yet_to_be_judged_is_kept_when_all_ends(
    performed, planned, client, asking_on_a, by
):
    def end():
        if by == "a signal":
            raise KeyboardInterrupt
        client.end()

    client.happens.append(end)
    folder, plan = planned(rounds={"sgd": 2})
    with suppress(KeyboardInterrupt):
        performed((folder, plan))
    assert Counter(status for _, status in told(folder)) == {"unavailable": 2, "interrupted": 1}


def test_only_what_needs_a_gpu_takes_the_one_that_a_worker_declares_as_it_calls_it(
    performed, planned, client
):
    client.hosts = {A: introduction("a"), B: introduction("b")}
    client.resources = {A: {"bench": 1}, B: {"bench": 1, "gpu": 1}}
    folder, plan = planned(cases=(case(samples=1440), case(samples=1440, device="gpu")))
    performed((folder, plan))
    sent = [(each.to, decode(each.data).trial.case.device, each.resources)
            for each in client.sent.values() if each.function is there.measure]  # fmt: skip
    assert Counter(sent) == {(B, "cpu", ()): 2, (B, "gpu", ("gpu",)): 2}


def test_what_has_a_record_is_not_sent_and_a_run_that_is_complete_waits_for_nobody(
    performed, planned, client
):
    folder, plan = planned()
    performed((folder, plan))
    client.hosts, before = {}, client.errands()
    assert of(performed((folder, plan)), Measured | Over) == []
    assert (client.errands(), client.clock) == (before, 0.0)


def test_two_runs_are_measured_by_the_hosts_of_their_machines(performed, planned, client):
    client.hosts = {A: introduction("a"), B: introduction("b", "two")}
    client.does = lambda errand, address: answer("one" if address == A else "two")
    one, two = planned(), planned("two")
    events = performed(one, two)
    assert len(store.read_records(one[0])) == len(store.read_records(two[0])) == 4
    assert {(each.host.id, each.record.environment) for each in of(events, Measured)} == {
        ("a", placed("one").id), ("b", placed("two").id)
    }  # fmt: skip


def test_a_host_of_a_machine_without_a_run_begins_one_and_the_next_of_it_does_not(
    performed, planned, client
):
    client.hosts = {A: introduction("a"), B: introduction("b"), C: introduction("c", "two")}
    asked = []

    def begin(hosts):
        asked.append([host.id for host in hosts])
        return planned() if hosts[0].machine == "machine-one" else None

    events = performed(begin=begin)
    assert asked == [["a", "b"], ["c"]]
    assert {each.host.id for each in of(events, Measured)} == {"a", "b"}
    assert of(events, Over) == []


def test_a_worker_that_is_another_machine_on_a_host_with_a_worker_begins_no_run(
    performed, planned, client
):
    """Two containers of one computer, of which one is given fewer cores."""
    client.does = once(A, None)
    client.happens = [
        lambda: client.hosts.update({B: introduction("a", "two")}),
        *[lambda: None] * 3, lambda: client.coming.append("key-1"),
    ]  # fmt: skip
    events = performed(begin=lambda hosts: planned() if hosts[0].address == A else 1 / 0)
    assert len(of(events, Joined)) == 2
    assert (len(of(events, Measured)), of(events, Over)) == (4, [])


def test_a_machine_whose_first_host_joins_late_has_its_run_then(performed, planned, client):
    held = iter([None])
    client.does = lambda errand, to: answer("two") if to == B else next(held, answer())
    client.happens = [
        lambda: client.hosts.update({B: introduction("b", "two")}),
        *[lambda: None] * 3, lambda: client.coming.append("key-1"),
    ]  # fmt: skip
    kinds = {"machine-one": "one", "machine-two": "two"}
    events = performed(begin=lambda hosts: planned(kinds[hosts[0].machine]))
    assert Counter(each.host.id for each in of(events, Measured)) == {"a": 4, "b": 4}


def test_a_run_that_cannot_be_planned_for_a_host_is_told_once_and_the_others_go_on(
    performed, planned, client
):
    client.hosts = {A: introduction("a", "two"), B: introduction("b"), C: introduction("c", "two")}

    def begin(hosts):
        if hosts[0].machine == "machine-two":
            raise UserError("too few cores")
        return planned()

    events = performed(begin=begin)
    first, second = of(events, Refused)
    assert first == Refused(A, "too few cores")
    assert second == Refused(C, f"this run is not measured on its machine, {MACHINE['name']}")
    assert len(of(events, Measured)) == 4


def test_a_folder_that_another_process_writes_to_is_not_measured_into(performed, planned):
    folder, plan = planned()
    with run.lock.of_folder(folder), pytest.raises(UserError, match="another process is measuring"):
        performed((folder, plan))


def test_a_host_that_joins_late_is_sent_what_is_left(performed, planned, client):
    client.hosts = {}
    client.happens = [lambda: None, lambda: client.hosts.update({B: introduction("b")})]
    folder, plan = planned()
    events = performed((folder, plan))
    assert {each.host.id for each in of(events, Measured)} == {"b"}
    assert len(told(folder)) == 4


# Hosts that are lost, and those that fail


def test_a_trial_that_fails_to_be_measured_is_anothers_and_its_host_is_sent_no_more(
    performed, planned, client
):
    client.hosts = {A: introduction("a"), B: introduction("b")}
    client.does = once(A, "no room on the disk")
    folder, plan = planned()
    events = performed((folder, plan))
    (gone,) = of(events, Gone)
    assert (gone.host.id, gone.reason) == ("a", "no room on the disk")
    first, *others = store.read_records(folder)
    assert (first.status, first.reason, first.environment) == (
        "interrupted", "no room on the disk", placed().id,
    )  # fmt: skip
    assert {each.status for each in others} == {"unavailable"}
    assert len({each.trial for each in others}) == len(others) == 4
    assert [to for to, _ in client.errands()].count(A) == 1


def leaves(client, address):
    """Have a worker leave when all else has been done."""
    client.happens.append(lambda: client.hosts.pop(address))


def test_what_a_lost_worker_was_measuring_is_recorded_and_measured_by_another(
    performed, planned, client
):
    client.hosts = {A: introduction("a"), B: introduction("b")}
    client.does = lambda errand, to: None if to == A else answer()
    leaves(client, A)
    folder, plan = planned()
    events = performed((folder, plan))
    assert [each.reason for each in of(events, Gone)] == ["its worker is gone"]
    (lost,) = [each for each in store.read_records(folder) if each.status == "interrupted"]
    assert (lost.reason, lost.environment) == ("its worker is gone", placed().id)
    trials = Counter(each.trial for each in store.read_records(folder))
    assert trials.pop(lost.trial) == 2
    assert set(trials.values()) == {1}
    assert len(client.forgotten) == 1
    numbers = [each.number for each in of(events, Measured)]
    assert (numbers[-1], {each.total for each in of(events, Measured)}) == (4, {4})


def test_another_worker_of_the_same_host_goes_on_for_the_one_that_is_gone(
    performed, planned, client
):
    client.hosts = {A: introduction("a"), B: introduction("a")}
    client.does = lambda errand, to: None if to == A else answer()
    leaves(client, A)
    folder, plan = planned()
    performed((folder, plan))
    assert [status for _, status in told(folder)] == ["interrupted", *["unavailable"] * 4]


def test_the_worker_of_a_host_that_is_not_sent_to_may_leave_without_any_loss(
    performed, planned, client
):
    client.hosts = {A: introduction("a"), B: introduction("a")}
    held = iter([None])
    client.does = lambda errand, to: next(held, answer())
    key = []
    client.happens = [
        lambda: client.hosts.pop(B), lambda: key or client.coming.extend(list(client.sent)[-1:])
    ]  # fmt: skip
    folder, plan = planned()
    events = performed((folder, plan))
    assert len(of(events, Gone)) == 1
    assert [status for _, status in told(folder)] == ["unavailable"] * 4
    assert client.forgotten == []


def test_a_trial_that_ends_every_host_is_a_failed_one_and_the_others_are_measured(
    performed, planned, client
):
    names = [f"tcp://{n}:1" for n in range(MOST_LOSSES + 1)]
    client.hosts = {name: introduction(name) for name in names}
    client.does = lambda errand, to: (
        "boom" if errand.trial.case.implementation == "jax" else answer()
    )
    folder, plan = planned(rounds={"sgd": 1})
    performed((folder, plan))
    of_jax = [each for each in store.read_records(folder) if each.case.implementation == "jax"]
    assert [each.status for each in of_jax] == ["interrupted", "interrupted", "failed"]
    assert of_jax[-1].reason == (
        "3 times a worker was lost while it ran, the last time so: boom"
    )  # fmt: skip
    (other,) = [each for each in store.read_records(folder) if each not in of_jax]
    assert other.status == "unavailable"


def test_with_no_host_left_it_is_over_after_so_much_patience_and_goes_on_later(
    performed, planned, client
):
    client.does = once(A, "boom")
    folder, plan = planned()
    (over,) = of(performed((folder, plan), patience=5.0), Over)
    assert (over.run, over.left) == (plan, 4)
    assert over.reason == "no host that could measure them was connected for 5 s"
    assert 5 < client.clock <= 7
    client.hosts = {B: introduction("b")}
    assert of(performed((folder, plan)), Over) == []
    assert len(told(folder)) == 5


def test_as_long_as_a_host_measures_patience_has_no_end(performed, planned, client):
    held = iter([None])
    client.does = lambda errand, to: next(held, answer())
    client.happens = [*[lambda: None] * 50, lambda: client.coming.extend(list(client.sent)[-1:])]
    folder, plan = planned()
    assert of(performed((folder, plan), patience=5.0), Over) == []
    assert client.clock > 50


def test_what_no_connected_host_can_measure_is_told_when_all_else_is_done(
    performed, planned, client
):
    here, nowhere = planned(), planned("two")
    events = performed(here, nowhere, patience=5.0)
    assert [(each.run, each.left) for each in of(events, Over)] == [(nowhere[1], 4)]
    assert len(told(here[0])) == 4


# The scheduler is lost, the time is spent, somebody stops it


def test_without_a_scheduler_what_came_back_is_kept_and_of_the_rest_it_is_told_why(
    performed, planned, client
):
    folder, plan = planned()
    done = iter([answer(), answer()])
    client.does = lambda errand, to: next(done, None)
    client.happens = [client.end]
    events = performed((folder, plan))
    (over,) = of(events, Over)
    assert (over.left, over.reason) == (2, "the connection to the scheduler was lost")
    assert [status for _, status in told(folder)] == ["unavailable"] * 2 + ["interrupted"]
    assert store.read_records(folder)[-1].reason == "the connection to the scheduler was lost"


def test_what_came_back_as_the_scheduler_went_is_kept_though_nothing_can_be_sent_any_more(
    performed, planned, client
):
    def does(errand, to):
        client.end()
        return answer()

    client.does = does
    folder, plan = planned()
    (over,) = of(performed((folder, plan)), Over)
    assert (over.left, over.reason) == (3, "the connection to the scheduler was lost")
    assert [status for _, status in told(folder)] == ["unavailable"]


def test_a_budget_that_is_spent_ends_a_run_when_what_was_sent_has_come_back(
    performed, planned, client
):
    def does(errand, to):
        client.clock += 10
        return answer(wall_seconds=10.0)

    client.does = does
    folder, plan = planned(cases=(case(samples=1440),), rounds={"sgd": 4}, budget=25.0)
    assert of(performed((folder, plan)), Spent) == [Spent(2)]
    assert len(told(folder)) == 2


def test_when_a_budget_is_spent_no_shorter_trial_follows(performed, planned, client):
    def does(errand, to):
        seconds = 10.0 if errand.trial.case.implementation == "pytorch" else 1.0
        client.clock += seconds
        return answer(wall_seconds=seconds)

    client.does = does
    folder, plan = planned(rounds={"sgd": 9}, budget=47.0)
    (spent,) = of(performed((folder, plan)), Spent)
    rest = missing(plan, store.read_records(folder))
    assert rest == missing(plan, [])[-spent.left :]
    assert "jax" in {each.case.implementation for each in rest}  # which would have been in time
    assert client.clock + 1 < 47 < client.clock + 10


def test_the_rounds_that_a_precision_takes_are_sent_when_the_first_stage_is_measured(
    performed, planned, client, monkeypatch
):
    """Three rounds whose epochs differ by 2 % take two more: tests/test_run.py has the figures."""
    epochs = {1: 1.0, 2: 1.02, 3: 1.04}

    def keep(self, trial, environment, values):
        store.add_environment(self._folder, environment)
        epoch = epochs.get(trial.round, 1.0)
        record = ok(trial.case, trial.round, epoch, trial=trial.id, environment=environment.id)
        store.append(self._folder, record)
        return record

    monkeypatch.setattr("bench.runner.Keeper.keep", keep)
    one = (case(samples=1440),)
    folder, plan = planned(cases=one, rounds={"sgd": 3}, precision=0.04)
    events = performed((folder, plan))
    assert [name for name, _ in told(folder)] == ["r1", "r2", "r3", "r4", "r5"]
    assert [each.total for each in of(events, Measured)][-1] == 5


@pytest.fixture
def stopped(client):
    def stop_it():
        raise KeyboardInterrupt

    client.does = lambda errand, to: None
    client.happens = [stop_it]


def test_whoever_stops_it_has_a_record_of_what_ran(performed, planned, stopped):
    folder, plan = planned()
    with pytest.raises(KeyboardInterrupt):
        performed((folder, plan))
    (record,) = store.read_records(folder)
    assert (record.status, record.reason) == ("interrupted", None)


def test_whoever_stops_it_twice_is_not_waited_for(performed, planned, stopped, monkeypatch):
    monkeypatch.setattr(stop, "is_repeated", lambda: True)
    folder, plan = planned()
    with pytest.raises(KeyboardInterrupt):
        performed((folder, plan))
    assert told(folder) == []


# Answers of somebody who means harm


REFUSED = {
    "no values": answer(status=None),
    "a status that there is not": answer(status="splendid"),
    "a status of several": answer(status=["ok"]),
    "a trial that is to be made again, for ever": answer(status="interrupted"),
    "no beginning": answer(started=None),
    "a beginning at no time": answer(started="yesterday"),
    "a beginning before all": answer(started="0001-01-01T00:00:00+00:00"),
    "a number for a beginning": answer(started=5),
    "of another machine": answer("two"),
    "nonsense": b"nonsense",
}


@pytest.mark.parametrize("said", REFUSED.values(), ids=REFUSED)
def test_an_answer_that_is_none_costs_its_host_the_trust_and_nothing_else(
    performed, planned, client, said
):
    client.hosts = {A: introduction("a"), B: introduction("b")}
    client.does = lambda errand, to: said if to == A else answer()
    folder, plan = planned()
    (gone,) = of(performed((folder, plan)), Gone)
    assert gone.host.id == "a"
    assert Counter(status for _, status in told(folder)) == {"interrupted": 1, "unavailable": 4}


FAILED = {
    "a result of no kind": {"epoch_seconds": "long"},
    "a time that there is not": {"import_seconds": 1e300},
    "no number at all": {"import_seconds": float("nan")},
    "bytes for a reason": {"reason": b"\xff"},
    "a reason longer than any line": {"reason": "x" * 2**21},
    "it went well, without params": {"status": "ok"},
    "it went well, with epochs of no kind": {"status": "ok", "epoch_seconds": {1: 2}},
}


@pytest.mark.parametrize("said", FAILED.values(), ids=FAILED)
def test_values_that_no_record_has_are_a_failed_trial_that_can_be_read_again(
    performed, planned, client, said
):
    client.does = lambda errand, to: answer(**said)
    folder, plan = planned()
    performed((folder, plan))
    assert [status for _, status in told(folder)] == ["failed"] * 4


def test_a_host_cannot_say_which_trial_it_is_nor_judge_it(performed, planned, client):
    claims = {"trial": "r9-x", "run": "another", "round": 9, "kind": "figure", "version": "base",
              "environment": "there", "validation_accuracy": [1.0], "threads_in_force": 1.0,
              "parity": {"error": 0.0, "tolerance": 1.0, "passed": True}}  # fmt: skip
    client.does = lambda errand, to: answer(**claims)
    folder, plan = planned()
    performed((folder, plan))
    for record, (_, trial) in zip(store.read_records(folder), client.errands(), strict=True):
        assert (record.trial, record.run, record.kind) == (trial, plan.run, "trial")
        assert (record.round, record.version, record.environment) == (
            int(trial[1]), "", placed().id,
        )  # fmt: skip
        assert (record.parity, record.validation_accuracy, record.threads_in_force) == (
            None, [], None,
        )  # fmt: skip


@pytest.mark.parametrize("params", [b"", b"no array", b"\x93NUMPY\x01\x00" + b"\xff" * 500])
def test_params_that_cannot_be_read_are_a_failed_trial_and_not_kept(
    performed, planned, client, params
):
    good = {"status": "ok", "epoch_seconds": [0.5], "epoch_cpu_seconds": [0.5]}
    client.does = lambda errand, to: Answer(
        placed(), {**answer().values, **good}, params=params, labels=params
    )
    folder, plan = planned()
    performed((folder, plan))
    reasons = {each.reason for each in store.read_records(folder)}
    assert all(each.startswith("what it handed over cannot be read: ") for each in reasons)
    assert list((folder / "params").iterdir()) == []


def test_params_of_more_bytes_than_any_have_are_not_read(planned, digits, monkeypatch):
    monkeypatch.setattr(run.there.arrays.read, "__defaults__", (1000,))
    folder, plan = planned()
    part = Campaign(folder, plan, digits)
    host = Host("a", placed(), None, A)
    sent = Sent(host, part.take(host), STARTED)
    values = {**answer().values, "status": "ok", "epoch_seconds": [0.5], "epoch_cpu_seconds": [0.5]}
    record = part.keep(sent, Answer(placed(), values, params=bytes(1001), labels=b""))
    assert record.status == "failed"
    assert record.reason.endswith("it is larger than 1000 bytes")


# Waiting for the first


def test_hosts_are_met_when_one_has_joined_and_nobody_has_yet_to_answer(hosts, client):
    client.hosts = {A: introduction("a"), B: introduction("b"), C: "no module bench"}
    assert Counter(type(each) for each in meet(hosts, 30)) == {Joined: 2, Refused: 1}
    assert client.clock == 0


def test_who_does_not_answer_is_waited_for_no_longer_than_was_said(hosts, client):
    client.hosts = {A: introduction("a"), B: None}
    assert [type(each) for each in meet(hosts, 5)] == [Joined]
    assert 5 < client.clock <= 7
    assert hosts.asked


@pytest.mark.parametrize("patience", [0.5, 5.0])
def test_where_none_joins_it_is_said_after_so_many_seconds(hosts, client, patience):
    client.hosts = {A: "no module bench"}
    with pytest.raises(UserError, match=f"joined within {patience:g} s; start workers, or raise"):
        list(meet(hosts, patience))
    assert client.clock <= patience + 1
