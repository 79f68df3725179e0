"""The hosts of a cluster: workers by the computer that they run on, once they may be trusted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench import stop
from bench.cluster import there
from bench.cluster.client import GPU, RESOURCE, START, Arrived, Client, Worker
from bench.cluster.errand import Introduction, Question, decoded, encoded
from bench.environments import plain
from bench.error import UserError, one_line
from bench.measure import now
from bench.plan import distributions
from bench.result import Environment
from bench.software import BELOW, changes, versions
from implementations import IMPLEMENTATIONS

# Between two looks at who is connected, and the longest wait for what comes back.
LOOK_SECONDS = 1.0


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
        """What people know it by: its worker's address."""
        return one_line(self.address)

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
    _seen: dict[str, Worker] = field(default_factory=dict)
    _workers: dict[str, Host | None] = field(default_factory=dict)
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
    def asked(self) -> Sequence[str]:
        """The workers that have yet to say who they are."""
        return list(self._asked.values())

    def look(self) -> Iterator[Refused | Gone]:
        """See who came and who went; those who came are asked. Raises LostError."""
        with stop.allowed():
            found = self.client.workers()
        # Another at the same address is another worker, which has yet to say who it is.
        stayed = {each for each, worker in self._seen.items() if found.get(each) == worker}
        for address in sorted(self._seen.keys() - stayed):
            yield from self._went(address)
        for address in sorted(found.keys() - stayed):
            yield from self._came(address, found[address])

    def _came(self, address: str, worker: Worker) -> Iterator[Refused]:
        self._seen[address] = worker
        if worker.resources.get(RESOURCE, 0) < 1:
            self._workers[address] = None
            yield Refused(address, f"it declares no resource {RESOURCE}=1; start it so: {START}")
            return
        key = self.client.send(there.introduce, encoded(self.question), address, ())
        self._asked[key] = address

    def _went(self, address: str) -> Iterator[Gone]:
        host = self._workers.pop(address, None)
        del self._seen[address]
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
            hint = f"install softmax-bench {self.question.suite} there"
            raise UserError(
                arrived.failure if arrived.replied
                else f"it does not answer as this suite ({arrived.failure}); {hint}"
            )  # fmt: skip
        said = decoded(arrived.data, Introduction)
        if not said.suite.same(self.question.suite):
            raise UserError(
                f"it has softmax-bench {said.suite}, and here is {self.question.suite}; install "
                "the same on both"
            )
        if said.environment is None:
            raise UserError(said.fault or "it does not say what it is")
        declared = self._seen[address].resources
        gpu = next((name for name in (GPU, GPU.lower()) if declared.get(name, 0) >= 1), None)
        host = Host(said.host, said.environment, gpu, address)
        if not (plain(host.machine) and host.cores > 0):
            raise UserError("it does not say which machine it is")
        self._refuse_other_software(host)
        return host

    def _refuse_other_software(self, host: Host) -> None:
        """Raise UserError where a host of a machine would measure other versions than the first."""
        for first in self.there.values():
            if first.machine != host.machine:
                continue
            ours, its = (_software(each.environment) for each in (first, host))
            if differ := changes(ours, its):
                raise UserError(
                    f"its software is not that of host {first.hostname}, the same machine "
                    f"({'; '.join(differ)}); install the same"
                )

    def distrust(self, host: Host, reason: str) -> Gone:
        """Send no more to a host's worker: what it was sent it could not do."""
        self._workers[host.address] = None
        return Gone(host, reason)


def meet(hosts: Hosts, patience: float) -> Iterator[Joined | Refused | Gone]:
    """Wait until a host has joined and nobody has yet to say who it is, so many seconds at most.

    Raises UserError where none has joined by then, LostError where the scheduler is gone.
    """
    end = now() + patience
    while not hosts.there or hosts.asked:
        yield from hosts.look()
        if now() > end:
            break
        if arrived := hosts.client.arrived(min(LOOK_SECONDS, patience)):
            yield from filter(None, [hosts.introduced(arrived)])
    if not hosts.there:
        raise UserError(
            f"no host that can measure joined within {patience:g} s{_silent(hosts)}; "
            "start workers, or raise --wait"
        )


def _silent(hosts: Hosts) -> str:
    """Name the workers that have yet to answer, if any."""
    if not hosts.asked:
        return ""
    return f" ({', '.join(hosts.asked)} did not answer: unpacking data, or measuring)"


def _software(environment: Environment) -> Mapping[str, str]:
    """Return the versions of what decides a time: the frameworks, and what they all run on."""
    frameworks = {name for one in IMPLEMENTATIONS for name in distributions(one)}
    found = versions([environment])
    return {name: found[name] for name in ({*BELOW} - {"suite"} | frameworks) & found.keys()}
