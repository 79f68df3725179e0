"""The finding of a run in plain sentences, no stronger than its intervals allow."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from statistics import median

from bench.analysis.expected import Expected, list_ratios, read_expected
from bench.analysis.intervals import Interval, TableNoise, estimate_typical, find_range, share_noise
from bench.analysis.ranking import Ranking
from bench.analysis.startup import Lead
from bench.analysis.summary import Row
from bench.planning.plan import Part
from bench.records.schema import TOLERANCE, TrialRecord
from bench.report.base import numbers
from bench.report.base.labels import (
    EPOCHS,
    EPOCHS_IN_WORDS,
    MAX_NAMES,
    label_case,
    list_names,
    select_ranked,
    select_softmax,
)
from bench.report.base.load import LoadedRun
from bench.runner.loop import Estimate

NO_PROGRAM = "No program can be ranked."
MARKS = {True: "", False: " (uncertain)"}
FAR = 2.0
SHOWN_EPOCHS = 1000  # the largest number of epochs that sentences and charts are about


@dataclass(frozen=True, slots=True)
class Timing:
    """What a ranked row took: seconds by round."""

    row: Row
    by_round: Mapping[int, float]
    noise: TableNoise | None = None  # by all rows of its table

    @property
    def name(self) -> str:
        """The implementation, and the GPU if it ran on one."""
        return label_case(self.row.case)

    @property
    def seconds(self) -> Interval:
        """Of the typical process."""
        return estimate_typical(list(self.by_round.values()), self.noise)

    def is_level(self, other: "Timing") -> bool:
        """Return whether neither is slower in every process; then both intervals overlap.

        Of nine processes or more, those that lie outside of the interval do not count.
        """
        ranges = (find_range(sorted(timing.by_round.values())) for timing in (self, other))
        (low, high), (least, most) = ranges
        return low <= most and least <= high

    def find_rivals(self, timings: Sequence["Timing"]) -> list["Timing"]:
        """Return the other rows that are not certainly slower, in the table of their device.

        A row that takes FAR as long is no rival, also where few or unlike processes prove nothing.
        """
        device, far = self.row.case.device, FAR * self.seconds.mean
        same = compare_timings([timing for timing in timings if timing.row.case.device == device])
        return [
            timing
            for timing in timings
            if timing is not self
            and timing.seconds.mean < far
            and not (
                same if timing.row.case.device == device else compare_timings([self, timing])
            ).is_behind(timing.name, self.name)
        ]


def compare_timings(timings: Iterable[Timing]) -> Ranking[str]:
    """Compare timings by their names."""
    return Ranking({timing.name: (timing.by_round, timing.row.traits) for timing in timings})


# What a run may lack, by its parts.
LACKING = {
    Part.FIRST: "first processes",
    Part.SECOND: "second processes",
    Part.THREADS: "all cores for the leaders",
    Part.LEADERS: "third processes of the leaders",
    Part.PROBES: "the machine's limits and the textbook's programs",
    Part.OTHER_THREADS: "all cores for other programs",
    Part.THIRD: "third processes",
    Part.MORE: "further processes of close rows",
    Part.SWEEP: "other batch sizes",
}


def list_remarks(run: LoadedRun) -> list[str]:
    """Say which programs are wrong, and whether a run is like others, quiet and of one state."""
    incomplete = (
        f"Workload {workload}: {tried} of {planned} programs measured, so none is ranked."
        for workload, (tried, planned) in run.incomplete.items()
    )
    remarks = describe_quiet(run), describe_apart(run), *incomplete
    expected = describe_expected(run.rows, read_expected())
    agreement, agrees = describe_agreement(run)
    wrong = "" if agrees else agreement
    return [*filter(None, (wrong, expected, *remarks)), *describe_waits(run)]


def describe_expected(rows: Iterable[Row], expected: Mapping[str, Expected]) -> str:
    """Say how many ratios to NumPy lie where nine of ten new runs are expected; empty without any.

    All have NumPy's time below, so what moves it moves them all: the sentence says how far.
    """
    ratios = {name: one for name, one in list_ratios(rows).items() if name in expected}
    if not ratios:
        return ""
    offsets = {name: math.log(one / expected[name].typical) for name, one in ratios.items()}
    outside = [name for name, one in ratios.items() if not expected[name].holds(one)]
    published = max(one.runs for one in expected.values())
    inside = (
        f"{len(ratios) - len(outside)} of {len(ratios)} ratios to NumPy lie where nine of ten do"
    )
    if not outside:
        return f"As on {published} published runs: {inside}."
    shift = math.expm1(median(offsets.values()))
    texts = []
    for name in sorted(outside, key=lambda name: -abs(offsets[name])):
        ends = ratios[name], expected[name].low, expected[name].high
        ratio, low, high = (numbers.format_number(end, 3) for end in ends)
        texts.append(f"{name} {ratio} ({low} to {high})")
    direction = "higher" if shift > 0 else "lower"
    start, share = "As", ""
    if len(outside) >= len(ratios) / 2:
        start, share = "Unlike", " A run that is so far away is most worth sharing."
    return (
        f"{start} on {published} published runs: {inside}; not {list_names(texts)}. In the middle "
        f"they are {numbers.format_percent(abs(shift))} {direction} than there. docs/slower.md has "
        f"five checks.{share}"
    )


def describe_waits(run: LoadedRun) -> Iterator[str]:
    """Say of each program that waits in some epochs how many these are, and what they take."""
    for row in select_ranked(run.rows, run.workload):
        if row.waits:
            times = " in place of ".join(
                numbers.format_duration(estimate_typical(epochs))
                for epochs in (row.waits.waiting, row.waits.others)
                if epochs
            )
            share = numbers.format_percent(row.waits.share)
            name = label_case(row.case)
            yield f"{name} waits in {share} of its epochs, while no core computes for it: {times}."


def describe_apart(run: LoadedRun) -> str:
    """Say how many trials are in no table, because the machine was not the same any more."""
    if not run.apart:
        return ""
    return (
        f"{numbers.format_count(run.apart)} later processes are in no table: the machine was in "
        "another state, in which most programs took over 10 % more or less time."
    )


def describe_missing(run: LoadedRun) -> str:
    """Say what a run has not measured, and how long that would take; empty for a whole run."""
    if not run.missing:
        return ""
    seconds = Estimate(run.records).sum_seconds(chain.from_iterable(run.missing.values()))
    took = f", about {numbers.format_minutes(seconds)} more with --resume" if seconds else ""
    parts = list_names([LACKING[part] for part in run.missing], len(LACKING))
    return f"Not measured: {parts}{took}."


def describe_quiet(run: LoadedRun) -> str:
    """Say that nothing disturbed a run, if that is known."""
    if run.noise.causes or run.noise.others is None:
        return ""
    taken = numbers.format_percent(round(run.noise.others, 4))  # clocks count in ticks
    return f"The machine was quiet: other processes took {taken} of its cores."


# The frameworks whose users compare their forms, by the name that cases have.
ASKED = {"keras": "Keras", "torch": "PyTorch"}


def list_answers(rows: Sequence[Row]) -> Iterator[str]:
    """Yield sentences on what a reader asks first. rows: of one workload."""
    for label, timings in (
        (f"{EPOCHS_IN_WORDS.capitalize()} epochs from a cold start", time_cold_starts(rows)),
        ("Many epochs", time_epochs(rows)),
    ):
        if timings:
            yield f"{label}: {''.join(describe_first(timings))}."
    timings = [timing for timing in time_epochs(rows) if timing.row.case.device == "cpu"]
    for framework, name in ASKED.items():
        of_style: dict[str, list[str]] = {}
        for timing in timings:
            if timing.row.case.framework == framework:
                text = f"{numbers.format_typical(timing.seconds)} in {timing.name}"
                of_style.setdefault(timing.row.case.style, []).append(text)
        if forms := of_style.get("idiomatic"):
            more = [list_names(forms[1:])] if forms[1:] else []
            if tuned := of_style.get("tuned"):
                more.append(f"tuned, {list_names(tuned)}")
            yield f"An epoch in {name}: {'; '.join([forms[0], *more])}."


def describe_first(
    timings: Sequence[Timing],
    write: Callable[[Interval], str] = numbers.format_duration,
    much: str = "long",
) -> tuple[str, str]:
    """Name the fastest and its time, and what makes that uncertain. timings: sorted.

    If it is certain: how much longer the second one takes. write, much: of what is no time.
    """
    first, *others = timings
    rivals, time = first.find_rivals(timings), write(first.seconds)
    more = ""
    if others and len(first.by_round) == 1:
        more = ", measured once"
    elif others and not rivals:
        factor = compare_timings([first, others[0]]).estimate(others[0].name, first.name).mean
        more = f"; {others[0].name} takes {numbers.format_number(factor, 2)} times as {much}"
    elif 0 < len(rivals) < MAX_NAMES and all(
        timing.is_level(other) for timing, other in combinations((first, *rivals), 2)
    ):
        return f"{' or '.join(timing.name for timing in (first, *rivals))}, {time}", ""
    elif rivals:
        more = f", but {rivals[0].name} may {'be as fast' if much == 'long' else 'need as little'}"
    return f"{first.name}, {time}", more


def describe_agreement(run: LoadedRun) -> tuple[str, bool]:
    """Say whether softmax programs end with the oracle's weights, and return whether none fails.

    Empty if none was trained. The suite's own tolerance judges.
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
            f"weights than the float64 oracle: {list_names(wrong)}."
        )
    if unjudged:
        verb = "was" if len(unjudged) == 1 else "were"
        faults.append(
            f"{numbers.format_count(len(unjudged))} of {total} softmax programs {verb} not judged, "
            f"so nothing shows what they compute: {list_names(list(unjudged))}."
        )
    if faults:
        return " ".join(faults), False
    if not errors:
        return "", True
    who = f"All {total} softmax programs end" if total > 1 else "The one softmax program ends"
    largest, allowed = map(numbers.format_error, (max(errors.values()), TOLERANCE))
    if noise:
        largest += f", on noise {numbers.format_error(max(noise))}"
    agrees = (
        f"{who} with the weights of the float64 oracle, our reference: the largest parity error is "
        f"{largest} (tolerance {allowed})."
    )
    return agrees, True


def time_cold_starts(rows: Sequence[Row]) -> list[Timing]:
    """Return the seconds of five epochs from a cold start of each softmax row, in order."""
    return sort_timings(time_starts(select_softmax(rows), EPOCHS))


def time_starts(rows: Iterable[Row], epochs: int) -> list[Timing]:
    """Return the seconds from a start until this many epochs are trained."""
    return [Timing(row, times) for row in rows if (times := row.sum_epochs(epochs))]


def time_epochs(rows: Sequence[Row]) -> list[Timing]:
    """Return the seconds of an epoch of each softmax row, the fastest first."""
    return sort_timings(Timing(row, row.epochs_by_round) for row in select_softmax(rows))


def sort_timings(timings: Iterable[Timing]) -> list[Timing]:
    """Return timings in their order, which know the noise of their table."""
    ordered = sorted(timings, key=lambda timing: median(timing.by_round.values()))
    noise = share_noise({timing.name: (timing.by_round, timing.row.traits) for timing in ordered})
    return [replace(timing, noise=noise[timing.name]) for timing in ordered]


def write_headline(rows: Sequence[Row], of: str = "") -> str:
    """Say which program had the shortest steady-state epoch.

    rows: of one workload at one size on one machine. of: words that name the workload.
    """
    timings = time_epochs(rows)
    return (
        f"An epoch{of}, once running: {''.join(describe_first(timings))}."
        if timings
        else NO_PROGRAM
    )


def write_frontier(stretches: Sequence[Lead]) -> str:
    """Say which program is done first with how many epochs, and what is uncertain about it.

    In brackets: the 95 % interval of the number of epochs.
    """
    first, *others = (stretch for stretch in stretches if stretch.first <= SHOWN_EPOCHS)
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
