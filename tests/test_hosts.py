"""The hosts of a cluster: who comes is asked once who it is, and is sent trials if it may be."""

import re

import pytest
from support.hosts import QUESTION, SUITE, Client, introduction, placed
from support.records import MACHINE

from bench.cluster import there
from bench.cluster.client import Arrived, LostError
from bench.cluster.errand import Question, Suite, decoded
from bench.cluster.hosts import Gone, Host, Hosts, Joined, Refused

A, B, C = "tcp://a:1", "tcp://b:1", "tcp://c:1"


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def hosts(client):
    return Hosts(client, QUESTION)


def looked(hosts):
    """Look who came and who went, and take in all that those who came say; the events."""
    events = list(hosts.look())
    while (arrived := hosts.client.arrived(1)) is not None:
        events.append(hosts.introduced(arrived))
    return events


def test_who_comes_is_asked_once_and_joins_with_what_it_says_of_itself(hosts, client):
    client.hosts = {A: introduction("a"), B: introduction("b")}
    first, second = looked(hosts)
    assert (first, second) == (Joined(hosts.there["a"]), Joined(hosts.there["b"]))
    assert hosts.there["a"] == Host("a", placed(), None, A)
    assert looked(hosts) == []
    assert [each.to for each in client.sent.values()] == [A, B]
    assert {each.function for each in client.sent.values()} == {there.introduce}
    assert decoded(client.sent["key-0"].data, Question) == QUESTION


def test_a_host_says_which_machine_it_is_by_what_names_and_how_many_cores_it_has():
    host = Host("a", placed("two"), None, A)
    assert (host.machine, host.name, host.hostname) == ("machine-two", MACHINE["name"], A)
    assert host.cores == 2
    assert Host("a", placed(machine={}), None, A).cores == 0


def test_what_a_host_calls_itself_is_a_line_that_a_terminal_only_shows():
    host = Host("a", placed(machine={**MACHINE, "name": "a\nb\x1b[2J"}), None, "\x9bc")
    assert (host.name, host.hostname) == ("a b?[2J", "?c")


def test_who_has_yet_to_answer_is_no_host_but_is_known_to_have_been_asked(hosts, client):
    client.hosts = {A: introduction("a")}
    assert list(hosts.look()) == []
    assert (hosts.asked, hosts.there) == (["tcp://a:1"], {})
    assert isinstance(hosts.introduced(client.arrived(1)), Joined)
    assert not hosts.asked


def test_what_else_arrives_introduces_nobody(hosts):
    assert hosts.introduced(Arrived("of a trial", b"")) is None


def test_of_two_workers_on_a_host_one_is_sent_to_and_the_other_when_that_one_is_gone(hosts, client):
    client.hosts = {A: introduction("a"), B: introduction("a")}
    assert [type(each) for each in looked(hosts)] == [Joined, Joined]
    assert [host.address for host in hosts.there.values()] == [A]
    first = hosts.there["a"]
    del client.hosts[A]
    assert looked(hosts) == [Gone(first, "its worker is gone")]
    assert [host.address for host in hosts.there.values()] == [B]
    del client.hosts[B]
    assert [type(each) for each in looked(hosts)] == [Gone]
    assert hosts.there == {}


def test_a_worker_that_goes_before_it_has_said_who_it_is_was_never_there(hosts, client):
    client.hosts = {A: introduction("a")}
    assert list(hosts.look()) == []
    client.hosts = {}
    assert list(hosts.look()) == []
    assert (hosts.asked, client.forgotten) == ([], ["key-0"])


def test_a_worker_that_comes_again_is_asked_again(hosts, client):
    client.hosts = {A: "not yet"}
    assert [type(each) for each in looked(hosts)] == [Refused]
    client.hosts = {}
    assert looked(hosts) == []  # who was refused does not leave
    client.hosts = {A: introduction("a")}
    assert [type(each) for each in looked(hosts)] == [Joined]


def test_another_worker_at_the_same_address_has_yet_to_say_who_it_is(hosts, client):
    """Between two looks one may end and another begin at its port, on a host of another kind."""
    client.hosts, client.places = {A: introduction("a")}, {A: "one"}
    looked(hosts)
    first = hosts.there["a"]
    client.hosts, client.places = {A: introduction("b", "two")}, {A: "two"}
    gone, joined = looked(hosts)
    assert gone == Gone(first, "its worker is gone")
    assert (joined.host.id, joined.host.machine) == ("b", "machine-two")


def test_hosts_of_one_machine_have_the_same_versions_of_what_decides_a_time(hosts, client):
    def said(host, kind="one", **distributions):
        where = placed(kind, software={"python": "3.13.1", "distributions": distributions})
        return introduction(host, environment=where)

    client.hosts = {A: said("a", numpy="2.4.6", click="1")}
    looked(hosts)
    client.hosts[B] = said("b", numpy="1.0.0", click="1")
    (refused,) = looked(hosts)
    differ = "(numpy 2.4.6 → 1.0.0); install the same"
    assert refused.reason == f"its software is not that of host {A}, the same machine {differ}"
    client.hosts["tcp://c:1"] = said("c", numpy="2.4.6", click="2")  # which decides none
    client.hosts["tcp://d:1"] = said("d", "two", numpy="1.0.0")
    assert [type(each) for each in looked(hosts)] == [Joined, Joined]


def test_a_worker_that_does_not_offer_itself_is_not_asked(hosts, client):
    client.hosts, client.resources = {A: introduction("a")}, {A: {"memory": 1, "bench": 0.5}}
    (refused,) = looked(hosts)
    assert refused.worker == A
    assert refused.reason.startswith("it declares no resource bench=1; start it so: dask worker ")
    assert (client.sent, looked(hosts), hosts.there) == ({}, [], {})


@pytest.mark.parametrize(
    ("declared", "called"),
    [({}, None), ({"GPU": 1}, "GPU"), ({"gpu": 2}, "gpu"), ({"gpu": 1, "GPU": 1}, "GPU"),
     ({"GPU": 0}, None), ({"GPU": 0.5}, None)],
)  # fmt: skip
def test_a_gpu_is_there_where_one_is_declared_by_either_name(hosts, client, declared, called):
    client.hosts, client.resources = {A: introduction("a")}, {A: {"bench": 1, **declared}}
    looked(hosts)
    assert hosts.there["a"].gpu == called


OTHER = Suite("0.0.1", "", "0123456789ab")
NO_ID = {**MACHINE, "id": ""}
REFUSED = {
    "it raises": (
        "no module bench",
        f"as this suite (no module bench); install softmax-bench {SUITE} there",
    ),
    "it says nonsense": (b"nonsense", "what it sent is no Introduction: "),
    "another suite": (
        introduction(suite=OTHER),
        f"it has softmax-bench {OTHER}, and here is {SUITE}; install the same on both",
    ),
    "the same version, edited": (
        introduction(suite=Suite("0.1.0", "abcdef0123", "ba9876543210")),
        "(code ba9876543210, commit abcdef0), and here is 0.1.0",
    ),
    "no data": (introduction(environment=None, fault="no data here"), "no data here"),
    "nothing at all": (introduction(environment=None), "it does not say what it is"),
    "no machine": (introduction(environment=placed(machine=NO_ID)), "does not say which machine"),
    "a machine that is a path": (
        introduction(environment=placed(machine={**NO_ID, "id": "../x"})),
        "it does not say which machine it is",
    ),
    "no cores": (introduction(environment=placed(machine={"id": "x"})), "say which machine it is"),
}


@pytest.mark.parametrize(("said", "reason"), REFUSED.values(), ids=REFUSED)
def test_who_may_not_measure_is_refused_with_the_reason_and_asked_no_more(
    hosts, client, said, reason
):
    client.hosts = {A: said, B: introduction("b")}
    refused, joined = looked(hosts)
    assert (refused.worker, type(joined)) == (A, Joined)
    assert re.search(re.escape(reason), refused.reason)
    assert [host.address for host in hosts.there.values()] == [B]
    assert looked(hosts) == []


def test_who_is_trusted_no_longer_is_sent_no_more_and_another_worker_of_its_host_is(hosts, client):
    client.hosts = {A: introduction("a"), B: introduction("a")}
    looked(hosts)
    host = hosts.there["a"]
    assert hosts.distrust(host, "it failed") == Gone(host, "it failed")
    assert [each.address for each in hosts.there.values()] == [B]
    assert looked(hosts) == []
    del client.hosts[A]
    assert looked(hosts) == []  # it was told already


def test_who_comes_and_who_goes_at_once_are_told_apart(hosts, client):
    client.hosts = {A: introduction("a"), B: introduction("b")}
    looked(hosts)
    client.hosts = {B: introduction("b"), C: introduction("c")}
    gone, joined = looked(hosts)
    assert (gone.host.id, joined.host.id) == ("a", "c")
    assert list(hosts.there) == ["b", "c"]


def test_without_a_scheduler_nobody_is_seen(hosts, client):
    client.end()
    with pytest.raises(LostError):
        list(hosts.look())
