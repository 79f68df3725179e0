"""The finding of a run in plain sentences, no stronger than its intervals allow."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.intervals import Interval, estimate_typical, find_range
from bench.analysis.ranking import Comparison
from bench.analysis.startup import Stretch
from bench.analysis.summary import Row
from bench.records.schema import TOLERANCE, TrialRecord
from bench.report.charts.frontier import MAX_EPOCHS
from bench.report.labels import EPOCHS, EPOCHS_IN_WORDS, label_case, list_names
from bench.report.load import LoadedRun
from bench.report.render import numbers

NOTHING = "No program can be ranked."
MARKS = {True: "", False: " (uncertain)"}
# A sentence names at most this many programs; the table has all of them.
MAX_NAMES = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """What a ranked row took: seconds by round, as measured and as they are compared."""

    row: Row
    measured: Mapping[int, float]
    compared: Mapping[int, float]

    @property
    def name(self) -> str:
        """The implementation, and the GPU if it ran on one."""
        return label_case(self.row.case)

    @property
    def seconds(self) -> Interval:
        """Of the typical process, as measured."""
        return estimate_typical(list(self.measured.values()))

    @property
    def often(self) -> str:
        """In how many processes it was measured, in words."""
        count = len(self.measured)
        return "once" if count == 1 else f"in {count} processes"

    def is_level(self, other: "Timing") -> bool:
        """Return whether neither is slower in every process; then both intervals overlap.

        Of nine processes or more, those that lie outside of the interval do not count.
        """
        ranges = (find_range(sorted(one.measured.values())) for one in (self, other))
        (low, high), (least, most) = ranges
        return low <= most and least <= high

    def find_rivals(self, timings: Sequence["Timing"]) -> list["Timing"]:
        """Return the other rows that are not certainly slower, in the table of their device."""
        rivals = []
        for timing in timings:
            device = timing.row.case.device
            table = [one for one in timings if one.row.case.device == device]
            if self.row.case.device != device:
                table = [self, timing]
            if timing is not self and not compare(table).is_slower(timing.name, self.name):
                rivals.append(timing)
        return rivals


# What is said of the fastest row: it is alone, it has no interval, it is certainly first, a few
# others are level with it, or others may be first too.
ALONE = "{first} takes {time}; no other program can be ranked"
FEW = "{first} {did}: {time}, measured {often}, so the order is not certain"
FIRST = "{first} {did}: {time}"
LEVEL = "{names} or {last} {did}; the data do not show which"
BEHIND = "{first} {did}: {time}, but {rivals} of {others} others cannot be told apart from it"


def compare(timings: Iterable[Timing]) -> Comparison[str]:
    """Compare timings by their names."""
    timings = list(timings)
    waiting = {one.name for one in timings if one.row.waits}
    return Comparison({one.name: one.compared for one in timings}, waiting)


# In which a leader may differ from the next program to name.
KINDS: tuple[tuple[Callable[[Timing], str], str], ...] = (
    (lambda timing: timing.row.case.style, "the {} programs"),
    (lambda timing: timing.row.case.device.upper(), "the programs on the {}"),
)


def list_warnings(run: LoadedRun) -> list[str]:
    """Say what disturbed a run, and which workloads are not complete; plain text."""
    missing = (
        f"Workload {workload}: {tried} of {planned} programs measured, so none is ranked. "
        "Measure the others with --resume."
        for workload, (tried, planned) in run.incomplete.items()
    )
    return list(filter(None, (run.noise.warning, *missing)))


def describe_agreement(run: LoadedRun) -> tuple[str, str]:
    """Say in a few words, and in a sentence, whether softmax programs have the oracle's weights.

    The suite's own tolerance judges. Both are empty if no softmax program was trained.
    """
    errors: dict[str, float] = {}  # the largest of each program that was judged
    noise: list[float] = []
    unjudged: dict[str, None] = {}
    for record in run.records:
        if not isinstance(record, TrialRecord) or record.case.objective != "softmax":
            continue
        name = label_case(record.case)
        for parity in filter(None, (record.parity, record.noise_parity)):
            errors[name] = max(errors.get(name, 0.0), parity.error)
        noise += [record.noise_parity.error] if record.noise_parity else []
        if record.parity is None and record.status == "ok":
            unjudged[name] = None
    total, faults = len(errors | unjudged), []
    if wrong := [name for name, error in errors.items() if not error <= TOLERANCE]:
        verb = "ends" if len(wrong) == 1 else "end"
        faults.append(
            f"{numbers.format_count(len(wrong))} of {total} softmax programs {verb} with other "
            f"weights than the float64 oracle: {list_names(wrong, MAX_NAMES)}."
        )
    if unjudged:
        verb = "was" if len(unjudged) == 1 else "were"
        faults.append(
            f"{numbers.format_count(len(unjudged))} of {total} softmax programs {verb} not judged, "
            f"so nothing shows what they compute: {list_names(list(unjudged), MAX_NAMES)}."
        )
    if faults:
        return "not the same weights" if wrong else "weights not judged", " ".join(faults)
    if not errors:
        return "", ""
    who = f"All {total} softmax programs end" if total > 1 else "The one softmax program ends"
    largest, allowed = map(numbers.format_error, (max(errors.values()), TOLERANCE))
    if noise:
        largest += f", on noise {numbers.format_error(max(noise))}"
    return "the same weights", (
        f"{who} with the weights of the float64 oracle, our reference: the largest parity error is "
        f"{largest} (tolerance {allowed})."
    )


def time_cold_starts(rows: Sequence[Row]) -> list[Timing]:
    """Return the seconds of five epochs from a cold start of each softmax row, in order."""
    times = [(row, row.sum_epochs(EPOCHS)) for row in select_softmax(rows)]
    return sort_timings(Timing(row, by_round, by_round) for row, by_round in times if by_round)


def time_epochs(rows: Sequence[Row]) -> list[Timing]:
    """Return the seconds of an epoch of each softmax row, the fastest at the mean speed first."""
    return sort_timings(
        Timing(row, row.epochs_by_round, row.adjusted_by_round) for row in select_softmax(rows)
    )


def sort_timings(timings: Iterable[Timing]) -> list[Timing]:
    """Return timings in the order of what is compared."""
    return sorted(timings, key=lambda one: estimate_typical(list(one.compared.values())).mean)


def write_cold_start(rows: Sequence[Row]) -> str:
    """Say which program was done first with five epochs, cold start included; empty if unknown."""
    timings = time_cold_starts(rows)
    if not timings:
        return ""
    did = f"was done first with {EPOCHS_IN_WORDS} epochs"
    return f"From a cold start, {describe_first(timings, did)}"


def write_headline(rows: Sequence[Row], *, leaders_only: bool = False) -> str:
    """Say which program had the shortest steady-state epoch.

    rows: of one workload at one size on one machine. leaders_only: see ``describe_first``.
    """
    timings = time_epochs(rows)
    if not timings:
        return NOTHING
    did = "had the shortest epoch"
    return f"Once running, {describe_first(timings, did, leaders_only=leaders_only)}"


def write_frontier(stretches: Sequence[Stretch]) -> str:
    """Say which program is done first with how many epochs, and what is uncertain about it.

    In brackets: the 95 % interval of the number of epochs.
    """
    first, *others = (one for one in stretches if one.first <= MAX_EPOCHS)
    text, mark = f"{label_case(first.row.case)} is done first", MARKS[first.certain]
    if not others:
        return f"{text} with any number of epochs{mark}"
    parts = [f"Up to {numbers.format_count(others[0].first - 1)} epochs {text}{mark}"]
    for stretch in others:
        epochs = numbers.format_count(stretch.first)
        if stretch.certain and stretch.interval:
            low, high = map(numbers.format_count, stretch.interval)
            epochs += f" [{low}, {high}]"
        name = label_case(stretch.row.case)
        parts.append(f"from {epochs} on {name}{MARKS[stretch.certain]}")
    return ", ".join(parts)


def select_softmax(rows: Sequence[Row]) -> list[Row]:
    """Return the ranked rows of the softmax objective."""
    return [row for row in rows if row.ranked and row.case.objective == "softmax"]


def describe_first(timings: Sequence[Timing], did: str, *, leaders_only: bool = False) -> str:
    """Name the leaders, and the fastest program of each style and on each device beside them.

    timings: sorted. did: what a leader did. leaders_only: name the leaders only.
    """
    (first, *others), rivals = timings, timings[0].find_rivals(timings)
    named, form = [first], BEHIND
    if not others:
        form = ALONE
    elif first.seconds.low is None:
        form = FEW
    elif not rivals:
        form = FIRST
    elif len(rivals) < MAX_NAMES and all(map(first.is_level, rivals)):
        named, form = [first, *rivals], LEVEL
    *names, last = (
        f"{timing.name} ({timing.row.case.style}, {numbers.format_duration(timing.seconds)})"
        for timing in named
    )
    text = form.format(
        first=f"{first.name} ({first.row.case.style})",
        did=did,
        time=numbers.format_duration(first.seconds),
        often=first.often,
        rivals=len(rivals),
        others=len(others),
        names=", ".join(names),
        last=last,
    )
    kinds = describe_kinds(timings, named) if others and not leaders_only else []
    return f"{'; '.join([text, *kinds])}."


def describe_kinds(timings: Sequence[Timing], named: Sequence[Timing]) -> Iterator[str]:
    """Name the fastest program of each style and on each device of which none is named yet."""
    for find_kind, words in KINDS:
        kinds = dict.fromkeys(map(find_kind, timings))
        for kind in (one for one in kinds if one not in map(find_kind, named)):
            same = [timing for timing in timings if find_kind(timing) == kind]
            certain = set(map(id, same)).isdisjoint(map(id, same[0].find_rivals(timings)))
            verb = "was" if certain or timings[0].seconds.low is None else "may be"
            seconds = numbers.format_duration(same[0].seconds)
            yield f"of {words.format(kind)}, {same[0].name} {verb} fastest: {seconds}"
