"""Made-up hosts of a cluster: a client that carries nothing, and what hosts would answer."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from support.records import MACHINE, environment

from bench import machine
from bench.cluster.client import Arrived, LostError, Worker
from bench.cluster.errand import Answer, Data, Errand, Introduction, Question, Suite, encoded
from bench.cluster.there import introduce

SUITE = Suite("0.1.0", "abcdef0123", "0123456789ab")
DATA = Data("digits", {"digits": "0" * 64})
QUESTION = Question(SUITE, DATA)
STARTED = "2026-01-02T03:04:05.678+00:00"


def placed(kind="one", **changes):
    """Return the environment of a trial on a machine of this kind, under the id of its facts."""
    facts = {"machine": {**MACHINE, "id": f"machine-{kind}", "host": kind}, **changes}
    found = environment(**facts)
    values = {name: getattr(found, name) for name in found.__struct_fields__ if name != "id"}
    return environment(**facts, id=machine.fingerprint(values))


def introduction(host="a", kind="one", **changes):
    """Return what a host says of itself that may measure."""
    return Introduction(**{"suite": SUITE, "host": host, "environment": placed(kind), **changes})


def answer(kind="one", **values):
    """Return what a trial left that could not be measured there, which takes no params."""
    said = {"status": "unavailable", "reason": "no abacus", "started": STARTED, **values}
    return Answer(placed(kind), said, "its last words")


@dataclass
class Sent:
    function: Any
    data: bytes
    to: str
    resources: tuple[str, ...]


@dataclass
class Client:
    """Carries nothing: what workers are asked is answered from what a test has put here.

    hosts: what each address says of itself. does: what comes of an errand, given it and the
    address: an Answer, the reason of a failure, or None: nothing yet. happens: what is called, one
    after the other, when nothing comes. clock: seconds, which only waiting for nothing takes.
    """

    hosts: dict[str, Any] = field(default_factory=dict)
    does: Any = None
    happens: list[Any] = field(default_factory=list)
    resources: dict[str, dict[str, float]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    coming: deque[str] = field(default_factory=deque)
    clock: float = 0.0
    gone: bool = False

    def workers(self):
        self._reach()
        return {each: Worker(self.resources.get(each, {"bench": 1}), self.places.get(each, ""))
                for each in self.hosts}  # fmt: skip

    def send(self, function, data, to, resources):
        self._reach()
        key = f"key-{len(self.sent)}"
        self.sent[key] = Sent(function, data, to, tuple(resources))
        self.coming.append(key)
        return key

    def arrived(self, seconds):
        self._reach()
        while self.coming:
            key = self.coming.popleft()
            if key not in self.forgotten and (found := self._made(key)) is not None:
                return found
        self.clock += seconds
        if self.happens:
            self.happens.pop(0)()
        return None

    def forget(self, key):
        self.forgotten.append(key)

    def errands(self):
        """Return to whom which trials were sent, in that order."""
        sent = [each for each in self.sent.values() if each.function is not introduce]
        return [(each.to, decode(each.data).trial.id) for each in sent]

    def end(self):
        self.gone = True

    def _made(self, key):
        sent = self.sent[key]
        if sent.function is introduce:
            made = self.hosts[sent.to]
        else:
            made = self.does(decode(sent.data), sent.to)
        if made is None:
            return None
        if isinstance(made, str):
            return Arrived(key, failure=made)
        return Arrived(key, made if isinstance(made, bytes) else encoded(made))

    def _reach(self):
        if self.gone:
            raise LostError


def decode(data):
    """Read an errand as a host does."""
    import msgspec

    return msgspec.msgpack.decode(data, type=Errand)
