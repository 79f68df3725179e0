"""The connection to a Dask scheduler, of which a made-up one tells what the real one would."""

import logging
import sys
from types import ModuleType

import pytest

from bench.cluster import there
from bench.cluster.client import Arrived, Client, LostError, Worker, connected
from bench.cluster.errand import Reply, encoded
from bench.error import UserError


class Future:
    def __init__(self, key):
        self.key, self.status, self.made, self.released = key, "pending", None, False

    def add_done_callback(self, call):
        self.call = call

    def end(self, status, made=None):
        self.status, self.made = status, made
        self.call(self)

    def result(self, timeout):
        if isinstance(self.made, Exception):
            raise self.made
        return self.made

    def exception(self, timeout):
        return self.made

    def release(self):
        self.released = True


class Dask:
    """A client of distributed: status is what it says of its scheduler."""

    def __init__(self, address="", **how):
        self.address, self.how, self.status, self.closed = address, how, "running", False
        self.workers, self.futures, self.submitted, self.fault = {}, {}, {}, None

    def sync(self, call, callback_timeout, **how):
        return call(**how)

    @property
    def scheduler(self):
        return self

    def identity(self, n_workers):
        if self.fault:
            raise self.fault
        return {"workers": dict(list(self.workers.items())[: None if n_workers == -1 else 5])}

    def submit(self, function, data, key, **how):
        if self.fault:
            raise self.fault
        self.futures[key] = Future(key)
        self.submitted[key] = (function, data, how)
        return self.futures[key]

    def close(self, timeout):
        self.closed = True


@pytest.fixture
def dask():
    return Dask()


@pytest.fixture
def client(dask):
    return Client(dask)


def sent(client, dask):
    """Send something; the future of it."""
    return dask.futures[client.send(there.measure, b"asked", "tcp://a:1", ())]


def test_all_workers_are_seen_with_what_they_declare(client, dask):
    told = {"local_directory": "/tmp/worker-x"}
    dask.workers = {f"tcp://{n}:1": {"resources": {"bench": n}} for n in range(9)} | {"x": told}
    found = client.workers()
    assert len(found) == 10
    assert found["tcp://7:1"].resources == {"bench": 7}
    assert found["x"] == Worker({}, "/tmp/worker-x")


def test_what_is_sent_goes_to_one_worker_and_takes_its_resource_and_what_else_it_needs(
    client, dask
):
    first = client.send(there.measure, b"asked", "tcp://a:1", ())
    second = client.send(there.measure, b"asked", "tcp://b:1", ["gpu"])
    assert first.startswith("softmax-bench-measure-")
    assert first != second  # or Dask would take the one for the other
    assert dask.submitted == {
        first: (there.measure, b"asked", {"workers": ["tcp://a:1"], "resources": {"bench": 1}}),
        second: (there.measure, b"asked",
                 {"workers": ["tcp://b:1"], "resources": {"bench": 1, "gpu": 1}}),
    }  # fmt: skip


def test_what_ended_arrives_once_in_the_order_of_the_ends(client, dask):
    one, two = sent(client, dask), sent(client, dask)
    two.end("finished", encoded(Reply(b"second")))
    one.end("finished", encoded(Reply(failure="no room")))
    assert client.arrived(0) == Arrived(two.key, b"second", replied=True)
    assert client.arrived(0) == Arrived(one.key, b"", "no room", replied=True)
    assert client.arrived(0) is None


@pytest.mark.parametrize(
    ("status", "made", "failure"),
    [
        ("error", RuntimeError("worker\nrestarted"), "RuntimeError: worker restarted"),
        ("finished", KeyError("gone"), "its result was lost: KeyError('gone')"),
        ("finished", TimeoutError("late"), "its result was lost: TimeoutError('late')"),
        ("finished", b"nonsense", "its result was lost: UserError('what it sent is no Reply: "),
        ("finished", None, 'its result was lost: UserError("what it sent is no Reply: '),
    ],
)
def test_of_what_cannot_be_had_it_is_said_why_in_a_line(client, dask, status, made, failure):
    future = sent(client, dask)
    future.end(status, made)
    arrived = client.arrived(0)
    assert (arrived.key, arrived.data) == (future.key, b"")
    assert arrived.failure.startswith(failure)
    assert "\n" not in arrived.failure


def test_what_is_forgotten_is_released_and_does_not_arrive(client, dask):
    future = sent(client, dask)
    client.forget(future.key)
    assert future.released
    future.end("finished", encoded(Reply(b"late")))
    assert client.arrived(0) is None
    client.forget(future.key)  # twice is as good as once
    client.forget("never sent")


ASKS = {
    "who is there": lambda client: client.workers(),
    "something is sent": lambda client: client.send(there.measure, b"", "tcp://a:1", ()),
    "what arrives": lambda client: client.arrived(0),
}


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_a_scheduler_that_is_gone_is_lost_whatever_is_asked(client, dask, ask):
    dask.status = "connecting"
    with pytest.raises(LostError):
        ask(client)


@pytest.mark.parametrize("ask", list(ASKS.values())[:2], ids=list(ASKS)[:2])
def test_a_connection_that_breaks_meanwhile_is_a_scheduler_lost(client, dask, ask):
    dask.fault = OSError("Comm closed")
    with pytest.raises(LostError):
        ask(client)


@pytest.mark.parametrize("status", ["closed", "running"])
def test_what_is_cancelled_as_the_scheduler_goes_is_no_failure_of_a_host(client, dask, status):
    """Whether or not it has connected again meanwhile."""
    future = sent(client, dask)
    dask.status = status
    future.end("cancelled")
    with pytest.raises(LostError):
        client.arrived(0)


@pytest.fixture
def installed(monkeypatch):
    """Have a made-up distributed, whose client is made in this way; logging is as it was after."""

    def install(make):
        module = ModuleType("distributed")
        module.Client = make
        monkeypatch.setitem(sys.modules, "distributed", module)

    before = logging.root.manager.disable
    yield install
    logging.disable(before)


def test_a_connection_is_closed_at_the_end_however_that_comes(installed):
    made = []
    installed(lambda *address, **how: made.append(Dask(*address, **how)) or made[-1])
    with pytest.raises(ZeroDivisionError), connected("tcp://here:8786") as client:
        client.send(there.measure, b"", str(1 / made[0].closed), ())
    (one,) = made
    assert (one.address, one.closed) == ("tcp://here:8786", True)
    assert one.how["set_as_default"] is False


@pytest.mark.parametrize("error", [OSError("timed\nout"), ValueError("unknown protocol")])
def test_where_no_scheduler_answers_a_line_says_how_to_start_one(installed, error):
    def refuse(*_, **__):
        raise error

    installed(refuse)
    with pytest.raises(UserError) as raised, connected("tcp://nowhere:1"):
        pass
    said = " ".join(str(error).split())
    assert str(raised.value) == (
        f"--cluster tcp://nowhere:1: no scheduler answers there ({said}); start one: dask scheduler"
    )


def test_without_dask_a_line_says_which_extra_has_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    needs = r"^--cluster needs Dask: pip install 'softmax-bench\[cluster\]', here and on the hosts$"
    with pytest.raises(UserError, match=needs), connected("tcp://here:8786"):
        pass
