"""The schema of what was measured: frozen structs of raw values.

Format 11: noise is trained twice. Format 10: noise has whole pixels, and data are read first.
Format 9: threads are rows, trials may be lean, a stretch may be timed. Format 8: each timed epoch
starts from weights of its own, all times are the parent's, and a trial ends on noise; in the
published runs of formats 6 and 7, timed epochs go on from one another, by the worker's clock.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec

from bench.contract import Device, Objective
from bench.errors import UserError, clean_text
from bench.worker.machine import fingerprint

FORMAT, OLDEST_FORMAT = 11, 8
# The size limit of a record, and of the document that a worker writes for it. A trial of 200 epochs
# takes 20 kB.
MAX_RECORD_BYTES = 2**20

Status = Literal["ok", "unavailable", "failed", "timeout", "out-of-memory", "interrupted"]
Kind = Literal["trial", "textbook", "roofline", "trace", "command"]  # trace: in older runs

# Ranges of numbers: far wider than what is measured, far narrower than what can be computed with.
# They are enforced when a record is read, and when one is made from a worker's document.
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]  # exact as a float
Value = Annotated[float, msgspec.Meta(ge=-1e18, le=1e18)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e18)]
Positive = Annotated[float, msgspec.Meta(ge=1e-18, le=1e18)]  # two of them have a ratio
Deviation = Annotated[float, msgspec.Meta(ge=0, le=1e100)]
# Those of a plan are what the command line takes, because others may have written it.
MAX_INT, MAX_ROUNDS, MAX_EPOCHS, MAX_SECONDS = 2**31 - 1, 1000, 200, 7 * 24 * 3600.0
MAX_TRIALS = 100_000  # of a plan: a report makes all of them, to count those that are missing
Seed = Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]
Rounds = Annotated[int, msgspec.Meta(ge=1, le=MAX_ROUNDS)]
Limit = Annotated[float, msgspec.Meta(ge=1, le=MAX_SECONDS)]
PairCount = Annotated[int, msgspec.Meta(ge=1, le=MAX_INT)]
Looks = Annotated[tuple[PairCount, ...], msgspec.Meta(max_length=10)]  # ascending
Precision = Annotated[float, msgspec.Meta(ge=1e-6, le=0.5)]  # also a rate of false alarms

# The largest parity error that may be ranked, whatever tolerance a record states. Float32 with
# another order of summation stays below it. A weight decay of 1e-6, a learning rate off by 1e-4,
# swapped batches and half precision exceed it (tests/runner/parity/test_judge.py).
TOLERANCE = 1e-5


class Case(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"data_access": "data"},
):
    """What is measured: everything that determines the times, except machine and software."""

    implementation: str
    module: str
    framework: str
    extra: str
    objective: Objective
    style: Literal["idiomatic", "tuned", "own"]
    # Whether the data stay in the framework's memory or are streamed batch by batch.
    data_access: Literal["resident", "streamed", "own"]
    devices: tuple[Device, ...]
    workload: str
    device: Device
    batch_size: Count
    threads: Count
    samples: Count
    epochs: Count  # of the stretch, and the least number of timed ones
    variables: dict[str, str] = {}  # environment variables of the registry's entry
    # Those that the user asked for, as they were given: no path in them is hidden. They override
    # the others.
    env: dict[str, str] = {}
    one_core: bool = False  # whether it computes on one core whatever it gets
    interpreter: str | None = None  # the Python given with --python; None for the suite's own
    file: str | None = None  # path of a user's own implementation
    sha256: str | None = None  # of the file
    # Hash of each file below its folder that it imports when it is loaded, by relative path.
    siblings: dict[str, str] = {}
    # By device, the bytes that the implementation keeps and reads for a pixel; four, a float32,
    # where none is given.
    pixel_bytes: dict[Device, Annotated[int, msgspec.Meta(ge=1, le=8)]] = {}
    many: bool = False  # whether it trains several models together: a workload many-N

    @property
    def bytes_per_pixel(self) -> int:
        """Return the bytes that an epoch reads for each pixel of an image."""
        return self.pixel_bytes.get(self.device, 4)

    @property
    def steps(self) -> int:
        """Return the number of steps of an epoch."""
        return self.samples // self.batch_size

    @property
    def worker_variables(self) -> dict[str, str]:
        """Return the environment variables of its worker, besides those that all workers get."""
        return {**self.variables, **self.env}

    @property
    def slug(self) -> str:
        """Return a name that is unique within a run and safe as a file name."""
        return self._name(f"b{self.batch_size}-t{self.threads}-n{self.samples}")

    @property
    def base_slug(self) -> str:
        """Return the slug without the threads: the same for all numbers of them."""
        return self._name(f"b{self.batch_size}-n{self.samples}")

    def _name(self, size: str) -> str:
        env = f"-env-{fingerprint(self.env)}" if self.env else ""
        return f"{self.workload}-{self.implementation}-{self.device}-{size}{env}".replace("/", "-")


def format_env(env: Mapping[str, str]) -> str:
    """Return environment variables as a shell takes them: NAME=VALUE, with spaces in between."""
    return shlex.join(f"{name}={value}" for name, value in env.items())


def parse_variables(texts: Iterable[str]) -> dict[str, str]:
    """Return the variables of ``NAME=VALUE`` texts, which a user asks for, sorted by name.

    Raises UserError for a malformed or repeated one.
    """
    env: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        # A record is read with its texts cleaned.
        if not (
            equals and re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and clean_text(text) == text
        ):
            raise UserError(f"{text!r} sets no variable. Give NAME=VALUE, as in OMP_PROC_BIND=true")
        if name in env:
            raise UserError(f"{name} is given twice. Give it one value")
        env[name] = value
    return dict(sorted(env.items()))


class Trial(msgspec.Struct, frozen=True):
    """One measurement of one case."""

    id: str  # unique within the run
    kind: Kind
    round: int  # in a comparison in pairs the number of the pair
    case: Case
    version: str = ""  # side of a comparison in pairs
    lean: bool = False  # without a stretch, which a row needs once


class Parity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The distance of the params from the oracle's, relative to how far training moved them."""

    error: Deviation
    tolerance: Deviation
    passed: bool


class BaseRecord(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
):
    """What every record holds: which trial it was, where and when it ran, and how it ended."""

    format: Count
    run: str
    trial: str
    round: Count
    started: str  # UTC, ISO 8601
    status: Status
    environment: str
    reason: str | None = None
    stderr_tail: str | None = None
    wall_seconds: Seconds | None = None  # life of the worker, by the parent's clock
    conditions: dict[str, Value | None] = {}  # of the machine before and after the trial
    # Of the reference kernel (bench/runner/host/kernel.py) on the worker's core: before each timed
    # epoch and after the last. Empty if the worker computed during more than half of them, and in
    # older runs, which may have it of probes.
    kernel_seconds: list[Seconds] = []

    @property
    def kind(self) -> Kind:
        """Return the kind of the trial."""
        return cast("Kind", self.__struct_config__.tag)


class CaseRecord(BaseRecord, frozen=True, kw_only=True):
    """What every record of a case holds."""

    case: Case


class BaseJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the parent adds to the measurement of a trial, all of it in the trial's record."""

    # Accuracies are those after each epoch of the stretch, as many as the case has; older records
    # have them of timed epochs, and may have more of them on validation images.
    validation_accuracy: list[Share] = []
    # Id of what orders and weights were drawn from; None in older records, whose run has a seed.
    entropy: str | None = None
    # Numbers of the timed epochs that were compared with the oracle, besides the whole stretch; in
    # older records the stretch are the first five of them.
    judged_epochs: list[Count] = []
    # That the parent spent on judging, wherever it did; None where nothing was judged. Of a pair,
    # each record has half.
    judging_seconds: Seconds | None = None
    test_accuracy: list[Share] = []
    # Of the same epochs, as Keras's History has them: see ``State`` in
    # bench/runner/parity/oracle.py. They are the oracle's, for the orders and initial weights of
    # this trial, whose params agree with the oracle's within the parity tolerance. Empty for
    # one-vs-rest and where parity failed.
    training_loss: list[Deviation] = []
    training_accuracy: list[Share] = []
    parity: Parity | None = None
    noise_parity: Parity | None = None  # of the epoch on noise; None in pairs
    whole_noise: bool = False  # whether its images have whole pixels; in older records floats
    noise_epochs: Count = 1  # more start from small weights, in the case's batches; one from zeros
    params_sha256: str | None = None  # of the file of its params
    threads_in_force: Amount | None = None
    version: str = ""  # see ``Trial``


class TimedEpoch(msgspec.Struct, frozen=True, kw_only=True):
    """One timed epoch. ``Measurement`` has a list of each field, and says what it means."""

    epoch_seconds: Seconds
    epoch_cpu_seconds: Seconds
    epoch_delay_seconds: Seconds


class Measurement(msgspec.Struct, kw_only=True):
    """The raw values of one trial, all of them in its record; their names give the unit.

    All seconds are by the parent's clock, less the hand-over (``subtract`` in
    bench/runner/drive.py). Lists are in the order measured. Older records lack what is None or
    empty by default.
    """

    # From the start of the process until it answered.
    python_seconds: Seconds | None = None
    data_seconds: Seconds | None = None  # of reading the data
    import_seconds: Seconds | None = None  # with that of NumPy
    setup_seconds: Seconds | None = None
    reset_seconds: Seconds | None = None
    first_epoch_seconds: Seconds | None = None
    # That the process trained in a row, the first one included; 0 in older records, where the case
    # has their number.
    stretch_epochs: Count = 0
    # Whether the timed epochs are those of the stretch, from the second on.
    stretch_timed: bool = False
    untimed_cpu_seconds: Seconds | None = None  # between timed commands after the import
    warmup_seconds: list[Seconds] = []  # untimed epochs of a GPU before the timed ones
    epoch_seconds: list[Seconds] = []
    epoch_cpu_seconds: list[Seconds] = []  # of the worker and what it started, from outside
    # The hand-over that is subtracted: the least of some that were timed before the implementation
    # was there; in a pair, for the timed epochs, the least of both sides'.
    ping_seconds: Seconds | None = None
    worker_epoch_seconds: list[Seconds] = []  # in older records: by the worker's clock
    # For which its threads and the parent waited for a core, from outside.
    epoch_delay_seconds: list[Seconds] = []
    epoch_faults: list[Count] = []  # in older records: page faults
    # In older records: huge_share, of the training images that lie in huge pages; disk_bytes, which
    # the worker had read when its timed epochs were over; and seconds of the parent's probes before
    # the data were read: fill_seconds, gather_seconds, page_seconds.
    memory_state: dict[str, Value | None] = {}
    # Whether its epochs were timed in turn with those of its partner in a pair.
    alternated: bool = False
    first_predict_seconds: Seconds | None = None
    predict_seconds: list[Seconds] = []
    predict_one_seconds: list[Seconds] = []  # of single test images
    peak_rss_bytes: Count | None = None
    phase_rss_bytes: dict[str, Count | None] = {}  # the peak at the end of each phase
    peak_device_bytes: Count | None = None  # see bench/runner/host/gpu.py
    cache_bytes: Count | None = None  # left in the folders of compile caches
    # Of the compile caches that an earlier process of the case has left; its start was warm.
    found_cache_bytes: Count = 0
    # In older records, of another process that found the caches of one like this; all parts of its
    # start.
    warm_start_seconds: Seconds | None = None
    device_conditions: dict[str, Value | None] = {}  # of a GPU, before and after the timed epochs
    # Of a GPU, over all timed epochs; older records may have that of a CPU, which no report shows.
    energy_joules: Amount | None = None

    def add_epoch(self, epoch: TimedEpoch) -> None:
        """Add a timed epoch to all lists."""
        for name in TimedEpoch.__struct_fields__:
            getattr(self, name).append(getattr(epoch, name))

    def forget_epochs(self) -> None:
        """Forget all timed epochs."""
        for name in TimedEpoch.__struct_fields__:
            getattr(self, name).clear()


if TYPE_CHECKING:
    # Frozen, although two of its bases, which are filled while a trial is driven, are not.
    class TrialRecord(CaseRecord, BaseJudgement, Measurement, frozen=True):  # type: ignore[misc]
        """A case that was trained."""

else:  # a struct cannot have two bases with fields
    TrialRecord = msgspec.defstruct(
        "TrialRecord",
        [
            (
                field.name,
                field.type,
                msgspec.field(default=field.default, default_factory=field.default_factory),
            )
            for part in (BaseJudgement, Measurement)
            for field in msgspec.structs.fields(part)
        ],
        bases=(CaseRecord,),
        namespace={"__doc__": "A case that was trained."},
        module=__name__,
        tag="trial",
        frozen=True,
        kw_only=True,
    )


class TextbookRecord(CaseRecord, frozen=True, kw_only=True, tag="textbook"):
    """A program of the textbook: its time, and the quantities that it returned, by name."""

    import_seconds: Seconds | None = None
    program_seconds: Seconds | None = None
    quantities: dict[str, Value | None] = {}


class RooflineRecord(CaseRecord, frozen=True, kw_only=True, tag="roofline"):
    """A probe of what the machine can do: see bench/worker/roofline.py."""

    import_seconds: Seconds | None = None
    setup_seconds: Seconds | None = None
    product_operations: Count | None = None
    product_seconds: list[Seconds] = []
    # None in older records, which read the images once in each repetition.
    read_times: Count | None = None
    read_bytes: list[Count] = []
    read_seconds: list[Seconds] = []
    chain_steps: Count | None = None
    chain_seconds: list[Seconds] = []


class TraceRecord(CaseRecord, frozen=True, kw_only=True, tag="trace"):
    """In older records: whether a profiler has traced some steps of a case; nothing shows it."""


class Subject(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is measured of a command."""

    threads: Count
    env: dict[str, str] = {}  # in older records: the variables that the user asked for


class CommandRecord(BaseRecord, frozen=True, kw_only=True, tag="command"):
    """A process of a command of a user's own, which nobody judges.

    In older records ``kernel_seconds`` are those before and after the process.
    """

    subject: Subject = msgspec.field(name="case")
    version: str = ""  # see ``Trial``
    values: dict[str, Positive] = {}  # by name: seconds, or a number that it printed
    # In older records: of a command that iterated in turn with its partner.
    iteration_seconds: list[Seconds] = []


Record = TrialRecord | TextbookRecord | RooflineRecord | TraceRecord
AnyRecord = Record | CommandRecord


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a trial ran: machine, software, environment variables, hashes of the data."""

    id: str
    machine: dict[str, Any]
    software: dict[str, Any]
    suite: dict[str, Any]
    variables: dict[str, str]
    data: dict[str, Any]


class Skipped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A size of a sweep that is not measured, and the reason."""

    batch_size: Count
    samples: Count
    reason: str


class StoppingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a row is measured no further, before the run's rounds are over.

    After ``least_rounds`` processes, as soon as it is told apart from its neighbours in the
    ranking, or the bounds of its interval are within the share ``precision`` of its typical
    process.
    """

    least_rounds: Rounds
    precision: Precision


class BasePlan(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"data_source": "data"},
):
    """What every plan holds, and what all of its trials share."""

    format: Count
    run: str  # its name
    command: str
    created: str  # UTC, ISO 8601
    seed: Seed | None  # of sample orders and initial weights; None for secret ones
    timeout: Limit  # seconds that a process may take
    data_source: str | None = None  # the value of --data


class Run(
    BasePlan, frozen=True, kw_only=True, rename={"textbook": "figures", "rooflines": "ceilings"}
):
    """The plan of a run: enough to resume it after it was killed."""

    rounds: dict[str, Rounds]  # by workload
    cases: tuple[Case, ...]
    textbook: tuple[Case, ...]  # the programs of the textbook
    budget: Limit | None = None  # seconds that measuring may take, or None
    sweep: tuple[Case, ...] = ()  # cases at other sizes
    sweep_rounds: Rounds = 1
    skipped: tuple[Skipped, ...] = ()
    rooflines: tuple[Case, ...] = ()  # probes of what the machine can do, by framework
    order: str = ""
    # Which rows later rounds leave out, or None if every round measures all.
    stopping: StoppingRule | None = None
    # A second batch size of the first workload, measured in the same rounds; 0 without one.
    ladder: Count = 0
    trace: bool = False  # in older runs: whether profilers traced cases; nothing reads it
    # The round from which on a process finds the compile caches that the one before it has left; 0
    # if none does.
    warm_from: Count = 0
    lean_from: Count = 0  # the round from which on trials are lean; 0 if none is
    # Cases with more threads, to be tried where they could matter (bench/planning/threads.py).
    variants: tuple[Case, ...] = ()
    preset: str = ""  # whose values it has; empty in older runs

    def find_fault(self) -> str | None:
        """Return why a plan cannot be used, which the types do not show, or None."""
        missing = {case.workload for case in self.cases} - self.rounds.keys()
        if missing or not self.cases:
            return f"it has no rounds of {' or '.join(sorted(missing)) or 'any case'}"
        trials = sum(self.rounds[case.workload] for case in self.cases)
        trials += self.sweep_rounds * len(self.sweep) + 2 * len(self.variants)
        if self.stopping:  # which is asked anew in each round
            trials *= max(self.rounds.values(), default=0)
        return f"a run has {MAX_TRIALS:,} trials at most" if trials > MAX_TRIALS else None

    @property
    def env(self) -> dict[str, str]:
        """Return the variables of ``--env``, which all cases of a run share."""
        return next((case.env for case in self.cases), {})
