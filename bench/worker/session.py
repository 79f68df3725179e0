"""One implementation in its worker, from its import to its last prediction."""

import gc
import importlib
import importlib.util
import sys
from contextlib import suppress
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.contract import Params, Problem, Textbook, Trainer
from bench.worker import data, exchange, guard
from bench.worker.exchange import Exchange
from bench.worker.measure import now
from bench.worker.workloads import NOISE_WORKLOAD, WORKLOADS, choose_noise_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from bench.contract import Device

Document = dict[str, Any]

# A ping is about as long as the shortest epochs, and reads more than a core's own caches hold.
PING_SECONDS, PING_NUMBERS = 0.01, 2**20
YOUNG = 1  # generations 0 and 1 of the collector


class WorkerSession:
    """The commands of the parent, as methods.

    request: what the parent wrote (bench/runner/process/spec.py). noise: the folder into which it
    writes the noise, late (bench/runner/drive.py).
    """

    def __init__(self, request: Document, memory: Exchange, noise: Path) -> None:
        self._request = request
        self._exchange = memory
        self._noise = noise
        self._collector = guard.read_collector()
        # Arrays that the implementation has, each with a copy: they must stay equal.
        self._lent: list[tuple[str, Sequence[Any], Sequence[Any]]] = []
        self._order: NDArray[np.int64] | None = None
        self._numbers = np.ones(0)  # what a ping reads
        self.results: Document = {}  # for the document
        self.module: ModuleType
        self.textbook: Textbook
        self._problem: Problem
        self._trainer: Trainer
        self.methods: dict[bytes, Callable[[], None]] = {
            exchange.PING: self.ping,
            exchange.IMPORT: self.load,
            exchange.READ_DATA: self.read_data,
            exchange.SET_UP: self.set_up,
            exchange.RESET: self.reset,
            exchange.COLLECT: self.collect,
            exchange.TRAIN: self.train,
            exchange.TRAIN_ON_NOISE: self.train_on_noise,
            exchange.PREDICT: self.predict,
            exchange.PREDICT_SINGLY: self.predict_singly,
            exchange.VERIFY: self.verify,
            exchange.END: self.end,
        }

    def ping(self) -> None:
        """Take indices from the exchange, then compute for a while, and note the seconds of that.

        What the parent sees above them is a hand-over. After an epoch, too, its core has slept and
        this one's caches are cold: a hand-over takes longer then than right after another one.
        """
        self._exchange.read_indices()
        if not self._numbers.size:
            self._numbers = np.ones(PING_NUMBERS)
        start = now()
        while now() - start < PING_SECONDS:
            self._numbers.sum()
        self._exchange.seconds[0] = now() - start

    def load(self) -> None:
        """Import the implementation, and its framework with it."""
        self._numbers = np.ones(0)
        self.module = load_module(self._request)

    def read_data(self) -> None:
        """Read every page of the data that are trained on and predicted."""
        folder = Path(self._request["data"])
        if self._request["mode"] == "textbook":
            self.textbook = data.read_textbook(folder)
            return
        self._problem = data.read_problem(
            folder,
            self._request["workload"],
            classes=self._request["classes"],
            batch_size=self._request["batch_size"],
            samples=self._request["samples"],
        )
        self._exchange.images.sum()

    def set_up(self) -> None:
        """Create the Trainer."""
        self._trainer = self.module.Trainer(self._problem, self._request["device"])

    def reset(self) -> None:
        """Start again from the params in the exchange."""
        self._require_unchanged()
        initial = self._copy_params()
        self._lent = [("the initial params that it received", initial, self._copy_params())]
        self._trainer.reset(initial)

    def collect(self) -> None:
        """After an epoch: check what it must have left alone, and collect its garbage.

        Young generations only: a full collection walks through all objects of a framework, and the
        next epoch would start with cold caches.
        """
        self._require_unchanged()
        if self._order is not None:
            # The exchange still holds it.
            expected = [self._exchange.read_indices()]
            guard.require_unchanged("the order that it received", expected, [self._order])
        self._order = None
        gc.collect(YOUNG)

    def train(self) -> None:
        """Train one epoch over the order in the exchange, and put the params there."""
        self._order = self._exchange.read_indices()
        params = self._trainer.train_epoch(self._order)
        guard.copy_params(params, self._exchange.params)
        guard.require_own_memory(params)
        what = "params that it had returned (a view of live weights?)"
        # The params before these are looked at once more: this epoch may have written to them.
        self._lent[1:] = [*self._lent[1:][-1:], (what, params, self._copy_params())]

    def train_on_noise(self) -> None:
        """Train the first epoch on the noise, by a second Trainer in place of the first."""
        self._note_framework_peak()
        models, size = self._problem.models, choose_noise_batch(self._problem)
        del self._trainer, self._problem
        gc.collect()
        problem = data.read_problem(
            self._noise,
            NOISE_WORKLOAD.name,
            classes=self._request["classes"],
            batch_size=size,
            samples=int(self._exchange.count[0]),
        )
        problem = replace(problem, models=models)
        self._trainer = self.module.Trainer(problem, self._request["device"])
        self.reset()
        self.train()

    def train_step(self, device: "Device") -> None:
        """Train one step on black images, to find out whether a device trains at all."""
        images, labels = np.zeros((32, 784), np.float32), np.zeros(32, np.int32)
        problem = Problem(images, labels, 10, len(images), WORKLOADS["sgd"].optimizer)
        trainer = self.module.Trainer(problem, device)
        shape = problem.features, problem.classes
        trainer.reset(Params(np.zeros(shape, np.float32), np.zeros(shape[1:], np.float32)))
        trainer.train_epoch(np.arange(problem.samples))

    def predict(self) -> None:
        """Label the images in the exchange."""
        self._predict(slice(int(self._exchange.count[0])))

    def predict_singly(self) -> None:
        """Label the images in the exchange one by one: one alone is shorter than a hand-over."""
        for number in range(int(self._exchange.count[0])):
            self._predict(slice(number, number + 1))

    def _predict(self, part: slice) -> None:
        labels = self._trainer.predict(self._exchange.images[part])
        guard.copy_labels(labels, self._exchange.labels[part])

    def verify(self) -> None:
        """Check that the implementation left the training data alone."""
        folder, samples = Path(self._request["data"]), self._request["samples"]
        expected = data.read_samples(folder, samples, mapped=True)
        received = (self._problem.images, self._problem.labels)
        guard.require_unchanged("the training data that it received", expected, received)

    def end(self) -> None:
        """Check that the implementation left alone what is not its own."""
        guard.require_collector(self._collector)
        self._require_unchanged()
        self._note_framework_peak()
        # A DataLoader's processes, for example. Python ends them where it exits, which we skip.
        loaded = sys.modules.get("multiprocessing")
        for child in loaded.active_children() if loaded else ():
            if child.daemon:
                child.terminate()
                child.join()

    def _note_framework_peak(self) -> None:
        """Before the epoch on noise, or at the end of a process without one."""
        if self._request.get("device") == "gpu" and "framework_peak_bytes" not in self.results:
            self.results["framework_peak_bytes"] = read_framework_peak()

    def _copy_params(self) -> Params:
        params = self._exchange.params
        return Params(params[..., :-1, :].copy(), params[..., -1, :].copy())

    def _require_unchanged(self) -> None:
        for what, params, copy in self._lent:
            guard.require_unchanged(what, copy, params)


def read_framework_peak() -> int | None:
    """Return the most bytes that the framework had in use on the GPU, by its own count.

    Asks the device look-ups in implementations/_devices/ that were imported; None where none of
    them knows. Unlike the growth of the memory in use, it has no context and no reserve in it.
    """
    peaks = []
    for name, module in list(sys.modules.items()):
        if name.startswith("implementations._devices.") and hasattr(module, "read_peak_bytes"):
            with suppress(RuntimeError, ValueError):  # a device that does not count
                peaks.append(module.read_peak_bytes())
    return max((peak for peak in peaks if peak is not None), default=None)


class _Uncached(SourceFileLoader):
    """Leave no bytecode in the user's repository; a framework that is imported keeps its own."""

    def set_data(self, *_: object, **__: object) -> None:
        """Write nothing."""


def load_module(request: Document) -> ModuleType:
    """Import the implementation, by its module's name or its file's path.

    A file can import its neighbours, as a script can.
    """
    if request.get("file") is None:
        return importlib.import_module(f"implementations.{request['module']}")
    path = Path(request["file"])
    # After ours: a neighbour may have the name of the suite's packages.
    ours = str(Path(__file__).parents[2])
    sys.path.insert(sys.path.index(ours) + 1 if ours in sys.path else 0, str(path.parent))
    if path.suffix != ".py":
        raise ImportError(f"{path.name} is not a Python file")
    loader = _Uncached(path.stem, str(path))
    spec = importlib.util.spec_from_file_location(path.stem, path, loader=loader)
    assert spec is not None  # there is a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    loader.exec_module(module)
    return module
