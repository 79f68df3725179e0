"""Figures of programs in one run: what findings predict, and what a run of a reader has."""

import math
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.analysis.expected import BASE
from bench.analysis.intervals import Interval, estimate_typical
from bench.analysis.ladder import measure_steps
from bench.analysis.many import compute_rate
from bench.analysis.summary import Row
from bench.records.schema import TrialRecord
from bench.report.base.labels import EPOCHS
from bench.report.base.load import load_run
from bench.runner.drive import PREDICTIONS
from bench.worker.workloads import count_models

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"


class Source(NamedTuple):
    """A published run. folder: in results/reference. processes: that a row has at least."""

    folder: str
    processes: int


# By processor. The pages quote the times of the first one, which has most rows.
RUNS = {
    "Zen 4": Source("amd-epyc-zen4-2-cores-all", 5),
    "Zen 5": Source("amd-epyc-zen5-2-cores", 5),
    "Xeon": Source("intel-xeon-6-167-2-cores", 2),
}
SWEEPS = {"Zen 5": Source("amd-epyc-zen5-2-cores-many", 5)}
# Says itself that its times are not certain, so no heading is made from it.
NOISY_SWEEPS = {"Zen 4": Source("amd-epyc-zen4-2-cores-many", 5)}


class NotMeasuredError(ValueError):
    """A run does not have a row, or too few processes of it."""


class Published:
    """The ranked rows of a run, by workload, program, threads and batch size.

    processes: that a row has at least, to be of use.
    """

    def __init__(self, folder: Path, processes: int) -> None:
        self.folder, self.processes, self.run = folder, processes, load_run(folder)
        self.rows = {
            (row.case.workload, row.case.implementation, row.case.threads, row.case.batch_size): row
            for row in self.run.rows
            if row.ranked and row.case.device == "cpu" and not row.case.env
        }
        self._steps = measure_steps(self.run.rows, self.run.plan)

    def find(self, name: str, threads: int = 1, workload: str = "sgd") -> Row:
        """Return a row at batch size 32. Raises NotMeasuredError."""
        row = self.rows.get((workload, name, threads, 32))
        if row is None or row.succeeded < self.processes:
            raise NotMeasuredError(f"{name} has {row.succeeded if row else 0} processes")
        return row

    def list_rows(self) -> list[Row]:
        """Return the rows of sgd with one thread at batch size 32, the fastest first."""
        rows = [
            row
            for key, row in self.rows.items()
            if (key[0], *key[2:]) == ("sgd", 1, 32) and row.succeeded >= self.processes
        ]
        return sorted(rows, key=lambda row: row.typical_seconds)

    @property
    def names(self) -> set[str]:
        """The programs."""
        return {name for _, name, _, _ in self.rows}

    def time_epoch(self, name: str) -> float:
        """Return the seconds of an epoch."""
        return self.find(name).typical_seconds

    def compare_threads(self, name: str) -> float:
        """Return how many times as long an epoch takes with two threads as with one."""
        return self.find(name, threads=2).typical_seconds / self.find(name).typical_seconds

    def find_half_size(self, name: str) -> float:
        """Return the batch size at which half of a step is overhead. Raises NotMeasuredError."""
        cost = self._steps.get(self.find(name).case.slug)
        if cost is None or cost.half_size is None:
            raise NotMeasuredError(f"{name} has no other batch sizes")
        return cost.half_size.mean

    def time_label(self, name: str) -> float:
        """Return the seconds of the label of one image."""
        trials = (one for one in self.run.records if isinstance(one, TrialRecord))
        if any(len(one.predict_one_seconds) > PREDICTIONS for one in trials):
            raise NotMeasuredError("it timed each label by itself, with its hand-over")
        if (single := self.find(name).prediction.single) is None:
            raise NotMeasuredError(f"{name} has no label of one image")
        return single.mean

    def time_trainings(self, name: str) -> float:
        """Return the seconds of one of many trainings of five epochs in one process."""
        row = self.find(name)
        if row.start.reset is None:
            raise NotMeasuredError(f"{name} has no reset")
        return row.start.reset + EPOCHS * row.typical_seconds

    def train(self, name: str, epochs: int, *, warm: bool = False) -> float:
        """Return the seconds of a new process that trains so many epochs; see ``train``."""
        row = self.find(name)
        if not row.start.by_round or (warm and not self.has_warm_starts):
            raise NotMeasuredError(f"{name} has no start")
        return train(row, epochs, warm=warm).mean

    def compare_starts(self, name: str) -> float:
        """Return how many times as long five epochs take without the compile cache as with it."""
        return self.train(name, EPOCHS) / self.train(name, EPOCHS, warm=True)

    @property
    def has_warm_starts(self) -> bool:
        """Whether any program started with the compile caches of an earlier process."""
        return any(row.start.warm_by_round for row in self.rows.values())

    def count_rate(self, name: str, models: int) -> float:
        """Return how many epochs of single models a second has, of so many models at once."""
        for row in self.run.rows:
            is_asked = row.case.implementation == name and row.ranked
            if is_asked and count_models(row.case.workload) == models:
                return compute_rate(row).mean
        raise NotMeasuredError(f"{name} did not train {models} models")

    def time_before_import(self) -> float:
        """Return the typical seconds of Python's start and of reading the data; 0 if not known."""
        seconds = [
            record.python_seconds + record.data_seconds
            for record in self.run.records
            if isinstance(record, TrialRecord) and record.python_seconds and record.data_seconds
        ]
        return median(seconds) if seconds else 0.0


def select_starts(row: Row, *, warm: bool = False) -> Mapping[int, float]:
    """Return the seconds of starts by round: cold, or of processes that found compile caches.

    A program that keeps no compiled code starts as from cold each time.
    """
    return (row.start_warm() if warm else row).start.by_round


def estimate_start(row: Row, *, warm: bool = False) -> Interval:
    """Return the seconds of the typical start; of two that differ much, the middle alone."""
    seconds = list(select_starts(row, warm=warm).values())
    start = estimate_typical(seconds)
    return start if start.other is None else Interval(median(seconds))


def train(row: Row, epochs: int, *, warm: bool = False, before: float = 0.0) -> Interval:
    """Return the seconds of a new process that trains so many epochs: a start, and the others.

    The first epoch is in the start. The bounds are those of both added, so they are no narrower.
    before: seconds before the import, which no start contains.
    """
    start, epoch = estimate_start(row, warm=warm), row.epoch or Interval(math.inf)
    low, high = (
        None if None in pair else before + pair[0] + (epochs - 1) * pair[1]
        for pair in ((start.low, epoch.low), (start.high, epoch.high))
    )
    return Interval(before + start.mean + (epochs - 1) * epoch.mean, low, high)


@cache
def read_source(source: Source) -> Published:
    """Read a published run."""
    return Published(REFERENCE / source.folder, source.processes)


def read_runs(sources: Mapping[str, Source] = RUNS) -> dict[str, Published]:
    """Read published runs, by processor."""
    return {processor: read_source(source) for processor, source in sources.items()}


# ----- what a reader can measure again


Measure = Callable[[Published, str], float]


class Figure(NamedTuple):
    """What a program takes or, with a base, how many times as much as that one.

    measure: of one program in a run. Raises NotMeasuredError.
    """

    measure: Measure
    name: str
    base: str | None = None

    def __call__(self, published: Published) -> float:
        """Return the figure in one run."""
        own = self.measure(published, self.name)
        return own / self.measure(published, self.base) if self.base else own


class Heading(NamedTuple):
    """The figures of a finding that its command measures on the machine of a reader.

    command: words of ``softmax-bench run``. figures: by what they are. source: of those that too
    few runs have.
    """

    command: str
    figures: Mapping[str, Figure]
    source: Source = RUNS["Zen 4"]


def _choose(*names: str) -> str:
    """Return the options that choose programs and one core."""
    programs = " ".join(f"--implementation {name}" for name in names)
    return f"--rounds 5 --workload sgd --threads 1 {programs}"


EPOCH, LABEL, MANY = Published.time_epoch, Published.time_label, Published.time_trainings
TRAIN = {
    epochs: partial(Published.train, epochs=epochs)
    for epochs in (EPOCHS, 20 * EPOCHS, 200 * EPOCHS)
}
RATE = partial(Published.count_rate, models=100)

HEADINGS = {
    "order": Heading(
        _choose("numpy", "numba", "jax-scan", "jax", "keras-jax", "pytorch", "keras-torch"),
        {
            name: Figure(EPOCH, name, BASE)
            for name in ("numba", "jax-scan", "jax", "keras-jax", "pytorch", "keras-torch")
        },
    ),
    "loops": Heading(
        _choose("numpy", "jax", "jax-plain-scan", "pytorch", "pytorch-ten-steps"),
        {name: Figure(EPOCH, name, BASE) for name in ("jax-plain-scan", "pytorch-ten-steps")},
    ),
    "keras-backend": Heading(
        _choose("keras-jax", "keras-tensorflow", "keras-torch"),
        {
            "TensorFlow over JAX": Figure(EPOCH, "keras-tensorflow", "keras-jax"),
            "PyTorch over JAX": Figure(EPOCH, "keras-torch", "keras-jax"),
        },
    ),
    "torch-compile": Heading(
        _choose("pytorch", "pytorch-compiled-step", "pytorch-ten-steps", "pytorch-compiled"),
        {
            "a compiled step over eager mode": Figure(EPOCH, "pytorch-compiled-step", "pytorch"),
            "eager mode over ten steps": Figure(EPOCH, "pytorch", "pytorch-ten-steps"),
            "eager mode over ten steps, tuned": Figure(EPOCH, "pytorch", "pytorch-compiled"),
        },
    ),
    "one-label": Heading(
        _choose("numpy", "pytorch", "jax", "keras-tensorflow"),
        {
            "Keras's predict on TensorFlow over NumPy": Figure(LABEL, "keras-tensorflow", BASE),
            "PyTorch over NumPy": Figure(LABEL, "pytorch", BASE),
            "JAX over NumPy": Figure(LABEL, "jax", BASE),
        },
    ),
    "threads": Heading(
        _choose("jax", "tensorflow").replace("--threads 1", "--threads 1,2"),
        {
            "two cores over one, TensorFlow": Figure(Published.compare_threads, "tensorflow"),
            "two cores over one, JAX": Figure(Published.compare_threads, "jax"),
        },
    ),
    "half": Heading(
        f"{_choose('jax', 'pytorch', 'keras-jax', 'keras-torch')} --batch-size 32,128",
        {
            "images, JAX": Figure(Published.find_half_size, "jax"),
            "images, PyTorch": Figure(Published.find_half_size, "pytorch"),
            "images, Keras on JAX": Figure(Published.find_half_size, "keras-jax"),
            "images, Keras on PyTorch": Figure(Published.find_half_size, "keras-torch"),
        },
    ),
    "many": Heading(
        _choose("numba", "numpy", "pytorch"),
        {
            "Numba over NumPy": Figure(MANY, "numba", BASE),
            "PyTorch over NumPy": Figure(MANY, "pytorch", BASE),
            "a cold process over a warm one, Numba": Figure(Published.compare_starts, "numba"),
        },
    ),
    "together": Heading(
        "--workload many --rounds 5",
        {
            "NumPy, together over one by one": Figure(RATE, "numpy-batched", "numpy-processes"),
            "JAX, together over one by one": Figure(RATE, "jax-vmap-scan", "jax-scan-processes"),
            "Numba, together over one by one": Figure(RATE, "numba-models", "numba-processes"),
        },
        SWEEPS["Zen 5"],
    ),
}
