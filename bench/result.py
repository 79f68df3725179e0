"""Frozen records of what was measured: raw values only; bench/summary.py derives the rest.

Format 4: what a GPU tells of a trial. Format 3: versions in pairs. Format 2: sweeps, ceilings, peak
memory by phase. All are read, and format 1, the first.
"""

from typing import Any, Literal

import msgspec

from bench.contract import Device, Objective

FORMAT = 4

Status = Literal["ok", "unavailable", "failed", "timeout", "out-of-memory", "interrupted"]
Kind = Literal["trial", "figure", "ceiling"]


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is measured: everything that decides the number, but the machine and the software.

    epochs: the least number of timed epochs. interpreter: the Python given with ``--python``, or
    None for the suite's own. file, sha256: of an implementation that is somebody's own file.
    """

    implementation: str
    module: str
    framework: str
    extra: str
    objective: Objective
    style: Literal["idiomatic", "tuned", "own"]
    data: Literal["resident", "streamed", "own"]
    devices: tuple[Device, ...]
    workload: str
    device: Device
    batch_size: int
    threads: int
    samples: int
    epochs: int
    variables: dict[str, str] = {}
    interpreter: str | None = None
    file: str | None = None
    sha256: str | None = None

    @property
    def slug(self) -> str:
        """A name that differs wherever two cases of one run differ, and is safe as a file's."""
        return (
            f"{self.workload}-{self.implementation}-{self.device}"
            f"-b{self.batch_size}-t{self.threads}-n{self.samples}"
        )


class Slowdown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was injected to be found: every so many epochs, so large a share of them more CPU."""

    share: float
    every: int = 1


class Trial(msgspec.Struct, frozen=True):
    """One case, once (or one figure of the textbook); the id is its own within the run.

    version: which side of a comparison in pairs this is; the round is the pair's number there.
    """

    id: str
    kind: Kind
    round: int
    case: Case
    version: str = ""
    slowdown: Slowdown | None = None


class Parity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the params were from the oracle's, relative to how far training moved them."""

    error: float
    tolerance: float
    passed: bool


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One trial and how it ended; seconds, bytes and joules as measured, in the order measured.

    ``started`` is UTC, ISO 8601. ``wall_seconds`` is what the parent saw of the child. Accuracies
    and losses have one value for each timed epoch, computed by the parent. What a ceiling's probe
    says is described in bench/utmost.py. warmup_seconds: untimed epochs between the first and the
    timed ones, of a GPU. peak_device_bytes, device_conditions: see bench/watch.py. energy_joules:
    of all timed epochs together, the GPU's where the case is of a GPU.
    """

    format: int
    kind: Kind
    run: str
    trial: str
    round: int
    started: str
    status: Status
    case: Case
    environment: str
    reason: str | None = None
    stderr_tail: str | None = None
    wall_seconds: float | None = None
    worker_seconds: float | None = None
    import_seconds: float | None = None
    setup_seconds: float | None = None
    reset_seconds: float | None = None
    first_epoch_seconds: float | None = None
    warmup_seconds: list[float] = []
    epoch_seconds: list[float] = []
    epoch_cpu_seconds: list[float] = []
    first_predict_seconds: float | None = None
    predict_seconds: list[float] = []
    validation_accuracy: list[float] = []
    validation_loss: list[float] = []
    test_accuracy: list[float] = []
    parity: Parity | None = None
    threads_in_force: float | None = None
    peak_rss_bytes: int | None = None
    phase_rss_bytes: dict[str, int | None] = {}
    peak_device_bytes: int | None = None
    device_conditions: dict[str, float | None] = {}
    energy_joules: float | None = None
    energy_absent: str | None = None
    figure_seconds: float | None = None
    figure: dict[str, float | None] = {}
    product_operations: int | None = None
    product_seconds: list[float] = []
    read_bytes: list[int] = []
    read_seconds: list[float] = []
    chain_steps: int | None = None
    chain_seconds: list[float] = []
    conditions: dict[str, float | None] = {}
    version: str = ""
    slowdown: Slowdown | None = None


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a trial ran: machine, software, the child's variables, the data's hashes."""

    id: str
    machine: dict[str, Any]
    software: dict[str, Any]
    suite: dict[str, Any]
    variables: dict[str, str]
    data: dict[str, Any]


class Skipped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A size at which nothing is measured, and why."""

    batch_size: int
    samples: int
    reason: str


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a run set out to do: enough to go on with it after it was killed.

    rounds: of each workload, or with a precision of its first stage. precision: largest relative
    half-width of the epochs' intervals, or None. budget: seconds that measuring may take, or None.
    data: what ``--data`` said, or None. timeout, memory_limit: seconds a trial may take and bytes
    that it may allocate, or None. sweep: cases at other sizes, measured ``sweep_rounds`` times.
    ceilings: what the machine can do, probed by each framework.
    """

    format: int
    run: str
    command: str
    created: str
    seed: int
    rounds: dict[str, int]
    cases: tuple[Case, ...]
    figures: tuple[Case, ...]
    timeout: float
    data: str | None = None
    precision: float | None = None
    budget: float | None = None
    memory_limit: int | None = None
    sweep: tuple[Case, ...] = ()
    sweep_rounds: int = 1
    skipped: tuple[Skipped, ...] = ()
    ceilings: tuple[Case, ...] = ()
