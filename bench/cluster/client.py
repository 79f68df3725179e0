"""The connection to a Dask scheduler: who works there, what is sent to whom, what came back."""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from bench.cluster.errand import Reply, decoded
from bench.error import UserError, one_line

# What a worker declares to be sent anything, and to be sent what needs a GPU.
RESOURCE, GPU = "bench", "GPU"
START = 'dask worker SCHEDULER --nthreads 1 --no-nanny --resources "bench=1"'
_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 10
_GATHER_SECONDS = 60


class LostError(Exception):
    """The scheduler is gone, and with it all that was sent and has not come back."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker declares, and where it works: no other process has the same place."""

    resources: Mapping[str, float]
    place: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came back of one thing that was sent; ``failure`` says why nothing did.

    replied: it was our function that said so, not Dask.
    """

    key: str
    data: bytes = b""
    failure: str | None = None
    replied: bool = False


class Client:
    """Sends functions of this suite to workers, one to each at a time, and hears of their ends.

    Every method raises LostError where the scheduler is gone.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._futures: dict[str, Any] = {}
        self._ended: SimpleQueue[Any] = SimpleQueue()

    def workers(self) -> dict[str, Worker]:
        """Return the workers by their addresses."""
        with self._reaching():
            found = self._client.sync(
                self._client.scheduler.identity, n_workers=-1, callback_timeout=_ANSWER_SECONDS
            )["workers"]
        return {address: Worker(each.get("resources", {}), str(each.get("local_directory")))
                for address, each in found.items()}  # fmt: skip

    def send(
        self, function: Callable[[bytes], bytes], data: bytes, to: str, resources: Iterable[str]
    ) -> str:
        """Have one worker call a function of this suite, by its name; return the key of that."""
        key = f"softmax-bench-{function.__name__}-{secrets.token_hex(8)}"
        wanted = dict.fromkeys((RESOURCE, *resources), 1)
        with self._reaching():
            future = self._client.submit(function, data, key=key, workers=[to], resources=wanted)
            self._futures[key] = future
            future.add_done_callback(self._ended.put)
        return key

    def arrived(self, seconds: float) -> Arrived | None:
        """Wait so long for the next that ended; None where nothing did that is still wanted."""
        try:
            future = self._ended.get(timeout=seconds)
        except Empty:
            future = None
        with self._reaching():
            if future is None or self._futures.pop(future.key, None) is None:
                return None
            if future.status == "finished":
                return self._result(future)
            if future.status == "cancelled":  # all are when the connection breaks
                raise LostError
            return Arrived(future.key, failure=one_line(_why(future)))

    def _result(self, future: Any) -> Arrived:
        """Fetch a result, which its worker may take with it yet."""
        try:
            reply = decoded(future.result(timeout=_GATHER_SECONDS), Reply)
        except Exception as error:  # noqa: BLE001 - whatever Dask raises, the result is not here
            return Arrived(future.key, failure=one_line(f"its result was lost: {error!r}"))
        return Arrived(future.key, reply.data, reply.failure, replied=True)

    def forget(self, key: str) -> None:
        """Want no more of what was sent; what already runs goes on to its end."""
        if (future := self._futures.pop(key, None)) is not None:
            future.release()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Tell a scheduler that is gone: then every future is cancelled, and nothing is sent."""
        try:
            yield
        except OSError as error:  # distributed.CommClosedError is one
            raise LostError from error
        if self._client.status != "running":
            raise LostError


def _why(future: Any) -> str:
    error = future.exception(timeout=_GATHER_SECONDS)  # Dask's own: ours reply
    return f"{type(error).__name__}: {error}"


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Connect to a scheduler; raises UserError where there is no Dask, or none that answers."""
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise UserError(
            "--cluster needs Dask: pip install 'softmax-bench[cluster]', here and on the hosts"
        ) from error
    # It tells of every worker and connection that is lost, in many lines; we do so in one.
    logging.disable(logging.CRITICAL)
    client = _answering(
        address,
        lambda: distributed.Client(
            address, timeout=_CONNECT_SECONDS, set_as_default=False, name="softmax-bench"
        ),
    )
    try:
        yield Client(client)
    finally:
        with suppress(TimeoutError):
            client.close(timeout=1)


def _answering(address: str, connect: Callable[[], Any]) -> Any:
    """Connect in a thread: where a scheduler takes the connection and is silent, it never ends."""
    made: SimpleQueue[Any] = SimpleQueue()

    def attempt() -> None:
        try:
            made.put(connect())
        except (OSError, ValueError) as error:
            made.put(error)

    Thread(target=attempt, daemon=True).start()
    try:
        found = made.get(timeout=2 * _CONNECT_SECONDS)
    except Empty:
        found = TimeoutError("it takes connections and is silent")
    if isinstance(found, Exception):
        raise UserError(
            f"--cluster {address}: no scheduler answers there ({one_line(str(found))}); start one: "
            "dask scheduler"
        ) from found
    return found
