"""The hosts of a cluster: workers by the computer that they run on, once they may be trusted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bench.cluster import there
from bench.cluster.client import GPU, RESOURCE, START, Arrived, Client
from bench.cluster.errand import Introduction, Question, decoded, encoded
from bench.environments import plain
from bench.error import UserError, one_line
from bench.result import Environment


@dataclass(frozen=True, slots=True)
class Host:
    """One computer; of several workers on it, one is sent to, a trial at a time.

    gpu: what the worker calls the GPU that it declares, or None. address: the worker's.
    """

    id: str
    environment: Environment
    gpu: str | None
    address: str

    @property
    def machine(self) -> str:
        """The id of the machine that it is, as every host like it."""
        return str(self.environment.machine.get("id", ""))

    @property
    def name(self) -> str:
        """The machine's name, for people."""
        return one_line(str(self.environment.machine.get("name")))

    @property
    def hostname(self) -> str:
        """What its network calls it."""
        return one_line(str(self.environment.machine.get("host")))

    @property
    def cores(self) -> int:
        """The cores that a process may use."""
        found = self.environment.machine.get("cores")
        return found if isinstance(found, int) else 0


@dataclass(frozen=True, slots=True)
class Joined:
    """A host may be sent trials."""

    host: Host


@dataclass(frozen=True, slots=True)
class Refused:
    """A worker may not; ``reason`` says why, and what to do."""

    worker: str
    reason: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A host's worker is not connected any more, or is trusted no longer; ``reason`` says which."""

    host: Host
    reason: str


@dataclass(slots=True)
class Hosts:
    """Which hosts are connected; every worker is asked once who it is, and is believed then."""

    client: Client
    question: Question
    _workers: dict[str, Host | None] = field(default_factory=dict)
    _gpus: dict[str, str | None] = field(default_factory=dict)
    _asked: dict[str, str] = field(default_factory=dict)  # addresses by the key of the question

    @property
    def there(self) -> dict[str, Host]:
        """Every host that may be sent trials, by its id: of several workers one with a GPU."""
        trusted = sorted(filter(None, self._workers.values()), key=lambda each: each.gpu is None)
        found: dict[str, Host] = {}
        for host in trusted:
            found.setdefault(host.id, host)
        return found

    @property
    def asked(self) -> bool:
        """Tell whether a worker has yet to say who it is."""
        return bool(self._asked)

    def look(self) -> Iterator[Refused | Gone]:
        """See who came and who went; those who came are asked. Raises LostError."""
        found = self.client.workers()
        for address in self._gpus.keys() - found.keys():
            yield from self._went(address)
        for address in sorted(found.keys() - self._gpus.keys()):
            yield from self._came(address, found[address])

    def _came(self, address: str, resources: Mapping[str, float]) -> Iterator[Refused]:
        gpus = (name for name in (GPU, GPU.lower()) if resources.get(name, 0) >= 1)
        self._gpus[address] = next(gpus, None)
        if resources.get(RESOURCE, 0) < 1:
            self._workers[address] = None
            yield Refused(address, f"it declares no resource {RESOURCE}=1; start it so: {START}")
            return
        key = self.client.send(there.introduce, encoded(self.question), address, ())
        self._asked[key] = address

    def _went(self, address: str) -> Iterator[Gone]:
        host = self._workers.pop(address, None)
        del self._gpus[address]
        for key in [key for key, of in self._asked.items() if of == address]:
            self.client.forget(key)
            del self._asked[key]
        if host is not None:
            yield Gone(host, "its worker is gone")

    def introduced(self, arrived: Arrived) -> Joined | Refused | None:
        """Take in what a worker said of itself, where that is what arrived."""
        address = self._asked.pop(arrived.key, None)
        if address is None:
            return None
        try:
            host = self._host(address, arrived)
        except UserError as error:
            self._workers[address] = None
            return Refused(address, str(error))
        self._workers[address] = host
        return Joined(host)

    def _host(self, address: str, arrived: Arrived) -> Host:
        if arrived.failure is not None:
            raise UserError(
                f"it does not answer as this suite ({arrived.failure}); install softmax-bench "
                f"{self.question.suite} there"
            )
        said = decoded(arrived.data, Introduction)
        if said.suite != self.question.suite:
            raise UserError(
                f"it has softmax-bench {said.suite}, and here is {self.question.suite}; install "
                "the same on both"
            )
        if said.environment is None:
            raise UserError(said.fault or "it does not say what it is")
        host = Host(said.host, said.environment, self._gpus[address], address)
        if not (plain(host.machine) and host.cores > 0):
            raise UserError("it does not say which machine it is")
        return host

    def distrust(self, host: Host, reason: str) -> Gone:
        """Send no more to a host's worker: what it was sent it could not do."""
        self._workers[host.address] = None
        return Gone(host, reason)
