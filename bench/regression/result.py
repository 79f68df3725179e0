"""The result of a comparison of two versions in pairs."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from bench.analysis.intervals import Interval
from bench.records.schema import format_env
from bench.regression.stats.decision import Rule, Verdict

CaseVerdict = Literal[
    "wrong",
    "slower",
    "failed",
    "missing in baseline",
    "missing in candidate",
    "undecided",
    "faster",
    "no change",
    "unavailable",
]
CASE_VERDICTS: Sequence[CaseVerdict] = get_args(CaseVerdict)  # the worst first
TIMED: frozenset[CaseVerdict] = frozenset({"slower", "faster", "no change", "undecided"})
MISSING: frozenset[CaseVerdict] = frozenset({"missing in baseline", "missing in candidate"})

Sides = tuple[float | None, float | None]  # the baseline's and the candidate's value


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of one case on both sides."""

    name: str
    unit: str  # of baseline and candidate: "seconds", "bytes" or "number"
    baseline: float
    candidate: float
    ratio: Interval  # of candidate to baseline
    p_slower: float | None = None  # None without a test, and so is p_faster
    p_faster: float | None = None
    verdict: Verdict | None = None  # None for a metric that is not judged
    more_pairs: int | None = None  # an estimate for an undecided metric
    statistic: str | None = None  # of the judged epochs of a process: "minimum" or "median"

    @property
    def label(self) -> str:
        """The name, with the statistic of the epochs."""
        return f"{self.statistic} {self.name}" if self.statistic else self.name


@dataclass(frozen=True, slots=True)
class CaseComparison:
    """The verdict on one case and what it rests on."""

    name: str
    case: str  # its slug, or the name of its value; empty if one side lacks the implementation
    verdict: CaseVerdict
    metrics: tuple[MetricComparison, ...] = ()  # steady epochs first; none if nothing was timed
    remarks: tuple[str, ...] = ()
    accuracy: Sides = (None, None)
    parity_error: Sides = (None, None)
    required: bool = False  # a comparison without it fails: the user named it, or a side has it
    tolerance: float | None = None  # a share; None for the rule's
    unsettled: bool = False  # more pairs may find the time slower, although it is decided
    detectable: float | None = None  # the slowdown that as many pairs detect in 95 %, a share
    pairs: int = 0
    pair_seconds: float | None = None  # what a pair took


# Gets what happens while a comparison is prepared and measured: lines, and cases that were judged.
Reporter = Callable[[str | CaseComparison], None]


@dataclass(frozen=True, slots=True)
class ComparedVersion:
    """One side of a comparison."""

    name: str
    commit: str | None = None  # full hash of a revision
    machine: str | None = None  # its id
    host: str = ""  # the name of its machine, if pairs were measured
    software: Mapping[str, str] = field(default_factory=dict)  # versions of packages by name
    env: Mapping[str, str] = field(default_factory=dict)  # the variables that the user asked for

    @property
    def label(self) -> str:
        """The name, with the variables."""
        return f"{self.name} with {format_env(self.env)}" if self.env else self.name


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """All cases of a comparison."""

    command: str  # "softmax-bench ab" or "softmax-bench gate"
    baseline: ComparedVersion
    candidate: ComparedVersion
    rule: Rule
    cases: Sequence[CaseComparison]
    gated: Sequence[str] = ("epoch",)  # names of the judged metrics
    refusal: str | None = None  # why the two were not compared
    fail_on: Collection[str] = ("slower",)  # verdicts with exit status 1 beside "wrong"
    allow_nothing: bool = False  # it passes where nothing differs, or only one side has it
    allow_missing: bool = True  # it passes although the candidate lacks what the baseline has
    parity: bool = True  # results were compared with the oracle's; those of commands are not
    reason: str = ""  # why this is judged, where the suite chose it
    created: str | None = None  # when the pairs began
    remarks: Sequence[str] = ()  # on no case: what else may make the sides differ

    @property
    def ordered_cases(self) -> list[CaseComparison]:
        """The cases, the worst first; equal verdicts keep their order."""
        return sorted(self.cases, key=lambda case: CASE_VERDICTS.index(case.verdict))

    @property
    def verdict(self) -> CaseVerdict | None:
        """The worst verdict; None if nothing was compared."""
        return self.ordered_cases[0].verdict if self.cases else None

    @property
    def exit_status(self) -> int:
        """The exit status, the first that applies.

        1: a case is wrong, or has a verdict of ``fail_on``.
        3: a case failed.
        4: the comparison was refused, a required case is missing or unavailable, the candidate
        lacks another one, unless ``allow_missing``, no case was timed, unless ``allow_nothing``, or
        a case had time for too few pairs to show any slowdown.
        0: otherwise.
        """
        verdicts = {case.verdict for case in self.cases}
        if verdicts & {"wrong", *self.fail_on}:
            return 1
        if "failed" in verdicts:
            return 3
        required = {case.verdict for case in self.cases if case.required}
        blind = any(case.verdict in TIMED and not case.metrics for case in self.cases) or any(
            metric.verdict == "undecided" and metric.ratio.low is None
            for case in self.cases
            if case.pairs > 0
            for metric in case.metrics
        )
        nothing = verdicts <= MISSING and self.allow_nothing
        lost = "missing in candidate" in verdicts and not (self.allow_missing or nothing)
        if self.refusal or blind or lost or required & {*MISSING, "unavailable"}:
            return 4
        return 0 if verdicts & TIMED or nothing else 4
