"""The hosts of a Dask scheduler: connect, check them, send them rounds."""

import logging
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

import msgspec

from bench.errors import UserError, one_line
from bench.records import decoding
from bench.records.versions import list_changes
from bench.runner.cluster.task import (
    HostInfo,
    RoundRequest,
    RoundResult,
    describe_host,
    measure_round,
    suite_version,
)

START = 'dask worker SCHEDULER --nthreads 1 --no-nanny --resources "bench=1"'
TIMEOUT_SECONDS = 60


class Cluster:
    """The hosts that may measure, by the addresses of their Dask workers."""

    def __init__(self, client: Any) -> None:
        self.hosts: dict[str, HostInfo] = {}
        self._client = client
        self._refused: set[str] = set()
        self._done: SimpleQueue[Any] = SimpleQueue()

    def update(self) -> Iterator[str]:
        """Update the hosts; yield a line for each change. Raises OSError without scheduler."""
        if self._client.status != "running":  # at once, without the timeout of the next call
            raise ConnectionError
        identity = self._client.sync(
            self._client.scheduler.identity, n_workers=-1, callback_timeout=TIMEOUT_SECONDS
        )
        workers = identity["workers"]
        for address in self.hosts.keys() - workers.keys():
            yield f"host {self.hosts.pop(address).hostname} left: its worker is gone"
        self._refused &= workers.keys()
        if new := workers.keys() - self.hosts.keys() - self._refused:
            replies = self._client.run(describe_host, workers=list(new), on_error="return")
            for address, reply in replies.items():
                try:
                    host = self._accept(reply, workers[address].get("resources", {}))
                except UserError as error:
                    yield self.refuse(address, str(error))
                else:
                    self.hosts[address] = host
                    yield f"host {host.hostname} joined: {one_line(host.name)}"

    def _accept(self, reply: bytes | Exception, resources: dict[str, float]) -> HostInfo:
        """Return what a host reports; raises UserError if it must not measure."""
        if resources.get("bench", 0) < 1:
            raise UserError(f"it has no resource bench=1; start it with: {START}")
        if isinstance(reply, Exception):
            raise UserError(f"it does not run softmax-bench {suite_version()}: {reply!r}")
        try:
            host = decoding.decode(reply, HostInfo, "a host")
        except decoding.DamagedError as error:
            raise UserError(f"its description is {error}") from error
        if host.suite != suite_version():
            raise UserError(
                f"it has softmax-bench {host.suite} and the caller has {suite_version()}; "
                "install the same"
            )
        for other in self.hosts.values():
            if other.machine == host.machine and (
                differ := list_changes(other.software, host.software)
            ):
                raise UserError(
                    f"it is the same machine as {other.hostname} with other software: "
                    f"{'; '.join(differ)}"
                )
        return host

    def refuse(self, address: str, reason: str) -> str:
        """Send nothing more to a worker; return the line that says why."""
        self.hosts.pop(address, None)
        self._refused.add(address)
        return one_line(f"worker {address} is not used: {reason}")

    def submit(self, request: RoundRequest, workers: Iterable[str]) -> Any:
        """Let one of these workers measure a round; return Dask's future.

        Dask gives the round to another of them if its worker is lost, three times at most.
        """
        future = self._client.submit(
            measure_round,
            msgspec.json.encode(request),
            key=f"softmax-bench-{secrets.token_hex(8)}",
            workers=list(workers),
            resources={"bench": 1},
            retries=3,
        )
        future.add_done_callback(self._done.put)
        return future

    def wait(self, seconds: float) -> None:
        """Wait until a round has ended, or for this long."""
        with suppress(Empty):
            self._done.get(timeout=seconds)


def read_result(future: Any) -> RoundResult:
    """Return the result of a round that has ended.

    Raises UserError for a round that failed, and OSError if the connection broke: Dask then
    cancels all rounds.
    """
    if future.status == "cancelled":
        raise ConnectionError
    try:
        return decoding.decode(future.result(timeout=TIMEOUT_SECONDS), RoundResult, "a result")
    except Exception as error:  # a fault of the suite there, or Dask's own
        raise UserError(f"{type(error).__name__}: {error}") from error


@contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connect to a scheduler; raises UserError without Dask or if no scheduler answers."""
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise UserError(
            "--cluster needs Dask: pip install 'softmax-bench[cluster]', here and on the hosts"
        ) from error
    logging.disable(logging.CRITICAL)  # Dask logs every lost worker in many lines; we print one
    try:
        client = distributed.Client(address, timeout=TIMEOUT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = f"no scheduler answers there ({error}); start one: dask scheduler"
        raise UserError(f"--cluster {address}: {reason}") from error
    try:
        yield Cluster(client)
    finally:
        with suppress(TimeoutError):
            client.close(timeout=1)
