"""Figures over the published machines, and what a run of a reader has in their place."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.analysis.expected import BASE
from bench.analysis.intervals import Interval, estimate_typical
from bench.analysis.ladder import measure_steps
from bench.analysis.many import compute_rate
from bench.analysis.ranking import compare_all
from bench.analysis.summary import Row
from bench.records.schema import TrialRecord
from bench.report.base.labels import EPOCHS
from bench.report.base.load import load_run
from bench.report.base.numbers import format_number
from bench.worker.workloads import count_models

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


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
            if row.ranked
        }
        self._table = compare_all(
            row for key, row in self.rows.items() if (key[0], *key[2:]) == ("sgd", 1, 32)
        )
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

    def compare(self, name: str, base: str) -> Interval:
        """Return how many times as long an epoch of a program takes as one of the base."""
        rows = self.find(name), self.find(base)
        return self._table.estimate(*(row.case.slug for row in rows))

    def compare_threads(self, name: str) -> float:
        """Return how many times as long an epoch takes with two threads as with one."""
        return self.find(name, threads=2).typical_seconds / self.find(name).typical_seconds

    def find_half_size(self, name: str) -> float:
        """Return the batch size at which half of a step is overhead. Raises NotMeasuredError."""
        cost = self._steps.get(self.find(name).case.slug)
        if cost is None or cost.half_size is None:
            raise NotMeasuredError(f"{name} has no other batch sizes")
        return cost.half_size.mean

    def compare_labels(self, name: str, base: str) -> float:
        """Return how many times as long the label of one image takes as in another program."""
        singles = [self.find(each).prediction.single for each in (name, base)]
        if None in singles:
            raise NotMeasuredError(f"{name} has no label of one image")
        return singles[0].mean / singles[1].mean

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


format_two = partial(format_number, digits=2)


@dataclass(frozen=True, slots=True)
class Span:
    """A figure on each machine that has it.

    values: by processor, at least one. write: returns the text of a value.
    """

    values: Mapping[str, Interval | float]
    write: Callable[[float], str] = format_two

    def __str__(self) -> str:
        """Return the least and the largest value; one number if they are equal as written."""
        ends = [end for value in self.values.values() for end in list_ends(value)]
        texts = [self.write(end) for end in (min(ends), max(ends))]
        numbers, units = zip(*(text.partition(" ")[::2] for text in texts), strict=True)
        if units[0] == units[1]:  # 0.3 to 0.6 s, and not 0.3 s to 0.6 s
            return f"{' to '.join(dict.fromkeys(numbers))} {units[0]}".strip()
        return " to ".join(texts)

    @property
    def where(self) -> str:
        """Return on which machines: by their number, or one by its name."""
        if len(self.values) > 1:
            return f"on {COUNTS[len(self.values)]} processors"
        return f"on a {next(iter(self.values))}"


def list_ends(value: Interval | float) -> list[float]:
    """Return a value; of processes in two groups, those of both."""
    if not isinstance(value, Interval):
        return [value]
    return [end for end in (value.mean, value.other) if end is not None]


Measure = Callable[[Published], Interval | float]


def span(
    runs: Mapping[str, Published], measure: Measure, write: Callable[[float], str] = format_two
) -> Span:
    """Return a figure on all machines that have it. Raises NotMeasuredError if none has."""
    values = {}
    for processor, published in runs.items():
        try:
            values[processor] = measure(published)
        except NotMeasuredError:
            continue
    if not values:
        raise NotMeasuredError("no published run has this figure")
    return Span(values, write)


# ----- what a reader can measure again


@dataclass(frozen=True, slots=True)
class Heading:
    """The figures of a finding that its command measures on the machine of a reader.

    command: words of ``softmax-bench run``. figures: by what they are. write: returns the text of
    a figure.
    """

    command: str
    figures: Mapping[str, Measure]
    sources: Mapping[str, Source] = field(default_factory=lambda: RUNS)
    write: Callable[[float], str] = format_two


class Over(NamedTuple):
    """How many times as long an epoch of a program takes as one of the base."""

    name: str
    base: str

    def __call__(self, published: Published) -> Interval:
        """Return it in one run."""
        return published.compare(self.name, self.base)


def _labels_over(name: str, base: str) -> Measure:
    return lambda published: published.compare_labels(name, base)


def _half(name: str) -> Measure:
    return lambda published: published.find_half_size(name)


def _threads(name: str) -> Measure:
    return lambda published: published.compare_threads(name)


def _trainings_over(name: str, base: str) -> Measure:
    return lambda published: published.time_trainings(name) / published.time_trainings(base)


def _warm_over_cold(name: str) -> Measure:
    return lambda published: (
        published.train(name, EPOCHS) / published.train(name, EPOCHS, warm=True)
    )


def _rate_over(name: str, base: str, models: int) -> Measure:
    return lambda published: published.count_rate(name, models) / published.count_rate(base, models)


def _choose(*names: str) -> str:
    """Return the options that choose programs and one core."""
    programs = " ".join(f"--implementation {name}" for name in names)
    return f"--rounds 5 --workload sgd --threads 1 {programs}"


HEADINGS = {
    "order": Heading(
        _choose("numpy", "numba", "jax-scan", "jax", "keras-jax", "pytorch", "keras-torch"),
        {
            name: Over(name, BASE)
            for name in ("numba", "jax-scan", "jax", "keras-jax", "pytorch", "keras-torch")
        },
    ),
    "loops": Heading(
        _choose("numpy", "jax", "jax-plain-scan", "pytorch", "pytorch-ten-steps"),
        {name: Over(name, BASE) for name in ("jax-plain-scan", "pytorch-ten-steps")},
    ),
    "keras-backend": Heading(
        _choose("keras-jax", "keras-tensorflow", "keras-torch"),
        {
            "TensorFlow over JAX": Over("keras-tensorflow", "keras-jax"),
            "PyTorch over JAX": Over("keras-torch", "keras-jax"),
        },
    ),
    "torch-compile": Heading(
        _choose("pytorch", "pytorch-compiled-step", "pytorch-ten-steps", "pytorch-compiled"),
        {
            "a compiled step over eager mode": Over("pytorch-compiled-step", "pytorch"),
            "eager mode over ten steps": Over("pytorch", "pytorch-ten-steps"),
            "eager mode over ten steps, tuned": Over("pytorch", "pytorch-compiled"),
        },
    ),
    "one-label": Heading(
        _choose("numpy", "pytorch", "jax", "keras-tensorflow"),
        {
            "Keras's predict on TensorFlow over NumPy": _labels_over("keras-tensorflow", "numpy"),
            "PyTorch over NumPy": _labels_over("pytorch", "numpy"),
            "JAX over NumPy": _labels_over("jax", "numpy"),
        },
    ),
    "threads": Heading(
        _choose("jax", "tensorflow").replace("--threads 1", "--threads 1,2"),
        {
            "two cores over one, TensorFlow": _threads("tensorflow"),
            "two cores over one, JAX": _threads("jax"),
        },
    ),
    "half": Heading(
        f"{_choose('jax', 'pytorch', 'keras-jax', 'keras-torch')} --batch-size 32,128",
        {
            "images, JAX": _half("jax"),
            "images, PyTorch": _half("pytorch"),
            "images, Keras on JAX": _half("keras-jax"),
            "images, Keras on PyTorch": _half("keras-torch"),
        },
        write=partial(format_number, digits=1),  # two sizes do not tell it better
    ),
    "many": Heading(
        _choose("numba", "numpy", "pytorch"),
        {
            "NumPy over Numba": _trainings_over("numpy", "numba"),
            "PyTorch over Numba": _trainings_over("pytorch", "numba"),
            "a cold process over a warm one, Numba": _warm_over_cold("numba"),
        },
    ),
    "together": Heading(
        "--workload many --rounds 5",
        {
            "NumPy, together over one by one": _rate_over("numpy-batched", "numpy-processes", 100),
            "JAX, together over one by one": _rate_over("jax-vmap-scan", "jax-scan-processes", 100),
            "Numba, together over one by one": _rate_over("numba-models", "numba-processes", 100),
        },
        SWEEPS,
    ),
}
